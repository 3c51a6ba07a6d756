"""The files that follow from a study's best trial: they are made anew whenever the storage knows better.

best_params.json            options for the training command: --params studies/NAME/best_params.json
best_model/                 a run folder like any other
best_model_metadata.json    which trial, its value, its best_loss
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bracket_env import InputError
from bracket_env.atomic import new_folder, write_json, write_text
from supervised.runs.folder import METADATA, RunFolder
from supervised.study.best_trial import BestTrial, best_from_database
from supervised.study.study import OPTIONS
from supervised.study.trials import Task, run_folder

PARAMS, MODEL, DEFAULT_MODEL = "best_params.json", "best_model", "default_model"


def refresh(task: Task, notify: Callable[[str], None]) -> BestTrial | None:
    """Read the best trial from the storage and bring the files up to date.

    Args:
        task: names the study.
        notify: gets a line when the model has to be trained again because its folder is not on this machine.

    Returns:
        The best trial; ``None`` when no trial has finished.

    Raises:
        InputError: the storage or a file cannot be used.
    """
    problem, folder, name = task.problem, task.folder, task.name
    best = best_from_database(task.location, name)
    if best is None:
        return None
    options = best.attributes.get(OPTIONS)
    if not isinstance(options, dict):
        raise InputError(f"trial {best.number} of study {name} was not run by this command: it names no options")
    write_json(folder / PARAMS, problem.command_options(options))
    model = keep_model(task, best.number, options, MODEL, notify)
    figures = dict(model.best_metadata())
    if problem.options.objective == "loss":
        figures["best_loss"] = best.value  # whatever a file says
    write_json(
        folder / METADATA,
        {
            "study": name,
            "trial": best.number,
            "objective": problem.options.objective,
            "value": best.value,
            **{key: figures[key] for key in ("best_loss", "exact", "share", "parameters", "split", "sha256")},
            "params": best.params,
            "model": str(model.path),
        },
    )
    return best


def keep_model(
    task: Task, number: int, options: Mapping[str, Any], name: str, notify: Callable[[str], None]
) -> RunFolder:
    """The model of a trial as the run folder ``folder/name``, taken from ``folder/trials`` or trained once more.

    Args:
        options: of the trial.

    Raises:
        InputError: a file cannot be written, or the training fails.
    """
    folder = task.folder
    source = run_folder(folder, number)
    ours = _whole(folder / name)
    if ours is not None and (folder / name / "trial.txt").read_text(encoding="utf-8") == f"{number}\n":
        return ours
    if _whole(source) is None:
        notify(f"the model of trial {number} is not here: training it again")
        shutil.rmtree(source, ignore_errors=True)
        task.problem.train(options, folder, str(number), task.threads, lambda step, figures: None)
    with new_folder(folder / name, "cannot write", replace=True) as beside:
        shutil.copytree(source, beside, dirs_exist_ok=True)
        write_text(beside / "trial.txt", f"{number}\n")
    return RunFolder.open(folder / name)


def _whole(path: Path) -> RunFolder | None:
    """The run there, if it is whole."""
    try:
        run = RunFolder.open(path)
        run.best_metadata()
    except InputError:
        return None
    return run
