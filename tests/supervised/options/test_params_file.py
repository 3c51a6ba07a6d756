"""``--params FILE``: the file's options, under those that are typed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agents.train_ppo.options import TrainPPO
from bracket_env import InputError
from bracket_env.command import configuration, typed_options
from supervised.options.params_file import options_of, read_params
from supervised.train.options import PROG, Train


def file(path: Path, content: Any) -> str:
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return str(path)


def typed(*argv: str) -> Train:
    return configuration(Train, argv, PROG)


def test_the_file_takes_the_place_of_the_defaults(tmp_path: Path) -> None:
    content = {"units": 8, "learning_rate": 2.5e-3, "attention": True, "augment": ["permute", "wrap"]}
    path = file(tmp_path / "p.json", {**content, "dataset_size": "30", "pairs": ["()", "[]"], "layers": None})
    expected = Train(units=8, learning_rate=2.5e-3, attention=True, augment=("permute", "wrap"), dataset_size="30")
    assert typed("--params", path) == replace(expected, pairs=("()", "[]"), params=path)


def test_an_option_that_is_given_several_times(tmp_path: Path) -> None:
    sentences = ["The bracket opened last is closed first.", "Stop when all are closed."]
    assert typed("--params", file(tmp_path / "p.json", {"instruction": sentences})).instruction == tuple(sentences)
    path = file(tmp_path / "q.json", {"instruction": sentences[:1]})
    assert typed("--params", path).instruction == (sentences[0],)
    assert typed("--params", path, "--instruction", sentences[1]).instruction == (sentences[1],)


def test_what_was_typed_is_known(tmp_path: Path) -> None:
    path = file(tmp_path / "p.json", {"units": 8, "augment": ["permute"]})
    config = typed("--params", path, "--batch-size=64", "--learning_rate", "0.004", "--attention")
    assert typed_options(config) == {"params", "batch_size", "learning_rate", "attention"}
    assert typed_options(typed()) == frozenset()
    assert typed_options(Train(units=8)) is None
    assert typed_options(replace(config, units=9)) is None


def test_what_is_typed_wins_even_if_it_is_the_default(tmp_path: Path) -> None:
    path = file(tmp_path / "p.json", {"learning_rate": 0.02, "batch_size": 32, "augment": ["all"]})
    config = typed("--learning-rate", "0.004", "--params", path, "--augment", "none")
    assert (config.learning_rate, config.batch_size, config.augment) == (0.004, 32, ("none",))


def test_flags_that_are_true_by_default(tmp_path: Path) -> None:
    path = file(tmp_path / "p.json", {"normalize_advantage": False, "mask": True})
    config = configuration(TrainPPO, ["--params", path], "ppo")
    assert (config.normalize_advantage, config.mask) == (False, True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"unit": 8}, "'unit' is no option of python -m supervised.train"),
        ({"units": "many"}, "many"),
        ({"units": True}, "option units cannot be True"),
        ({"attention": 1}, "option attention cannot be 1"),
        ({"units": {"a": 1}}, "option units cannot be"),
        ({"arch": "rnn"}, "rnn"),
        ({"resume": "gru-1"}, "option resume cannot come from a file"),
        ([1], "is not a JSON object of options"),
        ("{", "is not JSON"),
    ],
)
def test_what_cannot_be_used_names_file_and_option(content: Any, message: str, tmp_path: Path) -> None:
    path = file(tmp_path / "p.json", content)
    with pytest.raises(InputError, match=r"p\.json") as error:
        read_params(path, Train, PROG)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file() -> None:
    with pytest.raises(InputError, match=r"cannot read --params nowhere\.json"):
        typed("--params", "nowhere.json")


def test_options_that_do_not_fit_each_other_are_blamed_on_the_file() -> None:
    with pytest.raises(InputError, match=r"with the options of p.json: heads"), options_of("p.json"):
        raise InputError("heads must divide the width")
    with pytest.raises(InputError, match=r"^heads"), options_of(None):
        raise InputError("heads must divide the width")
