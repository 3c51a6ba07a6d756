"""The named tasks: one table from which the environment ids are registered.

A setting fixes the pairs, the distribution of prefixes and so the sizes of everything: any completable prefix of at
most ``max_length`` symbols and ``max_depth`` open brackets fits its observations. A change in a setting's behaviour
is a new version id.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from bracket_env.cases import Case
from bracket_env.errors import check_choice
from bracket_env.language import DEFAULT_PAIRS, BracketLanguage
from bracket_env.random_streams import key
from bracket_env.sampling.distributions import CountedWalk, CutWalk, ShapeDistribution
from bracket_env.sampling.sampler import PrefixSampler, TypeRule
from bracket_env.sampling.splits import Split

DEFAULT_SETTING = "bracket/Close-v0"


@dataclass(frozen=True)
class Setting:
    """A task: which pairs, which prefixes."""

    id: str
    summary: str
    pairs: tuple[str, ...]
    distribution: ShapeDistribution
    types: TypeRule = "independent"

    @property
    def max_length(self) -> int:
        """The longest prefix."""
        return self.distribution.max_length

    @property
    def max_depth(self) -> int:
        """The most brackets open at once."""
        return self.distribution.max_depth

    def language(self, pairs: Sequence[str] | None = None) -> BracketLanguage:
        """The setting's language, or the same task over other pairs."""
        return BracketLanguage(self.pairs if pairs is None else pairs)

    def called(self, pairs: Sequence[str] | None = None) -> str:
        """The id, with the pairs where they are others than the setting's: what a title says."""
        own = pairs is None or tuple(pairs) == tuple(self.pairs)
        return self.id if own or pairs is None else f"{self.id} with {' '.join(pairs)}"

    def sampler(self, *, split: Split = "all", pairs: Sequence[str] | None = None) -> PrefixSampler:
        """The sampler of one split (cached: its tables are built once a process)."""
        return _sampler(self, split, self.language(pairs))

    def evaluation_cases(
        self, split: Split, n: int, *, pairs: Sequence[str] | None = None, seed: int = 0
    ) -> list[Case]:
        """The first n cases of a split: the same ones for every run, so that scores can be compared case by case."""
        return self.sampler(split=split, pairs=pairs).cases(key(seed, f"evaluation/{self.id}/{split}"), n)


@lru_cache(maxsize=64)
def _sampler(setting: Setting, split: Split, language: BracketLanguage) -> PrefixSampler:
    return PrefixSampler(language, setting.distribution, types=setting.types, split=split)


SETTINGS: dict[str, Setting] = {
    setting.id: setting
    for setting in (
        Setting(
            DEFAULT_SETTING,
            "the default task: a closed word of length 5-20, depth up to 5, its last 1-3 symbols cut off",
            DEFAULT_PAIRS,
            CutWalk(),
        ),
        Setting(
            "bracket/CloseDeep-v0",
            "nested-heavy: prefix up to 40, depth up to 10, 4-8 closers asked for; a stack is needed",
            DEFAULT_PAIRS,
            CountedWalk(lengths=(8, 40), max_depth=10, closers=(4, 8)),
            types="alternating",
        ),
        Setting(
            "bracket/CloseBigBench-v0",
            "the size of BIG-bench's dyck_languages: four pairs, prefix up to 100, depth up to 26",
            ("()", "[]", "{}", "<>"),
            CountedWalk(lengths=(1, 100), max_depth=26, closers=(1, 3)),
        ),
        Setting(
            "bracket/CloseDyck8x10-v0",
            "Dyck-(8, 10) of Hewitt et al. 2020: eight pairs, depth up to 10, prefix up to 700",
            ("()", "[]", "{}", "<>", "【】", "「」", "『』", "《》"),
            CountedWalk(lengths=(1, 700), max_depth=10),
        ),
        Setting(
            "bracket/CloseTiny-v0",
            "two pairs, prefix up to 6: for tests and exact planning",
            ("()", "[]"),
            CountedWalk(lengths=(1, 6), max_depth=6),
        ),
    )
}

INSTRUCT = Setting(
    "bracket/Instruct-v0",
    "an instruction says what a right answer is: prefix up to 8, 2-4 brackets open",
    DEFAULT_PAIRS,
    CountedWalk(lengths=(2, 8), max_depth=6, closers=(2, 4)),
)
"""The prefixes of the instructed task. It is none of :data:`SETTINGS`, whose answers are completions."""


def get_setting(setting: str) -> Setting:
    """The setting with this id, or with this part of an id where it is the only one.

    Raises:
        InputError: no such setting (the known ids are listed).
    """
    return SETTINGS[check_choice("setting", setting_meant(setting), SETTINGS)]


def setting_meant(name: Any) -> Any:
    """The id that a name stands for, such as ``bracket/Close-v0`` for ``Close`` or ``close-v0``; else the name."""
    if not isinstance(name, str) or name in SETTINGS:
        return name
    plain = {known: _plain(known) for known in (*SETTINGS, INSTRUCT.id)}
    alike = [known for known, whole in plain.items() if _plain(name) in (whole, whole.rpartition("v")[0])]
    return alike[0] if len(alike) == 1 else name


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower().rpartition("/")[2])
