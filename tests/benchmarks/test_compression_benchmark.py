"""The compression benchmark: the front and the marks against their definitions, and one model through every way."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from rich.console import Console

from benchmarks.common.compression_tables import EIGHTY, HALF, WIDE, all_models, by_sparsity, marks, pareto_front, plot
from benchmarks.compression import CompressionBenchmark, CompressionJob, jobs, table_rows, ways, work

POINTS = st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), min_size=1, max_size=12)


@given(points=POINTS)
def test_the_front_is_what_nothing_beats(points: list[tuple[int, int]]) -> None:
    def beaten(one: tuple[int, int]) -> bool:
        return any(o != one and o[0] <= one[0] and o[1] >= one[1] for o in points)

    assert pareto_front(points) == sorted({point for point in points if not beaten(point)})


def test_the_default_has_both_tasks_and_the_width_that_the_marks_speak_of() -> None:
    found = {(job.arch, job.setting) for job in jobs(CompressionBenchmark())}
    assert {("gru", "bracket/CloseDeep-v0"), (WIDE, "bracket/Close-v0")} <= found
    assert {arch for arch, _ in found} >= {"gru", "transformer", "gpt", "stack"}
    assert {job.seed for job in jobs(CompressionBenchmark(full=True))} == set(range(5))


def row(way: str, seed: int, exact: float, **figures: Any) -> dict[str, Any]:
    shown = {"exact": {"value": exact}, "longest": {"value": exact - 0.1}, "bytes": 100, "prefixes_per_s": 10.0}
    return {"setting": "bracket/Close-v0", "arch": "gru", "seed": seed, "way": way, **shown, **figures}


def shown(view: Any) -> str:
    file = StringIO()
    Console(width=200, file=file).print(view)
    return file.getvalue()


def test_a_mark_is_of_the_worst_seed() -> None:
    table = [row("as trained", 0, 1.0), row("as trained", 1, 0.995), row(EIGHTY, 0, 0.99), row(EIGHTY, 1, 0.98)]
    wide = [row(way, 0, 1.0, arch=WIDE, prefixes_per_s=rate) for way, rate in (("as trained", 10.0), (HALF, 14.9))]
    text = shown(marks([*table, *wide]))
    assert [line.split()[-3:] for line in text.splitlines() if EIGHTY in line] == [["2", "1.5", "no"]]
    assert [line.split()[-3:] for line in text.splitlines() if "as fast" in line] == [["1", "1.49", "no"]]
    text = shown(marks([*table[:3], row(EIGHTY, 1, 0.985)]))
    assert [line.split()[-3:] for line in text.splitlines() if EIGHTY in line] == [["2", "1.0", "yes"]]


def test_the_sparsity_table_has_the_median_and_the_worst_seed_of_test_and_longest_cases() -> None:
    ladder = ("as trained", "50% zeros", "80% zeros", "90% zeros", "95% zeros")
    table = [row(way, seed, 1 - 0.01 * seed - 0.1 * i) for seed in range(3) for i, way in enumerate(ladder)]
    lines = [line.split() for line in shown(by_sparsity(table)).splitlines() if "test" in line or "longest" in line]
    assert lines[0][:6] == ["Close", "gru", "0,1,2", "test", "99.0", "(98.0)"]
    assert lines[0][-2:] == ["59.0", "(58.0)"]
    assert lines[1][:3] == ["longest", "89.0", "(88.0)"]


@pytest.mark.slow
def test_one_model_goes_every_way(tmp_path: Path) -> None:
    few = {"fine_tune_steps": 30, "distill_steps": 30}
    job = CompressionJob("gru", "bracket/CloseTiny-v0", 0, steps=30, batch_size=32, learning_rate=4e-3, **few)
    table = table_rows([(job, work(job))])
    assert [row["way"] for row in table] == ["as trained", *ways("gru"), "gru of 32 units, 300 labels", "onnx"]
    by_way = {row["way"]: row for row in table}
    assert by_way["80% zeros, int8"]["sparsity"] == pytest.approx(0.8, abs=0.01)  # it was not pruned anew
    assert by_way["80% zeros, int8"]["bytes"] < by_way[EIGHTY]["bytes"]
    assert "onnx: answers that differ" in shown(marks(table))
    assert len(shown(all_models(table)).splitlines()) > len(ways("gru"))
    plot(table, tmp_path / "front.png")
    with Image.open(tmp_path / "front.png") as image:
        assert image.size[0] > 400
