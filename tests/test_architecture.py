"""The house rules: imports go one way, the environments stay light, ``--help`` answers without torch.

numpy, gymnasium, rich, tyro  <-  bracket_env  <-  ncl_reward  <-  supervised  <-  agents
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from paths import ROOT

PACKAGES = ("bracket_env", "ncl_reward", "supervised", "agents")  # left never imports right
BESIDE = ("benchmarks", "examples", "docs", "tests")  # nothing imports these
FOUNDATION = {"numpy", "gymnasium", "rich", "tyro", "PIL"}  # all that bracket_env stands on
HEAVY = ("torch", "stable_baselines3", "sb3_contrib", "transformers", "accelerate", "tensorboard")
IMPORT_CALLS = {"import_module", "__import__", "find_spec", "run_module", "import_string", "load_env_creator"}
MODULE_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*[.:][A-Za-z_]\w*")


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported_modules(tree: ast.AST, parent: str) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of everything that a module imports, by statement or by a string.

    Strings count where they are handed to an import function, and wherever one reads like a module path of ours
    (an entry point such as ``"agents.sb3.features:Extractor"``).

    Args:
        parent: the package that relative imports start from.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = parent.split(".")[: len(parent.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", None))
            if name in IMPORT_CALLS and node.args:
                yield node.lineno, literal_start(node.args[0])
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and MODULE_PATH.fullmatch(node.value):
            top = node.value.replace(":", ".").split(".")[0]
            if top in (*PACKAGES, *HEAVY):
                yield node.lineno, node.value.replace(":", ".")


def literal_start(argument: ast.expr) -> str:
    """The text that a string argument is known to begin with; ``?`` when nothing is known."""
    if isinstance(argument, ast.JoinedStr) and argument.values:
        argument = argument.values[0]
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return argument.value
    return "?"


def violations(source: str, module: str, *, is_package: bool = False) -> list[str]:
    """What the text of ``module`` imports that its place in the house forbids, one line each."""
    package = module.split(".")[0]
    forbidden = {*PACKAGES[PACKAGES.index(package) + 1 :], *BESIDE}
    parent = module if is_package else module.rpartition(".")[0]
    found = []
    for line, name in imported_modules(ast.parse(source), parent):
        top = name.split(".")[0]
        outside = top not in {package, *FOUNDATION, *sys.stdlib_module_names}
        if top in forbidden or (package == "bracket_env" and outside):
            found.append(f"{module}, line {line}: {name}")
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_go_one_way(package: str) -> None:
    files = sources(package)
    found = [
        line
        for path in files
        for line in violations(path.read_text("utf-8"), module_name(path), is_package=path.name == "__init__.py")
    ]
    assert not found, "\n".join(found)
    assert files or package == "ncl_reward"  # the only package that may still be empty


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("bracket_env.envs.scalar", "import torch"),
        ("bracket_env.envs.scalar", "from torch.nn import functional"),
        ("bracket_env.envs.scalar", "import scipy"),
        ("bracket_env.envs.scalar", "def f():\n    import torch as t"),
        ("bracket_env.envs.scalar", "import importlib\nimportlib.import_module('torch')"),
        ("bracket_env.envs.scalar", "from importlib import import_module\nimport_module(f'torch.{name}')"),
        ("bracket_env.envs.scalar", "import importlib\nimportlib.import_module(name)"),
        ("bracket_env.envs.scalar", "__import__('agents')"),
        ("bracket_env.envs.scalar", "register(id='x', entry_point='agents.sb3.features:Extractor')"),
        ("bracket_env.envs.scalar", "from ..supervised import runs"),
        ("ncl_reward.loss", "from supervised.runs import load"),
        ("supervised.runs", "import agents.train_ppo"),
        ("supervised.models.gru", "from ...agents import features"),
        ("agents.evaluate", "from benchmarks import grid"),
        ("agents.evaluate", "from tests.conftest import ROOT"),
    ],
)
def test_the_walk_sees_a_wrong_import(module: str, line: str) -> None:
    assert violations(line, module)


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("bracket_env.envs.scalar", "import numpy as np\nfrom gymnasium.spaces import Box\nimport json, math"),
        ("bracket_env.envs.scalar", "from .errors import InputError"),
        ("bracket_env.envs.scalar", "entry = 'bracket_env.envs.scalar:CloseEnv'"),
        ("supervised.runs", "import torch\nfrom bracket_env.cases import Case"),
        ("agents.evaluate", "from supervised.runs import load\nimport importlib\nimportlib.import_module(name)"),
    ],
)
def test_the_walk_lets_a_right_import_through(module: str, line: str) -> None:
    assert not violations(line, module)


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=120, check=False
    )


def test_the_environments_load_no_learning_library() -> None:
    done = python(
        "import sys, bracket_env.envs.vector, bracket_env.scores.solvers, bracket_env.scores.report\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def commands() -> list[str]:
    """Every module that can be run with ``python -m``."""
    return [
        module_name(path)
        for package in PACKAGES
        for path in sources(package)
        if re.search(r'^if __name__ == "__main__":', path.read_text("utf-8"), re.MULTILINE)
    ]


def test_the_commands_are_found() -> None:
    assert {"agents.train_ppo.__main__", "agents.evaluate", "agents.predict"} <= set(commands())


@pytest.mark.parametrize("command", commands())
def test_help_answers_without_torch(command: str) -> None:
    done = python(
        "import runpy, sys\n"
        f"sys.argv = ['x', '--help']\n"
        "try:\n"
        f"    runpy.run_module({command!r}, run_name='__main__', alter_sys=True)\n"
        "except SystemExit as exit_:\n"
        f"    print('exit', exit_.code, [name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    assert done.stdout.splitlines()[-1] == "exit 0 []", done.stdout + done.stderr
    assert f"usage: python -m {command.removesuffix('.__main__')}" in done.stdout
