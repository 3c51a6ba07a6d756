"""From a run folder to an answer: how many files have a hand in the run, its model or the prefix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from frames import files_that_hold, shown

from bracket_env import get_setting
from supervised.models import SequenceModel
from supervised.runs import RunConfig, RunFolder, load

PREFIX = "(["
MOST = 8


def test_few_files_have_a_hand_in_an_answer(tmp_path: Path) -> None:
    """``load(RUN).complete([PREFIX])``.

    A file counts when one of its calls has an argument or a local that is, or contains, the run's name or a path in its
    folder, its configuration, the whole model, or the prefix. The networks inside a model hold arrays and no more.
    """
    torch.manual_seed(0)
    params = {"layers": 1, "units": 8, "embedding_size": 4, "attention": False, "dropout": 0.0}
    config = RunConfig(
        "supervised", "bracket/CloseTiny-v0", get_setting("bracket/CloseTiny-v0").pairs, "gru", params, False, {}
    )
    folder = RunFolder.create("run", config, ["test"], root=tmp_path)
    folder.save_best(config.build(), {"best_loss": 1.0})
    answers: list[str] = []

    def found(name: str, value: Any) -> bool:
        if isinstance(value, str | Path):
            return value == PREFIX or str(value).startswith(str(folder.path))
        return isinstance(value, RunConfig | RunFolder | SequenceModel)

    files = files_that_hold(lambda: answers.extend(load(folder.path).complete([PREFIX])), found)
    print(shown("from a run folder to an answer", files))
    assert len(answers) == 1
    assert len(files) <= MOST, shown("from a run folder to an answer", files)
