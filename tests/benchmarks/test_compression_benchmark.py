"""The compression benchmark: the front against its definition, and one model through every way."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from rich.console import Console

from benchmarks.compression import CompressionJob, pareto_front, plot, show, table_rows, ways, work

POINTS = st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), min_size=1, max_size=12)


@given(points=POINTS)
def test_the_front_is_what_nothing_beats(points: list[tuple[int, int]]) -> None:
    def beaten(one: tuple[int, int]) -> bool:
        return any(o != one and o[0] <= one[0] and o[1] >= one[1] for o in points)

    assert pareto_front(points) == sorted({point for point in points if not beaten(point)})


@pytest.mark.slow
def test_one_model_goes_every_way(tmp_path: Path) -> None:
    job = CompressionJob("gru", "bracket/CloseTiny-v0", 0, steps=30, batch_size=32, learning_rate=4e-3)
    table = table_rows([(job, work(job))])
    assert [row["way"] for row in table] == ["as trained", *ways("gru"), "gru of 32 units, 300 labels"]
    show(table, Console(width=200))
    plot(table, tmp_path / "front.png")
    with Image.open(tmp_path / "front.png") as image:
        assert image.size[0] > 400
