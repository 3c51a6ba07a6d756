"""Tables contain the numbers, files have the design's form."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from bracket_env import BracketLanguage, Case, Estimate, InputError, Scores, make_case, score
from bracket_env.scores.report import (
    bins,
    by_table,
    depth_length_heat_map,
    interval,
    percent,
    score_table,
    write_csv,
    write_json,
)
from bracket_env.scores.solvers import Counters, Oracle
from bracket_env.scores.tables import FittingTable

LANGUAGE = BracketLanguage()
CASES = [make_case(LANGUAGE, prefix) for prefix in ["(" * n for n in range(1, 13)] + ["({()", "({(", ""]]


class WithoutProbabilities:
    def complete(self, prefixes: Sequence[str]) -> list[str]:
        return ["" for _ in prefixes]


def scored(cases: list[Case] = CASES) -> list[Scores]:
    return [
        score(Oracle(LANGUAGE), cases, LANGUAGE, name="oracle"),
        score(Counters(LANGUAGE), cases, LANGUAGE, name="counters"),
        score(WithoutProbabilities(), cases, LANGUAGE, name="[silent]"),
    ]


def lines(table: FittingTable, width: int = 100) -> list[str]:
    """The table as a pipe gets it: no colours."""
    out = io.StringIO()
    Console(width=width, file=out).print(table)
    return out.getvalue().splitlines()


def row(table: FittingTable, first: str, width: int = 100) -> list[str]:
    (found,) = [cells for line in lines(table, width) if (cells := line.split()) and cells[0] == first]
    return found


@pytest.mark.parametrize(
    ("total", "n", "text"),
    [
        (994, 1000, "99.4"),
        (1000, 1000, "100.0"),
        (9999, 10_000, "99.9"),  # never rounded up to all
        (999.99, 1000, "99.9"),
        (1, 10_000, "0.1"),  # nor down to none
        (0, 10, "0.0"),
        (2, 3, "66.7"),
    ],
)
def test_percent_reads_100_only_for_all_and_0_only_for_none(total: float, n: int, text: str) -> None:
    assert percent(Estimate.of(total, n)) == text


def test_percent_digits_and_dash() -> None:
    assert percent(Estimate.of(999, 1000), digits=0) == "99"
    assert percent(Estimate.of(3, 4), digits=0) == "75"
    assert percent(None) == interval(None) == "–"


def test_intervals_are_rounded_outwards() -> None:
    assert interval(Estimate(0.994, 0.98698, 0.99725, 1000)) == "98.6–99.8"
    assert interval(Estimate.of(10_000, 10_000)) == "99.9–100.0"


def test_score_table_holds_the_numbers() -> None:
    table = score_table(scored(), "A title", extra={"steps": [1, 20, 300], "seconds": ["0.5", "1.5", "–"]})
    # 15 cases of which ({() and ({( need a stack; the counters answer 13. 13/15: Wilson 62.1 to 96.3.
    assert row(table, "oracle") == ["oracle", "100.0", "79.6–100.0", "100.0", "100.0", "100.0", "2", "1", "0.5"]
    assert row(table, "counters")[:4] == ["counters", "86.7", "62.1–96.3", "88.3"]  # share (13 + 0 + 1/4) / 15
    assert row(table, "counters")[5:] == ["0.0", "2", "20", "1.5"]
    assert row(table, "[silent]")[4] == "–"
    assert "A title" in lines(table)[0]
    assert any("15 cases" in line for line in lines(table))


@pytest.mark.parametrize("width", [80, 100, 120])
def test_tables_fit_the_terminal_and_cut_no_number(width: int) -> None:
    scores = scored()
    long_cases = [make_case(LANGUAGE, "()" * n) for n in range(350)]
    tables = [
        score_table(scores, extra={"steps": [1_000_000] * 3, "seconds": [123.4] * 3}),
        by_table(scores, "length"),
        depth_length_heat_map(scores[0], CASES, LANGUAGE),
        depth_length_heat_map(score(Oracle(LANGUAGE), long_cases, LANGUAGE, name="oracle"), long_cases, LANGUAGE),
    ]
    for table in tables:
        for line in lines(table, width):
            assert "…" not in line
            assert len(line.rstrip()) <= width
    assert row(tables[0], "oracle", width)[-2:] == ["1000000", "123.4"]


def test_a_name_in_brackets_is_not_markup() -> None:
    assert any("[silent]" in line for line in lines(score_table(scored(), "pairs ()[]{}<>")))
    assert any("[silent]" in line for line in lines(by_table(scored(), "depth")))
    assert lines(score_table(scored(), "pairs ()[]{}<>[/x]"))[0].strip() == "pairs ()[]{}<>[/x]"


def test_an_extra_column_of_another_length_is_refused() -> None:
    with pytest.raises(InputError, match="column 'steps' has 2 values for 3 rows"):
        score_table(scored(), extra={"steps": [1, 2]})


def test_by_table_has_a_column_for_each_value_when_there_are_few() -> None:
    cases = [make_case(LANGUAGE, prefix) for prefix in ("(", "({()", "({", "((")]
    table = by_table(scored(cases), "closers", "share")
    assert row(table, "closers") == ["closers", "1", "2"]
    assert row(table, "counters") == ["counters", "100.0", "66.7"]
    assert row(table, "[silent]") == ["[silent]", "0.0", "0.0"]
    assert row(table, "n") == ["n", "1", "3"]


def test_by_table_bins_many_values_and_names_the_bins() -> None:
    table = by_table(scored(), "length")  # lengths 0 to 12
    assert row(table, "length")[1:4] == ["0", "1-2", "3-4"]
    assert row(table, "counters")[1:4] == ["100.0", "100.0", "50.0"]  # (((, ((((, ({(, ({()
    assert row(table, "[silent]")[1:4] == ["100.0", "0.0", "0.0"]
    assert row(table, "n")[1:4] == ["1", "2", "4"]
    assert sum(map(int, row(table, "n")[1:])) == len(CASES)


def test_by_table_shows_a_dash_for_a_measure_a_solver_does_not_have() -> None:
    table = by_table(scored(CASES[:5]), "distance", "closing")
    # The words (), (()), ... of 1 to 5 pairs: each has a closer at distance 1, all but the first one at distance 3.
    assert row(table, "n")[1:3] == ["5", "4"]
    assert row(table, "counters")[1:3] == ["100.0", "100.0"]
    assert row(table, "[silent]")[1:3] == ["–", "–"]


def test_by_table_refuses_unknown_columns_and_measures() -> None:
    with pytest.raises(InputError, match="no column 'width'; there are closers, depth, length, distance"):
        by_table(scored(), "width")
    with pytest.raises(InputError, match="no measure 'f1'; there are exact, share, closing"):
        by_table(scored(), "depth", "f1")


@given(st.sets(st.integers(0, 800), min_size=1), st.integers(2, 12))
def test_bins_hold_every_value_once(values: set[int], limit: int) -> None:
    ranges = bins(values, limit)
    assert len(ranges) <= limit
    assert sorted(v for _, low, high in ranges for v in values if low <= v <= high) == sorted(values)
    for name, low, high in ranges:
        assert any(low <= v <= high for v in values)
        assert name == (str(low) if low == high else f"{low}-{high}")


def test_bins_by_hand() -> None:
    assert bins([3, 1, 2, 2], 3) == [("1", 1, 1), ("2", 2, 2), ("3", 3, 3)]
    assert bins(range(13), 4) == [("0", 0, 0), ("1-5", 1, 5), ("6-10", 6, 10), ("11-15", 11, 15)]
    assert [name for name, *_ in bins(range(1, 701), 8)] == [f"{100 * i + 1}-{100 * i + 100}" for i in range(7)]


def test_heat_map_counts_exact_by_depth_and_length() -> None:
    cases = [make_case(LANGUAGE, p) for p in ["({()"] * 20 + ["((({"] * 2 + ["()(("] * 20 + ["("] * 30]
    counters = score(Counters(LANGUAGE), cases, LANGUAGE, name="counters")
    table = depth_length_heat_map(counters, cases, LANGUAGE)
    assert row(table, "depth")[1:] == ["1", "4", "all", "n"]
    assert row(table, "1") == ["1", "100", "100.0", "30"]
    assert row(table, "2") == ["2", "100", "100.0", "20"]
    assert row(table, "3") == ["3", "0", "0.0", "20"]
    assert row(table, "4") == ["4", "(100)", "100.0", "2"]  # few cases: in parentheses
    assert row(table, "all") == ["all", "100.0", "52.4", "72.2", "72"]
    assert row(table, "n") == ["n", "30", "42"]


def test_heat_map_shades_better_cells_darker() -> None:
    cases = [make_case(LANGUAGE, p) for p in ["({()"] * 20 + ["(" * 4] * 20]
    table = depth_length_heat_map(score(Counters(LANGUAGE), cases, LANGUAGE, name="c"), cases, LANGUAGE)
    console = Console(width=80, force_terminal=True, color_system="truecolor", no_color=False)
    background = {
        segment.text.strip(): segment.style.bgcolor.get_truecolor()
        for line in console.render_lines(table)
        for segment in line
        if segment.style and segment.style.bgcolor and segment.text.strip()
    }
    assert sum(background["100"]) < sum(background["0"])


def test_heat_map_refuses_other_cases() -> None:
    with pytest.raises(InputError, match="oracle was scored on 15 cases, not on these 1"):
        depth_length_heat_map(scored()[0], CASES[:1], LANGUAGE)


def test_json_file_has_the_form_of_the_design(tmp_path: Path) -> None:
    scores = scored()
    write_json(tmp_path / "scores.json", scores, len(CASES), "bracket/Close-v0")
    data = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    assert list(data) == ["cases", "setting", "solvers"]
    assert data["cases"] == 15
    assert data["setting"] == "bracket/Close-v0"
    assert data["solvers"] == [s.to_json() for s in scores]
    assert data["solvers"][0]["by"]["closers"]["1"]["exact"] == {
        "value": 1.0, "low": pytest.approx(0.2065, abs=1e-4), "high": 1.0, "n": 1,
    }  # fmt: skip


def test_csv_file_has_one_line_an_estimate(tmp_path: Path) -> None:
    scores = scored()
    write_csv(tmp_path / "scores.csv", scores)
    with open(tmp_path / "scores.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["solver", "by", "key", "measure", "value", "low", "high", "n"]
    (total,) = [r for r in rows if (r["solver"], r["by"], r["measure"]) == ("counters", "", "needs_stack")]
    assert (float(total["value"]), int(total["n"])) == (0.0, 2)
    (cell,) = [r for r in rows if (r["solver"], r["by"], r["key"], r["measure"]) == ("counters", "depth", "3", "share")]
    share = scores[1].by["depth"][3].share
    assert share is not None
    assert (float(cell["value"]), float(cell["low"]), float(cell["high"]), int(cell["n"])) == (
        share.value, share.low, share.high, share.n,
    )  # fmt: skip
    assert not [r for r in rows if r["solver"] == "[silent]" and r["measure"] == "closing"]
    assert len(rows) == len({(r["solver"], r["by"], r["key"], r["measure"]) for r in rows})
