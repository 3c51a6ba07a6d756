"""Modules read from their text, what each imports, and what a name in one of them means."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from paths import ROOT

PACKAGES = ("bracket_env", "ncl_reward", "supervised", "agents")  # left never imports right
HEAVY = (
    "torch",
    "stable_baselines3",
    "sb3_contrib",
    "transformers",
    "accelerate",
    "tensorboard",
    "matplotlib",
    "polars",
)
IMPORT_CALLS = {"import_module", "__import__", "find_spec", "run_module", "import_string", "load_env_creator"}
MODULE_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*[.:][A-Za-z_]\w*")

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, eq=False)
class Module:
    """One file of Python.

    Attributes:
        name: dotted, such as ``supervised.train.run``; of an ``__init__.py`` the name of its folder.
    """

    name: str
    path: Path
    tree: ast.Module

    @property
    def is_package(self) -> bool:
        """Whether this is the ``__init__.py`` of a folder."""
        return self.path.name == "__init__.py"

    @property
    def folder(self) -> str:
        """The dotted name of the folder that the file lies in."""
        return self.name if self.is_package else self.name.rpartition(".")[0]

    @property
    def is_face(self) -> bool:
        """Whether this is what users of a whole package import; it may take names from every folder below it."""
        return self.name in PACKAGES

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Every node of the tree."""
        return list(ast.walk(self.tree))

    @cached_property
    def definitions(self) -> dict[str, Definition]:
        """The classes and functions at the top of the file, by name."""
        return {node.name: node for node in self.tree.body if isinstance(node, Definition)}

    @cached_property
    def names(self) -> dict[str, tuple[str, str]]:
        """What ``from module import name`` binds, wherever it stands: name -> (module, name there)."""
        return {
            alias.asname or alias.name: (base, alias.name)
            for node in self.nodes
            if isinstance(node, ast.ImportFrom)
            for base in [absolute(node, self.folder)]
            for alias in node.names
        }


def module_name(path: Path, root: Path = ROOT) -> str:
    """The dotted name of a file below ``root``."""
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


@dataclass(frozen=True, eq=False)
class House:
    """Every module of some folders of a checkout, by dotted name."""

    modules: Mapping[str, Module]

    @cached_property
    def imports(self) -> Mapping[str, frozenset[str]]:
        """Module -> the other modules that it imports, at its top, lazily, for its types, or by a string."""
        return {
            module.name: frozenset(
                home
                for _, name in imported(module.nodes, module.folder)
                for home in [name if name in self.modules else name.rpartition(".")[0]]  # a module, or a name in one
                if home in self.modules and home != module.name
            )
            for module in self
        }

    def __iter__(self) -> Iterator[Module]:
        return iter(self.modules.values())


@cache
def read(root: Path = ROOT, folders: tuple[str, ...] = PACKAGES) -> House:
    """The house below these folders of a checkout."""
    paths = sorted(path for folder in folders for path in (root / folder).rglob("*.py"))
    return House({module_name(path, root): _module(path, root) for path in paths})


@cache
def _module(path: Path, root: Path) -> Module:
    return Module(module_name(path, root), path, ast.parse(path.read_text("utf-8")))


def absolute(node: ast.ImportFrom, folder: str) -> str:
    """The module that a ``from`` statement of a file in ``folder`` names."""
    above = folder.split(".")[: len(folder.split(".")) - node.level + 1] if node.level else []
    return ".".join([*above, *([node.module] if node.module else [])])


def imported(nodes: Iterable[ast.AST], folder: str) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of everything that a module imports, by statement or by a string.

    Strings count where they are handed to an import function, and wherever one reads like a module path of ours
    (an entry point such as ``"agents.sb3.features:Extractor"``).

    Args:
        folder: the dotted name of the folder that relative imports start from.
    """
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{absolute(node, folder)}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", None))
            if name in IMPORT_CALLS and node.args:
                yield node.lineno, _literal_start(node.args[0])
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and MODULE_PATH.fullmatch(node.value):
            top = node.value.replace(":", ".").split(".")[0]
            if top in (*PACKAGES, *HEAVY):
                yield node.lineno, node.value.replace(":", ".")


def _literal_start(argument: ast.expr) -> str:
    """The text that a string argument is known to begin with; ``?`` when nothing is known."""
    if isinstance(argument, ast.JoinedStr) and argument.values:
        argument = argument.values[0]
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return argument.value
    return "?"


def definition(house: House, module: Module, name: str) -> tuple[Module, Definition] | None:
    """Where the class or function that ``module`` calls ``name`` is written, however often it is handed on."""
    if name in module.definitions:
        return module, module.definitions[name]
    base, there = module.names.get(name, ("", ""))
    if base not in house.modules or (base, there) == (module.name, name):
        return None
    return definition(house, house.modules[base], there)


def lineage(house: House, module: Module, node: ast.ClassDef) -> Iterator[tuple[Module, ast.ClassDef]]:
    """A class and, after it, the classes of ours that it inherits from."""
    yield module, node
    for base in node.bases:
        base = base.value if isinstance(base, ast.Subscript) else base  # Encoder[GRUConfig]
        found = definition(house, module, base.id) if isinstance(base, ast.Name) else None
        if found is not None and isinstance(found[1], ast.ClassDef):
            yield from lineage(house, found[0], found[1])
