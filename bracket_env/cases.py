"""Cases: a prefix with its completion, in memory and in files.

    >>> make_case(BracketLanguage(), "({【】")
    Case(prefix='({【】', completion='})')

Files are read and written in the formats of :mod:`bracket_env.case_formats`: ``jsonl``, ``bigbench``, ``array`` and
``text``. Reading checks every case against the language and gives all cases or one error; writing replaces the file
whole (:mod:`bracket_env.atomic`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from bracket_env.atomic import write_text
from bracket_env.case_formats import READERS, WRITERS, Record, recognise
from bracket_env.errors import InputError, quote
from bracket_env.language import BracketLanguage

WriteFormat = Literal["jsonl", "bigbench", "array", "text"]
ReadFormat = Literal["auto", "jsonl", "bigbench", "array", "text"]


class Case(NamedTuple):
    """A question and its only right answer."""

    prefix: str
    completion: str


def make_case(language: BracketLanguage, prefix: str) -> Case:
    """The case of ``prefix``.

    Raises:
        InputError: ``prefix`` cannot be completed, see :meth:`BracketLanguage.open_stack`.
    """
    return Case(prefix, language.completion(prefix))


def read_cases(
    path: str | os.PathLike[str],
    language: BracketLanguage,
    *,
    format: ReadFormat = "auto",
    require_target: bool = True,
) -> list[Case]:
    """Every case of a file, in its order; never empty.

    Args:
        path: a UTF-8 file; a byte order mark, ``\\r\\n`` line ends and spaces between symbols are accepted.
        language: completes the prefixes. A target in the file must equal the completion.
        format: a format's name, or ``auto`` to tell it from the content.
        require_target: whether a case without a target is an error. The text format has no targets and is read anyway.

    Raises:
        InputError: a file that cannot be read, is not UTF-8, or holds no cases; malformed JSON, missing keys, values
            that are no strings; a symbol outside the language, a prefix that cannot be completed, a target that is
            not the completion or is missing. One line that begins with file and line, and in a JSON list the item;
            positions within a prefix count symbols, not spaces.
    """
    _check_format(format, get_args(ReadFormat))
    name = os.fspath(path)
    text = _read_utf8(path)
    if not text.strip():
        raise InputError(f"{name}: the file is empty")
    chosen = recognise(text, set(language.openers + language.closers)) if format == "auto" else format
    require_target = require_target and chosen != "text"
    cases = [_checked(record, language, require_target) for record in READERS[chosen](text, name)]
    if not cases:
        raise InputError(f"{name}: the file holds no cases")
    return cases


def write_cases(path: str | os.PathLike[str], cases: Iterable[Case], *, format: WriteFormat = "jsonl") -> None:
    """Replace ``path`` by a file of ``cases``, one at least; the text format keeps the prefixes only.

    Raises:
        InputError: no cases; a text file of nothing but empty prefixes, which would read as an empty file; a path
            that cannot be written (:func:`bracket_env.atomic.write_bytes`). The old file stands.
    """
    _check_format(format, get_args(WriteFormat))
    cases = list(cases)
    if not cases:
        raise InputError(f"cannot write {os.fspath(path)}: there are no cases")
    if format == "text" and not any(case.prefix for case in cases):
        raise InputError(
            f"cannot write {os.fspath(path)}: as text, a file of empty prefixes only is an empty file; choose jsonl"
        )
    write_text(path, WRITERS[format](cases))


def _check_format(name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        raise InputError(f"unknown case format {quote(name)}: choose one of {', '.join(known)}")


def _read_utf8(path: str | os.PathLike[str]) -> str:
    try:
        return Path(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"cannot read {os.fspath(path)}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InputError(f"{os.fspath(path)}:{line}: not UTF-8 (byte 0x{error.object[error.start]:02x})") from error


def _checked(record: Record, language: BracketLanguage, require_target: bool) -> Case:
    """The case of the first reading that is right; if none is, the error is about the first one."""
    problems = []
    for prefix, target in record.readings:
        try:
            case = make_case(language, _without_spaces(prefix))
        except InputError as error:
            problems.append(str(error))
            continue
        if target is None and require_target:
            problems.append(f"no target for {quote(case.prefix)}")
        elif target is None or _without_spaces(target) == case.completion:
            return case
        else:
            problems.append(_mismatch(case, _without_spaces(target)))
    raise InputError(f"{record.place}: {problems[0]}")


def _mismatch(case: Case, target: str) -> str:
    both = zip(target, case.completion, strict=False)
    shorter = min(len(target), len(case.completion))
    position = next((i for i, (given, right) in enumerate(both, 1) if given != right), shorter + 1)
    return (
        f"target {quote(target)} is not the completion {quote(case.completion)} of {quote(case.prefix)}: "
        f"they differ at position {position}"
    )


def _without_spaces(text: str) -> str:
    return "".join(text.split())
