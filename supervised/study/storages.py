"""Where the trials of a study are kept, and the best one read straight from there.

    sqlite:///FILE       one worker
    FILE (a journal)     several processes of one machine: one JSON line an operation, appended under a lock
    postgresql://...     several machines; workers send heartbeats, and a trial whose heart stopped is retried
    mysql://...          the same

A killed process leaves each of them usable: SQLite and the servers roll back, the lock of a journal ends with the
process that held it, and a line that was cut short is dropped before the next one is written.
"""

from __future__ import annotations

import fcntl
import json
import os
import warnings
import weakref
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import Study
from optuna.trial import FrozenTrial

from bracket_env import InputError, quote
from bracket_env.atomic import write_text

SQLITE, JOURNAL, URL = "optuna.db", "journal.log", "storage_url.txt"
HEARTBEAT_SECONDS, GRACE_SECONDS = 60, 300
_SERVERS = {"postgresql": ("psycopg", "psycopg[binary]"), "mysql": ("pymysql", "pymysql")}
_HIDDEN = "***"
_PATIENCE_SECONDS = 60.0  # how long SQLite waits for another process's lock
_WITHOUT_HEARTBEAT = """
    SELECT trials.number
    FROM trials
    JOIN studies ON studies.study_id = trials.study_id AND studies.study_name = :study
    LEFT JOIN trial_heartbeats AS heart ON heart.trial_id = trials.trial_id
    WHERE trials.state = 'RUNNING' AND heart.trial_id IS NULL
"""

Retry = Callable[[Study, FrozenTrial], None]


def new_location(folder: Path, storage: str | None, jobs: int) -> str:
    """Where the trials of a new study go: the URL that was asked for, SQLite for one worker, a journal for several.

    Raises:
        InputError: a URL of no known kind.
    """
    if storage is not None:
        return _checked(storage)
    return f"sqlite:///{(folder / SQLITE).absolute()}" if jobs == 1 else str((folder / JOURNAL).absolute())


def find_location(folder: Path, storage: str | None) -> str:
    """Where the trials of a study are that exists.

    Raises:
        InputError: there is none in the folder, or its URL needs a password that is not kept there.
    """
    if storage is not None:
        return _checked(storage)
    if (folder / SQLITE).exists():
        return f"sqlite:///{(folder / SQLITE).absolute()}"
    if (folder / JOURNAL).exists():
        return str((folder / JOURNAL).absolute())
    try:
        url = (folder / URL).read_text(encoding="utf-8").strip()
    except OSError:
        raise InputError(f"there is no study {folder}: no {SQLITE}, {JOURNAL} or {URL} in it") from None
    if _HIDDEN in url:
        raise InputError(f"{folder / URL} keeps no password: give the whole URL with --storage")
    return _checked(url)


def remember_location(folder: Path, location: str) -> None:
    """Note a server's URL in the study's folder, without its password."""
    if on_server(location):
        shown = sqlalchemy.make_url(location).render_as_string(hide_password=True)
        write_text(folder / URL, shown + "\n")


def on_server(location: str) -> bool:
    """Whether workers of other machines may share it, so that only heartbeats tell who is alive."""
    return "://" in location and not location.startswith("sqlite:")


def shown(location: str) -> str:
    """A location fit for a terminal: no password."""
    return sqlalchemy.make_url(location).render_as_string(hide_password=True) if "://" in location else location


def open_storage(
    location: str, retry: Retry, *, heartbeat: int = HEARTBEAT_SECONDS, grace: int = GRACE_SECONDS
) -> BaseStorage:
    """The storage, made when it does not exist.

    Args:
        retry: called by a server's storage with a study and each of its trials whose heart stopped.
        heartbeat, grace: whole seconds between two heartbeats, and without one until a trial counts as dead.

    Raises:
        InputError: it is unreachable, damaged or no storage of Optuna's, or its driver is not installed.
    """
    with one_line(location):
        if "://" not in location:
            return JournalStorage(_Journal(location))
        if not on_server(location):
            return _closing(RDBStorage(location, engine_kwargs={"connect_args": {"timeout": _PATIENCE_SECONDS}}))
        with warnings.catch_warnings():
            # Heartbeats are marked as experimental, and nothing else tells a dead worker on another machine.
            warnings.simplefilter("ignore", ExperimentalWarning)
            storage = RDBStorage(
                location,
                engine_kwargs={"pool_pre_ping": True},
                heartbeat_interval=heartbeat,
                grace_period=grace,
                heartbeat_stale_trial_callback=retry,
            )
        return _closing(storage)


