"""Cases to train on, from files and folders of every form: those of BracketCloser-LLM among them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bracket_env import Case, InputError, get_setting, split_of
from bracket_env.wrong_targets import WrongTargets
from supervised.data.dataset_folder import generate_dataset
from supervised.data.reading import case_files, read_dataset, reading_notes
from supervised.options.groups import TrainingCases

SETTING = get_setting("bracket/Close-v0")
LANGUAGE = SETTING.language()
# The files of BracketCloser-LLM: ten names, each with a target's last comma or without, and as tokens, in two layouts.
NAMES = [
    f"{kind}bracket_dataset{number}.json"
    for kind in ("", "test_")
    for number in ("", "_1", "_2", "_epoch_1", "_epoch_10")
]


def _array(comma: str, indent: int | None) -> Callable[[list[Case]], str]:
    return lambda cases: json.dumps(
        [f"input:{p},output:{c}{comma}" for p, c in cases], ensure_ascii=False, indent=indent
    )


def _tokens(cases: list[Case]) -> str:
    rows = [["input:", *prefix, ",", "output:", *target, ","] for prefix, target in cases]
    return json.dumps(rows, ensure_ascii=False, indent=4)


OLD_FORMS: dict[str, tuple[str, Callable[[list[Case]], str]]] = {
    "one line": ("original", _array("", None)),
    "one line, comma": ("original", _array(",", None)),
    "a line an item": ("original", _array(",", 4)),
    "tokens": ("tokenize", _tokens),
}


@pytest.fixture(scope="module")
def old_cases() -> list[Case]:
    """100 cases, 5 of them with the right closers in the wrong order."""
    cases = SETTING.sampler(split="all").cases(7, 100)
    turned = [i for i, case in enumerate(cases) if case.completion != case.completion[::-1]][:5]
    return [Case(c.prefix, c.completion[::-1]) if i in turned else c for i, c in enumerate(cases)]


@pytest.mark.parametrize("form", OLD_FORMS)
@pytest.mark.parametrize("name", NAMES)
def test_each_old_file_is_read_in_every_setting(name: str, form: str, old_cases: list[Case], tmp_path: Path) -> None:
    folder, write = OLD_FORMS[form]
    path = tmp_path / "dataset" / folder / name
    path.parent.mkdir(parents=True)
    path.write_text(write(old_cases), "utf-8")
    corrected = [Case(prefix, LANGUAGE.completion(prefix)) for prefix, _ in old_cases]
    right = [case for case, fixed in zip(old_cases, corrected, strict=True) if case == fixed]
    expected: dict[WrongTargets, list[Case]] = {"drop": right, "correct": corrected, "keep": old_cases}
    assert len(right) == 95
    for where in (path, tmp_path / "dataset"):
        for setting, cases in expected.items():
            assert read_dataset(where, LANGUAGE, wrong_targets=setting) == cases
        with pytest.raises(InputError, match=rf"^{path}:.*; 5 of 100 targets are wrong \(5 wrong order; next "):
            read_dataset(where, LANGUAGE)


def test_a_folder_is_read_in_order_and_says_which_files(tmp_path: Path) -> None:
    made = [case for case in SETTING.sampler(split="train").cases(1, 9) if case.completion][:3]
    (tmp_path / "original").mkdir()
    for number, case in zip((10, 2, 1), made, strict=True):
        path = tmp_path / "original" / f"bracket_dataset_epoch_{number}.json"
        path.write_text(_array(",", 4)([case]), "utf-8")
    (tmp_path / "original" / "test_bracket_dataset_1.json").write_text(_array(",", 4)([Case("{", "}")]), "utf-8")
    assert read_dataset(tmp_path, LANGUAGE) == made[::-1]
    assert read_dataset(tmp_path, LANGUAGE, test=True) == [Case("{", "}")]
    assert reading_notes(TrainingCases(dataset=str(tmp_path)), LANGUAGE) == [
        f"3 cases of 3 files of {tmp_path / 'original'}: bracket_dataset_epoch_1.json, bracket_dataset_epoch_2.json, "
        "bracket_dataset_epoch_10.json"
    ]
    single = str(tmp_path / "original" / "test_bracket_dataset_1.json")
    assert split_of("{") == "train"
    assert reading_notes(TrainingCases(dataset=single), LANGUAGE) == []
    assert reading_notes(TrainingCases(), LANGUAGE) == []


def test_wrong_targets_of_several_files_are_counted_together(tmp_path: Path) -> None:
    for number, case in enumerate([Case("({", ")}"), Case("【{", "}")], 1):
        (tmp_path / f"bracket_dataset_{number}.json").write_text(_array(",", 4)([case, case]), "utf-8")
    with pytest.raises(InputError, match=r"bracket_dataset_1.json:2: item 1: .*; 4 of 4 targets are wrong") as caught:
        read_dataset(tmp_path, LANGUAGE)
    assert f"next line 3, item 2 and {tmp_path / 'bracket_dataset_2.json'}:2: item 1)" in str(caught.value)
    notes = reading_notes(TrainingCases(dataset=str(tmp_path), wrong_targets="keep"), LANGUAGE)
    assert len(notes) == 2 + any(split_of(prefix) != "train" for prefix in ("({", "【{"))
    assert notes[1] == f"{tmp_path}: 4 of 4 targets are wrong (2 wrong order, 2 missing closers) and kept as they are"


@pytest.mark.parametrize("form", ["original", "preprocessed", "tokenize"])
@pytest.mark.parametrize("pairs", [None, ("()", "[]"), ('"\\', "ab"), ("1,", "2:")])
def test_each_form_of_our_own_folders_is_read(tmp_path: Path, form: str, pairs: tuple[str, ...] | None) -> None:
    generate_dataset(tmp_path / "data", SETTING, 30, 5, pairs=pairs)
    language = SETTING.language(pairs)
    expected = read_dataset(tmp_path / "data", language)
    assert len(expected) == 30
    assert read_dataset(tmp_path / "data" / form / "bracket_dataset.json", language) == expected
    assert read_dataset(tmp_path / "data" / form, language) == expected
    assert len(read_dataset(tmp_path / "data" / form, language, test=True)) == 5


def test_token_ids_of_an_old_folder_are_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "preprocessed").mkdir()
    (tmp_path / "preprocessed" / "bracket_dataset.json").write_text("[[5, 6, 9, 0], [1, 9, 2, 0]]")
    with pytest.raises(
        InputError, match=r"lists of token ids without a vocabulary \(the file of the same name in orig"
    ):
        read_dataset(tmp_path, LANGUAGE)


def test_prefixes_that_no_model_may_be_trained_on_are_counted(tmp_path: Path) -> None:
    cases = [*SETTING.sampler(split="train").cases(1, 4), *SETTING.sampler(split="test").cases(1, 2)]
    (tmp_path / "cases.txt").write_text("".join(f"{case.prefix}\n" for case in cases), "utf-8")
    assert reading_notes(TrainingCases(dataset=str(tmp_path / "cases.txt")), LANGUAGE) == [
        "2 of 6 prefixes belong to the validation and test splits and are left out"
    ]


def test_a_file_that_changed_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "cases.txt"
    path.write_text("(\n")
    assert len(read_dataset(path, LANGUAGE)) == 1
    path.write_text("(\n((\n")
    assert len(read_dataset(path, LANGUAGE)) == 2


def test_neither_file_nor_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no case file or data set folder .*nowhere"):
        case_files(tmp_path / "nowhere")
