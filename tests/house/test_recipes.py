"""The recipes of CONTRIBUTING.md work as they are written: a new command and a new rule."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from house import commands
from house.reading import read
from paths import ROOT

from bracket_env import BracketLanguage, get_setting

PAGE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
FILE = re.compile(r"`(\w+(?:/\w+)+\.\w+)`|\]\((\w+(?:/\w+)+\.\w+)\)")
BLOCK = re.compile(r"^```(?:py|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def written(heading: str) -> dict[str, str]:
    """File -> the block of this part of the page that belongs into it: the one below the line that names the file."""
    part = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    before = 0
    found = {}
    for block in BLOCK.finditer(part):
        inside, linked = FILE.findall(part[before : block.start()])[0]
        found[inside or linked] = block[1]
        before = block.end()
    return found


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter in which the packages of ``folder`` hide ours."""
    path = os.pathsep.join(map(str, (folder, ROOT, ROOT / "tests/helpers")))
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8", "COLUMNS": "120"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package that the recipe of a command makes."""
    folder = tmp_path_factory.mktemp("shop")
    files = written("To add a command")
    assert sorted(files) == [f"toy/deepest/{name}.py" for name in ("__main__", "options", "run")]
    for name, text in {**files, "toy/__init__.py": "", "toy/deepest/__init__.py": ""}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return folder


def test_a_new_command_answers(shop: Path) -> None:
    done = python(shop, "-m", "toy.deepest", "--setting", "bracket/CloseTiny-v0")
    assert (done.returncode, done.stderr) == (0, "")
    cases = get_setting("bracket/CloseTiny-v0").evaluation_cases("test", 100)
    depths = {case.prefix: BracketLanguage(("()", "[]")).depth(case.prefix) for case in cases}
    assert depths[done.stdout.rstrip("\n")] == max(depths.values())


def test_a_new_command_has_help_and_errors_of_one_line(shop: Path) -> None:
    shown = python(shop, "-m", "toy.deepest", "--help").stdout
    assert "Show the deepest prefix" in shown
    assert "--look-at" in shown
    assert "The task, a registered environment id." in shown
    wrong = python(shop, "-m", "toy.deepest", "--look-at", "0")
    assert (wrong.returncode, wrong.stderr) == (2, "error: --look-at must be at least 1, not 0\n")


def test_a_new_command_keeps_the_laws(shop: Path) -> None:
    house = read(shop, ("toy",))
    [command] = commands.commands(house)
    assert (command.home, command.options.name) == ("toy.deepest", "Deepest")
    assert [one.option for one in commands.declarations(house)] == ["look_at"]  # the others are those of the group
    assert not commands.takers(house)
    assert not commands.imports_of_commands(house)


def test_a_new_rule_is_stated_and_shapes_loss_and_reward(tmp_path: Path) -> None:
    files = written("To add a rule")
    assert sorted(files) == [
        "ncl_reward/book/stop_at_once.json",
        "ncl_reward/reward/live_violations.py",
        "ncl_reward/rules/bracket_rules.py",
    ]
    shutil.copytree(ROOT / "ncl_reward", tmp_path / "ncl_reward")
    (tmp_path / "ncl_reward/book/stop_at_once.json").write_text(files["ncl_reward/book/stop_at_once.json"], "utf-8")
    into(tmp_path, files, "ncl_reward/rules/bracket_rules.py", "\nBRACKET_RULES: ", "ClosersOnly()", "StopAtOnce()")
    count, added = '"closers_only": _closers_only', '"stop_at_once": _stop_at_once'
    into(tmp_path, files, "ncl_reward/reward/live_violations.py", "\n# Adds what a symbol", count, added)
    done = python(tmp_path, "-c", USE)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["stop_at_once", "[3]", "True"]


def into(folder: Path, files: dict[str, str], name: str, place: str, last: str, added: str) -> None:
    """The recipe's block before ``place``, and its entry behind the last one of the list."""
    text = (folder / name).read_text("utf-8")
    assert text.count(place) == text.count(last) == 1
    text = text.replace(last, f"{last}, {added}").replace(place, f"\n{files[name]}\n{place}")
    (folder / name).write_text(text, "utf-8")


USE = """
import numpy as np
from encoders_for_tests import HashedWords
from bracket_env import BracketLanguage, CloseVectorEnv
from ncl_reward import BRACKET_RULES, VectorNCLReward, potential_of, state_rules

said = ["Write nothing at all."]
[stated] = state_rules(said, HashedWords(), BracketLanguage(), BRACKET_RULES)
print(stated.rule.name)

from bracket_env.tokenizer import BracketTokenizer
from ncl_reward.rules.bracket_state import OpenBrackets
seen = OpenBrackets(1, 3, 8)
seen.read(np.array(BracketTokenizer(BracketLanguage()).encode("(")))
target = stated.rule.target_at(seen.state(), stated.slots)
print(np.flatnonzero(target.allowed[0]))  # EOS

env = VectorNCLReward(CloseVectorEnv(1), potential_of(said, BracketLanguage(), HashedWords()), gamma=1.0)
env.reset(seed=0)
plain = CloseVectorEnv(1)
plain.reset(seed=0)
closer = plain.right_actions()
print(env.step(closer)[1][0] < plain.step(closer)[1][0])
"""
