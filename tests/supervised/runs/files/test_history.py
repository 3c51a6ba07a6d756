"""The picture of a run's figures."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from supervised.runs.files import history
from supervised.runs.files.history import new_figure, plot_history, save_figure

METRICS: list[dict[str, Any]] = [
    {"step": 0, "exact": 0.0, "share": 0.1, "loss": 2.0, "train_loss": None},
    {"step": 10, "train_loss": 1.5},
    {"step": 20, "exact": 0.5, "share": 0.6, "loss": 1.0, "train_loss": 1.25},
    {"step": 40, "exact": 1.0, "share": 1.0, "loss": 0.0, "train_loss": 0.5},
]


def lines(metrics: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, path: Path) -> dict[str, list[list[float]]]:
    figures: list[Figure] = []
    monkeypatch.setattr(history, "save_figure", lambda path, figure: figures.append(figure))
    plot_history(path, metrics, x="step", title="run")
    (legend,) = figures[0].legends
    drawn = [line for axes in figures[0].axes for line in axes.get_lines()]
    assert [text.get_text() for text in legend.get_texts()] == [line.get_label() for line in drawn]
    return {str(line.get_label()): [list(data) for data in line.get_data()] for line in drawn}  # type: ignore[arg-type]


def test_the_loss_in_training_is_drawn_beside_that_of_validation(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = lines(METRICS, monkeypatch, tmp_path / "x.png")
    assert found["loss"] == [[0, 20, 40], [2.0, 1.0, 0.0]]
    assert found["loss in training"] == [[20, 40], [1.25, 0.5]]
    assert found["exact match"] == [[0, 20, 40], [0, 50, 100]]
    without = [{name: value for name, value in entry.items() if name != "train_loss"} for entry in METRICS]
    assert set(lines(without, monkeypatch, tmp_path / "x.png")) == {"exact match", "share", "loss"}


def test_a_japanese_name_is_drawn_without_a_warning(tmp_path: Path) -> None:
    figure = new_figure(2, 2)
    figure.suptitle("括弧")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_figure(tmp_path / "x.png", figure)
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
