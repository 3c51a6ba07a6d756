"""Workers as real processes: they share the trials, and one that is killed loses none."""

from __future__ import annotations

import math
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState
from toy_problem import HopelessToy, SlowToy, Toy

from bracket_env import InputError
from supervised.study.best_trial import best_from_database
from supervised.study.pool import Pool
from supervised.study.problem import Problem
from supervised.study.storages.location import new_location
from supervised.study.study import TRIES, WORKER, counted, create, load
from supervised.study.trials import Task
from supervised.study.workers import recover, work
from supervised.tune.options import Tune

SMALL = Tune(setting="bracket/CloseTiny-v0", n_trials=6, pruner="none", sampler="random")


def begin(folder: Path, kind: type[Problem[Any]], jobs: int, storage: str | None = None, **changes: Any) -> Task:
    folder.mkdir(exist_ok=True)
    problem = kind(replace(SMALL, jobs=jobs, **changes))
    location = new_location(folder, storage, jobs)
    create(problem, folder.name, location)
    return Task(problem, folder, folder.name, location, 0, 1, math.inf)


def run(task: Task, jobs: int) -> tuple[str, list[str], optuna.Study]:
    study = load(task.name, task.location, task.problem.options)
    said: list[str] = []
    return Pool(task, jobs, study).run(lambda: None, said.append), said, study


def check_whole(task: Task, study: optuna.Study) -> None:
    """As many trials as asked for, each counted once, and the same best one from every side."""
    found = study.get_trials()
    assert sum(trial.state == TrialState.COMPLETE for trial in found) == task.problem.options.n_trials
    assert all(trial.state.is_finished() for trial in found)
    best = best_from_database(task.location, task.name)
    assert best is not None
    assert best.value == study.best_value == min(t.value for t in found if t.value is not None)


def test_two_workers_share_the_trials(tmp_path: Path) -> None:
    task = begin(tmp_path / "s", Toy, 2)
    reason, said, study = run(task, 2)
    assert (reason, said) == ("finished", [])
    check_whole(task, study)


def test_what_ends_a_worker_is_said(tmp_path: Path) -> None:
    task = begin(tmp_path / "s", HopelessToy, 1)
    with pytest.raises(InputError, match=r"worker 0 stopped: 12 trials in a row failed, .*the disk is full"):
        run(task, 1)


def after_trials(study: optuna.Study, count: int, do: Any) -> threading.Thread:
    """In the background: wait until so many trials are finished and another one runs, then do something with those that
    run, again and again until it is done."""

    def watch() -> None:
        while True:
            trials = study.get_trials()
            running = [t for t in trials if t.state == TrialState.RUNNING and t.params]
            if running and sum(trial.state.is_finished() for trial in trials) >= count and do(running):
                return
            time.sleep(0.05)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def kill_in(study: optuna.Study) -> Callable[[list[optuna.trial.FrozenTrial]], bool]:
    """Kills a process in the middle of one of the trials, for :func:`after_trials`."""

    def kill(running: list[optuna.trial.FrozenTrial]) -> bool:
        for trial in running:
            worker = int(trial.user_attrs[WORKER].split("-")[-2])
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGSTOP)
                time.sleep(0.2)  # what it sent before reaches the storage
                runs = False
                with suppress(optuna.exceptions.StorageInternalError):  # stopped while it held SQLite's lock
                    runs = study.get_trials()[trial.number].state == TrialState.RUNNING
                if runs:
                    os.kill(worker, signal.SIGKILL)
                    return True
                os.kill(worker, signal.SIGCONT)
        return False

    return kill


def children() -> list[int]:
    """The worker processes of this one."""
    import multiprocessing

    return [child.pid for child in multiprocessing.active_children() if child.pid is not None]


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_killed_worker_loses_no_trial(jobs: int, tmp_path: Path) -> None:
    task = begin(tmp_path / "s", SlowToy, jobs)
    eye = load(task.name, task.location, task.problem.options)
    thread = after_trials(eye, 2, kill_in(eye))
    reason, said, study = run(task, jobs)
    thread.join()
    assert reason == "finished"
    assert said in [[f"worker {index} ended by SIGKILL: its trial is tried again"] for index in range(jobs)]
    check_whole(task, study)
    failed = [trial for trial in study.get_trials() if trial.state == TrialState.FAIL]
    assert len(failed) == 1
    for trial in failed:
        again = [t for t in study.get_trials() if t.params == trial.params and t.state == TrialState.COMPLETE]
        assert [t.user_attrs[TRIES] for t in again] == [1] or not trial.params


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_and_the_study_goes_on(number: signal.Signals, tmp_path: Path) -> None:
    task = begin(tmp_path / "s", SlowToy, 2)
    eye = load(task.name, task.location, task.problem.options)
    thread = after_trials(eye, 1, lambda running: os.kill(os.getpid(), number) is None)
    reason, said, study = run(task, 2)
    thread.join()
    assert reason == "interrupted"
    assert said == ["stopping; Ctrl-C again stops at once"]
    assert children() == []
    left = study.get_trials()
    assert not [trial for trial in left if trial.state == TrialState.RUNNING]
    queued = [trial for trial in left if trial.state == TrialState.WAITING]
    assert all(trial.user_attrs[TRIES] == 0 for trial in queued)
    reason, said, study = run(task, 2)
    assert reason == "finished"
    check_whole(task, study)
    assert {trial.params["x"] for trial in queued} <= {t.params["x"] for t in study.get_trials() if t.value is not None}


def killed_after(task: Task, seconds: float) -> None:
    """A worker that is killed after some time; forked, since a spawned one would mostly die while it imports."""
    child = os.fork()
    if child == 0:
        try:
            work(task, SimpleNamespace(value=0))
        finally:
            os._exit(0)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def stress(task: Task) -> None:
    """20 kills at random moments lose no finished trial, and the study goes on."""
    study = load(task.name, task.location, task.problem.options)
    moments, longest = random.Random(5), 0.8
    finished: dict[int, Any] = {}
    for _ in range(20):
        killed_after(task, moments.uniform(0.05, longest))
        now = {t.number: (t.state, t.values, t.params) for t in study.get_trials() if t.state.is_finished()}
        assert now.items() >= finished.items()
        recover(study, task.folder, task.location, task.problem.options.grace)
        finished = {t.number: (t.state, t.values, t.params) for t in study.get_trials() if t.state.is_finished()}
        if not any(state == TrialState.COMPLETE for state, *_ in finished.values()):
            longest *= 1.5  # on a busy machine a trial takes longer
    assert sum(state == TrialState.COMPLETE for state, *_ in finished.values()) >= 1
    limit = time.monotonic() + 60
    while (
        study.get_trials(states=(TrialState.RUNNING,)) and time.monotonic() < limit
    ):  # on a server: until their hearts have stopped long enough
        time.sleep(0.5)
        recover(study, task.folder, task.location, task.problem.options.grace)
    # Of the killed ones on a server, whose hearts stop together, any number may be queued by now.
    waiting = study.get_trials(states=(TrialState.WAITING,))
    more = replace(task.problem.options, n_trials=counted(study) + len(waiting) + 4)
    last = replace(task, problem=type(task.problem)(more))
    work(last, SimpleNamespace(value=0))
    check_whole(last, study)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("jobs", [1, 2])
def test_twenty_kills(jobs: int, tmp_path: Path) -> None:
    stress(begin(tmp_path / "s", Toy, jobs, n_trials=1000))
