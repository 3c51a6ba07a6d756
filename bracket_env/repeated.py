"""Options that are typed twice. A parser takes the last one and says nothing, so part of what was asked for is lost.

--seed 1 --seed 2                one option, two values
--encoder bert --ncl-encoder x   one option under two names
--mask --no-mask                 one option, yes and no
--instruction A --instruction B  fine where the option says that it may be given several times
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from typing import Any, Union, get_args, get_origin, get_type_hints

import tyro

from bracket_env.errors import InputError, quote


def option_names(command: type[Any] | Callable[..., Any]) -> dict[str, str]:
    """Old name -> name of today, as in Python: of the aliases of a command's options.

    Args:
        command: a dataclass, or a function whose arguments are the options.
    """
    return {
        alias.removeprefix("--").replace("-", "_"): name
        for name, hint in _hints(command).items()
        for note in getattr(hint, "__metadata__", ())
        for alias in getattr(note, "aliases", None) or ()
    }


def refuse_repeated(command: type[Any] | Callable[..., Any], argv: Sequence[str]) -> None:
    """Refuse an option that is typed twice and takes one value, or one row of values.

    Args:
        command: as for :func:`option_names`.
        argv: the arguments.

    Raises:
        InputError: in one line with both.
    """
    hints, today = _hints(command), option_names(command)
    first: dict[str, str] = {}
    for place, word in enumerate(argv):
        name = _named(word, hints, today)
        if name is None or tyro.conf.UseAppendAction in getattr(hints[name], "__metadata__", ()):
            continue
        shown = _shown(argv[place:], hints[name])
        if name in first:
            raise InputError(f"{first[name]} and {shown} are one option, given twice: {_instead(hints[name])}")
        first[name] = shown


def _hints(command: type[Any] | Callable[..., Any]) -> Mapping[str, Any]:
    return get_type_hints(command, include_extras=True)


def _named(word: str, hints: Mapping[str, Any], today: Mapping[str, str]) -> str | None:
    """The option that a word names, if any; ``--no-x`` is x said no to."""
    if not word.startswith("--"):
        return None
    name = word.partition("=")[0].removeprefix("--").replace("-", "_")
    for meant in (name, name.removeprefix("no_")):
        meant = today.get(meant, meant)
        if meant in hints:
            return meant
    return None


def _shown(words: Sequence[str], hint: Any) -> str:
    """An option with the values that belong to it."""
    if "=" in words[0] or _is(hint, bool):
        return words[0]
    values = list(takewhile(lambda word: not word.startswith("--"), words[1:]))
    return " ".join([words[0], *(quote(value) for value in values[: len(values) if _is(hint, tuple) else 1])])


def _instead(hint: Any) -> str:
    return "give all its values after one" if _is(hint, tuple) else "leave one out"


def _is(hint: Any, kind: type) -> bool:
    """Whether a type, or a part of it but for None, is of a kind."""
    if get_origin(hint) in (Union, types.UnionType):
        return any(_is(part, kind) for part in get_args(hint))
    if hasattr(hint, "__metadata__"):
        return _is(hint.__origin__, kind)
    return (get_origin(hint) or hint) is kind
