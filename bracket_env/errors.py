"""The one error for bad input.

Everything a user can get wrong (a symbol, a file, an option, a run folder) raises :class:`InputError` with a
single-line message that names the value and, where there is one, the file and line. The command lines print that
line and exit with code 2 (:mod:`bracket_env.command`); library users can catch it as a ``ValueError``.
"""

from __future__ import annotations

import operator
from collections.abc import Collection
from typing import Any, TypeVar

from bracket_env.words.suggestions import did_you_mean

Choice = TypeVar("Choice")


class InputError(ValueError):
    """Input that cannot be used. ``str(error)`` is one line fit for a terminal."""


def quote(value: object, limit: int = 60) -> str:
    """``repr`` of a value on one line, cut to ``limit`` characters so that an error never floods the terminal."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def check_choice(what: str, value: object, known: Collection[Choice]) -> Choice:
    """``value`` itself.

    Raises:
        InputError: it is none of the ``known`` ones, which are listed; ``what`` is the option's name.
    """
    if value not in known:
        names = list(map(str, known))
        near = did_you_mean(value, names) if isinstance(value, str) else ""
        raise InputError(f"unknown {what} {quote(value)}: use one of {', '.join(names)}{near}")
    return value  # type: ignore[return-value]


def whole_number(value: Any) -> int | None:
    """A whole number as ``int``, NumPy's too; ``None`` for anything else, truth values among it."""
    if isinstance(value, bool):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None
