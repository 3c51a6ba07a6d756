"""The drawn part of docs/code_map.md: who imports whom, and what lies where, read from the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Set
from pathlib import Path

from house.graphs import folder_graph
from house.reading import PACKAGES, House, Module, read

PAGE = "docs/code_map.md"
DRAWN = re.compile(r"(?<=<!-- drawn -->\n).*?(?=<!-- end -->)", re.DOTALL)


def drawing(root: Path) -> str:
    """A picture and a table for each package."""
    return "\n".join(_package(read(root), package) for package in PACKAGES)


def redraw(root: Path) -> None:
    """Write the drawing into the page."""
    page = root / PAGE
    page.write_text(DRAWN.sub(lambda _: drawing(root), page.read_text("utf-8")), "utf-8")


def _package(house: House, package: str) -> str:
    inside = {
        folder: {other for other in others if other.startswith(f"{package}.")}
        for folder, others in folder_graph(house).items()
        if folder.startswith(f"{package}.")
    }
    arrows = [
        f"    {_short(folder)} --> {_short(other)}" if other else f"    {_short(folder)}"
        for folder, others in sorted(_reduced(inside).items())
        for other in sorted(others) or [""]
    ]
    lines = [f"### `{package}`", "", "```mermaid", "flowchart LR", *arrows, "```", "", "| where | what |", "|---|---|"]
    lines += [f"| {name} | {what} |" for name, what in _contents(house, package)]
    return "\n".join([*lines, "", ""])


def _short(folder: str) -> str:
    return folder.partition(".")[2].replace(".", "/")


def _contents(house: House, package: str) -> list[tuple[str, str]]:
    """The files at the top of a package and its folders, each with the first sentence of its docstring."""
    top = [module for module in house if module.folder == package and not module.is_package]
    folders = [module for module in house if module.is_package and module.name.startswith(f"{package}.")]
    return [(f"`{module.path.name}`", _says(module)) for module in top] + [
        (f"`{_short(module.name)}/`", _says(module)) for module in folders
    ]


def _says(module: Module) -> str:
    first = (ast.get_docstring(module.tree) or "").split("\n\n")[0].replace("\n", " ").replace("``", "`")
    return re.sub(r":\w+:`~?([^`]*)`", r"`\1`", re.split(r"\.(?= |$)", first)[0].rstrip(":"))


def _reduced(graph: Mapping[str, Set[str]]) -> dict[str, set[str]]:
    """Without the arrows that a longer way makes needless."""
    return {
        node: {other for other in others if not any(other in _reached(graph, third) for third in others - {other})}
        for node, others in graph.items()
    }


def _reached(graph: Mapping[str, Set[str]], start: str) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        fresh = graph[waiting.pop()] - found
        found |= fresh
        waiting += fresh
    return found
