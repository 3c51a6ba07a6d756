"""How the values of options are read, on every command line: rules for tyro beside its own.

A value is read as it is meant where only one thing can be meant (``1e6`` steps, ``--arch GRU``, ``--target 95%``);
where it cannot, the message names the nearest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

from bracket_env.words.numbers import read_whole
from bracket_env.words.suggestions import did_you_mean

VALUES = ConstructorRegistry()
"""For ``tyro.cli``."""


@VALUES.primitive_rule
def whole(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[int] | None:
    """The rule of whole numbers."""
    if info.type is not int:
        return None
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar="INT",
        instance_from_str=lambda words: _whole(words[0]),
        is_instance=lambda value: type(value) is int,
        str_from_instance=lambda value: [str(value)],
    )


@VALUES.primitive_rule
def real(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[float] | None:
    """The rule of numbers that need not be whole."""
    if info.type is not float:
        return None
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar="FLOAT",
        instance_from_str=lambda words: _real(words[0]),
        is_instance=lambda value: "~" if type(value) is int else isinstance(value, float),
        str_from_instance=lambda value: [str(value)],
    )


def choices_as_meant(hints: Mapping[str, Any], argv: Sequence[str]) -> list[str]:
    """A command line whose values that are one of several words are written as those words are: ``--arch GRU``.

    Args:
        hints: the types of the options by their names in Python, old names among them.
    """
    found: list[str] = []
    choices: list[str] = []
    for word in argv:
        option, equals, value = word.partition("=")
        if option.startswith("--"):
            choices = _choices(hints.get(option.removeprefix("--").replace("-", "_")))
            found.append(option + equals + _as_written(value, choices))
        else:
            found.append(_as_written(word, choices))
    return found


def with_suggestion(problem: str) -> str:
    """tyro's message about a value that is none of several, with the nearest one; any other message as it is."""
    found = re.match(r"invalid choice '(.*?)' for argument .*Expected one of \((.*)\)", problem)
    if found is None:
        return problem
    return problem.rstrip(".") + did_you_mean(found[1], [name.strip(" '") for name in found[2].split(",")])


def _choices(hint: Any) -> list[str]:
    """The words that a type allows, itself or in a tuple, beside None."""
    if get_origin(hint) is Literal:
        return [choice for choice in get_args(hint) if isinstance(choice, str)]
    return [choice for part in get_args(hint) for choice in _choices(part)]


def _as_written(word: str, choices: Sequence[str]) -> str:
    alike = [choice for choice in choices if choice.casefold() == word.casefold()]
    return alike[0] if len(alike) == 1 and word not in choices else word


def _whole(text: str) -> int:
    number = read_whole(text)
    if number is None:
        raise ValueError(f"{text!r} is no whole number (such as 1000, 1_000, 1,000, 1e6 or 10k)")
    return number


def _real(text: str) -> float:
    share = text.removesuffix("%")
    try:
        return float(share) / 100 if share != text else float(text)
    except ValueError:
        number = read_whole(text)
    if number is not None and "," not in text:
        return float(number)
    hint = "a decimal point is a '.'" if "," in text else "such as 0.5, 1e-3 or 5%"
    raise ValueError(f"{text!r} is no number ({hint})")
