"""Figures in pictures are those of the tables, and no line or number hides another."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from benchmarks.common import range_map
from benchmarks.common.plots import learning_curves, panels
from benchmarks.common.seeds import rounded_down


def test_a_map_shows_what_the_table_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr(range_map, "save", lambda figure, path: drawn.append(figure))
    shares = [0.0, 0.0049, 0.07, 0.29, 0.57, 0.58, 0.999, 1.0]  # 100 * 0.57 is a little less than 57
    for share in shares:
        cells = [{"length": "1-40", "depth": "1-10", "exact": [share]}]
        range_map.plot_maps([{"model": "gru", "seeds": [0], "cells": cells}], tmp_path / "x.png")
        (text,) = drawn[-1].axes[0].texts
        assert text.get_text() == rounded_down(0)(share)
    assert [figure.axes[0].texts[0].get_text() for figure in drawn] == ["0", "0", "7", "29", "57", "58", "99", "100"]


def test_a_line_below_another_is_seen() -> None:
    figure, ((axis,),) = panels(1, 7, 4)
    curve = [[(0, 0.0, 0.0), (400_000, 9.0, 0.9)]]
    other = [[(0, 0.0, 0.0), (400_000, 9.0, 0.8)]]
    learning_curves(axis, {"none": curve, "right": other, "same": curve}, {"none": "k", "right": "b", "same": "r"})
    assert [line.get_linestyle() for line in axis.get_lines()] == ["-", "-", "--"]
    figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in axis.get_xticklabels() if label.get_text()]
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))
