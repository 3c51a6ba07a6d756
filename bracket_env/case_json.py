"""Cases as JSON tells them: which keys hold prefix and target, and where in the file each one stands.

An object has its prefix under ``input``, ``inputs`` or ``prefix``, and its target under ``target``, ``targets`` or
``completion``, or as the best of ``target_scores``. A prefix may have a question before it that ends in "Input:", as
in BIG-bench. Other keys are left alone.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from bracket_env.errors import InputError, quote

PREFIX_KEYS = ("input", "inputs", "prefix")
TARGET_KEYS = ("target", "targets", "completion")
MARKER = "Input:"
_OUTPUT_MARKER = re.compile(r"\s*Output:\s*$")
_BETWEEN_VALUES = re.compile(r"[ \t\r\n,:]*")

Reading = tuple[str, str | None]
"""A prefix, and its target or None."""


class Record(NamedTuple):
    """One case as its file tells it, spaces between symbols included."""

    place: str  # "FILE:LINE", in a JSON list "FILE:LINE: item N"
    readings: list[Reading]  # the most literal first; one, unless symbols could spell a marker


def known_formats() -> str:
    """What can be read, for an error."""
    return (
        'read are JSON Lines and lists of {"input": ..., "target": ...}, BIG-bench tasks, "input:...,output:..." '
        "strings, the files of a data set folder, and text (docs/case_files.md)"
    )


def parse(text: str, name: str, line: int = 1) -> Any:
    """A JSON value.

    Raises:
        InputError: malformed JSON, or a key twice in one object, with file and line.
    """
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        where = f"{name}:{line + error.lineno - 1}"
        raise InputError(f"{where}: malformed JSON ({error.msg}, column {error.colno})") from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, thousands of open lists
        raise InputError(f"{name}:{line}: malformed JSON ({error})") from error


def _no_key_twice(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) < len(members):
        keys = [key for key, _ in members]
        raise ValueError(f"the key {quote(next(key for key in keys if keys.count(key) > 1))} occurs twice")
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_no_key_twice)


def _values(text: str, start: int) -> Iterator[tuple[int, Any]]:
    """Position and value of everything in the list or object opened just before ``start``; keys count as values."""
    decoder = json.JSONDecoder()
    position = _end_of_separator(text, start)
    while text[position] not in "]}":
        value, end = decoder.raw_decode(text, position)
        yield position, value
        position = _end_of_separator(text, end)


def _end_of_separator(text: str, position: int) -> int:
    match = _BETWEEN_VALUES.match(text, position)
    return match.end() if match else position


def items(text: str, name: str, key: str | None = None) -> Iterator[tuple[str, Any]]:
    """Place and value of every item of a list: the whole text, or what an object has under ``key``."""
    start = 1 + next(i for i, symbol in enumerate(text) if symbol in "[{")
    if key is not None:
        members = list(_values(text, start))
        position_of = {name: position for (_, name), (position, _) in zip(members[::2], members[1::2], strict=True)}
        start = position_of[key] + 1
    line, counted = 1, 0
    for number, (position, value) in enumerate(_values(text, start), 1):
        line += text.count("\n", counted, position)
        counted = position
        yield f"{name}:{line}: item {number}", value


def case_record(value: Any, place: str, *, marked: bool = False) -> Record:
    """The case of one object.

    Args:
        marked: whether what stands before "Input:" is never part of a prefix.

    Raises:
        InputError: no object, no prefix, two of them, or a prefix or target that is no string.
    """
    if not isinstance(value, dict):
        raise InputError(f'{place}: expected an object with "input" and "target", not {quote(value)}')
    source, target = _one_of(value, PREFIX_KEYS, place), _target(value, place)
    if source is None:
        raise InputError(f'{place}: no "input" in {quote(value)}; {known_formats()}')
    _, marker, after = source.rpartition(MARKER)
    if not marker:
        return Record(place, [(source, target)])
    prefix = _OUTPUT_MARKER.sub("", after)
    return Record(place, [(prefix, target)] if marked else [(source, target), (prefix, target)])


def _one_of(value: Mapping[str, Any], keys: tuple[str, ...], place: str) -> str | None:
    """The string under the one of these keys that is there; None where none is, or its value is null."""
    there = [key for key in keys if key in value and value[key] is not None]
    if len(there) > 1:
        raise InputError(f'{place}: both "{there[0]}" and "{there[1]}" are there: leave one of them out')
    if not there:
        if keys[0] in value and keys is PREFIX_KEYS:
            raise InputError(f'{place}: "{keys[0]}" must be a string, not None')
        return None
    [key] = there
    found = value[key]
    if isinstance(found, list) and len(found) == 1 and keys is TARGET_KEYS:
        [found] = found
    if not isinstance(found, str):
        raise InputError(f'{place}: "{key}" must be a string, not {quote(found)}')
    return found


def _is_number(value: object) -> bool:
    return type(value) is int or (type(value) is float and math.isfinite(value))


def _target(value: Mapping[str, Any], place: str) -> str | None:
    target, scores = _one_of(value, TARGET_KEYS, place), value.get("target_scores")
    if scores is None:
        return target
    if not isinstance(scores, dict) or not scores or not all(map(_is_number, scores.values())):
        raise InputError(f'{place}: "target_scores" must be an object of numbers, not {quote(scores)}')
    best = [answer for answer, score in scores.items() if score == max(scores.values())]
    if len(best) > 1:
        raise InputError(f'{place}: "target_scores" has several best answers, {quote(best[0])} and {quote(best[1])}')
    if target is not None and target != best[0]:
        raise InputError(
            f'{place}: "target" is {quote(target)} and the best of "target_scores" {quote(best[0])}: leave one out'
        )
    return str(best[0])
