"""The processes that run a study's trials, and what is done about those that die.

A worker holds a lock on a file of its own as long as it lives, and each of its trials names that file: a running trial
whose file is not locked belongs to nobody, and is failed and queued again. (On a database server, where the worker may
be on another machine, Optuna's heartbeats tell instead.)
"""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.trial import FrozenTrial, TrialState

from bracket_env import InputError
from supervised.learning.interrupt import GracefulInterrupt
from supervised.study.storages import GRACE_SECONDS, on_server, one_line, without_heartbeat
from supervised.study.study import (
    DEFAULT,
    ERROR,
    SURPLUS,
    TOO_LARGE,
    WORKER,
    counted,
    load,
    make_pruner,
    make_sampler,
    retry,
)
from supervised.study.trials import Stop, Task, TrialRunner, tidy

MOST_FAILURES = 12  # in a row: four configurations, three times each
MOST_TOO_LARGE = 200  # in a row
_LOCKS = "workers"


def worker_process(task: Task, stop: Stop, parent: int, report: Connection) -> None:
    """:func:`work` as the target of a process.

    Args:
        parent: the process without which the worker ends.
        report: gets the message of what ended the work, if anything did.
    """
    # Ctrl-C in a terminal reaches every process of a group: the parent alone passes it on.
    os.setpgid(0, 0)

    def follow() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
    try:
        with GracefulInterrupt(lambda: None):
            work(task, stop)
    except InputError as error:
        report.send(str(error))


def work(task: Task, stop: Stop) -> None:
    """Run trials until there are enough, time is up or somebody stops the worker.

    Raises:
        InputError: the storage fails, or one trial after the other does.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    options = task.problem.options
    with _own_lock(task.folder) as token, one_line(task.location):
        study = load(task.name, task.location, options)
        worker = token if on_server(task.location) else str(task.index)
        study.sampler = make_sampler(task.problem, worker, len(study.get_trials(deepcopy=False)))
        study.pruner = make_pruner(task.problem)
        runner = TrialRunner(task, token, stop)
        failures: list[str] = []
        too_large: list[int] = []

        def after(study: optuna.Study, trial: FrozenTrial) -> None:
            runner.running = None
            if TOO_LARGE in trial.user_attrs and not trial.user_attrs.get(DEFAULT):
                too_large.append(trial.user_attrs[TOO_LARGE])
            else:
                too_large.clear()
            if trial.state != TrialState.FAIL:
                failures.clear()
            else:
                if not trial.user_attrs.get(SURPLUS):
                    failures.append(trial.user_attrs.get(ERROR, "no value"))
                retry(study, trial)
            tidy(study, task.folder)
            hopeless = len(failures) >= MOST_FAILURES or len(too_large) >= MOST_TOO_LARGE
            if stop.value or time.time() >= task.deadline or hopeless or counted(study) >= options.n_trials:
                study.stop()

        if stop.value or counted(study) >= options.n_trials:
            return
        try:
            study.optimize(runner, catch=(Exception,), callbacks=[after])
        except KeyboardInterrupt:
            if runner.running is not None:
                retry(study, study.get_trials()[runner.running], blamed=False)
                tidy(study, task.folder)
        if len(failures) >= MOST_FAILURES:
            raise InputError(f"{len(failures)} trials in a row failed, the last one with {failures[-1]}")
        if len(too_large) >= MOST_TOO_LARGE:
            raise InputError(
                f"{len(too_large)} models in a row have more than --max-parameters {options.max_parameters}: "
                f"the smallest one has {min(too_large)}"
            )


def recover(study: optuna.Study, folder: Path, location: str, grace: int = GRACE_SECONDS) -> None:
    """Fail the running trials whose worker is dead, and queue their parameters again.

    Args:
        grace: on a server, seconds after which a trial without any sign of life is lost.

    Raises:
        InputError: the storage cannot be used.
    """
    with one_line(location):
        if on_server(location):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)  # as in open_storage
                optuna.storages.fail_stale_trials(study)
            _fail(study, _never_begun(study, location, grace))
            return
        # Listed before the locks are looked at: whoever began one of these and lives holds a lock by now.
        running = study.get_trials(states=(TrialState.RUNNING,))
        alive = _alive(folder)
        # A living worker may be about to put its name on a trial without one.
        _fail(
            study, [t for t in running if (t.user_attrs[WORKER] not in alive if WORKER in t.user_attrs else not alive)]
        )
        if running:
            tidy(study, folder)


def _never_begun(study: optuna.Study, location: str, grace: int) -> list[FrozenTrial]:
    """Trials of workers that died before the first heartbeat; Optuna waits for the last heartbeat of a trial only."""
    latest = datetime.now() - timedelta(seconds=grace)
    running = study.get_trials(states=(TrialState.RUNNING,))
    old = [trial for trial in running if trial.datetime_start is not None and trial.datetime_start < latest]
    silent = without_heartbeat(location, study.study_name) if old else set()
    return [trial for trial in old if trial.number in silent]


def _fail(study: optuna.Study, trials: Sequence[FrozenTrial]) -> None:
    """Give lost trials up, and queue their parameters again."""
    for trial in trials:
        try:
            study.tell(trial.number, state=TrialState.FAIL)
        except (ValueError, RuntimeError):
            continue  # another process was faster
        retry(study, trial)


@contextmanager
def _own_lock(folder: Path) -> Iterator[str]:
    """The worker's name, locked as long as the context, or the process, lives."""
    token = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    path = folder / _LOCKS / f"{token}.lock"
    path.parent.mkdir(exist_ok=True)
    # Locked before it has the name that others look for: they remove files that nobody holds.
    beside = path.with_suffix(".tmp")
    with open(beside, "wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        os.rename(beside, path)
        try:
            yield token
        finally:
            path.unlink(missing_ok=True)


def _alive(folder: Path) -> set[str]:
    """The names of the workers that live; the files of the others are removed."""
    alive = set()
    for path in (folder / _LOCKS).glob("*.lock"):
        try:
            with open(path, "rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
        except BlockingIOError:
            alive.add(path.stem)
        except FileNotFoundError:
            continue  # it has ended in this moment
    return alive
