"""Commands: the dataclass of each, where its options are declared, and who takes a command's options whole."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from house.reading import Definition, House, Module, definition, lineage


@dataclass(frozen=True)
class Command:
    """One ``python -m name``.

    Attributes:
        home: the folder of the command, or its file when it is a single one.
        written_in: the module that its dataclass is written in.
        options: the dataclass.
    """

    home: str
    written_in: Module
    options: ast.ClassDef

    def owns(self, module: Module) -> bool:
        """Whether a module belongs to the command."""
        return module.name == self.home or module.name.startswith(f"{self.home}.")


@dataclass(frozen=True)
class Declaration:
    """An option with its help, and the class that writes it."""

    option: str
    help: str
    where: str


RUNNERS = {("bracket_env.command", "run"), ("benchmarks.common", "command")}
"""What is called with a command's dataclass first."""


@cache
def commands(house: House) -> list[Command]:
    """Every call of ``run(Options, main, ...)``, and of a benchmark's ``command``, in the house."""
    found = []
    for module in house:
        for node in module.nodes:
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and module.names.get(node.func.id) in RUNNERS
                and isinstance(node.args[0], ast.Name)
                and node.args[0].id[0].isupper()  # no parameter of what calls one for the other
            ):
                where = definition(house, module, node.args[0].id)
                assert where is not None, f"{module.name}: {node.args[0].id} is written nowhere"
                assert isinstance(where[1], ast.ClassDef)
                found.append(Command(module.name.removesuffix(".__main__"), where[0], where[1]))
    return found


def fields(node: ast.ClassDef) -> dict[str, str | None]:
    """The fields that a class writes itself, each with the string below it."""
    found: dict[str, str | None] = {}
    for statement, below in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            text = below.value.value if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) else None
            found[statement.target.id] = " ".join(text.split()) if isinstance(text, str) else None
    return found


def declarations(house: House) -> set[Declaration]:
    """Where the options of all commands are declared; another default without a help of its own is no declaration."""
    return {
        Declaration(option, text, f"{where.name}.{node.name}")
        for command in commands(house)
        for where, node in lineage(house, command.written_in, command.options)
        for option, text in fields(node).items()
        if text is not None
    }


def declared_twice(house: House) -> list[str]:
    """Options with the same name and the same help in two places."""
    places: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in declarations(house):
        places[one.option, one.help].append(one.where)
    return sorted(f"{option}: {', '.join(sorted(at))}" for (option, _), at in places.items() if len(at) > 1)


def homes_of_field(house: House, name: str) -> list[str]:
    """The dataclasses that write a field of this name."""
    return [
        f"{module.name}.{node.name}"
        for module in house
        for node in module.nodes
        if isinstance(node, ast.ClassDef) and node.decorator_list and name in fields(node)
    ]


def takers(house: House) -> list[str]:
    """Functions, and classes with a field, that take a whole command's options outside of the command's folder."""
    owners: dict[Definition, list[Command]] = defaultdict(list)
    for command in commands(house):
        owners[command.options].append(command)
    found = set()
    for module in house:
        for where, annotation in _annotations(module.tree):
            for name in _names_in(annotation):
                meant = definition(house, module, name)
                homes = owners.get(meant[1], []) if meant is not None else []
                if homes and not any(command.owns(module) for command in homes):
                    found.add(f"{module.name}.{where} takes {name}")
    return sorted(found)


def imports_of_commands(house: House) -> list[str]:
    """Imports of a ``__main__``, or of the options of a command by a module outside of the command's folder."""
    found = []
    for module in house:
        for other in house.imports[module.name]:
            folder, _, last = other.rpartition(".")
            inside = f"{module.folder}.".startswith(f"{folder}.")
            if last == "__main__" or (last == "options" and f"{folder}.__main__" in house.modules and not inside):
                found.append(f"{module.name} imports {other}")
    return sorted(found)


def _annotations(tree: ast.AST, inside: str = "") -> Iterator[tuple[str, ast.expr]]:
    """(qualified name, annotation) of every parameter of a function and every field of a class."""
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, Definition):
            if isinstance(node, ast.stmt | ast.ExceptHandler):  # no definition lies within an expression
                yield from _annotations(node, inside)
            continue
        if isinstance(node, ast.ClassDef):
            written = [one.annotation for one in node.body if isinstance(one, ast.AnnAssign)]
        else:
            every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg]
            written = [one.annotation for one in every if one is not None and one.annotation is not None]
        yield from ((f"{inside}{node.name}", one) for one in written)
        yield from _annotations(node, f"{inside}{node.name}.")


def _names_in(annotation: ast.expr) -> Iterator[str]:
    """The names in an annotation, also in one that is written as a string."""
    for node in ast.walk(annotation):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
            yield node.value
