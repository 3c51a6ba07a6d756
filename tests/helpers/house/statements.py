"""How much code and how many docstrings there are, counted in the syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from house.reading import Definition, House


def statements(house: House) -> tuple[int, int]:
    """(statements without docstrings and the strings below fields, statements with them)."""
    nodes = [node for module in house for node in module.nodes if isinstance(node, ast.stmt)]
    texts = sum(
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for node in nodes
    )
    return len(nodes) - texts, len(nodes)


def documented(house: House) -> tuple[int, list[str]]:
    """Public classes and functions, methods among them: (how many have a docstring, names of those that lack one).

    A method lacks none when a method of that name has one: it is that method for another class.
    """
    found = [one for module in house for one in _public(module.tree)]
    described = [name for name, text in found if text is not None]
    methods = {name.rpartition(".")[2] for name in described if "." in name}
    return len(described), [
        name for name, text in found if text is None and not ("." in name and name.rpartition(".")[2] in methods)
    ]


def _public(node: ast.Module | ast.ClassDef, inside: str = "") -> Iterator[tuple[str, str | None]]:
    for inner in node.body:
        if isinstance(inner, Definition) and not inner.name.startswith("_"):
            yield f"{inside}{inner.name}", ast.get_docstring(inner)
            if isinstance(inner, ast.ClassDef):
                yield from _public(inner, f"{inner.name}.")
