"""Cases in memory and in files: round trips in every format, one clear line for every bad file, atomic writing."""

import errno
import json
import os
import stat
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bracket_env import BracketLanguage, Case, InputError, make_case, read_cases, write_cases
from bracket_env.atomic import write_bytes, write_text
from bracket_env.case_formats import READERS, WRITERS

LANGUAGE = BracketLanguage()
FORMATS = ["jsonl", "bigbench", "array", "text"]
# Everything a format writes around the symbols is in here too: quotes, braces, commas, the letters of "input:".
PRINTABLE_ASCII = [chr(code) for code in range(33, 127)]
OTHER_SYMBOLS = list("【】（）「」『』〈〉［］｛｝αβ文字🙂🙃🫲🫱") + [chr(0x4E00 + i) for i in range(100)]
# The eight letters of the array format's marker as brackets, so that symbols can spell ",output:".
MARKER_LANGUAGE = BracketLanguage([",(", "o)", "u[", "t]", "p{", ":}"])


@st.composite
def languages(draw: st.DrawFn) -> BracketLanguage:
    count = draw(st.integers(1, 100))
    symbols = Random(draw(st.integers(0, 1 << 32))).sample(PRINTABLE_ASCII + OTHER_SYMBOLS, 2 * count)
    return BracketLanguage([symbols[i] + symbols[i + 1] for i in range(0, 2 * count, 2)])


@st.composite
def prefixes(draw: st.DrawFn, language: BracketLanguage) -> str:
    """Any completable string: each drawn number opens that pair, or closes what is open (-1)."""
    prefix, stack = "", ""
    for move in draw(st.lists(st.integers(-1, len(language.pairs) - 1), max_size=20)):
        if move >= 0:
            prefix, stack = prefix + language.openers[move], stack + language.openers[move]
        elif stack:
            prefix, stack = prefix + language.closer_of[stack[-1]], stack[:-1]
    return prefix


@st.composite
def case_lists(draw: st.DrawFn) -> tuple[BracketLanguage, list[Case]]:
    language = draw(languages())
    drawn = draw(st.lists(prefixes(language), min_size=1, max_size=5))
    return language, [make_case(language, prefix) for prefix in drawn]


def read(tmp_path: Path, content: str | bytes, language: BracketLanguage = LANGUAGE, **options: object) -> list[Case]:
    path = tmp_path / "cases.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_cases(path, language, **options)  # type: ignore[arg-type]


def test_make_case() -> None:
    assert make_case(LANGUAGE, "({【】") == Case("({【】", "})") == ("({【】", "})")
    assert make_case(LANGUAGE, "") == Case("", "")
    with pytest.raises(InputError, match="closes nothing"):
        make_case(LANGUAGE, ")")


# --- round trips


