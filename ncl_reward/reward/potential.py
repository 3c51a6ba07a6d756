"""Φ(s) = base - scale · Σ_r w_r · d_r(s): what the rules that a sentence states think of an answer so far.

d_r(s) is :meth:`ncl_reward.rules.rule.Rule.violations`: how often the answer has broken rule r, and for "stop when
closed" also how many brackets are still open. With the base 0, its default, Φ is 0 at best. With the weights 1, the
scale 1 and the prefix ``({``:

    answer so far              (none)    }    })    )    )}
    d of nesting                  0      0     0    1     1
    d of stop_when_closed         2      1     0    1     0
    Φ                            -2     -1     0   -2    -1

Φ reads the written symbols and nothing else, neither the right answer nor a model, and it is the same for every
agent and during a whole run.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bracket_env import FIRST_SYMBOL, BracketLanguage, InputError, quote
from ncl_reward.encoders.encoders import SentenceEncoder
from ncl_reward.grounding.stated import state_rules
from ncl_reward.rules.bracket_rules import BRACKET_RULES, BracketRule
from ncl_reward.rules.bracket_state import BracketInputs
from ncl_reward.rules.rule import StatedRule


@dataclass(frozen=True)
class Potential:
    """The potential of weighted rules; it pickles, and it needs no torch.

    Args:
        rules: what the sentences state. Without any, Φ is 0 everywhere.
        pairs: k, the number of bracket types.
        scale: what one violation of a rule of weight 1 costs.
        base: Φ of an unfinished answer without a violation. An episode that has ended has Φ = 0, so above 0 an agent
            that knows nothing yet is not drawn to END.

    Raises:
        InputError: a weight, scale or base that is negative or not finite, a rule narrowed to a type that is not there.
    """

    rules: tuple[StatedRule[BracketRule], ...]
    pairs: int
    scale: float = 1.0
    base: float = 0.0

    def __post_init__(self) -> None:
        for name, value in (("scale", self.scale), ("base", self.base)):
            if not (math.isfinite(value) and value >= 0):
                raise InputError(f"the {name} of a potential must be a finite number of at least 0, not {value}")
        for rule in self.rules:
            if not (math.isfinite(rule.weight) and rule.weight >= 0):
                raise InputError(
                    f"the weight of {rule.rule.name} must be a finite number of at least 0, not {rule.weight}"
                )
            beyond = [pair for pair in rule.slots.pairs or () if not 0 <= pair < self.pairs]
            if beyond:
                raise InputError(f"{rule.rule.name} speaks of bracket type {beyond[0]}, but there are {self.pairs}")

    def of(self, violations: np.ndarray) -> np.ndarray:
        """Φ of n states from their violations, ``(R, n) -> (n,)`` float64."""
        phi = np.full(violations.shape[1], float(self.base))
        for rule, count in zip(self.rules, violations, strict=True):
            phi -= self.scale * rule.weight * count
        return phi

    def __call__(self, ids: np.ndarray) -> np.ndarray:
        """Φ of whole sequences, read from their first token: the definition, at any place of an unfinished episode.

        Args:
            ids: ``(n, T)``, ``BOS prefix SEP answer-so-far`` and PAD on the right, as an environment shows them.

        Returns:
            ``(n,)`` float64.
        """
        nowhere = np.zeros(0, dtype=np.int64)
        inputs = BracketInputs(ids, nowhere, nowhere, FIRST_SYMBOL + 2 * self.pairs)
        counts = [rule.rule.violations(inputs, rule.slots) for rule in self.rules]
        return self.of(np.array(counts).reshape(len(self.rules), len(ids)))


def potential_of(
    sentences: Sequence[str],
    language: BracketLanguage,
    encoder: SentenceEncoder,
    *,
    scale: float = 1.0,
    base: float = 0.0,
) -> Potential:
    """The potential of sentences; one without rules when they state nothing about brackets.

    Args:
        sentences: in Japanese or English.
        language: of the environment.
        encoder: see :func:`ncl_reward.encoders.encoders.make_encoder`.
        scale, base: see :class:`Potential`.

    Raises:
        InputError: a sentence that cannot be read, or that names a bracket outside the language.
    """
    rules = state_rules(sentences, encoder, language, BRACKET_RULES)
    return Potential(tuple(rules), len(language.pairs), scale, base)


def check_pairs(potential: Potential, vocab_size: int) -> None:
    """A potential must be of the environment's language.

    Raises:
        InputError: it is of another number of bracket types.
    """
    if vocab_size != FIRST_SYMBOL + 2 * potential.pairs:
        found = (vocab_size - FIRST_SYMBOL) // 2
        raise InputError(
            f"the potential is of {potential.pairs} bracket types, the environment has {quote(found)} of them"
        )
