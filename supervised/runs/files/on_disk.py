"""What a list of runs or of studies asks the disk: which folders there are, how large and how old each is."""

from __future__ import annotations

import time
from pathlib import Path

from bracket_env import InputError


def folders_in(root: str, what: str, option: str) -> list[Path]:
    """The folders below this one, by name; hidden ones are left out.

    Args:
        what: what they hold, for the error.
        option: names another folder.

    Raises:
        InputError: there is no such folder.
    """
    try:
        return [path for path in sorted(Path(root).iterdir()) if path.is_dir() and not path.name.startswith(".")]
    except OSError as error:
        raise InputError(f"there are no {what} in {root}: {error.strerror} ({option})") from None


def size_and_age(folder: Path) -> tuple[int, float]:
    """Bytes of a folder, and the seconds since something in it was changed."""
    size, changed = 0, 0.0
    for path in [folder, *folder.rglob("*")]:
        try:
            found = path.lstat()
        except OSError:  # gone since: what is there is being trained
            continue
        size += found.st_size if path.is_file() else 0
        changed = max(changed, found.st_mtime)
    return size, max(0.0, time.time() - changed)
