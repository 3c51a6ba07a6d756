"""Who is alive on this machine: a worker holds a lock on a file of its own as long as it lives."""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LOCKS = "workers"


@contextmanager
def own_lock(folder: Path) -> Iterator[str]:
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


def alive(folder: Path) -> set[str]:
    """The names of the workers that live; the files of the others are removed."""
    found = set()
    for path in (folder / _LOCKS).glob("*.lock"):
        try:
            with open(path, "rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
        except BlockingIOError:
            found.add(path.stem)
        except FileNotFoundError:
            continue  # it has ended in this moment
    return found
