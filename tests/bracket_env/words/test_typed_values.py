"""What people type: read as it is meant, or the nearest is named."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass
from typing import Annotated, Literal

import pytest
import tyro

from bracket_env import SETTINGS, InputError, get_setting
from bracket_env.command import configuration
from bracket_env.tasks.setting_name import SettingName
from bracket_env.words.numbers import read_whole
from bracket_env.words.suggestions import nearest, option_meant


@dataclass(frozen=True)
class Toy:
    """A command."""

    steps: int = 10
    """Steps."""
    learning_rate: float = 0.1
    """Rate."""
    batch_size: int | None = None
    """Batch."""
    target: float | None = None
    """A share."""
    arch: Annotated[Literal["gru", "lstm"], tyro.conf.arg(aliases=["--network"])] = "gru"
    """Network."""
    augment: tuple[Literal["none", "permute", "wrap"], ...] = ("none",)
    """More cases."""
    setting: SettingName | None = None
    """Task."""
    eval_every: int = 5
    """Interval."""
    name: str | None = None
    """Name."""


def typed(*argv: str) -> Toy:
    return configuration(Toy, argv, "toy")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1000", 1000),
        ("1_000_000", 10**6),
        ("1,000,000", 10**6),
        ("1e6", 10**6),
        ("1E+6", 10**6),
        ("2.5e3", 2500),
        ("10k", 10000),
        ("1.5M", 1500000),
        (" 7 ", 7),
        ("-3", -3),
        ("+3", 3),
        ("0", 0),
        ("0010", 10),
    ],
)
def test_whole_numbers(text: str, number: int) -> None:
    assert read_whole(text) == number
    assert typed("--steps", text.strip()).steps == number
    assert typed(f"--batch-size={text.strip()}").batch_size == number


@pytest.mark.parametrize(
    "text",
    ["", "1.5", "1,5", "0,004", "1,00", "1,0000", "1e", "e6", "1m", "1e-3", "1e999999999", "9" * 99, "x", "²", "1__0"],
)
def test_what_is_no_whole_number(text: str) -> None:
    assert read_whole(text) is None
    if text and "-" not in text[:1]:
        with pytest.raises(InputError, match=f"--steps: .*{text[:20]}.* is no whole number"):
            typed("--steps", text)


@pytest.mark.parametrize(
    ("text", "number"), [("1e-3", 1e-3), ("95%", 0.95), ("1_0.5", 10.5), ("10k", 10000.0), ("3", 3.0)]
)
def test_numbers(text: str, number: float) -> None:
    assert typed("--learning-rate", text).learning_rate == typed("--target", text).target == number


@pytest.mark.parametrize("text", ["0,004", "1,000", "a", "%"])
def test_a_decimal_comma_is_not_guessed_at(text: str) -> None:
    with pytest.raises(InputError, match=f"'{text}' is no number"):
        typed("--learning-rate", text)


def test_a_name_that_can_only_be_one_is_read_as_that() -> None:
    assert typed("--arch", "GRU").arch == "gru"
    assert typed("--network=LSTM").arch == "lstm"
    assert typed("--augment", "Permute", "WRAP").augment == ("permute", "wrap")
    assert typed("--name", "GRU").name == "GRU"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Close", "bracket/Close-v0"),
        ("close", "bracket/Close-v0"),
        ("Close-v0", "bracket/Close-v0"),
        ("bracket/close", "bracket/Close-v0"),
        ("close_deep", "bracket/CloseDeep-v0"),
        ("CloseDyck8x10", "bracket/CloseDyck8x10-v0"),
        *((known, known) for known in SETTINGS),
    ],
)
def test_a_setting_by_a_part_of_its_id(name: str, meant: str) -> None:
    assert get_setting(name).id == meant
    assert typed("--setting", name).setting == meant
    assert typed("--setting", "instruct").setting == "bracket/Instruct-v0"


def test_a_setting_that_is_none() -> None:
    for name, near in (
        ("Clsoe", ""),
        ("bracket/Clsoe-v0", "bracket/Close-v0"),
        ("bracket/Close-v1", "bracket/Close-v0"),
    ):
        with pytest.raises(InputError, match=f"unknown setting '{name}': use one of .*{near}") as error:
            get_setting(name)
        assert str(error.value).endswith(f"; did you mean {near}?") == bool(near)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--epochs", "3"], "unknown option --epochs; did you mean --steps? (see toy --help)"),
        (["--lr", "3"], "unknown option --lr; did you mean --learning-rate?"),
        (["--lr=3"], "unknown option --lr; did you mean --learning-rate?"),
        (["--stpes", "3"], "unknown option --stpes; did you mean --steps?"),
        (["--batch", "3"], "unknown option --batch; did you mean --batch-size?"),
        (["-steps", "3"], "unknown option -steps; did you mean --steps?"),
        (["--Steps", "3"], "unknown option --Steps; did you mean --steps?"),
        (["--eval-freq", "3"], "unknown option --eval-freq; did you mean --eval-every?"),
        (["--model", "gru"], "unknown option --model; did you mean --arch?"),
        (["--colour", "red"], "unknown option --colour (see"),
        (["--arch", "gur"], "Expected one of ('gru', 'lstm'); did you mean gru?"),
        (["--augment", "permut"], "'none', 'permute', 'wrap'); did you mean permute?"),
        (["--arch", "rnn"], "Expected one of ('gru', 'lstm') (see"),
    ],
)
def test_the_nearest_is_named(argv: list[str], message: str) -> None:
    with pytest.raises(InputError) as error:
        typed(*argv)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp932"])
def test_a_refusal_is_one_line_in_every_encoding(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding))
    for argv, message in (
        (
            ["--arch", "gur"],
            "invalid choice 'gur' for argument '--network/--arch'. Expected one of ('gru', 'lstm'); did",
        ),
        (["--steps"], "Missing value for argument '--steps'. Expected 1 values. (see toy --help)"),
        (["--steps", "x"], "Error parsing --steps: 'x' is no whole number"),
        (["word"], "Unrecognized options: word (see toy --help)"),
    ):
        with pytest.raises(InputError) as error:
            typed(*argv)
        assert str(error.value).startswith(message)


def test_names_that_look_alike() -> None:
    assert nearest("gru-l", ["gru-1", "gru-2", "lstm-1"]) == "gru-1"
    assert nearest("GRU-1", ["gru-1", "gru-2"]) == "gru-1"
    assert nearest("clsoe", ["close", "other"]) == "close"
    assert nearest("soup", ["gru-1"]) is None
    assert nearest("close", ["Close", "CLOSE"]) is None
    assert option_meant("lr", ["steps"]) is None
