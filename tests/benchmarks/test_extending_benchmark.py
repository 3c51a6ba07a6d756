"""What the table of ``benchmarks.extending`` says of made-up figures."""

from __future__ import annotations

from typing import Any

from benchmarks.extending import KINDS, ExtendingJob, rows


def figures(old: float, rewarm: float, floor: float) -> dict[str, Any]:
    lowest = {"rewarm_lowest": min(rewarm, old - 0.1), "floor_lowest": floor}
    return {"old": old, "rewarm": rewarm, "floor": floor, **lowest, "whole": 0.99}


def test_a_seed_is_lost_below_the_interval_of_its_old_end() -> None:
    """Of 900 right answers in 1000 the interval begins at 88.0 %."""
    results = [
        (ExtendingJob("train", 0, 300), figures(0.9, 0.95, 0.89)),
        (ExtendingJob("train", 1, 300), figures(0.9, 0.879, 0.9)),
        (ExtendingJob("train_ppo", 0, 50_000), figures(0.0, 0.0, 0.0)),
    ]
    found = {(row["kind"], row["schedule"]): row for row in rows(results)}
    assert found["train", "rewarm"]["lost"] == 1
    assert found["train", "floor"]["lost"] == found["train_ppo", "floor"]["lost"] == 0
    row = found["train", "rewarm"]
    assert (row["seeds"], row["more"], row["extended"]) == ([0, 1], 150, [0.95, 0.879])
    assert [round(drop, 3) for drop in row["lowest"]] == [-0.1, -0.1]
    assert set(found) == {(kind, schedule) for kind in ("train", "train_ppo") for schedule in ("rewarm", "floor")}


def test_every_kind_of_run_that_is_resumed_is_extended() -> None:
    assert set(KINDS) >= {"train", "pretrain", "adapt", "train_ppo", "train_instruct"}
    assert all(steps % 2 == 0 for _, steps, _ in KINDS.values())
