"""What a benchmark shows: its command line, its tables, and the JSON beside them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from rich.console import Console, RenderableType

from bracket_env.atomic import write_json
from bracket_env.command import run

Config = TypeVar("Config")
_FILE_WIDTH = 180


@dataclass(frozen=True)
class JsonOption:
    """The option of every benchmark."""

    json: str | None = None
    """Write the rows to this file."""


@dataclass(frozen=True)
class Arms:
    """What is compared; a benchmark says which arms it has."""

    arms: tuple[str, ...] = ()
    """Which arms."""


@dataclass(frozen=True)
class Archs:
    """Which networks are compared."""

    archs: tuple[str, ...] = ("gru", "lstm", "transformer")
    """Which architectures."""


@dataclass(frozen=True)
class Settings:
    """On which tasks."""

    settings: tuple[str, ...] = ("Close", "CloseDeep")
    """Which tasks."""


@dataclass(frozen=True)
class Labels:
    """From how many labels."""

    labels: tuple[int, ...] = (30, 300)
    """How many labelled cases."""


@dataclass(frozen=True)
class Augmented(Labels):
    """And whether more are made of them."""

    augment: tuple[bool, ...] = (False, True)
    """Without augmentation, with it, or both."""


@dataclass(frozen=True)
class Budget:
    """How long agents play."""

    total_timesteps: int = 400_000
    """Environment steps of a run."""


@dataclass(frozen=True)
class CurvePlot:
    """A picture of learning curves."""

    plot: str | None = None
    """Draw the curves into this PNG."""


def command(options: type[Config], main: Callable[[Config], object], name: str) -> NoReturn:
    """Parse the command line, call ``main`` with the options, and exit.

    Args:
        options: a frozen dataclass.
        name: of the benchmark, the last word of its command.
    """
    sys.exit(run(options, main, prog=f"python -m benchmarks.{name}"))


def table_console() -> Console:
    """Where wide tables go: standard output, and in a file, which has no width, as wide as a table may need."""
    console = Console()
    return console if console.is_terminal else Console(width=max(console.width, _FILE_WIDTH))


def publish(config: JsonOption, found: dict[str, Any], *views: RenderableType, console: Console | None = None) -> None:
    """Print tables and lines, and write the figures where ``--json`` wants them.

    Args:
        found: the JSON.
        views: what to print.
        console: standard output by default.
    """
    console = console or Console()
    if config.json is not None:
        write_json(config.json, found)
    for view in views:
        console.print(view, highlight=False)


def task_name(row: dict[str, Any]) -> str:
    """A row's setting without what all ids have: ``bracket/Close-v0`` is ``Close``."""
    return str(row["setting"]).removeprefix("bracket/").removesuffix("-v0")
