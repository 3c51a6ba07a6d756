"""Names of modules, of what is in them, and of files, in documents and docstrings; and whether they exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from house.reading import PACKAGES, House, Module

OURS = "|".join((*PACKAGES, "benchmarks"))
DOTTED = re.compile(rf"(?<![\w./-])(?:{OURS})(?:\.\w+)+(?<!\.safetensors)(?![\w/-])")
IMPORTED = re.compile(rf"from ((?:{OURS})[\w.]*) import (\w+(?:, \w+)*)")
FILE = re.compile(rf"(?<![\w./-])(?:{OURS}|examples|docs|tests)/[\w./-]*\w\.(?:py|md|json|png)\b")


def dead_names(text: str, house: House) -> Iterator[str]:
    """Dotted names of ours in a text, ``from`` statements included, that mean neither a module nor anything in one."""
    imported = [f"{home}.{name}" for home, names in IMPORTED.findall(text) for name in names.split(", ")]
    yield from (name for name in [*DOTTED.findall(text), *imported] if not exists(name, house))


def dead_files(text: str, root: Path) -> Iterator[str]:
    """Paths of ours in a text where there is no file."""
    yield from (name for name in FILE.findall(text) if not (root / name).exists())


def exists(name: str, house: House) -> bool:
    """Whether a dotted name is a module, a folder of modules, or something at the top of a module or of its classes."""
    if any(module == name or module.startswith(f"{name}.") for module in house.modules):
        return True
    home, _, last = name.rpartition(".")
    if home in house.modules:
        return last in _top(house.modules[home])
    above, _, class_name = home.rpartition(".")
    if above not in house.modules:
        return False
    node = house.modules[above].definitions.get(class_name)
    return last in _members(node) if isinstance(node, ast.ClassDef) else class_name in _top(house.modules[above])


def _top(module: Module) -> set[str]:
    return {*module.definitions, *module.names, *_assigned(module.tree.body)}


def _members(node: ast.ClassDef) -> set[str]:
    """Everything that is written in a class under a name, attributes of ``self`` among it; a class that inherits may
    have it from its base, which says so itself."""
    attributes = {one.attr for one in ast.walk(node) if isinstance(one, ast.Attribute)}
    methods = {one.name for one in node.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}
    return {*attributes, *methods, *_assigned(node.body)}


def _assigned(body: list[ast.stmt]) -> Iterator[str]:
    for statement in body:
        for node in ast.walk(statement) if not isinstance(statement, ast.ClassDef | ast.FunctionDef) else ():
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id
