"""Files that are replaced, and folders that are made, whole or not at all.

The new content goes to a temporary file beside the target, is flushed to the disk and then renamed over the target
(``os.replace`` is atomic within a file system). Whoever reads the path, also after a crash or a full disk, finds the
old content or the new one, never a part of either.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bracket_env.errors import InputError


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Replace ``path`` by ``text`` in UTF-8, line ends as given. Raises as :func:`write_bytes`, and for text that
    UTF-8 cannot hold (half of a surrogate pair)."""
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(f"cannot write {os.fspath(path)}: {error}") from error
    write_bytes(path, data)


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Replace ``path`` by ``data``; the folder must exist. A symbolic link is followed, file permissions are kept.

    Raises:
        InputError: the system refuses (disk full, read-only or missing folder, the path is a directory): one line,
            ``cannot write PATH: reason``. The old file stands and no temporary is left behind, whatever went wrong.
    """
    try:
        _replace(Path(os.path.realpath(path)), data)
    except OSError as error:
        raise InputError(f"cannot write {os.fspath(path)}: {error.strerror or error}") from error


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Replace ``path`` by a value as indented JSON. Raises as :func:`write_text`."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")


@contextlib.contextmanager
def new_folder(path: Path, refusal: str, *, replace: bool = False) -> Iterator[Path]:
    """A folder that appears whole or not at all: the block fills a folder beside it, which is then renamed.

    Args:
        path: the folder to be; missing parents are made.
        refusal: what the error begins with, such as ``cannot make run folder``.
        replace: remove a folder of that name first.

    Raises:
        InputError: the system refuses, in the block or at its end: one line, ``REFUSAL PATH: reason``. Whatever went
            wrong, no temporary folder is left behind.
    """
    beside = path.parent / f".{secrets.token_hex(8)}.tmp"
    try:
        beside.mkdir(parents=True)
        yield beside
        if replace and path.exists():
            shutil.rmtree(path)
        os.rename(beside, path)
    except OSError as error:
        raise InputError(f"{refusal} {path}: {error.strerror or error}") from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _replace(target: Path, data: bytes) -> None:
    # Not tempfile: its files are private to the user, and the umask that a new file should get cannot be read safely.
    temporary = target.parent / f".{secrets.token_hex(8)}.tmp"
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    # The rename has happened: a system that cannot flush a folder (Windows) only loses the guarantee at power failure.
    with contextlib.suppress(OSError):
        _flush_folder(target.parent)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
