"""The processes that run a study's trials, and what is done about those that die.

A worker holds a lock on a file of its own as long as it lives, and each of its trials names that file: a running trial
whose file is not locked belongs to nobody, and is failed and queued again. (On a database server, where the worker may
be on another machine, Optuna's heartbeats tell instead.)
"""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Sequence
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.trial import FrozenTrial, TrialState

from bracket_env import InputError
from supervised.learning.interrupt import GracefulInterrupt
from supervised.study.locks import alive, own_lock
from supervised.study.storages.location import Location
from supervised.study.storages.opening import GRACE_SECONDS, one_line, without_heartbeat
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
    except Exception:
        print(task.location.without_secrets(traceback.format_exc()), file=sys.stderr)
        sys.exit(1)


def work(task: Task, stop: Stop) -> None:
    """Run trials until there are enough, time is up or somebody stops the worker.

    Raises:
        InputError: the storage fails, or one trial after the other does.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    options = task.problem.options
    with own_lock(task.folder) as token, one_line(task.location):
        study = load(task.name, task.location, options, task.folder, wait=True)
        worker = token if task.location.on_server else str(task.index)
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

        while not stop.value and counted(study) < options.n_trials:
            try:
                study.optimize(runner, catch=(Exception,), callbacks=[after])
            except KeyboardInterrupt:
                if runner.running is not None:
                    retry(study, study.get_trials()[runner.running], blamed=False)
                    tidy(study, task.folder)
            except (ValueError, RuntimeError, AssertionError):  # whatever Optuna says of a trial that has an end
                if not _taken_for_dead(study, runner):
                    raise
                tidy(study, task.folder)
                continue
            break
        _refuse_hopeless(failures, too_large, options.max_parameters)


def _taken_for_dead(study: optuna.Study, runner: TrialRunner) -> bool:
    """Whether the running trial was ended by another machine, which has queued it again; it is nobody's from now on."""
    if runner.running is None or not study.get_trials()[runner.running].state.is_finished():
        return False
    runner.running = None
    return True


def _refuse_hopeless(failures: Sequence[str], too_large: Sequence[int], most: int | None) -> None:
    if len(failures) >= MOST_FAILURES:
        raise InputError(f"{len(failures)} trials in a row failed, the last one with {failures[-1]}")
    if len(too_large) >= MOST_TOO_LARGE:
        raise InputError(
            f"{len(too_large)} models in a row have more than --max-parameters {most}: "
            f"the smallest one has {min(too_large)}"
        )


def recover(study: optuna.Study, folder: Path, location: Location, grace: int = GRACE_SECONDS) -> None:
    """Fail the running trials whose worker is dead, and queue their parameters again.

    Args:
        grace: on a server, seconds after which a trial without any sign of life is lost.

    Raises:
        InputError: the storage cannot be used.
    """
    with one_line(location):
        if location.on_server:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)  # as in open_storage
                optuna.storages.fail_stale_trials(study)
            _fail(study, _never_begun(study, folder, location, grace))
            return
        # Listed before the locks are looked at: whoever began one of these and lives holds a lock by now.
        running = study.get_trials(states=(TrialState.RUNNING,))
        living = alive(folder)
        # A living worker may be about to put its name on a trial without one.
        begun = [t for t in running if WORKER in t.user_attrs or not living]
        _fail(study, [t for t in begun if t.user_attrs.get(WORKER) not in living])
        if running:
            tidy(study, folder)


def _never_begun(study: optuna.Study, folder: Path, location: Location, grace: int) -> list[FrozenTrial]:
    """Trials of workers that died before the first heartbeat; Optuna waits for the last heartbeat of a trial only."""
    latest = datetime.now() - timedelta(seconds=grace)
    running = study.get_trials(states=(TrialState.RUNNING,))
    old = [trial for trial in running if trial.datetime_start is not None and trial.datetime_start < latest]
    silent = without_heartbeat(location, study.study_name) if old else set()
    living = alive(folder)
    return [trial for trial in old if trial.number in silent and trial.user_attrs.get(WORKER) not in living]


def _fail(study: optuna.Study, trials: Sequence[FrozenTrial]) -> None:
    """Give lost trials up, and queue their parameters again."""
    for trial in trials:
        try:
            study.tell(trial.number, state=TrialState.FAIL)
        except (ValueError, RuntimeError):
            continue  # another process was faster
        retry(study, trial)
