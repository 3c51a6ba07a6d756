"""What is shown of several seeds: rows, medians, worst ones, and levels that were reached or not."""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.common import (
    JsonOption,
    by_seed,
    levels_reached,
    median_worst,
    publish,
    rounded_down,
    steps_needed,
    table,
    table_console,
)


@dataclass(frozen=True)
class Job:
    arch: str
    seed: int
    steps: int = 7


def test_jobs_that_differ_in_the_seed_alone_are_one_row() -> None:
    results = [(Job(arch, seed), {"exact": seed / 2}) for seed in (1, 0) for arch in ("gru", "tree")]
    assert by_seed(results, ("arch",), ("steps",)) == [
        {"arch": arch, "seeds": [1, 0], "steps": 7, "exact": [0.5, 0.0]} for arch in ("gru", "tree")
    ]
    assert list(by_seed(results, ("arch",), ("steps",))[0]) == ["arch", "seeds", "steps", "exact"]


def test_median_and_worst_are_of_the_seeds_that_have_a_value() -> None:
    assert median_worst([0.5, 0.25, 1.0]) == "50.0 (25.0)"
    assert median_worst([None, 0.5]) == "50.0 (50.0)"
    assert median_worst([0.5], lone=True) == "50.0"
    assert median_worst([None], none="–") == "–"
    assert median_worst([1.0, 4.0], "{:.0f}".format, scale=1, worst=max, median=statistics.median_low) == "1 (4)"
    assert median_worst([1.0, 4.0], scale=1, median=statistics.median) == "2.5 (1.0)"


def test_a_figure_is_100_only_if_every_answer_is_exact() -> None:
    assert median_worst([1.0, 1.0, 0.99999], rounded_down(1), scale=1) == "100 (99.9)"
    assert median_worst([0.57], rounded_down(1), scale=1, lone=True) == "57"
    assert median_worst([0.99999], rounded_down(2), scale=1, lone=True) == "99.99"


def test_a_seed_that_never_gets_there_is_the_worst_one() -> None:
    curves = [[[100, 1.0, 0.5], [2000, 2.0, 0.9], [3000, 3.0, 0.95]], [[100, 1.5, 0.1]]]
    members = [(Job("gru", seed), {"curve": curve}) for seed, curve in enumerate(curves)]
    assert levels_reached(members, (0.9,)) == ({"0.9": [2000, None]}, {"0.9": [2.0, None]})
    assert steps_needed([2000, None], 5000) == "2k (>5k)"
    assert steps_needed([None, 2.0], None) == "2 (never)"


def test_what_is_published_is_printed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    view = table("a title", ("word", "n"), left=("word",))
    view.add_row("one", "1")
    publish(JsonOption(json=str(tmp_path / "rows.json")), {"rows": [1]}, view, "and a line")
    assert json.loads((tmp_path / "rows.json").read_text()) == {"rows": [1]}
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line for line in lines if line][:2] == [["a", "title"], ["word", "n"]]
    table_console().print("x" * 150)
    assert capsys.readouterr().out == "x" * 150 + "\n"  # in a file nothing is cut to the width of a terminal
