"""Which files of ours have a hand in something: those of whose calls one holds what is looked for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from paths import ROOT

PACKAGES = tuple(f"{ROOT / name}/" for name in ("bracket_env", "ncl_reward", "supervised", "agents"))
_DEEP, _LONG = 4, 200


def files_that_hold(
    work: Callable[[], object], found: Callable[[str, Any], bool], closed: Callable[[Any], bool] = lambda value: False
) -> dict[str, str]:
    """Every file of the four packages with a call in which an argument or a local is, or contains, what is looked for.

    Args:
        work: what is traced, in this thread.
        found: whether a local of this name and value is it. Tuples, lists, dicts and dataclasses are opened, other
            objects are not: what an object keeps to itself is its own business.
        closed: what is not opened either.

    Returns:
        File -> the function and the local that were seen first.
    """
    seen: dict[str, str] = {}

    def watch(frame: FrameType, event: str, argument: object) -> None:
        file = frame.f_code.co_filename
        if event in ("call", "return") and file.startswith(PACKAGES) and file not in seen:
            for name, value in list(frame.f_locals.items()):
                if _holds(name, value, found, closed):
                    seen[file] = f"{frame.f_code.co_name}, {name}"

    sys.setprofile(watch)
    try:
        work()
    finally:
        sys.setprofile(None)
    return {str(Path(file).relative_to(ROOT)): where for file, where in sorted(seen.items())}


def _holds(
    name: str, value: Any, found: Callable[[str, Any], bool], closed: Callable[[Any], bool], deep: int = 0
) -> bool:
    if found(name, value):
        return True
    inside: Any = ()
    if closed(value):
        return False
    if isinstance(value, tuple | list):
        inside = value
    elif isinstance(value, dict):
        inside = value.values()
    elif is_dataclass(value) and not isinstance(value, type):
        inside = [getattr(value, field.name, None) for field in fields(value)]
    return deep < _DEEP and len(inside) < _LONG and any(_holds("", part, found, closed, deep + 1) for part in inside)


def shown(title: str, files: dict[str, str]) -> str:
    """The figure, and where it comes from."""
    return "\n".join([f"{title}: {len(files)} files", *(f"    {file}: {where}" for file, where in files.items())])
