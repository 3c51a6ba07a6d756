"""A journal of a study's operations that heals: Optuna's own, with a lock that dies with its holder."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Generator
from typing import Any

from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from bracket_env import InputError


def open_journal(path: str) -> JournalStorage:
    """The storage in a file, made when it does not exist.

    Raises:
        InputError: it is damaged.
    """
    return JournalStorage(_Journal(path))


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
