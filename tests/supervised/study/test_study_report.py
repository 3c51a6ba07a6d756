"""What one sees of a study: the live table's figures and the pictures."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest
from matplotlib.figure import Figure
from optuna.trial import TrialState, create_trial
from rich.console import Console
from toy_problem import Toy

from supervised.study import plots as study_plots
from supervised.study import report as study_report
from supervised.study.report import StudyDisplay
from supervised.study.study import ERROR, STOPPED, TOO_LARGE
from supervised.tune.options import Tune

SIZES = {
    "layers": optuna.distributions.IntDistribution(1, 3),
    "units": optuna.distributions.IntDistribution(16, 256, log=True),
    "batch_size": optuna.distributions.CategoricalDistribution([32, 64, 128]),
    "augment": optuna.distributions.CategoricalDistribution(["none", "permute, wrap and concatenate"]),
}


def study_of(*drawn: dict[str, Any]) -> optuna.Study:
    study = optuna.create_study(study_name="s")
    for number, params in enumerate(drawn):
        study.add_trial(create_trial(value=float(number), params=params, distributions=SIZES))
    return study


def test_choices_are_drawn_in_their_order_and_whole_numbers_at_whole_numbers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    figures: list[Figure] = []
    save = study_plots.save_figure

    def keep(path: Path, figure: Figure) -> None:
        save(path, figure)
        figures.append(figure)

    monkeypatch.setattr(study_plots, "save_figure", keep)
    first = {"layers": 1, "units": 128, "batch_size": 128, "augment": "permute, wrap and concatenate"}
    study = study_of(first, {**first, "layers": 2, "units": 30, "batch_size": 32})
    study_plots.plot_slices(tmp_path / "slices.png", study, "loss")
    assert (tmp_path / "slices.png").read_bytes().startswith(b"\x89PNG")
    axes = {one.get_xlabel(): one for one in figures[0].axes}
    assert [label.get_text() for label in axes["batch_size"].get_xticklabels()] == ["32", "64", "128"]
    assert axes["batch_size"].collections[0].get_offsets().tolist() == [[2, 0], [0, 1]]  # type: ignore[union-attr]
    labels = [label.get_text() for label in axes["augment"].get_xticklabels()]
    assert labels == ["none", "permute,\nwrap and\nconcatenate"]
    assert all(tick == int(tick) for tick in axes["layers"].get_xticks())
    assert {32, 64, 128} <= set(axes["units"].get_xticks())
    study_plots.plot_history(tmp_path / "history.png", study, "loss")
    assert all(tick == int(tick) for tick in figures[1].axes[0].get_xticks())


def test_time_left_is_told_by_trials_that_count(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(study_report, "time", SimpleNamespace(time=lambda: now))
    study = optuna.create_study()
    study.add_trial(create_trial(value=0.0))
    console = Console(file=io.StringIO(), force_terminal=True, width=150)
    assert isinstance(console.file, io.StringIO)
    display = StudyDisplay(study, Toy(replace(Tune(), n_trials=5, max_parameters=9)), console, float("inf"))
    study.add_trial(create_trial(value=1.0))
    study.add_trial(create_trial(state=TrialState.FAIL))
    for _ in range(7):
        study.add_trial(create_trial(state=TrialState.PRUNED, user_attrs={TOO_LARGE: 10}))
    now = 1060.0
    with display:
        display.show()
    # One trial of this session took 60 s, and three are missing: what failed or was drawn anew brings nobody nearer.
    shown = console.file.getvalue().splitlines()
    row = next(line.split() for line in shown if "3:00" in line)
    assert row[:7] == ["2", "0", "0", "1", "7", "5", "3:00"]
    assert not any("pruned" in line and "trial" in line for line in shown)


def test_what_a_pipe_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line for each trial that ends, and one every half a minute: nobody need wonder whether anything happens."""
    now = 1000.0
    monkeypatch.setattr(study_report, "time", SimpleNamespace(time=lambda: now))
    study = optuna.create_study()
    console = Console(file=io.StringIO(), width=200)
    assert isinstance(console.file, io.StringIO)
    display = StudyDisplay(study, Toy(replace(Tune(), n_trials=5)), console, float("inf"))

    def said(seconds: float) -> list[str]:
        nonlocal now
        assert isinstance(console.file, io.StringIO)
        now += seconds
        before = len(console.file.getvalue())
        display.show()
        return console.file.getvalue()[before:].splitlines()

    begun = study.ask()
    assert said(10) == []
    begun.report(0.25, 4)
    assert said(25) == ["after 0:35: 0 of 5 trials; trial 0 at step 4 of 10, loss 0.25; – left"]
    assert said(10) == []
    study.tell(begun, 0.125)
    assert said(1) == ["trial 0 complete  loss 0.125  in 0:00  (best: trial 0, loss 0.125)"]
    assert said(29) == []
    assert said(1) == ["after 1:16: 1 of 5 trials; best: trial 0, loss 0.125; 5:04 left"]
    for attributes, words in (
        ({STOPPED: True}, "trial 1 stopped  queued again"),
        ({ERROR: "ValueError: no"}, "trial 2 failed  ValueError: no"),
        ({}, "trial 3 failed  lost with its worker, and queued again"),
    ):
        study.add_trial(create_trial(state=TrialState.FAIL, user_attrs=attributes))
        (line,) = said(1)
        assert line.startswith(words)


def test_the_other_pictures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    figures: list[Figure] = []
    monkeypatch.setattr(study_plots, "save_figure", lambda path, figure: figures.append(figure))
    study = study_of(
        {"layers": 1, "units": 16, "batch_size": 32, "augment": "none"},
        {"layers": 3, "units": 64, "batch_size": 64, "augment": "none"},
    )
    study.add_trial(create_trial(value=0.5, params={"layers": 2}, distributions={"layers": SIZES["layers"]}))
    study_plots.plot_parallel(tmp_path / "parallel.png", study, "loss")
    (axes,) = figures[0].axes
    assert [label.get_text() for label in axes.get_xticklabels()] == [
        "loss",
        "augment",
        "batch size",
        "layers",
        "units",
    ]
    # The worst comes first and the best last, each from 0 to 1 on every axis; a parameter that one lacks is a gap.
    heights = [line.get_ydata() for line in axes.get_lines() if len(line.get_ydata()) == 5]
    assert [height[0] for height in heights] == [1.0, 0.5, 0.0]
    assert heights[0] == pytest.approx([1, 0, 0.5, 1, 0.5])
    assert heights[1] == pytest.approx([0.5, math.nan, math.nan, 0.5, math.nan], nan_ok=True)
    two = optuna.create_study(directions=["maximize", "minimize"])
    for values in ([0.5, 10.0], [0.9, 30.0], [0.8, 40.0], [0.7, 20.0]):
        two.add_trial(create_trial(values=values))
    study_plots.plot_pareto(tmp_path / "pareto.png", two, ["exact", "parameters"])
    (front,) = figures[1].axes[0].get_lines()
    assert front.get_drawstyle() == "steps-post"
    assert [list(data)[:3] for data in front.get_data()] == [[10, 20, 30], [0.5, 0.7, 0.9]]
