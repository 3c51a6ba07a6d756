"""``python -m benchmarks.architectures``: seven architectures by number of labels, and on deeper and longer tasks.

Every run has the same steps and its architecture's default size. Figures are the best model (chosen on 1000 validation
cases) on 1000 cases of the test split, decoded freely: median (worst) of the seeds. ``fixed`` data sets are drawn from
the train split, no augmentation, no pre-training.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.common.grid import GridOptions, run_grid
from bracket_env.atomic import write_text
from bracket_env.command import run

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
class Architectures(GridOptions):
    """Exact match of every architecture by number of labels, and on CloseDeep and CloseBigBench."""

    archs: tuple[str, ...] = ARCHITECTURES
    """Which architectures."""
    settings: tuple[str, ...] = ("Close", "CloseDeep", "CloseBigBench")
    """Which tasks."""
    labels: tuple[str, ...] = LABELS
    """Data set sizes on Close; the other tasks are trained from a stream."""
    seeds: tuple[int, ...] | None = None
    """Which seeds (0, with --full 0 1 2 3 4)."""


def jobs(config: Architectures) -> list[ArchitectureJob]:
    """Seeds 0-4 with --full, else seed 0 and gru alone on the longer tasks."""
    seeds = config.seeds if config.seeds is not None else range(5) if config.full else range(1)
    found = []
    for setting in config.settings:
        for arch in config.archs:
            if setting != "Close" and arch != "gru" and not config.full:
                continue
            for labels in config.labels if setting == "Close" else ("stream",):
                found += [_job(setting, arch, labels, seed) for seed in seeds]
    return found


def _job(setting: str, arch: str, labels: str, seed: int) -> ArchitectureJob:
    rate = 2e-3 if arch in ("transformer", "gpt", "bert") else 4e-3
    if setting == "Close":
        return ArchitectureJob("bracket/Close-v0", arch, labels, seed, 1500, rate)
    options = (("units", 190),) if arch in ("gru", "lstm") and setting == "CloseBigBench" else ()
    return ArchitectureJob(f"bracket/{setting}-v0", arch, labels, seed, 3000, rate, 128, options)


def work(job: ArchitectureJob) -> dict[str, Any]:
    """Train once; the scores of the best model on the test split."""
    from supervised.train.options import Train
    from supervised.train.run import train

    with tempfile.TemporaryDirectory() as folder, open("/dev/null", "w", encoding="utf-8") as silence:
        scores = Path(folder) / "scores.json"
        config = Train(
            name="run",
            runs_dir=folder,
            setting=job.setting,
            arch=job.arch,  # type: ignore[arg-type]
            dataset_size=job.labels,
            steps=job.steps,
            learning_rate=job.learning_rate,
            batch_size=job.batch_size,
            seed=job.seed,
            json=str(scores),
            **dict(job.options),
        )
        metrics = train(config, ["benchmarks.architectures"], Console(file=silence)).metrics()
        solver = json.loads(scores.read_text(encoding="utf-8"))["solvers"][0]
    good, perfect = (next((entry for entry in metrics if entry["exact"] >= level), None) for level in (0.995, 1.0))
    return {
        "exact": solver["exact"]["value"],
        "needs_stack": solver["needs_stack"] and solver["needs_stack"]["value"],
        "seconds": metrics[-1]["seconds"],
        "seconds_to_99.5": good and good["seconds"],
        "seconds_to_100": perfect and perfect["seconds"],
        "steps_to_100": perfect and perfect["step"],
    }


def rows(results: Sequence[tuple[ArchitectureJob, dict[str, Any]]]) -> list[dict[str, Any]]:
    """One row a task, architecture and number of labels."""
    groups: dict[tuple[str, str, str], list[tuple[ArchitectureJob, dict[str, Any]]]] = {}
    for job, result in results:
        groups.setdefault((job.setting, job.arch, job.labels), []).append((job, result))
    return [
        {
            "setting": setting,
            "arch": arch,
            "labels": labels,
            "seeds": [job.seed for job, _ in members],
            "steps": members[0][0].steps,
            **{name: [result[name] for _, result in members] for name in members[-1][1]},
        }
        for (setting, arch, labels), members in groups.items()
    ]


def main(config: Architectures) -> None:
    """Run what is missing and print the table."""
    table = rows(run_grid("architectures", jobs(config), work, config))
    view = Table(
        title="supervised: median (worst) seed, 1000 test cases",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for heading in (
        "task",
        "arch",
        "labels",
        "seeds",
        "steps",
        "exact %",
        "stack %",
        "seconds",
        "s to 99.5 %",
        "s to 100 %",
    ):
        view.add_column(heading, justify="left" if heading in ("task", "arch") else "right", no_wrap=True)
    for row in table:
        cells = [_median_worst(row["exact"], 100, min), _median_worst(row["needs_stack"], 100, min)]
        cells += [_median_worst(row[name], 1, max) for name in ("seconds", "seconds_to_99.5", "seconds_to_100")]
        task = row["setting"].removeprefix("bracket/").removesuffix("-v0")
        view.add_row(task, row["arch"], row["labels"], str(len(row["seeds"])), str(row["steps"]), *cells)
    Console().print(view)
    if config.json is not None:
        write_text(config.json, json.dumps({"rows": table}, indent=2) + "\n")


def _median_worst(values: Sequence[float | None], scale: float, worst: Any) -> str:
    if any(value is None for value in values):
        return "-" if all(value is None for value in values) else "not in all"
    known = [scale * value for value in values if value is not None]
    return f"{statistics.median_low(known):.1f} ({worst(known):.1f})"


if __name__ == "__main__":
    sys.exit(run(Architectures, main, prog="python -m benchmarks.architectures"))
