"""Public names of a package that are imported when somebody asks for them, so that the package itself loads nothing."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def lazy_names(package: str, names: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """What a package's ``__init__`` calls ``__getattr__`` (PEP 562).

    Args:
        package: its ``__name__``.
        names: module below the package -> the names that are had from it.
    """
    homes = {name: f"{package}.{module}" for module, found in names.items() for name in found}

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(homes[name]), name)

    return find
