"""``python -m benchmarks.architectures``: seven architectures by number of labels, and on deeper and longer tasks.

Every run has the same steps and its architecture's default size. Figures are the best model (chosen on 1000 validation
cases) on 1000 cases of the test split, decoded freely: median (worst) of the seeds. ``fixed`` data sets are drawn from
the train split, no augmentation, no pre-training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.common import (
    Archs,
    SeededGridOptions,
    Settings,
    by_seed,
    command,
    median_worst,
    publish,
    quiet_runs,
    run_grid,
    table,
    task_name,
)

ARCHITECTURES = ("gru", "lstm", "transformer", "gpt", "bert", "stack", "tree")
LABELS = ("100", "300", "1000", "3000", "stream")


@dataclass(frozen=True)
class ArchitectureJob:
    """One training run."""

    setting: str
    arch: str
    labels: str
    seed: int
    steps: int
    learning_rate: float
    batch_size: int = 256
    options: tuple[tuple[str, Any], ...] = ()
    """Further options of ``supervised.train``."""


@dataclass(frozen=True)
class Architectures(Settings, Archs, SeededGridOptions):
    """Exact match of every architecture by number of labels, and on CloseDeep and CloseBigBench."""

    archs: tuple[str, ...] = ARCHITECTURES
    settings: tuple[str, ...] = ("Close", "CloseDeep", "CloseBigBench")
    labels: tuple[str, ...] = LABELS
    """Data set sizes on Close; the other tasks are trained from a stream."""


def jobs(config: Architectures) -> list[ArchitectureJob]:
    """Seeds 0-4 with --full, else seed 0 and gru alone on the longer tasks."""
    found = []
    for setting in config.settings:
        for arch in config.archs:
            if setting != "Close" and arch != "gru" and not config.full:
                continue
            for labels in config.labels if setting == "Close" else ("stream",):
                found += [_job(setting, arch, labels, seed) for seed in config.chosen_seeds()]
    return found


def _job(setting: str, arch: str, labels: str, seed: int) -> ArchitectureJob:
    rate = 2e-3 if arch in ("transformer", "gpt", "bert") else 4e-3
    if setting == "Close":
        return ArchitectureJob("bracket/Close-v0", arch, labels, seed, 1500, rate)
    options = (("units", 190),) if arch in ("gru", "lstm") and setting == "CloseBigBench" else ()
    return ArchitectureJob(f"bracket/{setting}-v0", arch, labels, seed, 3000, rate, 128, options)


def work(job: ArchitectureJob) -> dict[str, Any]:
    """Train once; the scores of the best model on the test split."""
    with quiet_runs("benchmarks.architectures") as runs:
        metrics = runs.train(
            setting=job.setting,
            arch=job.arch,
            dataset_size=job.labels,
            steps=job.steps,
            learning_rate=job.learning_rate,
            batch_size=job.batch_size,
            seed=job.seed,
            **dict(job.options),
        ).metrics()
        found = runs.test_figures()
    good, perfect = (next((entry for entry in metrics if entry["exact"] >= level), None) for level in (0.995, 1.0))
    return {
        **found,
        "seconds": metrics[-1]["seconds"],
        "seconds_to_99.5": good and good["seconds"],
        "seconds_to_100": perfect and perfect["seconds"],
        "steps_to_100": perfect and perfect["step"],
    }


def main(config: Architectures) -> None:
    """Run what is missing and print the table."""
    rows = by_seed(run_grid("architectures", jobs(config), work, config), ("setting", "arch", "labels"), ("steps",))
    times = {"seconds": "seconds", "seconds_to_99.5": "s to 99.5 %", "seconds_to_100": "s to 100 %"}
    view = table(
        "supervised: median (worst) seed, 1000 test cases",
        ("task", "arch", "labels", "seeds", "steps", "exact %", "stack %", *times.values()),
        left=("task", "arch"),
    )
    for row in rows:
        cells = [_cell(row[name]) for name in ("exact", "needs_stack")]
        cells += [_cell(row[name], scale=1, worst=max) for name in times]
        view.add_row(task_name(row), row["arch"], row["labels"], str(len(row["seeds"])), str(row["steps"]), *cells)
    publish(config, {"rows": rows}, view)


def _cell(values: Sequence[float | None], **style: Any) -> str:
    return "not in all" if None in values and set(values) != {None} else median_worst(values, **style)


if __name__ == "__main__":
    command(Architectures, main, "architectures")
