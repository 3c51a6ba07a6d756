"""One trial: drawn, trained, watched, and its folder kept only when it is worth it."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from supervised.runs.latency import milliseconds_an_answer
from supervised.study.best_trial import best_trials
from supervised.study.problem import Problem
from supervised.study.storages.location import Location
from supervised.study.study import COUNTED, DEFAULT, ERROR, OPTIONS, STOPPED, SURPLUS, TOO_LARGE, WORKER, is_counted


class Stop(Protocol):
    """Not 0 when workers shall stop. A bare number that processes share: whoever waits for a lock on it could wait for
    a process that was killed."""

    value: int


@dataclass(frozen=True)
class Task:
    """What a worker process needs to know."""

    problem: Problem[Any]
    folder: Path
    name: str
    """Of the study in the storage."""
    location: Location
    index: int
    """The worker's number on this machine."""
    threads: int
    deadline: float
    """Seconds of ``time.time()`` at which to stop; infinity for never."""


class SurplusError(Exception):
    """Other workers have taken the last trial in the same moment."""


class Watcher:
    """Sees the evaluations of one trial: reports them, prunes, and stops when it is time.

    Attributes:
        best: the figures of the evaluation that ranks first.
    """

    def __init__(self, trial: Trial, task: Task, stop: Stop) -> None:
        self._trial, self._task, self._stop = trial, task, stop
        self._steps, self._every = task.problem.budget()
        # The default configuration is what the best one is compared with, so it is trained to the end.
        self._prunable = len(task.problem.directions) == 1 and not trial.user_attrs.get(DEFAULT)
        self.best: dict[str, float] = {}

    def __call__(self, step: int, figures: Mapping[str, float]) -> None:
        problem = self._task.problem
        if not math.isfinite(figures["loss"]):
            return
        if not self.best or problem.rank(figures) > problem.rank(self.best):
            self.best = dict(figures)
        if step == 0 or step >= self._steps:
            return
        if len(problem.directions) == 1:
            # An agent evaluates between two updates, so at other steps in each trial; only equal ones are compared.
            self._trial.report(figures[problem.options.objective], step // self._every * self._every)
        if self._prunable and self._trial.should_prune():
            raise optuna.TrialPruned
        if self._stop.value or time.time() >= self._task.deadline:
            raise KeyboardInterrupt


class TrialRunner:
    """Optuna's objective function: trains one configuration.

    Attributes:
        running: the number of the trial that is being run, ``None`` between two.
    """

    def __init__(self, task: Task, token: str, stop: Stop) -> None:
        self._task, self._token, self._stop = task, token, stop
        self.running: int | None = None

    def __call__(self, trial: Trial) -> float | tuple[float, ...]:
        self.running = trial.number
        task, problem = self._task, self._task.problem
        trial.set_user_attr(WORKER, self._token)
        if self._surplus(trial):
            trial.set_user_attr(SURPLUS, True)
            raise SurplusError
        drawn = problem.sample(trial)
        trial.set_user_attr(OPTIONS, drawn)
        too_large = self._too_large(drawn)
        if too_large is not None:
            trial.set_user_attr(TOO_LARGE, too_large)
            # The default configuration is trained all the same, to be compared with; pruned, it is never the best one.
            if not trial.user_attrs.get(DEFAULT):
                raise optuna.TrialPruned
        watcher = Watcher(trial, task, self._stop)
        shutil.rmtree(run_folder(task.folder, trial.number), ignore_errors=True)
        try:
            run = problem.train(drawn, task.folder, str(trial.number), task.threads, watcher)
        except optuna.TrialPruned:
            raise
        except KeyboardInterrupt:
            trial.set_user_attr(STOPPED, True)
            raise
        except problem.diverged as error:
            trial.set_user_attr(ERROR, str(error))
            raise optuna.TrialPruned from None
        except Exception as error:
            trial.set_user_attr(ERROR, f"{type(error).__name__}: {error}".splitlines()[0])
            raise
        if not watcher.best or too_large is not None:  # without a best one its loss was never finite
            raise optuna.TrialPruned
        values = [watcher.best[problem.options.objective]]
        if problem.options.second == "parameters":
            values.append(float(problem.parameters(drawn)))
        elif problem.options.second == "latency":
            values.append(milliseconds_an_answer(run))
        return values[0] if len(values) == 1 else tuple(values)

    def _surplus(self, trial: Trial) -> bool:
        """Whether enough trials were begun before this one: two workers may have asked for the last one at once."""
        trials = trial.study.get_trials(deepcopy=False, states=COUNTED)
        before = sum(other.number < trial.number and is_counted(other) for other in trials)
        return before >= self._task.problem.options.n_trials

    def _too_large(self, drawn: Mapping[str, Any]) -> int | None:
        """The parameters of a model that has more than allowed."""
        most = self._task.problem.options.max_parameters
        if most is None:
            return None
        parameters = self._task.problem.parameters(drawn)
        return parameters if parameters > most else None


def run_folder(folder: Path, number: int) -> Path:
    """Where the run of a trial is."""
    return folder / "trials" / str(number)


def default_trial(trials: Sequence[FrozenTrial]) -> FrozenTrial | None:
    """The trial of the default configuration that was trained to the end, if there is one."""
    for trial in trials:
        whole = trial.state == TrialState.COMPLETE or (
            trial.state == TrialState.PRUNED and TOO_LARGE in trial.user_attrs
        )
        if whole and trial.user_attrs.get(DEFAULT):
            return trial
    return None


def tidy(study: optuna.Study, folder: Path) -> None:
    """Remove the run folders of finished trials but the best one's and the default one's."""
    trials = study.get_trials(deepcopy=False)
    finished = {trial.number for trial in trials if trial.state.is_finished()}
    kept = {trial.number for trial in best_trials(trials, study.directions)[:1]}
    default = default_trial(trials)
    if default is not None:
        kept.add(default.number)
    for path in (folder / "trials").glob("*"):
        if path.name.isdigit() and int(path.name) in finished and int(path.name) not in kept:
            shutil.rmtree(path, ignore_errors=True)
