"""Files that are replaced whole or not at all.

The new content goes to a temporary file beside the target, is flushed to the disk and then renamed over the target
(``os.replace`` is atomic within a file system). Whoever reads the path, also after a crash or a full disk, finds the
old content or the new one, never a part of either.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from pathlib import Path

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