def without_heartbeat(location: str, study: str) -> set[int]:
    """The running trials of a study on a server that never gave a sign of life.

    Returns:
        Their numbers: of workers that are just beginning, or that died between asking and the first heartbeat.
    """
    engine = sqlalchemy.create_engine(location)
    try:
        with engine.connect() as connection:
            return {row[0] for row in connection.execute(sqlalchemy.text(_WITHOUT_HEARTBEAT), {"study": study})}
    finally:
        engine.dispose()


def _closing(storage: RDBStorage) -> RDBStorage:
    """Ends its connections when nobody uses it any more."""
    weakref.finalize(storage, storage.engine.dispose)
    return storage


@contextmanager
def one_line(location: str) -> Iterator[None]:
    """What goes wrong with a storage, as an :class:`InputError`."""
    try:
        yield
    except ImportError:
        package = _SERVERS[location.split("+")[0].split(":")[0]][1]
        raise InputError(f"{shown(location)} needs a driver: pip install '{package}'") from None
    except (sqlalchemy.exc.SQLAlchemyError, StorageInternalError) as error:
        raise InputError(f"cannot use {shown(location)}: {_reason(error)}") from None
    except OSError as error:
        raise InputError(f"cannot use {shown(location)}: {error.strerror or error}") from None
    except (LookupError, TypeError, AttributeError, ValueError, AssertionError) as error:
        if "://" in location or isinstance(error, InputError):
            raise
        raise InputError(f"{location} is damaged: a line of it is no operation of a study ({error})") from None


def _reason(error: BaseException) -> str:
    """The first line of the database's own message."""
    while error.__cause__ is not None:
        error = error.__cause__
    message = str(getattr(error, "orig", None) or error).strip()
    return message.splitlines()[0] if message else type(error).__name__


def _checked(url: str) -> str:
    try:
        made = sqlalchemy.make_url(url)
    except sqlalchemy.exc.ArgumentError:
        raise InputError(f"--storage must be a database URL such as postgresql://..., not {quote(url)}") from None
    kind = made.get_backend_name()
    if kind == "sqlite":
        if not made.database or made.database == ":memory:":
            raise InputError(f"--storage {url} keeps nothing: name a file, as in sqlite:///study.db")
        return f"sqlite:///{Path(made.database).absolute()}"
    if kind not in _SERVERS:
        raise InputError(f"--storage must be a URL of sqlite, {' or '.join(_SERVERS)}, not of {quote(kind)}")
    if made.drivername == kind:
        made = made.set(drivername=f"{kind}+{_SERVERS[kind][0]}")
    return made.render_as_string(hide_password=False)


class _Lock:
    """A journal's lock, which the system takes from a process that dies."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = -1

    def acquire(self) -> bool:
        self._descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o666)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        return True

    def release(self) -> None:
        os.close(self._descriptor)


class _Journal(JournalFileBackend):
    """Optuna's journal that heals: a line cut short by a kill would make whatever is appended to it unreadable."""

    def __init__(self, path: str) -> None:
        super().__init__(path, lock_obj=_Lock(f"{path}.lock"))  # type: ignore[arg-type]
        self._path = path
        # Optuna overlooks a last line that it cannot read, and is stopped by it once another one follows.
        with open(path, "rb") as file:
            whole = [line for line in file if line.endswith(b"\n")]
        try:
            json.loads(whole[-1] if whole else b"0")
        except ValueError as error:
            raise InputError(f"{path} is damaged: {error}") from None

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:
        try:
            yield from super().read_logs(log_number_from)
        except ValueError as error:
            raise InputError(f"{self._path} is damaged: {error}") from None

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        self._lock.acquire()
        try:
            with open(self._path, "r+b") as file:
                _drop_cut_line(file)
                file.write(lines.encode("utf-8"))
                file.flush()
                os.fsync(file.fileno())
        finally:
            self._lock.release()


def _drop_cut_line(file: Any) -> None:
    """Leave the file positioned after its last whole line, which is then its end."""
    end = file.seek(0, os.SEEK_END)
    if end == 0:
        return
    file.seek(end - 1)
    if file.read(1) == b"\n":
        return
    file.seek(0)
    file.truncate(file.read().rfind(b"\n") + 1)
    file.seek(0, os.SEEK_END)
