"""``python -m benchmarks.tuning_gain``: what tuning brings, and what pruning saves.

One study a row, on CloseDeep: 40 trials of the GRU with at most 20 000 parameters, with the median pruner and without,
and with --full 15 short trials of PPO. The first trial of a study is the shipped default, which is larger; it and the
best trial have the same number of optimiser (or environment) steps and are scored on the same test cases. ``steps`` are
those of all trials together.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.grid import GridOptions, run_grid
from bracket_env.atomic import write_text
from bracket_env.command import run

Pruner = Literal["median", "none"]


@dataclass(frozen=True)
class StudyJob:
    """One study."""

    family: Literal["gru", "ppo"]
    pruner: Pruner
    n_trials: int
    steps: int
    seed: int
    setting: str = "bracket/CloseDeep-v0"
    max_parameters: int = 20_000
    dataset_size: int = 3000


@dataclass(frozen=True)
class TuningGain(GridOptions):
    """Tuned against default on CloseDeep at an equal step budget, and the steps that pruning saves."""

    seeds: tuple[int, ...] = (0,)
    """Of the samplers, data sets and trainings."""


def jobs(config: TuningGain) -> list[StudyJob]:
    """With and without pruning; PPO with --full."""
    found = []
    for seed in config.seeds:
        found += [StudyJob("gru", pruner, 40, 600, seed) for pruner in ("median", "none")]
        if config.full:
            found.append(StudyJob("ppo", "median", 15, 150_000, seed))
    return found


def work(job: StudyJob) -> dict[str, Any]:
    """Run the study; the scores of its best and its default model on the test split, and what all trials cost."""
    import optuna

    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "study.json"
        shared: dict[str, Any] = {
            "name": "study",
            "studies_dir": folder,
            "setting": job.setting,
            "n_trials": job.n_trials,
            "pruner": job.pruner,
            "seed": job.seed,
            "threads": 1,
            "max_parameters": job.max_parameters,
            "json": str(told),
        }
        with open("/dev/null", "w", encoding="utf-8") as silence:
            budget = _tune(job, shared, Console(file=silence))
        study = optuna.load_study(study_name="study", storage=f"sqlite:///{folder}/study/optuna.db")
        result = json.loads(told.read_text(encoding="utf-8"))
        steps = 0
        for trial in study.trials:
            complete = trial.state == optuna.trial.TrialState.COMPLETE
            steps += budget if complete else max(trial.intermediate_values, default=0)
        solvers = {solver["name"]: solver["exact"] for solver in result["test"]["solvers"]}
    return {
        "value": result["value"],
        "best": solvers["best"],
        "default": solvers["default"],
        "params": result["params"],
        "steps": steps,
        "complete": sum(trial.state == optuna.trial.TrialState.COMPLETE for trial in study.trials),
    }


def _tune(job: StudyJob, shared: dict[str, Any], console: Console) -> int:
    """Returns the steps of a whole trial."""
    from supervised.study_run import run_study

    if job.family == "ppo":
        from agents.tune import TunePPO
        from agents.tuning import PPOProblem

        run_study(PPOProblem, TunePPO(total_timesteps=job.steps, **shared), console)
    else:
        from supervised.tune import Tune
        from supervised.tuning import SupervisedProblem

        run_study(SupervisedProblem, Tune(dataset_size=job.dataset_size, steps=job.steps, **shared), console)
    return job.steps


def rows(results: Sequence[tuple[StudyJob, dict[str, Any]]]) -> list[dict[str, Any]]:
    """One row a study."""
    return [{"family": job.family, "pruner": job.pruner, "seed": job.seed, **result} for job, result in results]


def main(config: TuningGain) -> None:
    """Run what is missing and print the table."""
    table = rows(run_grid("tuning_gain", jobs(config), work, config))
    view = Table(
        title="tuning on CloseDeep: exact % of 1000 test cases (95 %)",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for heading in ("family", "pruner", "seed", "default", "best", "validation", "trials to the end", "steps"):
        view.add_column(heading, justify="left" if heading in ("family", "pruner") else "right", no_wrap=True)
    for row in table:
        shares = (
            f"{100 * row[name]['value']:.1f} ({100 * row[name]['low']:.1f}-{100 * row[name]['high']:.1f})"
            for name in ("default", "best")
        )
        view.add_row(
            row["family"],
            row["pruner"],
            str(row["seed"]),
            *shares,
            f"{row['value']:.4f}",
            str(row["complete"]),
            f"{row['steps']:,}",
        )
    Console().print(view)
    if config.json is not None:
        write_text(config.json, json.dumps({"rows": table}, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(run(TuningGain, main, prog="python -m benchmarks.tuning_gain"))
