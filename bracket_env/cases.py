"""Cases: a prefix with its completion, in memory and in files.

    >>> make_case(BracketLanguage(), "({【】")
    Case(prefix='({【】', completion='})')

Files are read in the formats of :mod:`bracket_env.case_formats` and written as ``jsonl``, ``bigbench``, ``array`` or
``text``. Reading checks every case against the language and gives all cases or one error;
:mod:`bracket_env.wrong_targets` says what becomes of wrong targets. Writing replaces the file whole
(:mod:`bracket_env.atomic`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from bracket_env.atomic import write_text
from bracket_env.case_formats import READERS, WRITERS, recognise
from bracket_env.case_json import Record
from bracket_env.errors import InputError, quote
from bracket_env.language import BracketLanguage
from bracket_env.wrong_targets import CaseFile, Row, WrongTargets, fault_of

WriteFormat = Literal["jsonl", "bigbench", "array", "text"]
ReadFormat = Literal["auto", "jsonl", "bigbench", "array", "text", "objects", "dataset", "tokens"]

_WHITE_SPACE = re.compile(r"\s")


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
    wrong_targets: WrongTargets = "refuse",
) -> list[Case]:
    """Every case of a file, in its order; never empty.

    Args:
        path: a UTF-8 file; a byte order mark, ``\\r\\n`` line ends, spaces between symbols and symbols in another width
            (:meth:`BracketLanguage.reading`) are accepted.
        language: completes the prefixes.
        format: a format's name, or ``auto`` to tell it from the content.
        require_target: whether a case without a target is an error. The text format has no targets and is read anyway.
        wrong_targets: what becomes of a case whose target is not the completion: ``refuse`` the file, ``drop`` the
            case, ``correct`` or ``keep`` the target.

    Raises:
        InputError: a file that cannot be read, is not UTF-8, or holds no cases; malformed JSON, missing keys, values
            that are no strings, JSON of another shape; a TAB or a line break inside a prefix; a symbol outside the
            language, a prefix that cannot be completed; as :meth:`CaseFile.settled` wrong targets. One line that begins
            with file and line, and in a JSON list the item; positions within a prefix count symbols, not spaces.
    """
    found = judge_cases(path, language, format=format, require_target=require_target)
    return [Case(row.prefix, row.target or "") for row in found.settled(wrong_targets)]


def judge_cases(
    path: str | os.PathLike[str],
    language: BracketLanguage,
    *,
    format: ReadFormat = "auto",
    require_target: bool = True,
    unusable: list[str] | None = None,
) -> CaseFile:
    """Every case of a file with what is wrong with its target; arguments and errors as for :func:`read_cases`.

    Args:
        unusable: gets the message of every prefix that cannot be used, which is an error otherwise.
    """
    _check_format(format, get_args(ReadFormat))
    name = os.fspath(path)
    text = _read_utf8(path)
    if not text.strip():
        raise InputError(f"{name}: the file is empty")
    symbols = set(language.openers + language.closers)
    chosen = recognise(text, symbols, name) if format == "auto" else format
    require_target = require_target and chosen != "text"
    rows = []
    for record in READERS[chosen](text, name):
        try:
            rows.append(_judged(record, language, require_target))
        except InputError as error:
            if unusable is None:
                raise
            unusable.append(str(error))
    if not rows and not unusable:
        raise InputError(f"{name}: the file holds no cases")
    return CaseFile(name, rows)


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
        raise InputError(
            f"{os.fspath(path)}:{line}: not UTF-8 (byte 0x{error.object[error.start]:02x}): save it as UTF-8"
        ) from error


def _judged(record: Record, language: BracketLanguage, require_target: bool) -> Row:
    """The first reading whose target is right; if none is, the first that is made of the language's symbols."""
    known = set(language.openers + language.closers)
    told: Row | InputError | None = None
    for number, (prefix, target) in enumerate(record.readings, 1):
        found: Row | InputError
        try:
            found = _row(record.place, prefix, target, language, require_target)
        except InputError as error:
            found = InputError(f"{record.place}: {error}")
        else:
            if found.fault is None:
                return found
        plain = known.issuperset(language.reading(prefix))
        if told is None and (plain or number == len(record.readings)):
            told = found
    assert told is not None
    if isinstance(told, InputError):
        raise told
    return told


def _row(place: str, prefix: str, target: str | None, language: BracketLanguage, require_target: bool) -> Row:
    """One reading, judged. Raises InputError, without the place, for one that cannot be right."""
    prefix = _symbols(prefix, language, "prefix")
    completion = language.completion(prefix)
    if target is None:
        return Row(place, prefix, completion, None, "no target" if require_target else None)
    target = _symbols(target, language, "target")
    return Row(place, prefix, completion, target, fault_of(target, completion, language))


def _symbols(text: str, language: BracketLanguage, what: str) -> str:
    """The symbols of a prefix or target, which only spaces may separate: anything else may separate two of them."""
    found = language.reading(text)
    separator = _WHITE_SPACE.search(found)
    if separator is not None:
        raise InputError(
            f"{quote(separator[0])} inside the {what} {quote(text.strip())}: one case holds one {what}, and only "
            "spaces may stand between its symbols"
        )
    return found
