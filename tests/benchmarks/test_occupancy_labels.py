"""The list of runs and the table of ``benchmarks.occupancy_labels``."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.occupancy_labels import ARMS, OccupancyBenchmark, OccupancyJob, jobs, table_rows


def result(network: float, **beside: float) -> dict[str, Any]:
    return {"06-22": {"network": network, **beside}, "all": {"network": 0.5, **dict.fromkeys(beside, 0.4)}}


def test_without_labels_only_a_rule_teaches_and_controls_are_run_where_they_matter() -> None:
    arms = {labels: {job.arm for job in jobs(OccupancyBenchmark()) if job.labels == labels} for labels in (0, 20, 50)}
    assert arms[0] == {"sentence", "contradicting"}
    assert arms[20] == set(ARMS) - {"all_labels"}
    assert arms[50] == set(ARMS)
    everything = jobs(OccupancyBenchmark(full=True))
    assert len(set(everything)) == len(everything) == 5 * (6 * len(ARMS) - 3)


def test_a_row_holds_the_differences_of_equal_seeds() -> None:
    found = [
        (OccupancyJob(50, "sentence", 1), result(0.9, rules_alone=0.85)),
        (OccupancyJob(50, "sentence", 0), result(0.8)),
        (OccupancyJob(50, "none", 0), result(0.7)),
        (OccupancyJob(50, "none", 1), result(0.75)),
        (OccupancyJob(20, "sentence", 0), result(0.6)),
    ]
    table = {(row["labels"], row["way"]): row for row in table_rows(found)}
    assert list(table) == [(20, "sentence"), (50, "rules_alone"), (50, "none"), (50, "sentence")]
    assert table[50, "sentence"]["seeds"] == [1, 0]
    assert table[50, "sentence"]["over_none"] == pytest.approx([0.15, 0.1])
    assert table[50, "rules_alone"]["over_none"] == pytest.approx([0.1])
    assert table[50, "none"]["over_none"] == [0, 0]
    assert table[20, "sentence"]["over_none"] == []