@pytest.mark.parametrize("name", FORMATS)
@given(data=case_lists())
@settings(max_examples=60, deadline=None)
def test_written_cases_are_recognised_and_read_back(
    name: str, data: tuple[BracketLanguage, list[Case]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    language, cases = data
    path = tmp_path_factory.getbasetemp() / f"round_trip_{name}"
    if name == "text" and not any(case.prefix for case in cases):
        with pytest.raises(InputError, match="choose jsonl"):
            write_cases(path, cases, format="text")
        return
    write_cases(path, iter(cases), format=name)  # type: ignore[arg-type]
    assert read_cases(path, language, format=name) == cases  # type: ignore[arg-type]
    if name == "text" and path.read_text("utf-8").strip() in ("[]", "{}"):
        with pytest.raises(InputError, match="--format text reads it as the prefix"):
            read_cases(path, language)
    else:
        assert read_cases(path, language) == cases


@given(start=prefixes(MARKER_LANGUAGE), markers=st.integers(1, 3), end=prefixes(MARKER_LANGUAGE))
@settings(max_examples=40, deadline=None)
def test_an_array_holds_symbols_that_spell_its_markers(
    start: str, markers: int, end: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cases = [make_case(MARKER_LANGUAGE, start + ",output:" * markers + end)]
    path = tmp_path_factory.getbasetemp() / "markers"
    write_cases(path, cases, format="array")
    assert read_cases(path, MARKER_LANGUAGE) == cases


def test_an_array_holds_targets_that_spell_its_markers(tmp_path: Path) -> None:
    language = BracketLanguage([pair[::-1] for pair in MARKER_LANGUAGE.pairs])
    openers = "".join(language.opener_of[symbol] for symbol in reversed(",output:"))
    cases = [
        make_case(language, prefix) for prefix in (openers, "((", *(openers * 2 + ",output:" * n for n in range(3)))
    ]
    assert [case.completion for case in cases] == [",output:", ",,", ",output:,output:", ",output:", ""]
    write_cases(tmp_path / "cases.json", cases, format="array")
    assert read_cases(tmp_path / "cases.json", language) == cases


@pytest.mark.parametrize("comma", ["", ","])
def test_the_completion_decides_between_readings_of_an_array_item(tmp_path: Path, comma: str) -> None:
    # The last comma may be the target's own.
    assert read(tmp_path, f'["input:((,output:,,{comma}"]', BracketLanguage(["(,"])) == [Case("((", ",,")]
    # Symbols that spell the marker, unspaced as another program would write them.
    prefix = ",output:o"
    target = MARKER_LANGUAGE.completion(prefix)
    item = json.dumps([f"input:{prefix},output:{target}{comma}"])
    assert read(tmp_path, item, MARKER_LANGUAGE) == [Case(prefix, target)]


def test_the_four_formats_as_documented(tmp_path: Path) -> None:
    expected = [Case("({", "})"), Case("【】", "")]
    jsonl = '{"input": "({", "target": "})"}\n{"input": "【】", "target": ""}\n'
    array = '[\n  "input:({,output:}),",\n  "input:【】,output:,"\n]\n'
    text = "({\n【】\n"
    for name, content in {"jsonl": jsonl, "array": array, "text": text}.items():
        write_cases(tmp_path / name, expected, format=name)  # type: ignore[arg-type]
        assert (tmp_path / name).read_text(encoding="utf-8") == content
        assert read(tmp_path, content) == expected
    write_cases(tmp_path / "task.json", expected, format="bigbench")
    task = json.loads((tmp_path / "task.json").read_text(encoding="utf-8"))
    assert {"name", "description", "keywords", "metrics", "preferred_score", "examples"} == task.keys()
    assert task["preferred_score"] in task["metrics"] == ["exact_str_match"]
    assert task["examples"][0]["input"].endswith(" Input: ( {")
    assert [example["target"] for example in task["examples"]] == ["} )", ""]


@pytest.mark.parametrize(
    "content",
    [
        ' {"id": 7, "target": "} )", "input": "( {"}\n\n{"input":"【","target":"】"}',
        '{"examples": [{"input": "Input: x Input:( {", "target": " } )"}, {"input": "Input:【", "target": "】"}]}',
        '["input: ( {, output: } )", "input:【,output:】, "]',
        '{"input": "(\u3000{", "target": "}\xa0)"}\n{"input":"【","target":"】"}',
        '{"input": "\u2028({\\t", "target": "\x85})\\n"}\n{"input":"【","target":"】"}',
        '{"inputs": "({\\n", "targets": ["})"], "idx": 3}\n{"target":"】","prefix":"【"}',
        '[{"target": "})", "input": "({"}, {"input": "【", "target_scores": {"】": 1, "": 0.5}}]',
        '{"input": "Close it. Input: ( {\\nOutput: ", "target": "} )"}\n{"input":"【","target":"】"}',
        "（ ｛\n︻\n",
        "( {\n 【 \n",
        "({\n【",
    ],
)
def test_spaces_byte_order_mark_and_windows_line_ends_are_accepted(tmp_path: Path, content: str) -> None:
    expected = [Case("({", "})"), Case("【", "】")]
    assert read(tmp_path, content) == expected
    assert read(tmp_path, "\ufeff" + content.replace("\n", "\r\n")) == expected


def test_an_empty_line_of_text_is_the_empty_prefix(tmp_path: Path) -> None:
    assert [case.prefix for case in read(tmp_path, "(\n\n{\n\n")] == ["(", "", "{", ""]


@pytest.mark.parametrize("text", ["[[]]", "{[", "[{", "[]\n{}", "[]\n[]"])
def test_brackets_that_look_like_json_are_read_as_text(tmp_path: Path, text: str) -> None:
    cases = read(tmp_path, text, BracketLanguage(["[]", "{}"]))
    assert [case.prefix for case in cases] == text.split()


@pytest.mark.parametrize("text", ["{}", "[]", " [ ]\n", "[]\n"])
def test_an_empty_json_list_is_no_case_unless_text_was_asked_for(tmp_path: Path, text: str) -> None:
    language = BracketLanguage(["[]", "{}"])
    assert [case.prefix for case in read(tmp_path, text, language, format="text")] == ["".join(text.split())]
    with pytest.raises(InputError, match=r"an empty JSON (list|object), so the file holds no cases"):
        read(tmp_path, text, language)
    with pytest.raises(InputError, match=r"holds no cases$"):
        read(tmp_path, text, BracketLanguage(["()"]))


@pytest.mark.parametrize(
    "content",
    [
        '{"input": "({"}',
        '{"input": "({", "target": null}',
        '{"examples": [{"input": "Input: ( {"}]}',
        '["input:({,"]',
        '["input:({"]',
    ],
)
def test_targets_may_be_missing_only_when_not_required(tmp_path: Path, content: str) -> None:
    assert read(tmp_path, content, require_target=False) == [Case("({", "})")]
    with pytest.raises(InputError, match=r"no target for '\({'"):
        read(tmp_path, content)


# --- bad input

GOOD_ROW = '{"input": "(", "target": ")"}\n'
GOOD_ITEM = '{"input": "Input: (", "target": ")"}'
BAD_FILES: dict[str, tuple[str | bytes, str]] = {
    "unknown symbol": (GOOD_ROW + '{"input": "( x", "target": ")"}', ":2: symbol 'x' at position 2 is not in the lang"),
    "uncompletable": (
        GOOD_ROW * 2 + '{"input": "(}", "target": ""}',
        ":3: '}' at position 2 meets an open '(', so it cannot be completed",
    ),
    "wrong target": (
        GOOD_ROW + '{"input": "({", "target": "} }"}',
        ":2: target '}}' is not the completion '})' of '({': they differ at position 2",
    ),
    "short target": (
        '{"input": "({", "target": "}"}',
        ":1: target '}' is not the completion '})' of '({': they differ",
    ),
    "wrong target, prediction": ('{"input": "(", "target": "】"}', ":1: target '】' is not the completion ')' of '('"),
    "cut off row": (GOOD_ROW + '\n{"input": "("', ":3: malformed JSON (Expecting ',' delimiter, column 14)"),
    "two objects in a row": (GOOD_ROW.strip() * 2, ":1: malformed JSON (Extra data, column 30)"),
    "row is no object": (GOOD_ROW + '["("]', ':2: expected an object with "input" and "target", not [\'(\']'),
    "no input": (GOOD_ROW + '{"inptu": "("}', ":2: no \"input\" in {'inptu': '('}"),
    "input is no string": (GOOD_ROW + '{"input": 5}', ':2: "input" must be a string, not 5'),
    "target is no string": ('{"input": "(", "target": [")", ")"]}', ":1: \"target\" must be a string, not [')', ')']"),
    "endless list": (GOOD_ROW + "[" * 100_000, ":2: malformed JSON ("),
    "endless number": (GOOD_ROW + "9" * 5_000, ":2: malformed JSON ("),
    "unknown symbol in text": ("((\n{a\n", ":2: symbol 'a' at position 2 is not in the language"),
    "text for another language": ("{}\n[]\n", ":2: symbol '[' at position 1 is not in the language"),
    "odd line ends": ("((\n(\u2028)", ":2: '\\u2028' in a line of text, which is one prefix"),
    "line ends of an old Mac": ("({\r【(\r{\r", ":1: '\\r' in a line of text"),
    "tab between prefix and target": ("({\t})\n", ":1: '\\t' in a line of text"),
    "vertical tab": ("(\n(\v(\n", ":2: '\\x0b' in a line of text"),
    "form feed": ("(\n(\f(\n", ":2: '\\x0c' in a line of text"),
    "two records in one string": ('{"input": "(\\t)", "target": ""}', ":1: '\\t' inside the prefix '(\\t)': one case"),
    "two targets in one string": ('{"input": "((", "target": ")\\n)"}', ":1: '\\n' inside the target ')\\n)': one"),
    "a key twice": ('{"input": "(", "input": "{"}', ":1: malformed JSON (the key 'input' occurs twice)"),
    "two prefixes": ('{"input": "(", "inputs": "{"}', ':1: both "input" and "inputs" are there'),
    "two targets": ('{"input": "(", "target": ")", "target_scores": {"": 1}}', ":1: \"target\" is ')' and the best of"),
    "scores of no answer": ('{"input": "(", "target_scores": {}}', ':1: "target_scores" must be an object of numbers'),
    "two best answers": ('{"input": "(", "target_scores": {")": 1, "": 1}}', ':1: "target_scores" has several best'),
    "another shape": ('{"data": []}', ": valid JSON, but of another shape: an object with the keys 'data'; read are"),
    "a list of lists": ('[["(", ")"]]', ": valid JSON, but of another shape: a list of lists, the first ['(', ')']"),
    "token ids": ("[[5, 6, 0]]", ": valid JSON, but of another shape: lists of token ids without a vocabulary"),
    "ids without meaning": ('{"pairs": [], "cases": [[1, 5]]}', ':1: item 1: token ids without a "vocabulary"'),
    "an unknown id": ('{"vocabulary": {"(": 5}, "cases": [[1, 5]]}', ':1: item 1: 1 is not in the "vocabulary"'),
    "ids of half a case": (
        '{"vocabulary": {"<bos>": 1, "(": 5}, "cases": [[1, 5]]}',
        ":1: item 1: a case is <bos> prefix <sep> completion <eos>, not '<bos> ('",
    ),
    "tokens that are numbers": ('[["input:", 3]]', ':1: item 1: expected a list of tokens, "input:" the first'),
    "bigbench item": (
        '{"a": [{"examples": []}],\n"examples": [\n' + GOOD_ITEM + ',\n\n{"input": "Input: )", "target": ""}]}',
        ":5: item 2: ')' at position 1 closes nothing",
    ),
    "bigbench item, one line": ('{"examples": [' + GOOD_ITEM + ', "("]}', ":1: item 2: expected an object"),
    "bigbench without marker": (
        '{"examples": [{"input": "Close (", "target": ")"}]}',
        ":1: item 1: symbol 'C' at position 1 is not in the language",
    ),
    "bigbench cut off": ('{"name": "x",\n"examples": [', ":2: malformed JSON (Expecting value, column 14)"),
    "bigbench examples are no list": ('{"examples": {}}', ': a BIG-bench task is an object with a list "examples"'),
    "bigbench without cases": ('{"examples": []}', ": the file holds no cases"),
    "array item": (
        '[\n"input:(,output:),",\n"input:(,output:},"\n]',
        ":3: item 2: target '}' is not the completion ')' of '('",
    ),
    "array item is no string": ('["input:(,output:),",\n5]', ':2: item 2: expected a string "input:...'),
    "array of objects": ('["input:(,output:)", {"input": "("}]', ':1: item 2: expected a string "input:...'),
    "array item without marker": ('["input:(,output:)", "({"]', ":1: item 2: '({' does not begin with \"input:\""),
    "array without markers": ('["({"]', ": valid JSON, but of another shape: a list of strings, the first '({'"),
    "array cut off": ('["input:(,output:),",\n', ":2: malformed JSON (Expecting value, column 1)"),
    "empty": ("", ": the file is empty"),
    "blank": ("\ufeff \n\n", ": the file is empty"),
    "latin-1": (b"((\n\xe9\n", ":2: not UTF-8 (byte 0xe9)"),
    "utf-16": ("((".encode("utf-16"), ":1: not UTF-8 (byte 0xff)"),
}


@pytest.mark.parametrize("require_target", [True, False])
@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_one_line_with_its_place(tmp_path: Path, name: str, require_target: bool) -> None:
    content, message = BAD_FILES[name]
    with pytest.raises(InputError) as caught:
        read(tmp_path, content, require_target=require_target)
    assert str(caught.value).startswith(f"{tmp_path / 'cases.txt'}{message}")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("name", ["bigbench", "array"])
def test_a_format_asked_for_by_name_is_not_guessed(tmp_path: Path, name: str) -> None:
    other_type = {"bigbench": "[]", "array": "{}"}[name]
    with pytest.raises(InputError, match=r"txt: (a BIG-bench task is an object|expected a list of strings)"):
        read(tmp_path, other_type, format=name)
    with pytest.raises(InputError, match=r"txt:1: malformed JSON"):
        read(tmp_path, "((", format=name)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^cannot read .*missing\.jsonl: No such file or directory$"):
        read_cases(tmp_path / "missing.jsonl", LANGUAGE)
    with pytest.raises(InputError, match=r"^cannot read .*: Is a directory$"):
        read_cases(tmp_path, LANGUAGE)


def test_unknown_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown case format 'csv': choose one of auto, jsonl, bigbench, array, text"):
        read_cases(tmp_path / "x", LANGUAGE, format="csv")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="unknown case format 'auto': choose one of jsonl, bigbench, array, text"):
        write_cases(tmp_path / "x", [Case("(", ")")], format="auto")  # type: ignore[arg-type]
    assert FORMATS == list(READERS)[:4] == list(WRITERS)


@pytest.mark.parametrize(
    ("cases", "format"),
    [([], "jsonl"), ([Case("", "")], "text"), ([Case("\ud800", "\udc00")], "jsonl"), ([Case("(", ")")], "csv")],
)
def test_what_cannot_be_written_leaves_the_old_file(tmp_path: Path, cases: list[Case], format: str) -> None:
    path = tmp_path / "cases"
    path.write_text("old")
    with pytest.raises(InputError) as caught:
        write_cases(path, cases, format=format)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["cases"]


# --- atomic writing


def test_writing_replaces_the_content_and_keeps_the_permissions(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_text(path, "【\n")
    assert path.read_bytes() == "【\n".encode()
    path.chmod(0o640)
    write_bytes(str(path), b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["file"]


def test_a_new_file_gets_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    write_text(tmp_path / "ours", "")
    (tmp_path / "ordinary").touch()
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to("target")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "new"


@pytest.mark.parametrize("existing", [True, False])
@pytest.mark.parametrize("call", ["replace", "fsync"])
@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_keeps_the_old_file_and_leaves_no_temporary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, failure: BaseException, existing: bool
) -> None:
    path = tmp_path / "file"
    if existing:
        path.write_text("old")

    def fail(*_: object) -> None:
        assert len(os.listdir(tmp_path)) == 1 + existing  # the temporary lies beside the target
        raise failure

    monkeypatch.setattr(os, call, fail)
    expected = InputError if isinstance(failure, OSError) else KeyboardInterrupt
    with pytest.raises(expected) as caught:
        write_text(path, "new")
    if expected is InputError:
        assert str(caught.value) == f"cannot write {path}: No space left on device"
    assert os.listdir(tmp_path) == (["file"] if existing else [])
    if existing:
        assert path.read_text() == "old"


def test_a_folder_that_cannot_be_flushed_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flush = os.fsync

    def files_only(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", files_only)
    write_text(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "new"


def test_paths_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    (tmp_path / "folder").mkdir()
    for path, reason in {
        "folder": "Is a directory",
        "missing/file": "No such file or directory",
        "file/below": "Not a directory",
    }.items():
        with pytest.raises(InputError) as caught:
            write_text(tmp_path / path, "new")
        assert str(caught.value) == f"cannot write {tmp_path / path}: {reason}"
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]
    assert (tmp_path / "file").read_text() == "old"
