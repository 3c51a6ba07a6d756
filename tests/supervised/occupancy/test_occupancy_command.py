"""``python -m supervised.occupancy``: what it prints and writes, and one line for what it cannot use."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from bracket_env import InputError
from supervised.occupancy.homes.predictions import write_predictions
from supervised.occupancy.homes.simulator import simulate
from supervised.occupancy.options import Occupancy
from supervised.occupancy.run import train

SENTENCE = "4時間以上、電力が少ないまま一定だったら不在の可能性が高い"
QUICK = {"days": 12, "minutes": 60, "steps": 5, "homes": 2}


def run(**options: object) -> tuple[list[dict[str, object]], str]:
    shown = io.StringIO()
    rows = train(Occupancy(**{**QUICK, **options}), ["test"], Console(file=shown, width=100))  # type: ignore[arg-type]
    return rows, shown.getvalue()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("homes") / "home.csv"
    write_predictions(str(path), simulate(0, 0, 12, minutes=30), {})
    return str(path)


def test_simulated_homes_with_a_sentence(tmp_path: Path) -> None:
    out, image, predictions = (tmp_path / name for name in ("rows.json", "week.png", "predicted.csv"))
    rows, shown = run(instruction=(SENTENCE,), json=str(out), plot=str(image), predict_out=str(predictions))
    assert json.loads(out.read_text("utf-8")) == {"rows": rows}
    assert set(rows[0]) == {"model", "instruction", "hours", "accuracy", "balanced_accuracy", "absent_f1", "mcc"}
    kinds = {(row["model"], row["instruction"], row["hours"]) for row in rows}
    models = {
        ("always_home", False),
        ("bare_rule", False),
        ("logistic_regression", False),
        ("gru", False),
        ("gru", True),
    }
    assert {(*model, hours) for model in models for hours in ("all", "06-22")} <= kinds
    assert "understood: low_constant_absent" in shown
    assert "(4 h)" in shown
    assert "2 homes, mean: 20 labelled slots in 8 days, seed 0" in shown
    assert "gru + sentence" in shown
    assert image.read_bytes().startswith(b"\x89PNG")
    with open(predictions, encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert list(table[0]) == ["time", "watts", "present", "gru", "gru_with_sentence"]
    assert len(table) == 12 * 24
    assert all(0 <= float(row["gru_with_sentence"]) <= 1 for row in table)


def test_a_sentence_about_something_else_is_said_to_change_nothing() -> None:
    rows, shown = run(instruction=("The museum is open on Tuesdays.",))
    assert "states no rule about household power" in shown
    scores = {(row["instruction"], row["hours"]): row["balanced_accuracy"] for row in rows if row["model"] == "gru"}
    assert scores[False, "all"] == scores[True, "all"]


def test_two_sentences_count_both() -> None:
    """As a sentence that says the two things at once; and of several the one that says nothing is named."""
    night = "夜は電力が低く一定でも何も分からない"
    _, shown = run(instruction=(SENTENCE, night, "The museum is open on Tuesdays."), homes=1)
    [understood] = [line for line in shown.splitlines() if line.startswith("understood:")]
    assert "low_constant_absent" in understood
    assert "night_uninformative" in understood
    [warning] = [line for line in shown.splitlines() if line.startswith("warning: the sentence")]
    assert "'The museum is open on Tuesdays.' states no rule" in warning


def test_a_file_with_labelled_days(home: str) -> None:
    rows, shown = run(csv=home, labels=3, label_kind="days", arch="transformer")
    report = shown.splitlines()
    assert report[0] == f"{home}: UTF-8, separator ',', decimal '.', header in line 1"
    assert f"{home}: 576 rows every 30 min -> 288 slots of 60 min" in report[3]  # a finding is one line
    assert "3 labelled days in 8 days" in " ".join(shown.split())
    assert {row["model"] for row in rows} >= {"transformer", "bare_rule"}


def test_a_file_without_labels_is_predicted_by_the_sentence_alone(home: str, tmp_path: Path) -> None:
    bare, out = tmp_path / "bare.csv", tmp_path / "predicted.csv"
    with open(home, encoding="utf-8", newline="") as file:
        bare.write_text("".join(",".join(row[:2]) + "\n" for row in csv.reader(file)), "utf-8")
    rows, shown = run(csv=str(bare), labels=0, instruction=(SENTENCE,), predict_out=str(out))
    assert rows == []
    assert "nothing to score" in shown
    lines = out.read_text("utf-8").splitlines()
    assert lines[0] == "time,watts,present,gru_with_sentence"
    assert np.isfinite([float(line.split(",")[3]) for line in lines[1:]]).all()
    with pytest.raises(InputError, match=r"bare\.csv: no labels to learn from"):
        run(csv=str(bare), labels=5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": -1}, "--labels must be a whole number from 0"),
        ({"labels": 0}, "--labels 0 needs an --instruction that states a rule"),
        ({"labels": 0, "instruction": ("Tomorrow it will rain.",)}, "--labels 0 needs an --instruction"),
        ({"labels": 10_000}, "--labels 10000 asks for more slots"),
        ({"homes": 0}, "--homes must be"),
        ({"days": 2}, "--days must be"),
        ({"minutes": 7}, "not 7"),
        ({"instruction": ("  ",)}, "the sentence is empty"),
        ({"power_columns": ("a",)}, "--power-columns goes with --csv"),
        ({"timezone": "Asia/Tokyo"}, "--timezone goes with --csv"),
        ({"csv": "nowhere.csv"}, "cannot read nowhere.csv"),
        ({"json": "nowhere/rows.json"}, "cannot write --json nowhere/rows.json: it is a folder, or in one that"),
        ({"plot": "/"}, "cannot write --plot /: it is a folder"),
    ],
)
def test_what_cannot_be_used_is_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        run(**options)
    assert "\n" not in str(raised.value)


@pytest.mark.slow
def test_a_year_of_minutes_is_read_resampled_and_predicted_in_a_gibibyte(tmp_path: Path) -> None:
    path = tmp_path / "year.csv"
    write_predictions(str(path), simulate(0, 0, 365, minutes=1), {})
    code = (
        "import runpy, sys\n"
        "try: runpy.run_module('supervised.occupancy', run_name='__main__')\n"
        "finally: print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])\n"
    )
    arguments = ["--csv", str(path), "--predict-out", str(tmp_path / "out.csv")]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) < 1024 * 1024  # kB; what the system counts for a child includes its parent
