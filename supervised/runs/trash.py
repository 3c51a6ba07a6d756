"""Folders moved out of the way: into ``.trash`` beside them, from where they are taken back by hand."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from bracket_env import InputError, quote

TRASH = ".trash"
RUN_FILES = ("config.json", "metrics.jsonl", "best_model.safetensors", "command.txt", "policy.safetensors")
"""One of these is in what may be moved as a run, however damaged it is."""
STUDY_FILES = ("optuna.db", "journal.log", "storage_url.txt", "best_params.json")


def remove(names: Sequence[str], root: str, *, files: Collection[str], yes: bool, what: str) -> list[Path]:
    """Move folders to the trash of the folder that they lie in, after a question.

    Args:
        names: of folders in ``root``, or their paths.
        files: what is in such a folder; none of them, and it is not moved.
        yes: do not ask.
        what: what the folders are called.

    Returns:
        Where they are now.

    Raises:
        InputError: one of them is not there or no such folder, in which case nothing is moved; nobody can be asked; the
            system refuses.
    """
    if not names:
        raise InputError(f"name at least one {what}")
    folders = list(dict.fromkeys(_found(name, root, files, what) for name in names))
    if not yes and not _agreed(folders):
        print("nothing was moved")
        return []
    moved = []
    for folder in folders:
        there = _free(folder.parent / TRASH, folder.name)
        try:
            there.parent.mkdir(exist_ok=True)
            os.rename(folder, there)
        except OSError as error:
            raise InputError(f"cannot move {folder} to {there}: {error.strerror}") from None
        print(f"{folder} is now {there}; back with: mv {shlex.quote(str(there))} {shlex.quote(str(folder))}")
        moved.append(there)
    return moved


def _found(name: str, root: str, files: Collection[str], what: str) -> Path:
    folder = Path(root) / name
    if not folder.is_dir():
        folder = Path(name)
    if not folder.is_dir() or not name.strip("."):
        raise InputError(f"there is no {what} {quote(name, 200)}: no folder in {root} has this name or this path")
    if not any((folder / file).exists() for file in files):
        raise InputError(f"{folder} holds no {what}, so it is not moved: it has none of {', '.join(files)}")
    if folder.resolve().parent.name == TRASH:
        raise InputError(f"{folder} is in the trash already")
    return folder


def _agreed(folders: Sequence[Path]) -> bool:
    listed = ", ".join(map(str, folders))
    if not sys.stdin.isatty():
        raise InputError(f"nobody can be asked whether to move {listed}: say so with --yes")
    return input(f"move {listed} to {TRASH}? [y/N] ").strip().lower() in ("y", "yes")


def _free(trash: Path, name: str) -> Path:
    """A name that is not taken there."""
    number, path = 1, trash / name
    while os.path.lexists(path):
        number += 1
        path = trash / f"{name}-{number}"
    return path
