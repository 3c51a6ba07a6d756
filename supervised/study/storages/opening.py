"""Storages opened: what goes wrong with one is one line, and a server that is away for a while is waited for."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import BaseStorage, RDBStorage
from optuna.study import Study
from optuna.trial import FrozenTrial
from sqlalchemy import URL

from bracket_env import InputError
from supervised.study.storages.journal import open_journal
from supervised.study.storages.location import DRIVERS, Location
from supervised.study.storages.server import ServerStorage, patiently

HEARTBEAT_SECONDS, GRACE_SECONDS = 60, 300
_LOCK_SECONDS = 60.0  # how long SQLite waits for another process's lock
_WITHOUT_HEARTBEAT = """
    SELECT trials.number
    FROM trials
    JOIN studies ON studies.study_id = trials.study_id AND studies.study_name = :study
    LEFT JOIN trial_heartbeats AS heart ON heart.trial_id = trials.trial_id
    WHERE trials.state = 'RUNNING' AND heart.trial_id IS NULL
"""

Retry = Callable[[Study, FrozenTrial], None]


def open_storage(
    location: Location,
    retry: Retry,
    *,
    heartbeat: int = HEARTBEAT_SECONDS,
    grace: int = GRACE_SECONDS,
    living: Callable[[FrozenTrial], bool] = lambda trial: False,
    say: Callable[[str], None] = lambda text: None,
    wait: bool = False,
) -> BaseStorage:
    """The storage, made when it does not exist.

    Args:
        retry: called by a server's storage with a study and each of its trials whose heart stopped.
        heartbeat, grace: whole seconds between two heartbeats, and without one until a trial counts as dead.
        living: whether a trial's worker lives all the same, as its machine knows.
        say: gets a line when a server does not answer and is tried again.
        wait: also for a server that does not answer now; otherwise only for one that did.

    Raises:
        InputError: it is unreachable, damaged or no storage of Optuna's, or its driver is not installed.
    """
    with one_line(location, opening=True):
        if isinstance(location.address, Path):
            return open_journal(str(location.address))
        # Optuna fills a template in.
        url = location.address.render_as_string(hide_password=False).replace("{", "{{").replace("}", "}}")
        if not location.on_server:
            return _closing(RDBStorage(url, engine_kwargs={"connect_args": {"timeout": _LOCK_SECONDS}}))

        def connected() -> ServerStorage:
            with warnings.catch_warnings():
                # Heartbeats are marked as experimental, and nothing else tells a dead worker on another machine.
                warnings.simplefilter("ignore", ExperimentalWarning)
                return ServerStorage(
                    url,
                    engine_kwargs={"pool_pre_ping": True},
                    heartbeat_interval=heartbeat,
                    grace_period=grace,
                    heartbeat_stale_trial_callback=retry,
                    living=living,
                    say=lambda problem: say(location.without_secrets(f"{location} does not answer: {problem}")),
                )

        return _closing(patiently(connected) if wait else connected())


def without_heartbeat(location: Location, study: str) -> set[int]:
    """The running trials of a study on a server that never gave a sign of life.

    Returns:
        Their numbers: of workers that are just beginning, or that died between asking and the first heartbeat.
    """
    return {row[0] for row in patiently(lambda: _rows(location, _WITHOUT_HEARTBEAT, study))}


def _rows(location: Location, query: str, study: str) -> list[tuple[int]]:
    assert isinstance(location.address, URL)
    engine = sqlalchemy.create_engine(location.address)
    try:
        with engine.connect() as connection:
            return [(row[0],) for row in connection.execute(sqlalchemy.text(query), {"study": study})]
    finally:
        engine.dispose()


def _closing(storage: RDBStorage) -> RDBStorage:
    """Ends its connections when nobody uses it any more."""
    weakref.finalize(storage, storage.engine.dispose)
    return storage


@contextmanager
def one_line(location: Location, *, opening: bool = False) -> Iterator[None]:
    """What goes wrong with a storage, as an :class:`InputError` without a secret.

    Args:
        opening: nothing but the storage is at work, so that whatever goes wrong is about it.
    """
    try:
        yield
    except InputError:
        raise
    except ImportError:
        raise InputError(_missing_driver(location)) from None
    except (sqlalchemy.exc.SQLAlchemyError, StorageInternalError) as error:
        raise _unusable(location, _reason(error)) from None
    except OSError as error:
        raise _unusable(location, error.strerror or str(error)) from None
    except (LookupError, TypeError, AttributeError, ValueError, AssertionError) as error:
        if isinstance(location.address, Path):
            raise InputError(f"{location} is damaged: a line of it is no operation of a study ({error})") from None
        if not opening:
            raise
        raise _unusable(location, _reason(error)) from None
    except Exception as error:
        if not opening:
            raise
        raise _unusable(location, _reason(error)) from None


def _unusable(location: Location, reason: str) -> InputError:
    return InputError(f"cannot use {location}: {location.without_secrets(reason)}")


def _missing_driver(location: Location) -> str:
    assert isinstance(location.address, URL)
    kind, driver = location.address.get_backend_name(), location.address.drivername.partition("+")[2]
    known, package = DRIVERS.get(kind, ("", ""))
    if driver == known:
        return f"{location} needs a driver: pip install '{package}'"
    return f"{location} asks for the driver {driver}, which is not installed: leave '+{driver}' out of the URL"


def _reason(error: BaseException) -> str:
    """The first line of the database's own message."""
    while error.__cause__ is not None:
        error = error.__cause__
    message = str(getattr(error, "orig", None) or error).strip()
    return message.splitlines()[0] if message else type(error).__name__
