"""A labeller that was saved answers as the one that was trained, other files too, and nothing else is taken for one."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from typed_commands import quickly

from bracket_env import InputError
from supervised.adapt.check import base_of
from supervised.adapt.options import Adapt
from supervised.evaluate import Evaluate
from supervised.evaluate import main as evaluate
from supervised.occupancy.homes.predictions import write_predictions
from supervised.occupancy.homes.simulator import simulate
from supervised.occupancy.network.features import base_watts
from supervised.occupancy.options import Occupancy
from supervised.occupancy.predict import predict
from supervised.occupancy.predict_options import PredictOccupancy
from supervised.occupancy.run import train
from supervised.occupancy.saved import load_labeller
from supervised.runs import RunFolder, load
from supervised.train.options import Train
from supervised.train.run import train as train_model

SENTENCE = "4時間以上、電力が少ないまま一定だったら不在の可能性が高い"
DAY = 24  # slots of an hour


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the home whose first days are learned from, later days of it, another home, and the run."""
    folder = tmp_path_factory.mktemp("homes")
    home = simulate(0, 0, 15, minutes=60)
    write_predictions(str(folder / "home.csv"), home.part(0, 12 * DAY), {})
    write_predictions(str(folder / "later.csv"), home.part(12 * DAY, 15 * DAY), {})
    write_predictions(str(folder / "bare.csv"), home.part(12 * DAY, 15 * DAY), {})
    lines = (folder / "bare.csv").read_text("utf-8").splitlines()
    (folder / "bare.csv").write_text("\n".join(line.rsplit(",", 1)[0] for line in lines) + "\n", "utf-8")
    options: dict[str, Any] = {"csv": str(folder / "home.csv"), "minutes": 60, "steps": 5, "instruction": (SENTENCE,)}
    options |= {"name": "mine", "runs_dir": str(folder), "predict_out": str(folder / "trained.csv")}
    train(Occupancy(**options), ["python", "-m", "it"], Console(quiet=True))
    return folder


def asked(runs: Path, file: str, **options: Any) -> tuple[dict[str, Any], str]:
    shown = io.StringIO()
    config = PredictOccupancy(**{"run": "mine", "file": str(runs / file), "runs_dir": str(runs), **options})
    return predict(config, Console(file=shown, width=200)), shown.getvalue()


def column(path: Path, name: str) -> list[float]:
    with open(path, encoding="utf-8", newline="") as file:
        return [float(row[name]) for row in csv.DictReader(file)]


def test_it_answers_as_the_network_that_was_trained(runs: Path, tmp_path: Path) -> None:
    _, shown = asked(runs, "home.csv", out=str(tmp_path / "out.csv"), base_load="run")
    trained, saved = column(runs / "trained.csv", "gru_with_sentence"), column(tmp_path / "out.csv", "at_home")
    np.testing.assert_allclose(saved, trained, atol=1e-4)
    assert "warning" not in shown


def test_what_a_run_leaves(runs: Path) -> None:
    folder = RunFolder.open("mine", root=runs, any_task=True)
    assert {path.name for path in folder.path.iterdir()} == {
        "config.json", "command.txt", "home.json", "best_model.safetensors", "best_model_metadata.json",
        "evaluation_result.txt", "checkpoint",
    }  # fmt: skip
    assert (folder.path / "command.txt").read_text() == "python -m it\n"
    assert set(folder.best_metadata()) >= {"balanced_accuracy", "split", "sha256"}
    result = (folder.path / "evaluation_result.txt").read_text("utf-8")
    assert f"Sentence: {SENTENCE}" in result
    assert result.count(" right\n") == 4  # test days
    _, home = load_labeller(folder)
    assert [rule["rule"] for rule in home.rules] == ["low_constant_absent"]


def test_later_days_with_labels_are_scored_and_shown(runs: Path, tmp_path: Path) -> None:
    out, picture = tmp_path / "found.json", tmp_path / "week.png"
    found, shown = asked(runs, "later.csv", json=str(out), plot=str(picture))
    assert json.loads(out.read_text("utf-8")) == found
    assert (found["slots"], found["measured"], found["minutes"]) == (72, 72, 60)
    assert [(row["model"], row["instruction"], row["hours"]) for row in found["rows"]] == [
        ("always_home", False, "all"), ("always_home", False, "06-22"), ("gru", True, "all"), ("gru", True, "06-22"),
    ]  # fmt: skip
    assert "gru + sentence" in shown
    assert f"somebody is at home in {found['present']:.1%} of 72 slots" in shown
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_file_without_labels_has_no_scores_and_the_same_answers(runs: Path, tmp_path: Path) -> None:
    for file in ("bare.csv", "later.csv"):
        found, _ = asked(runs, file, out=str(tmp_path / file))
        assert bool(found["rows"]) == (file == "later.csv")
    assert column(tmp_path / "bare.csv", "at_home") == column(tmp_path / "later.csv", "at_home")


