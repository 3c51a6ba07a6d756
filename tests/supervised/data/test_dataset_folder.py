"""Dataset folders: three forms of the same cases, whole or not at all, and checked when they are read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bracket_env import BracketLanguage, BracketTokenizer, Case, InputError, get_setting, split_of
from supervised.data import dataset_folder
from supervised.data.dataset_folder import TEST_FILE, TRAIN_FILE, generate_dataset
from supervised.data.reading import read_dataset

SETTING = get_setting("bracket/CloseTiny-v0")
LANGUAGE = SETTING.language()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    generate_dataset(tmp_path / "data", SETTING, 40, 15)
    return tmp_path / "data"


def load(path: Path) -> dict[str, list]:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("pairs", [None, ("()", "【】"), ('"\\', "ab"), ("1,", "2:")])
def test_the_three_forms_agree(tmp_path: Path, pairs: tuple[str, ...] | None) -> None:
    generate_dataset(tmp_path / "data", SETTING, 40, 15, pairs=pairs)
    language = SETTING.language(pairs)
    tokenizer = BracketTokenizer(language)
    for name, test, n in ((TRAIN_FILE, False, 40), (TEST_FILE, True, 15)):
        cases = read_dataset(tmp_path / "data", language, test=test)
        assert len(cases) == n
        spaced = load(tmp_path / "data" / "preprocessed" / name)
        assert spaced["pairs"] == list(language.pairs)
        assert [Case(*("".join(row[k].split()) for k in ("input", "target"))) for row in spaced["cases"]] == cases
        tokens = load(tmp_path / "data" / "tokenize" / name)
        assert tokens["cases"] == [tokenizer.encode_case(*case) for case in cases]
        assert tokens["vocabulary"] == {tokenizer.spell([i]): i for i in range(tokenizer.vocab_size)}


def test_no_prefix_is_in_both_files(folder: Path) -> None:
    assert {split_of(case.prefix) for case in read_dataset(folder, LANGUAGE)} == {"train"}
    assert {split_of(case.prefix) for case in read_dataset(folder, LANGUAGE, test=True)} == {"test"}


def test_cases_are_written_as_they_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """In chunks the files are the same, byte for byte, and every chunk is told."""
    monkeypatch.setattr(dataset_folder, "_CASES_AT_ONCE", 16)
    told: list[int] = []
    generate_dataset(tmp_path / "chunks", SETTING, 40, 15, progress=told.append)
    assert told == [16, 16, 8, 15]
    for path in folder.rglob("*.json"):
        assert path.read_bytes() == (tmp_path / "chunks" / path.relative_to(folder)).read_bytes()


def test_more_cases_begin_with_the_fewer_ones_and_seeds_differ(tmp_path: Path, folder: Path) -> None:
    generate_dataset(tmp_path / "more", SETTING, 60, 15)
    generate_dataset(tmp_path / "other", SETTING, 40, 15, seed=1)
    assert read_dataset(tmp_path / "more", LANGUAGE)[:40] == read_dataset(folder, LANGUAGE)
    assert read_dataset(tmp_path / "other", LANGUAGE) != read_dataset(folder, LANGUAGE)


def test_a_folder_that_exists_is_left_alone(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*.json")}
    with pytest.raises(InputError, match=r"data exists: choose another folder"):
        generate_dataset(folder, SETTING, 5, 5, seed=3)
    assert before == {path: path.read_bytes() for path in folder.rglob("*.json")}
    assert len(before) == 6


@pytest.mark.parametrize("failing", range(6))
def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int) -> None:
    calls = iter(range(6))

    def fsync(descriptor: int) -> None:
        if next(calls) == failing:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(dataset_folder.os, "fsync", fsync)
    with pytest.raises(InputError, match="No space left on device"):
        generate_dataset(tmp_path / "data", SETTING, 5, 5)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("n", "n_test", "seed", "message"),
    [(0, 5, 0, "not 0 and 5"), (5, -1, 0, "not 5 and -1"), (10**9, 5, 0, "not 1000000000"), (5, 5, -1, "--seed")],
)
def test_counts_out_of_range_are_refused(tmp_path: Path, n: int, n_test: int, seed: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        generate_dataset(tmp_path / "data", SETTING, n, n_test, seed=seed)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write data set"):
        generate_dataset(tmp_path / "file" / "data", SETTING, 5, 5)


def rewrite(folder: Path, text: str) -> None:
    (folder / "original" / TRAIN_FILE).write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('["input:(,output:),", "input:(,output:],"]', r"item 2: target ']' is not the completion"),
        ('["input:(,output:),", 7]', r"item 2: expected a string"),
        ('["input:(,output:),", "inputs:("]', r"item 2: .* does not begin with"),
        ('["(", "("]', "valid JSON, but of another shape"),
        ('["input:(,output:),", "input:{,output:},"]', r"item 2: symbol '{' at position 1 is not in the language"),
        ('["input:(,output:),"', r":1: malformed JSON"),
        ("[]", "an empty JSON list, so the file holds no cases"),
        ("", "the file is empty"),
        ('{"a": 1}', "an object with the keys 'a'"),
    ],
)
def test_damage_is_named_with_file_and_item(folder: Path, text: str, message: str) -> None:
    rewrite(folder, text)
    with pytest.raises(InputError, match=message) as caught:
        read_dataset(folder, LANGUAGE)
    assert str(folder / "original" / TRAIN_FILE) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_data_set_of_another_language_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match=r"item \d+: symbol .* is not in the language {}"):
        read_dataset(folder, BracketLanguage(["{}"]))


def test_a_folder_without_a_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a data set folder: neither in it"):
        read_dataset(tmp_path, LANGUAGE)
