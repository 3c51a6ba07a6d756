"""The case files as text: four formats to recognise, take apart and write, without judging the brackets in them.

The prefix ``({`` and its completion ``})`` are, format by format:

    jsonl      {"input": "({", "target": "})"}
    bigbench   {..., "examples": [{"input": "... Input: ( {", "target": "} )"}]}
    array      ["input:({,output:}),"]
    text       ({

``jsonl`` has one object a line, and blank lines are skipped. In ``bigbench`` the prefix is what follows the last
"Input:". In ``array`` an item's last comma may be missing. ``text`` has one prefix a line and no targets; an empty
line is the empty prefix, and the end of the last line starts no further one. Lines end with ``\\n`` or ``\\r\\n``.
Other keys of an object are left alone, and a missing or null ``target`` is a case without one.

The letters of the markers may be symbols of a language. What is written here is read back as it was: the bigbench
format, and the array format where it matters, puts spaces between symbols, so that they do not spell a marker. An array
item from elsewhere may have several readings, of which the first with a right target counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, NamedTuple

from bracket_env.errors import InputError, quote

_ARRAY_START = re.compile(r"\s*input\s*:")
_ARRAY_SPLIT = re.compile(r",\s*output\s*:")
_BETWEEN_VALUES = re.compile(r"[ \t\r\n,:]*")
_INSTRUCTION = "Complete the rest of the sequence so that every bracket is closed in the right order. Input:"


class Record(NamedTuple):
    """One case as its file tells it, spaces between symbols included."""

    place: str  # "FILE:LINE", in a JSON list "FILE:LINE: item N"
    readings: list[tuple[str, str | None]]  # (prefix, target or None), the most literal first; one except in an array


def recognise(text: str, symbols: Collection[str]) -> str:
    """The format of a file's content, for a language with the given symbols.

    Every file that :data:`WRITERS` makes is recognised, unless a text file of a language with letters and quotes
    happens to begin like a JSON one. Malformed JSON is still taken for the JSON format that it resembles, so that
    the error to come tells about JSON.
    """
    if re.match(r"\s*\{", text) and re.search(r'"examples"\s*:', text):
        return "bigbench"
    if re.match(r'\s*\{.*"input"\s*:', text):
        return "jsonl"
    if re.match(r'\s*\[\s*"\s*input\s*:', text):
        return "array"
    if all(character in symbols or character.isspace() for character in set(text)):
        return "text"
    if re.match(r'\s*\{\s*"', text):
        return "jsonl"
    if re.match(r'\s*\[\s*(\{\s*)?"', text):
        return "array"
    return "text"


def _parse(text: str, name: str, line: int = 1) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = f"{name}:{line + error.lineno - 1}"
        raise InputError(f"{where}: malformed JSON ({error.msg}, column {error.colno})") from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, thousands of open lists
        raise InputError(f"{name}:{line}: malformed JSON ({error})") from error


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


def _items(text: str, start: int, name: str) -> Iterator[tuple[str, Any]]:
    """Place and value of every item of the list opened just before ``start``."""
    line, counted = 1, 0
    for number, (position, value) in enumerate(_values(text, start), 1):
        line += text.count("\n", counted, position)
        counted = position
        yield f"{name}:{line}: item {number}", value


def _input_and_target(value: Any, place: str) -> tuple[str, str | None]:
    if not isinstance(value, dict):
        raise InputError(f'{place}: expected an object with "input" and "target", not {quote(value)}')
    if "input" not in value:
        raise InputError(f'{place}: no "input" in {quote(value)}')
    source, target = value["input"], value.get("target")
    if not isinstance(source, str):
        raise InputError(f'{place}: "input" must be a string, not {quote(source)}')
    if target is not None and not isinstance(target, str):
        raise InputError(f'{place}: "target" must be a string, not {quote(target)}')
    return source, target


def _read_jsonl(text: str, name: str) -> Iterator[Record]:
    for line, row in enumerate(text.split("\n"), 1):
        if row.strip():
            place = f"{name}:{line}"
            yield Record(place, [_input_and_target(_parse(row, name, line), place)])


def _read_bigbench(text: str, name: str) -> Iterator[Record]:
    task = _parse(text, name)
    if not isinstance(task, dict) or not isinstance(task.get("examples"), list):
        raise InputError(f'{name}: a BIG-bench task is an object with a list "examples", not {quote(task)}')
    members = list(_values(text, text.index("{") + 1))
    position_of = {key: position for (_, key), (position, _) in zip(members[::2], members[1::2], strict=True)}
    for place, value in _items(text, position_of["examples"] + 1, name):
        question, target = _input_and_target(value, place)
        _, marker, prefix = question.rpartition("Input:")
        if not marker:
            raise InputError(f'{place}: no "Input:" in {quote(question)}')
        yield Record(place, [(prefix, target)])


def _read_array(text: str, name: str) -> Iterator[Record]:
    array = _parse(text, name)
    if not isinstance(array, list):
        raise InputError(f'{name}: expected a list of strings "input:...,output:...,", not {quote(array)}')
    for place, item in _items(text, text.index("[") + 1, name):
        if not isinstance(item, str):
            raise InputError(f'{place}: expected a string "input:...,output:...,", not {quote(item)}')
        start = _ARRAY_START.match(item)
        if start is None:
            raise InputError(f'{place}: {quote(item)} does not begin with "input:"')
        yield Record(place, _array_readings(item[start.end() :]))


def _array_readings(body: str) -> list[tuple[str, str | None]]:
    splits = list(_ARRAY_SPLIT.finditer(body))
    if not splits:
        return [(prefix, None) for prefix in _without_and_with_last_comma(body)]
    return [
        (body[: split.start()], target)
        for split in splits
        for target in _without_and_with_last_comma(body[split.end() :])
    ]


def _without_and_with_last_comma(text: str) -> list[str]:
    text = text.rstrip()
    return [text[:-1], text] if text.endswith(",") else [text]


def _read_text(text: str, name: str) -> Iterator[Record]:
    for line, row in enumerate(text.removesuffix("\n").split("\n"), 1):
        yield Record(f"{name}:{line}", [(row, None)])


def _write_jsonl(cases: Sequence[tuple[str, str]]) -> str:
    rows = [json.dumps({"input": prefix, "target": target}, ensure_ascii=False) for prefix, target in cases]
    return "".join(f"{row}\n" for row in rows)


def _write_bigbench(cases: Sequence[tuple[str, str]]) -> str:
    task = {
        "name": "bracket_closing",
        "description": "Write the closing brackets that a sequence still needs, in the right order.",
        "keywords": ["algorithms", "logical reasoning", "json"],
        "metrics": ["exact_str_match"],
        "preferred_score": "exact_str_match",
        "examples": [
            {"input": f"{_INSTRUCTION} {' '.join(prefix)}", "target": " ".join(target)} for prefix, target in cases
        ],
    }
    return json.dumps(task, ensure_ascii=False, indent=2) + "\n"


def _write_array(cases: Sequence[tuple[str, str]]) -> str:
    items = []
    for prefix, target in cases:
        if _ARRAY_SPLIT.search(prefix):
            prefix, target = " ".join(prefix), " ".join(target)
        items.append(f"input:{prefix},output:{target},")
    return json.dumps(items, ensure_ascii=False, indent=2) + "\n"


def _write_text(cases: Sequence[tuple[str, str]]) -> str:
    return "".join(f"{prefix}\n" for prefix, _ in cases)


#: Format name -> the records of a file's content, for error messages given the file's name. Raises InputError.
READERS: dict[str, Callable[[str, str], Iterator[Record]]] = {
    "jsonl": _read_jsonl,
    "bigbench": _read_bigbench,
    "array": _read_array,
    "text": _read_text,
}

#: Format name -> the content of a file with the given (prefix, completion) pairs.
WRITERS: dict[str, Callable[[Sequence[tuple[str, str]]], str]] = {
    "jsonl": _write_jsonl,
    "bigbench": _write_bigbench,
    "array": _write_array,
    "text": _write_text,
}
