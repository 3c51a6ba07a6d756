"""Keeps a study's worker processes running until there are enough trials, time is up or somebody says stop."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

import optuna
from optuna.trial import TrialState

from bracket_env import InputError
from supervised.learning.interrupt import GracefulInterrupt
from supervised.study.storages.opening import one_line
from supervised.study.study import counted
from supervised.study.trials import Task
from supervised.study.workers import recover, worker_process

MOST_DEATHS = 6  # in a row, without a finished trial between them
_LOOK_EVERY = 0.5  # seconds


@dataclass(frozen=True)
class _Worker:
    process: SpawnProcess
    report: Connection


class Pool:
    """The workers of one machine.

    Args:
        task: of each worker, but for its number.
        jobs: the most workers at once.
        study: as the parent sees it.
    """

    def __init__(self, task: Task, jobs: int, study: optuna.Study) -> None:
        self._task, self._jobs, self._study = task, jobs, study
        self._context = multiprocessing.get_context("spawn")
        self._stop = self._context.RawValue("i", 0)
        self._workers: dict[int, _Worker] = {}
        self._deaths = 0
        self._finished = -1

    def run(self, show: Callable[[], None], notify: Callable[[str], None]) -> str:
        """Work.

        Args:
            show: called twice a second or so.
            notify: gets each line that the user should see.

        Returns:
            Why it ended: ``finished``, ``time limit`` or ``interrupted``.

        Raises:
            InputError: the storage fails, trials fail one after the other, or workers die one after the other.
        """
        try:
            with (
                one_line(self._task.location),
                GracefulInterrupt(lambda: notify("stopping; Ctrl-C again stops at once")) as ctrl_c,
            ):
                self._recover()
                while True:
                    late = time.time() >= self._task.deadline
                    if (late or ctrl_c.requested) and not self._stop.value:
                        self._tell_to_stop()
                    self._reap(notify)
                    show()
                    if not self._stop.value:
                        self._start_missing()
                    if not self._workers and (self._stop.value or self._complete()):
                        return "interrupted" if ctrl_c.requested else "time limit" if self._stop.value else "finished"
                    self._wait()
        finally:
            for worker in self._workers.values():
                worker.process.kill()
                worker.process.join()

    def _wait(self) -> None:
        if self._workers:
            wait([worker.process.sentinel for worker in self._workers.values()], timeout=_LOOK_EVERY)
        else:
            time.sleep(_LOOK_EVERY)

    def _recover(self) -> None:
        recover(self._study, self._task.folder, self._task.location, self._task.problem.options.grace)

    def _tell_to_stop(self) -> None:
        self._stop.value = 1
        for worker in self._workers.values():
            with suppress(ProcessLookupError):
                os.kill(worker.process.pid or 0, signal.SIGINT)

    def _complete(self) -> bool:
        """Whether nothing is left to do, nor being done by others. Looks after the trials of those that died."""
        if self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            self._recover()
            return False
        return counted(self._study) >= self._task.problem.options.n_trials

    def _start_missing(self) -> None:
        if counted(self._study) >= self._task.problem.options.n_trials:
            return
        finished = counted(self._study, (TrialState.COMPLETE, TrialState.PRUNED))
        wanted = min(self._jobs, self._task.problem.options.n_trials - finished)
        for index in range(self._jobs):
            if index not in self._workers and len(self._workers) < wanted:
                self._workers[index] = self._start(index)

    def _start(self, index: int) -> _Worker:
        ours, theirs = self._context.Pipe(duplex=False)
        process = self._context.Process(
            target=worker_process, args=(replace(self._task, index=index), self._stop, os.getpid(), theirs)
        )
        # A Ctrl-C that comes while the worker still imports would end it with a traceback.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            process.start()
        finally:
            signal.signal(signal.SIGINT, before)
        theirs.close()
        return _Worker(process, ours)

    def _reap(self, notify: Callable[[str], None]) -> None:
        for index, worker in list(self._workers.items()):
            if worker.process.is_alive():
                continue
            worker.process.join()
            del self._workers[index]
            with suppress(EOFError, OSError):  # it had nothing to say
                raise InputError(f"worker {index} stopped: {worker.report.recv()}")
            if worker.process.exitcode:
                self._died(index, worker.process.exitcode, notify)

    def _died(self, index: int, exit_code: int, notify: Callable[[str], None]) -> None:
        finished = len(self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED)))
        self._deaths = 1 if finished > self._finished else self._deaths + 1
        self._finished = finished
        self._recover()
        how = f"by {signal.Signals(-exit_code).name}" if exit_code < 0 else f"with exit code {exit_code}"
        notify(f"worker {index} ended {how}: its trial is tried again")
        if self._deaths >= MOST_DEATHS:
            raise InputError(f"{self._deaths} workers in a row ended {how}")
