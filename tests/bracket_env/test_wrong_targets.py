"""Targets that are not the completion: named by kind, counted, and refused, dropped, corrected or kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bracket_env import BracketLanguage, Case, InputError, read_cases
from bracket_env.cases import judge_cases
from bracket_env.wrong_targets import WrongTargets, fault_of

LANGUAGE = BracketLanguage()
RIGHT = [Case("({", "})"), Case("【】", ""), Case("((", "))")]
WRONG = [Case("(【{", ")】}"), Case("【{", "}"), Case("(", "))")]


def written(path: Path, cases: list[Case]) -> Path:
    path.write_text(json.dumps([f"input:{p},output:{c}," for p, c in cases], ensure_ascii=False, indent=4), "utf-8")
    return path


@pytest.mark.parametrize(
    ("target", "fault"),
    [
        ("}】)", None),
        (")】}", "wrong order"),
        ("}】", "missing closers"),
        ("", "missing closers"),
        ("}】))", "extra closers"),
        ("}】】", "other closers"),
        ("}】(", "openers"),
        ("}】x", "other symbols"),
    ],
)
def test_every_kind_of_fault_has_a_name(target: str, fault: str | None) -> None:
    assert fault_of(target, LANGUAGE.completion("(【{"), LANGUAGE) == fault


def test_a_refused_file_says_how_many_of_which_kind_where_and_what_can_be_done(tmp_path: Path) -> None:
    path = written(tmp_path / "old.json", [*RIGHT, *WRONG, Case("{", ")"), *RIGHT])
    with pytest.raises(InputError) as caught:
        read_cases(path, LANGUAGE)
    assert str(caught.value) == (
        f"{path}:5: item 4: target ')】}}' is not the completion '}}】)' of '(【{{': they differ at position 1; "
        "4 of 10 targets are wrong (1 wrong order, 1 missing closers, 1 extra closers, 1 other closers; "
        "next line 6, item 5 and line 7, item 6): "
        "--wrong-targets drop leaves 6, correct puts the right ones in, keep takes them as they are"
    )


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("drop", RIGHT),
        ("correct", [*RIGHT, *(Case(prefix, LANGUAGE.completion(prefix)) for prefix, _ in WRONG)]),
        ("keep", [*RIGHT, *WRONG]),
    ],
)
def test_what_becomes_of_them(tmp_path: Path, setting: WrongTargets, expected: list[Case]) -> None:
    path = written(tmp_path / "old.json", [*RIGHT, *WRONG])
    assert read_cases(path, LANGUAGE, wrong_targets=setting) == expected
    note = judge_cases(path, LANGUAGE).note(setting)
    assert note is not None
    assert note.startswith(f"{path}: 3 of 6 targets are wrong (1 wrong order, 1 missing closers, 1 extra closers) and ")


def test_right_files_are_the_same_whatever_is_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path / "right.json", RIGHT)
    for setting in ("refuse", "drop", "correct", "keep"):
        assert read_cases(path, LANGUAGE, wrong_targets=setting) == RIGHT  # type: ignore[arg-type]
    assert judge_cases(path, LANGUAGE).note("refuse") is None
    assert set(judge_cases(path, LANGUAGE).outcomes().values()) == {"3 cases"}


def test_nothing_is_kept_that_cannot_be_learned(tmp_path: Path) -> None:
    (tmp_path / "none.jsonl").write_text('{"input": "(", "target": ")"}\n{"input": "("}\n')
    (tmp_path / "odd.jsonl").write_text('{"input": "(", "target": "x"}\n')
    with pytest.raises(InputError, match=r"none.jsonl:2: no target for '\(': it cannot be kept; --wrong-targets drop"):
        read_cases(tmp_path / "none.jsonl", LANGUAGE, wrong_targets="keep")
    with pytest.raises(InputError, match=r"odd.jsonl:1: target 'x' .*: it cannot be kept"):
        read_cases(tmp_path / "odd.jsonl", LANGUAGE, wrong_targets="keep")
    assert read_cases(tmp_path / "none.jsonl", LANGUAGE, wrong_targets="drop") == [Case("(", ")")]
    assert read_cases(tmp_path / "none.jsonl", LANGUAGE, wrong_targets="correct") == [Case("(", ")")] * 2
    with pytest.raises(InputError, match=r"odd.jsonl: every target is wrong, so --wrong-targets drop leaves no case"):
        read_cases(tmp_path / "odd.jsonl", LANGUAGE, wrong_targets="drop")


def test_what_each_setting_would_do_is_what_it_does(tmp_path: Path) -> None:
    outcomes = judge_cases(written(tmp_path / "old.json", [*RIGHT, *RIGHT, *WRONG]), LANGUAGE).outcomes()
    assert outcomes == {
        "refuse": "the file is refused",
        "drop": "6 cases",
        "correct": "9 cases, 3 of them corrected",
        "keep": "9 cases, 3 of them wrong: always right scores 66.7 %",
    }


def test_a_prefix_that_cannot_be_completed_is_refused_whatever_is_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path / "old.json", [*WRONG, Case(")", "")])
    for setting in ("refuse", "drop", "correct", "keep"):
        with pytest.raises(InputError, match=r"old.json:5: item 4: '\)' at position 1 closes nothing"):
            read_cases(path, LANGUAGE, wrong_targets=setting)  # type: ignore[arg-type]
    unusable: list[str] = []
    assert len(judge_cases(path, LANGUAGE, unusable=unusable).wrong) == 3
    assert unusable == [f"{path}:5: item 4: ')' at position 1 closes nothing, so it cannot be completed"]
