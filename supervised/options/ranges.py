"""Checks of command-line options, one line each."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from bracket_env import InputError, quote
from bracket_env.command import typed_options


def flag(name: str) -> str:
    """``batch_size`` as it is typed: ``--batch-size``."""
    return "--" + name.replace("_", "-")


def check_output(name: str, path: str | None) -> None:
    """A file that is written when the work is done must not be missed only then; ``None`` is no file.

    Raises:
        InputError: it is a folder, or in one that does not exist.
    """
    if path is not None and (Path(path).is_dir() or not Path(path).absolute().parent.is_dir()):
        raise InputError(f"cannot write {flag(name)} {path}: it is a folder, or in one that does not exist")


def refuse_idle(config: object, names: Collection[str], *, unless: bool, why: str) -> None:
    """Typed options that would do nothing are a mistake.

    Args:
        names: of options.
        unless: they do something.
        why: what they need, after their name: ``goes with --replay``.

    Raises:
        InputError: one of them was typed.
    """
    idle = [] if unless else [name for name in names if name in (typed_options(config) or ())]
    if idle:
        raise InputError(f"{flag(idle[0])} {why}")


def require(name: str, value: Any, what: str, allowed: Callable[[float], bool]) -> None:
    """A finite number for which ``allowed`` holds.

    Raises:
        InputError: it is not; ``what`` says what would be.
    """
    if type(value) not in (int, float) or not math.isfinite(value) or not allowed(value):
        raise InputError(f"{flag(name)} must be {what}, not {quote(value)}")


def require_whole(name: str, value: Any, least: int, most: int) -> None:
    """A whole number from ``least`` to ``most``.

    Raises:
        InputError: it is not.
    """
    if type(value) is not int or not least <= value <= most:
        raise InputError(f"{flag(name)} must be a whole number from {least} to {most}, not {quote(value)}")
