"""The case files as text: formats to recognise, take apart and write, without judging the brackets in them.

The prefix ``({`` and its completion ``})`` are, format by format:

    jsonl      {"input": "({", "target": "})"}
    bigbench   {..., "examples": [{"input": "... Input: ( {", "target": "} )"}]}
    array      ["input:({,output:}),"]
    text       ({
    objects    [{"input": "({", "target": "})"}]
    dataset    {"pairs": [...], "cases": [{"input": "( {", "target": "} )"}]}     a data set's preprocessed/ file
               {"vocabulary": {...}, "cases": [[1, 5, 9, 2, 10, 6, 3]]}           and its tokenize/ file
    tokens     [["input:", "(", "{", ",", "output:", "}", ")", ","]]              tokenize/ of BracketCloser-LLM

The first four are written too. ``jsonl`` has one object a line, and blank lines are skipped; the keys of an object
stand in :mod:`bracket_env.case_json`. In ``array`` an item's last comma may be missing. ``text`` has one prefix a line
and no targets; an empty line is the empty prefix, and the end of the last line starts no further one. Lines end with
``\\n`` or ``\\r\\n``. A missing or null ``target`` is a case without one.

The letters of the markers may be symbols of a language. What is written here is read back as it was: the bigbench
format, and the array format where it matters, puts spaces between symbols, so that they do not spell a marker. A case
from elsewhere may have several readings, of which the first with a right target counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from bracket_env.case_json import MARKER, Reading, Record, case_record, items, known_formats, parse
from bracket_env.errors import InputError, quote

_ARRAY_START = re.compile(r"\s*input\s*:")
_ARRAY_SPLIT = re.compile(r",\s*output\s*:")
_INSTRUCTION = f"Complete the rest of the sequence so that every bracket is closed in the right order. {MARKER}"
_KEY = r'"(?:inputs?|prefix)"\s*:'
_NOT_IN_A_LINE = re.compile("[\t\r\v\f\x1c-\x1e\x85\u2028\u2029]")
# The first pattern that fits says the format; all of them speak of words that bracket files do not have.
_SHAPES = (
    ("bigbench", re.compile(r'\s*\{.*?"examples"\s*:', re.DOTALL)),
    ("dataset", re.compile(r'\s*\{(?=.*?"(?:pairs|vocabulary)"\s*:).*?"cases"\s*:\s*\[', re.DOTALL)),
    ("jsonl", re.compile(rf"\s*\{{.*{_KEY}")),
    ("tokens", re.compile(r'\s*\[\s*\[\s*"\s*input\s*:?\s*"')),
    ("array", re.compile(r'\s*\[\s*"\s*input\s*:')),
    ("objects", re.compile(rf'\s*\[\s*\{{\s*(?=").*?{_KEY}', re.DOTALL)),
)
_LIKE_JSON = (("jsonl", r'\s*\{\s*"'), ("objects", r'\s*\[\s*\{\s*"'), ("array", r'\s*\[\s*"'))


def recognise(text: str, symbols: Collection[str], name: str) -> str:
    """The format of a file's content, for a language with the given symbols.

    Every file that :data:`WRITERS` makes is recognised, unless a text file of a language with letters and quotes
    happens to begin like a JSON one, or is nothing but ``[]`` or ``{}``. Malformed JSON is still taken for the JSON
    format that it resembles, so that the error to come tells about JSON.

    Raises:
        InputError: JSON of another shape, or an empty list or object that could be a prefix as well.
    """
    for form, pattern in _SHAPES:
        if pattern.match(text):
            return form
    brackets = all(character in symbols or character.isspace() for character in set(text))
    bare = "".join(text.split())
    if bare in ("[]", "{}"):
        what = "list" if bare == "[]" else "object"
        hint = f"; --format text reads it as the prefix {bare}" if brackets else ""
        raise InputError(f"{name}: an empty JSON {what}, so the file holds no cases{hint}")
    if brackets:
        return "text"
    try:
        value = parse(text, name) if bare[0] in '[{"' or bare[0].isdigit() else ""
    except InputError:
        return next((form for form, pattern in _LIKE_JSON if re.match(pattern, text)), "text")
    if isinstance(value, dict) and re.search(_KEY, text):
        return "objects"  # one case over several lines
    if value == "":
        return "text"
    raise InputError(f"{name}: valid JSON, but of another shape: {_shape(value)}; {known_formats()}")


def _shape(value: Any) -> str:
    if isinstance(value, dict):
        return f"an object with the keys {', '.join(map(quote, list(value)[:4]))}" + (", …" if len(value) > 4 else "")
    if not isinstance(value, list):
        return f"the value {quote(value)}"
    if value and all(isinstance(row, list) and row and all(type(i) is int for i in row) for row in value):
        return "lists of token ids without a vocabulary (the file of the same name in original/ has the brackets)"
    kinds = {dict: "objects", list: "lists", str: "strings", int: "numbers", float: "numbers"}
    return f"a list of {kinds.get(type(value[0]), 'other values')}, the first {quote(value[0])}"


def _read_jsonl(text: str, name: str) -> Iterator[Record]:
    for line, row in enumerate(text.split("\n"), 1):
        if row.strip():
            place = f"{name}:{line}"
            yield case_record(parse(row, name, line), place)


def _read_objects(text: str, name: str) -> Iterator[Record]:
    value = parse(text, name)
    if isinstance(value, dict):
        yield case_record(value, f"{name}:1")
        return
    if not isinstance(value, list):
        raise InputError(f'{name}: expected a list of objects with "input" and "target", not {quote(value)}')
    for place, item in items(text, name):
        yield case_record(item, place)


def _read_bigbench(text: str, name: str) -> Iterator[Record]:
    task = parse(text, name)
    if not isinstance(task, dict) or not isinstance(task.get("examples"), list):
        raise InputError(f'{name}: a BIG-bench task is an object with a list "examples", not {quote(task)}')
    for place, value in items(text, name, "examples"):
        yield case_record(value, place, marked=True)


def _read_dataset(text: str, name: str) -> Iterator[Record]:
    data = parse(text, name)
    if not isinstance(data, dict) or not isinstance(data.get("cases"), list):
        raise InputError(f'{name}: a data set file is an object with a list "cases", not {quote(data)}')
    vocabulary = data.get("vocabulary")
    for place, value in items(text, name, "cases"):
        yield _spelled(value, vocabulary, place) if isinstance(value, list) else case_record(value, place)


def _spelled(ids: list[Any], vocabulary: object, place: str) -> Record:
    """The case that token ids spell."""
    if not isinstance(vocabulary, dict):
        raise InputError(f'{place}: token ids without a "vocabulary", which says what they mean')
    name_of = {i: symbol for symbol, i in vocabulary.items() if type(i) is int}
    unknown = [i for i in ids if type(i) is not int or i not in name_of]
    if unknown:
        raise InputError(f'{place}: {quote(unknown[0])} is not in the "vocabulary"')
    names = [name_of[i] for i in ids]
    while names and names[-1] == "<pad>":
        names.pop()
    ends = [i for i, symbol in enumerate(names) if len(symbol) > 1]
    if [names[i] for i in ends] != ["<bos>", "<sep>", "<eos>"] or (ends[0], ends[2]) != (0, len(names) - 1):
        raise InputError(f"{place}: a case is <bos> prefix <sep> completion <eos>, not {quote(' '.join(names))}")
    return Record(place, [("".join(names[1 : ends[1]]), "".join(names[ends[1] + 1 : -1]))])


def _read_array(text: str, name: str) -> Iterator[Record]:
    array = parse(text, name)
    if not isinstance(array, list):
        raise InputError(f'{name}: expected a list of strings "input:...,output:...,", not {quote(array)}')
    for place, item in items(text, name):
        yield _array_record(item, place)


def _read_tokens(text: str, name: str) -> Iterator[Record]:
    array = parse(text, name)
    if not isinstance(array, list):
        raise InputError(f'{name}: expected a list of lists of tokens, "input:" the first, not {quote(array)}')
    for place, item in items(text, name):
        if not isinstance(item, list) or not all(isinstance(token, str) for token in item):
            raise InputError(f'{place}: expected a list of tokens, "input:" the first, not {quote(item)}')
        yield _array_record("".join(item), place)


def _array_record(item: object, place: str) -> Record:
    if not isinstance(item, str):
        raise InputError(f'{place}: expected a string "input:...,output:...,", not {quote(item)}')
    start = _ARRAY_START.match(item)
    if start is None:
        raise InputError(f'{place}: {quote(item)} does not begin with "input:"')
    return Record(place, _array_readings(item[start.end() :]))


def _array_readings(body: str) -> list[Reading]:
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
        row = row.removesuffix("\r")
        found = _NOT_IN_A_LINE.search(row)
        if found:
            raise InputError(
                f"{name}:{line}: {quote(found[0])} in a line of text, which is one prefix: end lines with \\n, "
                'and write targets as JSON Lines, {"input": "({", "target": "})"}'
            )
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
    rows = []
    for prefix, target in cases:
        if _ARRAY_SPLIT.search(prefix):
            prefix, target = " ".join(prefix), " ".join(target)
        rows.append(f"input:{prefix},output:{target},")
    return json.dumps(rows, ensure_ascii=False, indent=2) + "\n"


def _write_text(cases: Sequence[tuple[str, str]]) -> str:
    return "".join(f"{prefix}\n" for prefix, _ in cases)


#: Format name -> the records of a file's content, for error messages given the file's name. Raises InputError.
READERS: dict[str, Callable[[str, str], Iterator[Record]]] = {
    "jsonl": _read_jsonl,
    "bigbench": _read_bigbench,
    "array": _read_array,
    "text": _read_text,
    "objects": _read_objects,
    "dataset": _read_dataset,
    "tokens": _read_tokens,
}

#: Format name -> the content of a file with the given (prefix, completion) pairs.
WRITERS: dict[str, Callable[[Sequence[tuple[str, str]]], str]] = {
    "jsonl": _write_jsonl,
    "bigbench": _write_bigbench,
    "array": _write_array,
    "text": _write_text,
}
