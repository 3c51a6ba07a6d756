"""A study on a database server that may be restarted, and on machines that may sleep.

A call that fails because the connection broke is made again, with a fresh session, until the server has been away for
:data:`PATIENCE_SECONDS`. A call whose answer alone was lost is then made twice. That is harmless: values are set to
what they are, and a trial that was begun twice is queued again like any other whose worker never showed up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import sqlalchemy.exc
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage, RDBStorage
from optuna.trial import FrozenTrial

from supervised.options.durations import format_duration

PATIENCE_SECONDS = 120.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0
_GONE = (sqlalchemy.exc.OperationalError, sqlalchemy.exc.InterfaceError, sqlalchemy.exc.PendingRollbackError)

Result = TypeVar("Result")


def patiently(
    call: Callable[[], Result],
    again: Callable[[], None] = lambda: None,
    say: Callable[[str], None] = lambda text: None,
    patience: float | None = None,
) -> Result:
    """The result of a call to a server, which is made again while the server is away.

    Args:
        again: called before each further attempt.
        say: gets a line before the first further attempt.
        patience: seconds, by default :data:`PATIENCE_SECONDS`.
    """
    patience = PATIENCE_SECONDS if patience is None else patience
    began, pause, said = time.monotonic(), _FIRST_PAUSE, False
    while True:
        try:
            return call()
        except Exception as error:
            left = patience - (time.monotonic() - began)
            if not _is_gone(error) or left <= 0:
                raise
            if not said:
                say(f"trying again for {format_duration(patience)}")
            said = True
            time.sleep(min(pause, left))
            pause = min(2 * pause, _LONGEST_PAUSE)
            again()


def _is_gone(error: BaseException | None) -> bool:
    """Whether the connection was the reason."""
    while error is not None and not isinstance(error, _GONE):
        error = error.__cause__
    return error is not None


class ServerStorage(RDBStorage):
    """Optuna's storage with patience, which believes a machine about its own workers.

    Args:
        options: of ``RDBStorage``.
        living: whether a trial's worker is known to live, whatever its heartbeats say: after a machine has slept, all
            of them are old.
        say: gets a line when the server does not answer.
    """

    def __init__(
        self, *options: Any, living: Callable[[FrozenTrial], bool], say: Callable[[str], None], **more: Any
    ) -> None:
        self._living, self._say = living, say
        self._calls = threading.local()
        self._given_up = False
        super().__init__(*options, **more)

    def patient(self, call: Callable[[], Result]) -> Result:
        """The result of a call; within it nothing waits on its own account."""
        if getattr(self._calls, "inside", False):
            return call()
        self._calls.inside = True
        try:
            # Whoever has waited in vain once does not wait again for each thing that is still to be noted.
            result = patiently(call, self._afresh, self._say, 0.0 if self._given_up else None)
        except Exception as error:
            self._given_up = _is_gone(error)
            raise
        else:
            self._given_up = False
            return result
        finally:
            self._calls.inside = False

    def _afresh(self) -> None:
        self.scoped_session.remove()
        self.engine.dispose()

    def _get_stale_trial_ids(self, study_id: int) -> list[int]:
        stale = self.patient(lambda: super(ServerStorage, self)._get_stale_trial_ids(study_id))
        return [trial for trial in stale if not self._living(self.get_trial(trial))]

    def set_trial_state_values(self, trial_id: int, state: Any, values: Any = None) -> bool:
        """Optuna's; it is no error that the trial has the state already when only the answer was lost."""
        attempts = 0

        def call() -> bool:
            nonlocal attempts
            attempts += 1
            try:
                return super(ServerStorage, self).set_trial_state_values(trial_id, state, values)
            except UpdateFinishedTrialError:
                if attempts > 1 and self.get_trial(trial_id).state == state:
                    return True  # the first attempt did it, and its answer was lost
                raise

        return self.patient(call)

    def record_heartbeat(self, trial_id: int) -> None:
        """Optuna's, called by a thread that must not end: one that cannot be given is followed by the next."""
        try:
            self.patient(lambda: super(ServerStorage, self).record_heartbeat(trial_id))
        except Exception as error:
            if not _is_gone(error):
                raise


def _with_patience(name: str) -> Callable[..., Any]:
    method = getattr(RDBStorage, name)

    @wraps(method)
    def call(self: ServerStorage, *args: Any, **options: Any) -> Any:
        return self.patient(lambda: method(self, *args, **options))

    return call


_CACHE_CALLS = {"_create_new_trial", "_set_trial_param", "_get_best_trial_id", "_get_trials"}
"""What Optuna's cache around a storage calls beside its public methods."""
for _name in sorted({*BaseStorage.__abstractmethods__, *_CACHE_CALLS} - ServerStorage.__dict__.keys()):
    setattr(ServerStorage, _name, _with_patience(_name))
