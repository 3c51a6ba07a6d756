"""``python -m PACKAGE`` lists the package's commands."""

from __future__ import annotations

from pathlib import Path

import pytest
from paths import ROOT
from typed_commands import typed

from bracket_env.words.commands import commands_of


@pytest.mark.parametrize(
    ("package", "some"),
    [
        ("agents", {"agents.train_ppo", "agents.evaluate", "agents.tune"}),
        ("supervised", {"supervised.train", "supervised.runs", "supervised.predict", "supervised.occupancy"}),
        ("ncl_reward", {"ncl_reward.explain"}),
        ("benchmarks", {"benchmarks.step_rate", "benchmarks.small_data"}),
    ],
)
def test_every_command_has_a_line(package: str, some: set[str]) -> None:
    found = commands_of(Path(ROOT, package))
    assert some <= set(found)
    assert all(found.values())
    assert not {f"{package}.options", f"{package}.loss", f"{package}.common", f"{package}.__main__"} & set(found)


def test_a_package_lists_its_commands(tmp_path: Path) -> None:
    shown = typed("agents", [], tmp_path).ok()
    assert "python -m agents.train_ppo " in shown
