"""``python -m benchmarks.tuning_overhead``: what a study costs beside the training.

A trial here draws the GRU's parameters, reports ten evaluations and keeps no model; between them it computes for a
given time of one core. With 0 seconds what is left is Optuna's and our own work: drawing, ten reports with the pruner's
look at them, the attributes, tidying, and what the storage writes, for each storage. ``wall`` is what passes, ``core``
the part of it in which the worker itself computes. With a longer trial the same study is run by one worker and by two,
in turn, and the rates between the first finished trial and the last are compared.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any, ClassVar

import optuna

from benchmarks.common import JsonOption, command, publish, table
from supervised.study.pool import Pool
from supervised.study.problem import Watch
from supervised.study.storages.location import new_location
from supervised.study.study import create, load
from supervised.study.trials import Task
from supervised.study.workers import work
from supervised.tune.options import Tune
from supervised.tune.run import EVALUATIONS, SupervisedProblem


@dataclass(frozen=True)
class EmptyTrials(SupervisedProblem):
    """The GRU's search space without the training."""

    core_seconds: float = 0.0
    prog: ClassVar[str] = "python -m benchmarks.tuning_overhead"

    def train(self, drawn: Mapping[str, Any], study: Path, name: str, threads: int, watch: Watch) -> Path:
        every = self.budget()[1]
        for number in range(EVALUATIONS + 1):
            until = time.process_time() + self.core_seconds / (EVALUATIONS + 1)
            while time.process_time() < until:
                pass
            loss = abs(math.log(drawn["learning_rate"] / 4e-3)) + 1 / (1 + number)
            watch(number * every, {"exact": 0.0, "share": 0.0, "loss": loss})
        return study / "trials" / name


@dataclass(frozen=True)
class TuningOverhead(JsonOption):
    """Milliseconds a trial costs beside its training, and how much faster two workers are than one."""

    trials: int = 100
    """Empty trials of a study, one study for each storage."""
    core_seconds: float = 0.5
    """Of a trial of the studies with one worker and with two."""
    worker_trials: int = 24
    """Trials of each of these."""
    rounds: int = 2
    """How often they are run."""


def overhead(jobs: int, trials: int) -> dict[str, Any]:
    """Milliseconds a trial.

    Args:
        jobs: 1 for SQLite, 2 for the journal; one worker in this process runs all trials of either.
    """
    with tempfile.TemporaryDirectory() as folder:
        task, study = _task(folder, jobs, trials, 0.0)
        wall, core = time.perf_counter(), time.process_time()
        work(task, SimpleNamespace(value=0))
        spent = time.perf_counter() - wall, time.process_time() - core
        finished = study.get_trials(deepcopy=False)
        took = [1000 * trial.duration.total_seconds() for trial in finished if trial.duration is not None]
    wall_ms, core_ms = (1000 * seconds / trials for seconds in spent)
    return {"storage": "sqlite" if jobs == 1 else "journal", "wall": wall_ms, "core": core_ms, "median": median(took)}


def rate(jobs: int, trials: int, core_seconds: float) -> float:
    """Trials a second of some workers, once they are there."""
    with tempfile.TemporaryDirectory() as folder:
        task, study = _task(folder, jobs, trials, core_seconds)
        Pool(task, jobs, study).run(lambda: None, lambda text: None)
        ends = sorted(t.datetime_complete for t in study.get_trials(deepcopy=False) if t.datetime_complete is not None)
    first = jobs  # both are at work from here on
    return (len(ends) - 1 - first) / (ends[-1] - ends[first]).total_seconds()


def _task(folder: str, jobs: int, trials: int, core_seconds: float) -> tuple[Task, optuna.Study]:
    pruner = {"pruner": "none"} if core_seconds else {}  # equal trials where rates are compared
    options = replace(Tune(n_trials=trials, jobs=jobs), **pruner)  # type: ignore[arg-type]
    problem = EmptyTrials(options, core_seconds)
    location = new_location(Path(folder), None, jobs)
    create(problem, "study", location)
    return Task(problem, Path(folder), "study", location, 0, 1, math.inf), load("study", location, options)


def main(config: TuningOverhead) -> None:
    """Measure and print."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    rows = [overhead(jobs, config.trials) for jobs in (1, 2)]
    rates = [[rate(jobs, config.worker_trials, config.core_seconds) for jobs in (1, 2)] for _ in range(config.rounds)]
    headings = ("storage", "wall", "core", "median wall inside the trial")
    title = f"ms an empty trial costs, over {config.trials}"
    view = table(title, headings, left=("storage",))
    for row in rows:
        view.add_row(row["storage"], *(f"{row[name]:.0f}" for name in ("wall", "core", "median")))
    lines = [
        f"trials of {config.core_seconds:g} core seconds: one worker {one:.2f} a second, two {two:.2f}, "
        f"{two / one:.2f} times as many"
        for one, two in rates
    ]
    publish(config, {"rows": rows, "rates": rates}, view, *lines)


if __name__ == "__main__":
    command(TuningOverhead, main, "tuning_overhead")
