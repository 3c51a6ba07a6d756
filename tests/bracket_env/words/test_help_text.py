"""``--help``: every option of every command, in groups, at every width."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import pytest
import tyro

from agents.train_instruct.options import TrainInstruct
from agents.train_ppo.options import TrainPPO
from bracket_env.command import run
from bracket_env.words.help_text import help_text
from supervised.evaluate import Evaluate
from supervised.predict import Predict
from supervised.train.options import Train
from supervised.tune.options import Tune

COMMANDS = (Train, TrainPPO, TrainInstruct, Evaluate, Predict, Tune)


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: one.__name__)
def test_every_option_is_there_and_no_line_is_too_long(command: type[Any], width: int) -> None:
    text = help_text(command, "python -m x", width)
    assert max(map(len, text.splitlines())) <= width
    words = text.split()
    for field in fields(command):
        flag = field.name.replace("_", "-")
        named = {f"--{flag}", f"--{flag},", f"--no-{flag}", field.name.upper(), f"[{field.name.upper()}"}
        assert named & set(words), field.name


def test_options_stand_in_groups() -> None:
    text = help_text(TrainPPO, "python -m agents.train_ppo", 80)
    titles = [line.strip("─ ") for line in text.splitlines() if line.startswith("── ")]
    assert {"run", "task", "sentences", "network", "PPO", "evaluation", "stopping", "machine"} <= set(titles)
    assert text.index("── PPO") < text.index("--n-envs")
    assert text.index("── network") < text.index("--units")


def test_a_switch_that_turns_something_off_says_so() -> None:
    text = " ".join(help_text(TrainPPO, "x", 110).split())
    assert "--no-normalize-advantage Switch this off: Scale the advantages" in text


def test_sentences_do_not_break_where_the_docstring_does() -> None:
    lines = help_text(Train, "x", 80).splitlines()
    (at,) = (i for i, line in enumerate(lines) if line.lstrip().startswith("--init-from"))
    assert all(len(line) > 60 for line in lines[at : at + 3])


@dataclass(frozen=True)
class Toy:
    """A toy."""

    what: tyro.conf.Positional[str]
    """What it is about."""
    several: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """One of several."""
    known: bool = True
    """Whether it is known."""


def test_help_ends_well_and_says_how_it_is_typed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Toy, lambda config: None, prog="toy", argv=["--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("usage: toy WHAT [OPTIONS]\n\nA toy.\n")
    assert "--several TEXT" in shown
    assert "One of several. (may be given several times)" in shown
    assert "--no-known" in shown
