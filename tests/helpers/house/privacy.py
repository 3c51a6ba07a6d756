"""Private names (``_name``) that are used outside of the module that makes them."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator

from house.reading import Definition, House, Module, lineage

NAMED_TUPLE = {"_replace", "_asdict", "_fields", "_make"}  # public, whatever they look like


def private_uses(house: House) -> list[str]:
    """Private names of another module that a module imports, or reads from an object without making them itself."""
    makers: dict[str, list[str]] = defaultdict(list)
    for module in house:
        for name in _made(module):
            makers[name].append(module.name)
    return sorted(
        {
            f"{module.name} uses {name} of {' or '.join(makers[name])}"
            for module in house
            for name in _used(module)
            if name in makers and module.name not in makers[name]
        }
    )


def private_uses_across_packages(house: House) -> list[str]:
    """Those of :func:`private_uses` whose name is made in no module of the same package."""
    return [
        line
        for line in private_uses(house)
        for user, _, makers in [line.partition(" of ")]
        if not any(maker.startswith(f"{user.split('.')[0]}.") for maker in makers.split(" or "))
    ]


def private_hooks(house: House) -> list[str]:
    """Private methods that a class writes anew although its base in another module has them."""
    return sorted(
        {
            f"{module.name}.{node.name}.{name} of {where.name}.{base.name}"
            for module in house
            for node in module.nodes
            if isinstance(node, ast.ClassDef)
            for where, base in lineage(house, module, node)
            if where is not module
            for name in _methods(node) & _methods(base)
        }
    )


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != "_" and name not in NAMED_TUPLE


def _made(module: Module) -> set[str]:
    """Every private name that a module makes: definitions, variables, attributes."""
    found: set[str] = set()
    for node in module.nodes:
        if isinstance(node, Definition):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(node.attr)
    return {name for name in found if _is_private(name)}


def _used(module: Module) -> Iterator[str]:
    for node in module.nodes:
        if isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names if _is_private(alias.name))
        elif isinstance(node, ast.Attribute) and _is_private(node.attr) and not isinstance(node.ctx, ast.Store):
            yield node.attr


def _methods(node: ast.ClassDef) -> set[str]:
    return {one.name for one in node.body if isinstance(one, ast.FunctionDef) and _is_private(one.name)}
