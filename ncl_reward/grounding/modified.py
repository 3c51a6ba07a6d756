"""The modified sequence: what several weighted rules make of the next token, and answers drawn from it.

With w_r the weight of rule r and q_r its target (:mod:`ncl_reward.rules.rule`), the rules together want

    q ∝ Π_r q_r^w_r

at every place of an answer. The prefix ``({`` under "one to one" and "stop when closed", both of weight 1, asks for
``)`` or ``}``, then for the other one, then for END: nothing says in which order. Under "nesting" too it is ``}``,
``)``, END, which is the answer.

A prefix without a label gets its places from answers that are drawn from q itself, token by token: they are what the
rules hold for possible, and they need neither the right answer nor the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bracket_env import EOS, PAD
from bracket_env.random_streams import bits
from ncl_reward.rules.bracket_rules import BracketRule
from ncl_reward.rules.bracket_state import BracketState, OpenBrackets
from ncl_reward.rules.rule import StatedRule, Target

NEVER = -1e9
"""log q of what cannot be written (PAD, BOS, …): finite, so that a weight of zero times it is zero."""


class DrawnAnswers(NamedTuple):
    """n prompts with an answer each, and the targets at the places of the answers."""

    ids: np.ndarray  # (n, T): BOS prefix SEP answer, END when it was drawn; PAD on the right
    length: np.ndarray  # (n,) int64, of the whole row
    log_q: np.ndarray  # (m, K) float32; row by row, the places from SEP to the one before the last token
    applies: np.ndarray  # (m,) bool: some rule says something there

    def cut(self, prompt_length: np.ndarray, size: int) -> list[tuple[np.ndarray, DrawnAnswers]]:
        """Parts of ``size`` rows, each behind the lengths of its prompts.

        Args:
            prompt_length: ``(n,)``, ``BOS prefix SEP``.
            size: a divisor of n.
        """
        ends = np.cumsum(self.length - prompt_length)
        found = []
        for low in range(0, len(prompt_length), size):
            rows = slice(low, low + size)
            places = slice(int(ends[low - 1]) if low else 0, int(ends[rows][-1]))
            length = self.length[rows]
            part = DrawnAnswers(self.ids[rows, : int(length.max())], length, self.log_q[places], self.applies[places])
            found.append((prompt_length[rows], part))
        return found


def log_q(target: Target) -> np.ndarray:
    """The target of one rule as a distribution, ``(n, K)`` float64, rows normalised."""
    allowed, writable, noise = target.allowed, target.writable, target.noise
    q = (1 - noise) * allowed / allowed.sum(axis=1, keepdims=True) + noise * writable / writable.sum()
    logs = np.full(q.shape, NEVER)
    np.log(q, out=logs, where=q > 0)
    return logs


def combine(targets: Sequence[Target], weights: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Π q_r^w_r, normalised.

    Args:
        targets: at the same n places, at least one.
        weights: one each, at least 0.

    Returns:
        log q ``(n, K)`` float64, and where a rule of positive weight applies ``(n,)`` bool.
    """
    total = sum(weight * log_q(target) for weight, target in zip(weights, targets, strict=True))
    assert isinstance(total, np.ndarray)
    top = total.max(axis=1, keepdims=True)
    total = total - top - np.log(np.exp(total - top).sum(axis=1, keepdims=True))
    applies = np.zeros(len(total), dtype=bool)
    for weight, target in zip(weights, targets, strict=True):
        applies |= target.applies & (weight > 0)
    return total, applies


def modified_targets(state: BracketState, rules: Sequence[StatedRule[BracketRule]]) -> tuple[np.ndarray, np.ndarray]:
    """:func:`combine` for rules of brackets at n places."""
    return combine([rule.rule.target_at(state, rule.slots) for rule in rules], [rule.weight for rule in rules])


def draw_answers(
    prompts: np.ndarray,
    lengths: np.ndarray,
    rules: Sequence[StatedRule[BracketRule]],
    *,
    pairs: int,
    streams: np.ndarray,
) -> DrawnAnswers:
    """One answer drawn from q for every prompt.

    A prompt of n tokens gets at most n - 1: no right answer, END counted, is longer.

    Args:
        prompts: ``(n, T)`` ids, ``BOS prefix SEP`` and PAD on the right.
        lengths: ``(n,)`` without the padding.
        rules: at least one.
        pairs: k, the number of bracket types.
        streams: uint64 ``(n,)``, the key of each row; a row's answer depends on nothing else.
    """
    n, columns = prompts.shape
    most = int(lengths.max()) - 1
    reader = OpenBrackets(n, pairs, columns + most)
    for column in prompts.T:
        reader.read(column)
    written: list[np.ndarray] = []
    wanted: list[np.ndarray] = []
    applied: list[np.ndarray] = []
    going = np.ones(n, dtype=bool)
    for t in range(most):
        logs, applies = modified_targets(reader.state(), rules)
        uniform = (bits(streams, t) >> np.uint64(11)).astype(np.float64) * 2.0**-53
        # Where rounding leaves the sum below the draw, no column is above it, and the likeliest token is taken.
        drawn = (np.exp(logs).cumsum(axis=1) > uniform[:, None]).argmax(axis=1)
        drawn = np.where(drawn == PAD, logs.argmax(axis=1), drawn)
        written.append(np.where(going, drawn, PAD))
        wanted.append(logs.astype(np.float32))
        applied.append(applies)
        going &= (drawn != EOS) & (t + 2 < lengths)
        if not going.any():
            break
        reader.read(np.where(going, drawn, PAD))
    answers = np.stack(written, axis=1)  # (n, steps)
    live = answers != PAD
    size = live.sum(axis=1)
    ids = np.full((n, int((lengths + size).max())), PAD, dtype=prompts.dtype)
    ids[:, : min(columns, ids.shape[1])] = prompts[:, : ids.shape[1]]
    rows, steps = np.nonzero(live)
    ids[rows, lengths[rows] + steps] = answers[rows, steps]
    return DrawnAnswers(
        ids, lengths + size, np.stack(wanted, axis=1)[rows, steps], np.stack(applied, axis=1)[rows, steps]
    )
