"""The tuning benchmark on a small task: every trial's steps are counted, and both models are scored."""

from __future__ import annotations

import pytest

from benchmarks.tuning_gain import StudyJob, rows, work


@pytest.mark.slow
def test_a_study_is_counted_and_scored() -> None:
    job = StudyJob("gru", "median", 5, 40, 0, setting="bracket/CloseTiny-v0", dataset_size=200)
    [row] = rows([(job, work(job))])
    assert 40 <= row["steps"] <= 5 * 40
    assert row["steps"] >= 40 * row["complete"]
    for name in ("best", "default"):
        assert 0 <= row[name]["low"] <= row[name]["value"] <= row[name]["high"] <= 1
    assert row["best"]["n"] == row["default"]["n"]
