"""The list of runs of the ablation, labels saved at equal accuracy, and the plot."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.common.plots import Curve, plot_by_labels
from benchmarks.ncl_ablation import NCLAblation, curves, jobs, saving

LINE: Curve = {30: [0.7, 0.72, 0.75], 100: [0.9, 0.91, 0.93], 300: [0.995, 0.99, 1.0]}


@pytest.mark.parametrize(
    ("exact", "other", "reached", "said"),
    [
        (0.99, 300, True, "10-fold (30 against 300 labels)"),
        (0.91, 100, True, "3.33-fold (30 against 100 labels)"),
        (0.5, 30, True, "1-fold (30 against 30 labels)"),
        (1.0, 300, False, "more than 10-fold (30 against more than 300 labels)"),
    ],
)
def test_the_saving_is_read_off_the_medians(exact: float, other: int, reached: bool, said: str) -> None:
    found = saving({30: [0.1, exact, 1.0]}, LINE, 30)
    assert (found.other, found.reached, str(found)) == (other, reached, said)


def test_a_plot_is_drawn_also_where_methods_have_other_numbers_of_labels(tmp_path: Path) -> None:
    plot_by_labels({"Close": {"a": LINE, "b": {0: [0.4]}}, "CloseDeep": {"a": LINE}}, tmp_path / "x.png")
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


def test_every_run_is_asked_for_once_and_seeds_come_one_after_the_other() -> None:
    wanted = jobs(NCLAblation(full=True, labels=(30, 100)))
    assert len(set(wanted)) == len(wanted)
    assert [job.seed for job in wanted] == sorted(job.seed for job in wanted)
    assert not any(job.labels == 0 and job.arm == "none" for job in wanted)
    assert {job.labels for job in wanted if job.arm == "all" and not job.augment} == {0, 30, 100, 1000, 3000}


def test_curves_are_keyed_by_task_method_and_labels() -> None:
    row = {"setting": "bracket/Close-v0", "labels": 30, "augment": True, "arm": "none", "exact": [0.5]}
    assert curves([row, {**row, "arm": "entropy"}]) == {"Close": {"none + augmentation": {30: [0.5]}}}
