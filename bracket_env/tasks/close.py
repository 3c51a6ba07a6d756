"""What the scalar and the vector environment agree on: options, spaces, ids and the reward of every step.

With m the number of actions the perfect answer needs (its closers and END), a right action earns 1/m, the last one
pays 1 minus what was paid, in float64, so the perfect policy earns exactly 1.0:

    m = 3     1/3, 1/3, 1 - (1/3 + 1/3)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
from gymnasium.spaces import Box, Discrete, Space

from bracket_env.cases import Case
from bracket_env.errors import InputError, quote, whole_number
from bracket_env.sampling.sampler import PrefixSampler
from bracket_env.sampling.splits import Split, split_of
from bracket_env.settings import Setting, get_setting
from bracket_env.tokenizer import BracketTokenizer

OnMistake = Literal["terminate", "penalty", "continue"]
RewardKind = Literal["dense", "sparse"]


@dataclass(frozen=True)
class CloseTask:
    """The validated options of a bracket-closing environment; build it with :func:`make_task`."""

    setting: Setting
    sampler: PrefixSampler
    on_mistake: OnMistake
    reward: RewardKind
    penalty: float
    max_answer: int

    @property
    def tokenizer(self) -> BracketTokenizer:
        """The tokenizer of the task's language."""
        return self.sampler.tokenizer

    @property
    def n_pairs(self) -> int:
        """How many bracket pairs there are, k."""
        return len(self.sampler.language.pairs)

    @property
    def end(self) -> int:
        """The action END: the last one."""
        return self.n_pairs

    @property
    def max_prompt(self) -> int:
        """The longest ``BOS prefix SEP``."""
        return self.setting.max_length + 2

    @cached_property
    def observation_length(self) -> int:
        """L: prompt and answer."""
        return self.max_prompt + self.max_answer

    def observation_space(self) -> Space[Any]:
        """``Box(0, V-1, (L,))`` of the smallest unsigned type."""
        vocab = self.tokenizer.vocab_size
        return Box(0, vocab - 1, (self.observation_length,), self.tokenizer.dtype.type)

    def action_space(self) -> Discrete:
        """``Discrete(k + 1)``."""
        return Discrete(self.n_pairs + 1)

    @cached_property
    def rewards(self) -> np.ndarray:
        """``(m, t) -> reward`` of the t-th right action when m are needed; ``(max_depth + 2, max_depth + 1)``."""
        most = self.setting.max_depth + 1
        table = np.zeros((most + 1, most))
        for m in range(1, most + 1):
            if self.reward == "sparse":
                table[m, m - 1] = 1.0
                continue
            paid = 0.0
            for t in range(m - 1):
                table[m, t] = 1.0 / m
                paid += 1.0 / m
            table[m, m - 1] = 1.0 - paid
        return table

    @cached_property
    def mistake_rewards(self) -> np.ndarray:
        """``(max_depth + 2,)``: what a mistake costs when m actions are needed, ``-penalty / m`` or nothing."""
        most = self.setting.max_depth + 1
        if self.on_mistake != "penalty":
            return np.zeros(most + 1)
        return np.array([0.0, *(-self.penalty / m for m in range(1, most + 1))])

    def check_case(self, prefix: object) -> Case:
        """The case of a prefix given by hand.

        Raises:
            InputError: not a string, not completable, longer or deeper than the observation holds, or of another split.
        """
        if not isinstance(prefix, str):
            raise InputError(f"a prefix is a string, not {quote(prefix)}")
        language = self.sampler.language
        completion = language.completion(prefix)
        if len(prefix) > self.setting.max_length:
            raise InputError(
                f"prefix {quote(prefix)} of {len(prefix)} symbols is longer than the {self.setting.max_length} "
                f"that an observation of {self.setting.id} holds"
            )
        if language.depth(prefix) > self.setting.max_depth:
            raise InputError(
                f"prefix {quote(prefix)} opens {language.depth(prefix)} brackets at once; "
                f"{self.setting.id} goes to {self.setting.max_depth}"
            )
        if self.sampler.split not in ("all", split_of(prefix)):
            raise InputError(
                f"prefix {quote(prefix)} belongs to split {split_of(prefix)!r}, "
                f"this environment to {self.sampler.split!r}"
            )
        return Case(prefix, completion)


def make_task(
    setting: str | Setting,
    *,
    pairs: Sequence[str] | None,
    split: Split,
    on_mistake: OnMistake,
    reward: RewardKind,
    penalty: float,
    max_answer: int | None,
) -> CloseTask:
    """Validate the options of an environment.

    Args:
        setting: the id of a named task, or a task that has no id of its own.

    Raises:
        InputError: an unknown setting, split, ``on_mistake`` or ``reward``; impossible pairs; a penalty that is
            negative or not finite; a ``max_answer`` too short for the longest answer.
    """
    named = setting if isinstance(setting, Setting) else get_setting(setting)
    if on_mistake not in get_args(OnMistake):
        raise InputError(f"unknown on_mistake {quote(on_mistake)}: use one of {', '.join(get_args(OnMistake))}")
    if reward not in get_args(RewardKind):
        raise InputError(f"unknown reward {quote(reward)}: use one of {', '.join(get_args(RewardKind))}")
    number = isinstance(penalty, int | float | np.number) and not isinstance(penalty, bool)
    if not number or not 0 <= penalty < float("inf"):
        raise InputError(f"penalty must be a finite number of at least 0, not {quote(penalty)}")
    needed = named.max_depth + 1
    if max_answer is None:
        max_answer = needed
    given = whole_number(max_answer)
    if given is None or given < needed:
        raise InputError(f"max_answer must be an integer of at least {needed} ({named.id}), not {quote(max_answer)}")
    sampler = named.sampler(split=split, pairs=pairs)
    return CloseTask(named, sampler, on_mistake, reward, float(penalty), given)
