"""No option that is typed twice is dropped in silence, in whichever command."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import tyro
from house import commands
from house.reading import read

from agents.train_ppo.options import TrainPPO
from bracket_env import InputError
from bracket_env.command import configuration
from bracket_env.repeated import refuse_repeated
from supervised.options.params_file import read_params
from supervised.predict import Predict
from supervised.train.options import Train


@pytest.mark.parametrize(
    ("command", "argv", "message"),
    [
        (Train, ["--seed", "1", "--seed", "2"], "--seed '1' and --seed '2' are one option, given twice: leave one out"),
        (Train, ["--seed=1", "--name", "a", "--seed", "2"], "--seed=1 and --seed '2' are one option"),
        (Train, ["--batch-size", "1", "--batch_size", "1"], "--batch-size '1' and --batch_size '1' are one"),
        (Train, ["--pairs", "()", "[]", "--pairs", "<>"], r"--pairs '\(\)' '\[\]' and --pairs '<>' are .* after one"),
        (Train, ["--attention", "--attention"], "--attention and --attention are one option"),
        (TrainPPO, ["--encoder", "gru", "--arch", "lstm"], "--encoder 'gru' and --arch 'lstm' are one option"),
        (TrainPPO, ["--mask", "--no-mask"], "--mask and --no-mask are one option"),
        (Predict, ["run", "--seed", "1", "({", "--seed", "2"], "--seed '1' and --seed '2' are one"),
        (Predict, ["run", "--instruction", "a", "--instruction", "b"], "--instruction 'a' and --instruction 'b' are"),
    ],
)
def test_an_option_that_is_given_twice_is_refused_with_both(
    command: type[Any], argv: Sequence[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        configuration(command, argv, "python -m it")


def test_what_may_be_given_several_times_is_kept_whole() -> None:
    config = configuration(Train, ["--instruction", "a", "--instruction", "b"], "python -m it")
    assert config.instruction == ("a", "b")


def test_positional_arguments_are_no_options() -> None:
    refuse_repeated(Predict, ["run", "((", "((", "--samples", "2"])


def _commands() -> list[type[Any]]:
    return [
        getattr(importlib.import_module(one.written_in.name), one.options.name) for one in commands.commands(read())
    ]


def test_every_option_of_every_command_is_refused_twice_or_kept_twice() -> None:
    found = _commands()
    assert len(found) > 15
    for command in found:
        hints = get_type_hints(command, include_extras=True)
        for name in (field.name for field in fields(command)):
            notes, option = getattr(hints[name], "__metadata__", ()), f"--{name.replace('_', '-')}"
            if tyro.conf.UseAppendAction in notes:
                refuse_repeated(command, [option, "a", option, "b"])
            else:
                with pytest.raises(InputError, match="one option, given twice"):
                    refuse_repeated(command, [option, "a", option, "b"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"seed": 1, "seed": 2}', "option seed stands there twice"),
        ('{"encoder": "lstm", "arch": "gru"}', "option encoder stands there under its new name too"),
    ],
)
def test_a_file_of_options_names_each_once(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "params.json").write_text(content, "utf-8")
    with pytest.raises(InputError, match=message):
        read_params(str(tmp_path / "params.json"), TrainPPO, "python -m agents.train_ppo")
