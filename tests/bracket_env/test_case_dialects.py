"""Generated case files in every format and the dialects that programs write: read exactly as written, or refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bracket_env import BracketLanguage, BracketTokenizer, Case, InputError, read_cases

LANGUAGES = [
    BracketLanguage(),
    BracketLanguage(["()", "[]", "{}", "<>"]),
    BracketLanguage(["[]"]),
    BracketLanguage(["（）", "()", "{}"]),
]
OTHER_WIDTHS = str.maketrans("{}[]<>【】", "｛｝［］＜＞︻︼")
QUESTION = "Complete the rest of the sequence, making sure that the parentheses are closed properly. Input: "
PREFIX_KEYS, TARGET_KEYS = ("input", "inputs", "prefix"), ("target", "targets", "completion")


class Dialect(NamedTuple):
    """How a program writes a file."""

    form: str
    bom: bool
    line_end: str
    blank_lines: bool
    between: str  # symbols
    wide: bool
    keys: tuple[str, str]
    target_first: bool
    other_keys: bool
    listed_target: bool
    ascii: bool
    indent: int | None
    last_comma: bool  # after the last value, which is no JSON

    def symbols(self, text: str) -> str:
        return self.between.join(text.translate(OTHER_WIDTHS) if self.wide else text)

    def entry(self, case: Case, question: str = "") -> dict[str, Any]:
        target: Any = self.symbols(case.completion)
        members = [(self.keys[0], question + self.symbols(case.prefix)), (self.keys[1], target)]
        if self.listed_target:
            members[1] = (self.keys[1], [target])
        found = dict(reversed(members) if self.target_first else members)
        return {"id": 7, "meta": {"source": ["a", "{}"]}, **found, "idx": None} if self.other_keys else found

    def dumped(self, value: Any) -> str:
        text = json.dumps(value, ensure_ascii=self.ascii, indent=self.indent)
        return f"{text[:-1]},{text[-1]}" if self.last_comma else text

    def lines(self, rows: list[str]) -> str:
        return "".join(f"{row}\n" + ("\n" if self.blank_lines else "") for row in rows)


def _lines_of(question: str) -> Callable[[Dialect, list[Case], BracketLanguage], str]:
    def written(dialect: Dialect, cases: list[Case], language: BracketLanguage) -> str:
        flat = dialect._replace(indent=None)
        return flat.lines([flat.dumped(flat.entry(case, question)) for case in cases])

    return written


def _tokens(dialect: Dialect, cases: list[Case], language: BracketLanguage) -> str:
    return dialect.dumped([["input:", *case.prefix, ",", "output:", *case.completion, ","] for case in cases])


def _ids(dialect: Dialect, cases: list[Case], language: BracketLanguage) -> str:
    tokenizer = BracketTokenizer(language)
    vocabulary = {tokenizer.spell([i]): i for i in range(tokenizer.vocab_size)}
    rows = [[*tokenizer.encode_case(*case), 0, 0] for case in cases]
    return dialect.dumped({"pairs": list(language.pairs), "vocabulary": vocabulary, "cases": rows})


FORMS: dict[str, Callable[[Dialect, list[Case], BracketLanguage], str]] = {
    "jsonl": _lines_of(""),
    "bigbench lines": _lines_of(QUESTION),
    "bigbench": lambda d, cases, _: d.dumped({"name": "x", "examples": [d.entry(case, QUESTION) for case in cases]}),
    "bigbench without a question": lambda d, cases, _: d.dumped({"examples": [d.entry(case) for case in cases]}),
    "objects": lambda d, cases, _: d.dumped([d.entry(case) for case in cases]),
    "dataset": lambda d, cases, _: d.dumped({"pairs": ["()"], "cases": [d.entry(case) for case in cases]}),
    "array": lambda d, cases, _: d.dumped(
        [f"input:{d.symbols(case.prefix)},output:{d.symbols(case.completion)}," for case in cases]
    ),
    "tokens": _tokens,
    "ids": _ids,
    "text": lambda d, cases, _: "".join(f"{d.symbols(case.prefix)}\n" for case in cases),
}


@st.composite
def files(draw: st.DrawFn) -> tuple[BracketLanguage, list[Case], Dialect]:
    language = draw(st.sampled_from(LANGUAGES))
    cases = []
    for _ in range(draw(st.integers(1, 5))):
        prefix, stack = "", ""
        for move in draw(st.lists(st.integers(-1, len(language.pairs) - 1), max_size=8)):
            if move >= 0:
                prefix, stack = prefix + language.openers[move], stack + language.openers[move]
            elif stack:
                prefix, stack = prefix + language.closer_of[stack[-1]], stack[:-1]
        wrong = draw(st.none() | st.text(language.closers, max_size=4))
        cases.append(Case(prefix, language.completion(prefix) if wrong is None else wrong))
    dialect = Dialect(
        form=draw(st.sampled_from(list(FORMS))),
        bom=draw(st.booleans()),
        line_end=draw(st.sampled_from(["\n", "\n", "\r\n", "\r"])),
        blank_lines=draw(st.booleans()),
        between=draw(st.sampled_from(["", "", " ", "\u3000", "\xa0", "\t", "\u2028", "\n"])),
        wide=draw(st.booleans()) and "（" not in language.openers,
        keys=(draw(st.sampled_from(PREFIX_KEYS)), draw(st.sampled_from(TARGET_KEYS))),
        target_first=draw(st.booleans()),
        other_keys=draw(st.booleans()),
        listed_target=draw(st.booleans()),
        ascii=draw(st.booleans()),
        indent=draw(st.sampled_from([None, None, 0, 4])),
        last_comma=draw(st.integers(0, 5)) == 0,
    )
    return language, cases, dialect


@given(data=files())
@settings(max_examples=300, deadline=None)
def test_a_file_is_read_as_written_or_refused(
    data: tuple[BracketLanguage, list[Case], Dialect], tmp_path_factory: pytest.TempPathFactory
) -> None:
    language, cases, dialect = data
    path = tmp_path_factory.getbasetemp() / "dialect"
    text = FORMS[dialect.form](dialect, cases, language).replace("\n", dialect.line_end)
    path.write_bytes(("\ufeff" * dialect.bom + text).encode())
    if dialect.form == "text":
        cases = [Case(prefix, language.completion(prefix)) for prefix, _ in cases]
    refusal = None
    try:
        found = read_cases(path, language, wrong_targets="keep")
    except InputError as error:
        refusal = str(error)
    if refusal is None:
        assert found == cases
    else:
        assert refusal.startswith(f"{path}:")
        assert "\n" not in refusal
        assert len(refusal) < 500
        assert _may_be_refused(dialect, text)


def _may_be_refused(dialect: Dialect, text: str) -> bool:
    """Whether something in it could mean two things, or is no JSON."""
    json_form = dialect.form != "text"
    separators = dialect.between in ("\t", "\u2028", "\n") and dialect.form not in ("tokens", "ids")
    old_line_ends = dialect.line_end == "\r" and dialect.form in ("text", "jsonl", "bigbench lines")
    bare = "".join(text.split()) in ("", "[]", "{}")
    return (json_form and dialect.last_comma) or separators or old_line_ends or bare
