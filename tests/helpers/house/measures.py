"""Every measure of the house: what it finds, and the most that it may find."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from house import commands, graphs, privacy, statements
from house.reading import PACKAGES, House, read

WIDE = (*PACKAGES, "benchmarks")
EVERYTHING = (*WIDE, "examples", "docs")


@dataclass(frozen=True)
class Measure:
    """A law that counts faults.

    Attributes:
        find: the faults of a house, one line each.
        limit: the most that it may find.
        folders: where it looks.
    """

    name: str
    find: Callable[[House], Sequence[str]]
    limit: int = 0
    folders: tuple[str, ...] = PACKAGES


MEASURES = (
    Measure("import circles among modules", lambda house: graphs.circles(house.imports)),
    Measure("import circles among folders", lambda house: graphs.circles(graphs.folder_graph(house))),
    Measure("folders with more than 12 files", graphs.full_folders),
    Measure("imports of a command by other work", commands.imports_of_commands),
    Measure("takers of a whole command's options", commands.takers, 0, WIDE),
    Measure("options declared twice with the same help", commands.declared_twice),
    Measure("the same, benchmarks included", commands.declared_twice, 0, WIDE),
    Measure("dataclasses that declare width", lambda house: commands.homes_of_field(house, "width"), 2),
    Measure("private names used across packages", privacy.private_uses_across_packages, 0, WIDE),
    Measure("private names used across modules", privacy.private_uses, 0, WIDE),
    Measure("private methods of another module's class written anew", privacy.private_hooks, 0, WIDE),
)


def table(root: Path) -> str:
    """``measure | value | limit``, a line each, and the counts that have no limit."""
    lines = [(m.name, str(len(m.find(read(root, m.folders)))), str(m.limit)) for m in MEASURES]
    declared = commands.declarations(read(root))
    code, with_docstrings = statements.statements(read(root, EVERYTHING))
    described, _ = statements.documented(read(root))
    lines += [
        ("options declared", str(len(declared)), ""),
        ("options by name", str(len({one.option for one in declared})), ""),
        ("statements without docstrings", f"{code:,}", ""),
        ("statements with docstrings", f"{with_docstrings:,}", ""),
        ("public classes and functions with a docstring", f"{described:,}", ""),
    ]
    wide = max(len(name) for name, _, _ in lines)
    lines = [("measure", "value", "limit"), *lines]
    return "\n".join(f"{name:<{wide}} | {value:>6} | {limit:>6}" for name, value, limit in lines)