def test_another_home_counts_from_its_own_base_load(runs: Path, tmp_path: Path) -> None:
    """A home that draws four times as much all the time is answered as this one, unless this one's load counts."""
    home = simulate(0, 0, 15, minutes=60).part(0, 12 * DAY)
    large = type(home)("large", home.start, home.minutes, 4 * home.watts, home.present)
    write_predictions(str(runs / "large.csv"), large, {})
    found, shown = asked(runs, "large.csv", out=str(tmp_path / "own.csv"))
    assert found["base_watts"] == pytest.approx(4 * base_watts(home.watts), rel=0.01)
    assert "warning" not in shown
    _, shown = asked(runs, "large.csv", out=str(tmp_path / "run.csv"), base_load="run")
    assert "warning: the base loads are unlike" in shown
    _, _ = asked(runs, "home.csv", out=str(tmp_path / "small.csv"))
    small, own, other = (column(tmp_path / name, "at_home") for name in ("small.csv", "own.csv", "run.csv"))
    assert 10 * np.abs(np.subtract(own, small)).max() < np.abs(np.subtract(other, small)).max()


def test_a_few_days_count_from_the_base_load_of_the_run(runs: Path) -> None:
    _, home = load_labeller(RunFolder.open("mine", root=runs, any_task=True))
    assert asked(runs, "later.csv")[0]["base_watts"] == home.base
    later = asked(runs, "later.csv", base_load="file")[0]["base_watts"]
    assert later == pytest.approx(base_watts(simulate(0, 0, 15, minutes=60).watts[12 * DAY :]), rel=0.01)


@pytest.mark.parametrize(
    "call",
    [
        lambda runs: evaluate(Evaluate(runs=("mine",), runs_dir=runs)),
        lambda runs: load("mine", root=runs),
        lambda runs: base_of(Adapt(base="mine", runs_dir=runs)),
        lambda runs: train_model(Train(resume="mine", runs_dir=runs), ["test"]),
        lambda runs: train_model(Train(init_from="mine", runs_dir=runs), ["test"]),
    ],
)
def test_commands_about_brackets_say_which_command_asks_it(call: Callable[[str], object], runs: Path) -> None:
    with pytest.raises(InputError, match=r"ask it with python -m supervised\.occupancy predict mine"):
        call(str(runs))


def _no_number(folder: Path) -> None:
    home = json.loads((folder / "home.json").read_text())
    (folder / "home.json").write_text(json.dumps({**home, "spread": [0.0] * 14}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "home.json").unlink(), "holds no home.json"),
        (lambda folder: (folder / "home.json").write_text("{}"), "home.json is damaged: 'mean'"),
        (_no_number, r"home.json is damaged: .* are not 15 numbers above 0"),
        (lambda folder: (folder / "best_model.safetensors").write_bytes(b"x"), "does not belong to best_model"),
        (lambda folder: (folder / "best_model.safetensors").unlink(), r"cannot read .*best_model.safetensors"),
    ],
)
def test_a_damaged_run_is_named(damage: Callable[[Path], object], message: str, runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "mine", tmp_path / "mine")
    damage(tmp_path / "mine")
    with pytest.raises(InputError, match=message):
        asked(runs, "later.csv", runs_dir=str(tmp_path))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "mine"}, "mine exists: choose another --name"),
        ({"name": "a/b"}, "a run's name is one folder name"),
        ({"name": "three", "csv": None, "homes": 3}, "--name three saves the network of one home"),
    ],
)
def test_what_cannot_be_saved_is_refused_before_any_training(options: dict[str, Any], message: str, runs: Path) -> None:
    with pytest.raises(InputError, match=message):
        train(Occupancy(**{"csv": "nowhere.csv", "runs_dir": str(runs), **options}), ["test"], Console(quiet=True))


def test_the_commands_as_they_are_typed(runs: Path) -> None:
    out = quickly("supervised.occupancy", ["predict", "mine", "later.csv", "--runs-dir", "."], runs).ok()
    assert "base load:" in out
    refused = quickly("supervised.occupancy", ["predict", "mine", "nowhere.csv", "--runs-dir", "."], runs).refused()
    assert "nowhere.csv" in refused
    assert "predict RUN FILE" in " ".join(quickly("supervised.occupancy", ["--help"], runs).ok().split())
