"""The options of ``python -m supervised.runs`` and of what can be typed after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import tyro

from supervised.options.groups import ArchitectureName, Output, RunsDir

PROG = "python -m supervised.runs"

Column = Literal["name", "kind", "arch", "task", "steps", "exact", "age", "size"]


@dataclass(frozen=True, kw_only=True)
class ListRuns(Output, RunsDir):
    """List the runs of both families, the newest first.

    Other words after supervised.runs do other things: plot RUN... draws several runs in one picture, rm RUN... moves
    runs to a trash folder, studies lists studies, studies rm STUDY... moves those. Each has its own --help.
    """

    sort: Column = "age"
    """By which column: names from a, figures from the best, largest or newest."""
    name: str | None = None
    """Only runs whose name is like this, such as 'ppo-*'."""
    kind: Literal["supervised", "ppo", "pretrain", "adapt", "compress", "instruct", "occupancy"] | None = None
    """Only runs of this kind."""
    arch: ArchitectureName | None = None
    """Only runs of this architecture."""
    setting: str | None = None
    """Only runs of this task."""
    min_exact: float | None = None
    """Only runs whose best model closes at least this share of the validation cases, such as 0.9 or 90%."""


@dataclass(frozen=True, kw_only=True)
class PlotRuns(RunsDir):
    """Draw several runs in one picture: how a figure on the validation split went."""

    runs: tyro.conf.Positional[tuple[str, ...]]
    """What is drawn: names or folders of runs."""
    out: str = "runs.png"
    """The picture, a PNG."""
    measure: Literal["exact", "share", "loss"] = "exact"
    """Which figure."""
    x: Literal["steps", "seconds"] = "steps"
    """Over optimiser steps (of agents: environment steps), or over seconds of training."""


@dataclass(frozen=True, kw_only=True)
class RemoveRuns(RunsDir):
    """Move runs to the folder .trash beside them, from where a run comes back by moving its folder."""

    runs: tyro.conf.Positional[tuple[str, ...]]
    """Names of runs, or their folders; damaged ones too."""
    yes: bool = False
    """Do not ask."""


@dataclass(frozen=True, kw_only=True)
class StudiesDir:
    """Where studies are kept."""

    studies_dir: str = "studies"
    """Where the folders of studies are."""


@dataclass(frozen=True, kw_only=True)
class ListStudies(Output, StudiesDir):
    """List the studies of both families, the newest first. A server's are counted only with --connect."""

    sort: Literal["name", "family", "best", "age", "size"] = "age"
    """In which order: by name or family from a, otherwise the best, newest or largest first."""
    connect: bool = False
    """Also ask database servers, which may take a while when one is away."""


@dataclass(frozen=True, kw_only=True)
class RemoveStudies(StudiesDir):
    """Move the folders of studies to the folder .trash beside them; trials on a server stay there."""

    studies: tyro.conf.Positional[tuple[str, ...]]
    """Names of studies, or their folders."""
    yes: bool = False
    """Move them without a question."""


WORDS: dict[tuple[str, ...], type[Any]] = {
    ("studies", "rm"): RemoveStudies,
    ("studies",): ListStudies,
    ("plot",): PlotRuns,
    ("rm",): RemoveRuns,
    ("list",): ListRuns,
    (): ListRuns,
}
"""What can be typed first, and whose options follow."""


def asked_for(argv: Sequence[str]) -> tuple[type[Any], tuple[str, ...], list[str]]:
    """The options that a command line is about, the words that say so, and what follows them."""
    words = next(words for words in WORDS if tuple(argv[: len(words)]) == words)
    return WORDS[words], words, list(argv[len(words) :])
