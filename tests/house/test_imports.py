"""The house rules: imports go one way, the environments stay light, ``--help`` answers without torch.

numpy, gymnasium, rich, tyro  <-  bracket_env  <-  ncl_reward  <-  supervised  <-  agents
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys

import pytest
from house.reading import HEAVY, PACKAGES, imported, read
from paths import ROOT

BESIDE = ("benchmarks", "examples", "docs", "tests")  # nothing imports these
FOUNDATION = {"numpy", "gymnasium", "rich", "tyro", "PIL"}  # all that bracket_env stands on


def violations(source: str, module: str, *, is_package: bool = False) -> list[str]:
    """What the text of ``module`` imports that its place in the house forbids, one line each."""
    package = module.split(".")[0]
    forbidden = {*PACKAGES[PACKAGES.index(package) + 1 :], *BESIDE}
    found = []
    for line, name in imported(ast.walk(ast.parse(source)), module if is_package else module.rpartition(".")[0]):
        top = name.split(".")[0]
        outside = top not in {package, *FOUNDATION, *sys.stdlib_module_names}
        if top in forbidden or (package == "bracket_env" and outside):
            found.append(f"{module}, line {line}: {name}")
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_go_one_way(package: str) -> None:
    modules = list(read(ROOT, (package,)))
    found = [
        line
        for module in modules
        for line in violations(module.path.read_text("utf-8"), module.name, is_package=module.is_package)
    ]
    assert modules
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("bracket_env.envs.episodes", "import torch"),
        ("bracket_env.envs.episodes", "from torch.nn import functional"),
        ("bracket_env.envs.episodes", "import scipy"),
        ("bracket_env.envs.episodes", "def f():\n    import torch as t"),
        ("bracket_env.envs.episodes", "import importlib\nimportlib.import_module('torch')"),
        ("bracket_env.envs.episodes", "from importlib import import_module\nimport_module(f'torch.{name}')"),
        ("bracket_env.envs.episodes", "import importlib\nimportlib.import_module(name)"),
        ("bracket_env.envs.episodes", "__import__('agents')"),
        ("bracket_env.envs.episodes", "register(id='x', entry_point='agents.sb3.features:Extractor')"),
        ("bracket_env.envs.episodes", "from ...supervised import runs"),
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
        ("bracket_env.envs.episodes", "import numpy as np\nfrom gymnasium.spaces import Box\nimport json, math"),
        ("bracket_env.envs.episodes", "from .errors import InputError"),
        ("bracket_env.envs.episodes", "entry = 'bracket_env.envs.registry:CloseEnv'"),
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
        "import sys, bracket_env, bracket_env.scores.solvers, bracket_env.scores.report\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def commands() -> list[str]:
    """Every module that can be run with ``python -m``."""
    return [
        module.name
        for module in read()
        if re.search(r'^if __name__ == "__main__":', module.path.read_text("utf-8"), re.MULTILINE)
    ]


def test_the_commands_are_found() -> None:
    assert {"agents.train_ppo.__main__", "agents.evaluate", "agents.predict"} <= set(commands())


EACH_HELP = """
import json, os, runpy, sys
import bracket_env, tyro  # what all of them need

heavy, shown = json.loads(sys.argv[1]), {}
for command in json.loads(sys.argv[2]):
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.dup2(writing, 1)
        os.dup2(writing, 2)
        os.close(reading)
        sys.argv = ["x", "--help"]
        try:
            runpy.run_module(command, run_name="__main__", alter_sys=True)
        except SystemExit as exit_:
            print("exit", exit_.code, [name for name in heavy if name in sys.modules], flush=True)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as output:
        shown[command] = output.read()
    os.wait()
print(json.dumps(shown))
"""


def test_help_answers_without_torch() -> None:
    """Each command in a fork of one young interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", EACH_HELP, json.dumps(HEAVY), json.dumps(commands())],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=300,
        check=True,
    )
    for command, shown in json.loads(done.stdout).items():
        assert shown.splitlines()[-1] == "exit 0 []", shown
        assert f"usage: python -m {command.removesuffix('.__main__')}" in shown
