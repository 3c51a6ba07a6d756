"""What docs/occupancy.md says of files is so: its example is reported as printed, its commands run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from meter_exports import all_forms
from meter_forms import epochs, home, lines, numbers, stamps, table
from paths import ROOT
from typed_commands import quickly

from supervised.occupancy.meters.options import MeterOptions
from supervised.occupancy.meters.read import read_meter

PAGE = (ROOT / "docs" / "occupancy.md").read_text("utf-8")
FILE = PAGE[PAGE.index("## The file") : PAGE.index("## The simulated homes")]
COMMANDS = re.findall(r"^    python -m (.*)$", FILE, re.MULTILINE)
SENTENCE = "4時間以上、電力が少ないまま一定だったら不在の可能性が高い"


def block(language: str) -> str:
    return FILE.split(f"```{language}\n")[1].split("```")[0]


def test_the_example_is_reported_as_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home.csv").write_text(block("csv"), "utf-8")
    monkeypatch.chdir(tmp_path)
    assert read_meter("home.csv", 15).lines() == block("text").splitlines()


def test_the_page_counts_the_forms() -> None:
    forms = [form for _, form in all_forms()]
    read = sum(form.refused is None for form in forms)
    assert f"Of {len(forms)} forms" in FILE
    assert f"the tests {read} are read right" in FILE


def test_the_page_names_every_option() -> None:
    for name in MeterOptions.__dataclass_fields__:
        assert f"`--{name.replace('_', '-')}`" in FILE


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_page_runs(command: str, tmp_path: Path) -> None:
    days = home(15, 12, "2024-01-20")
    labels = list(map(str, days.present))
    watts = numbers(days.watts / 1000)
    module, *options = shlex.split(command.replace("...", SENTENCE))
    file = tmp_path / options[options.index("--csv") + 1]
    if "--columns" in options:
        file.write_text(lines(zip(epochs(days), numbers(days.watts), strict=True), " "))
    else:
        file.write_text(table(["time", "power", "occupied"], stamps(days, "%d/%m/%Y %H:%M"), watts, labels))
    shown = quickly(module, [*options, "--steps", "5"], tmp_path).ok()
    assert "columns: time" in shown
