"""``python -m benchmarks.small_data``: what augmentation and pre-training make of few labels, with an ablation.

30, 100 and 300 labelled cases with nothing, ``--augment all``, clm pre-training on unlabelled words of the same task,
and both; then, at 300 labels, every augmentation alone and all but each one. The network is the default gru. Figures
are the best model (chosen on 1000 validation cases) on 1000 cases of the test split, decoded freely: median (worst) of
the seeds. Pre-training adds as many steps as the training has; its seconds are shown apart.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.table import Table

from benchmarks.common.grid import GridOptions, run_grid
from bracket_env.atomic import write_text
from bracket_env.command import run
from supervised.data.augmentation import AUGMENTATIONS

Task = Literal["Close", "CloseDeep"]
LABELS = (30, 100, 300)
NOTHING, ALL = ("none",), ("all",)
METHODS: dict[str, tuple[tuple[str, ...], bool]] = {
    "nothing": (NOTHING, False),
    "augmentation": (ALL, False),
    "pre-training": (NOTHING, True),
    "both": (ALL, True),
}
"""Name -> what is augmented, and whether the model was pre-trained."""
ABLATION: dict[str, tuple[tuple[str, ...], bool]] = {
    **{f"{name} alone": ((name,), False) for name in AUGMENTATIONS},
    **{f"all but {name}": (tuple(other for other in AUGMENTATIONS if other != name), False) for name in AUGMENTATIONS},
}
STEPS: dict[str, tuple[int, int]] = {"Close": (1500, 256), "CloseDeep": (3000, 128)}
"""Task -> steps, and cases a step."""


@dataclass(frozen=True)
class SmallDataJob:
    """One training run, after its pre-training."""

    setting: str
    labels: int
    augment: tuple[str, ...]
    pretrained: bool
    seed: int
    steps: int
    batch_size: int
    learning_rate: float = 4e-3


@dataclass(frozen=True)
class SmallData(GridOptions):
    """Exact match from 30, 100 and 300 labels with augmentation, pre-training, both and neither; an ablation at 300."""

    settings: tuple[Task, ...] = ("Close", "CloseDeep")
    """Which tasks."""
    labels: tuple[int, ...] = LABELS
    """How many labelled cases."""
    ablation: tuple[Task, ...] = ("Close",)
    """Tasks on which each augmentation is taken alone and left out, at 300 labels (with --full all of them)."""


def jobs(config: SmallData) -> list[tuple[str, SmallDataJob]]:
    """Methods and their runs: seeds 0-4 with --full, else seed 0."""
    seeds = range(5) if config.full else range(1)
    found = []
    for setting in config.settings:
        chosen = [(labels, METHODS) for labels in config.labels]
        if setting in config.ablation or config.full:
            chosen.append((300, ABLATION))
        for labels, methods in chosen:
            for method, (augment, pretrained) in methods.items():
                found += [(method, _job(setting, labels, augment, pretrained, seed)) for seed in seeds]
    return found


def _job(setting: str, labels: int, augment: tuple[str, ...], pretrained: bool, seed: int) -> SmallDataJob:
    return SmallDataJob(f"bracket/{setting}-v0", labels, augment, pretrained, seed, *STEPS[setting])


def work(job: SmallDataJob) -> dict[str, Any]:
    """Pre-train if asked to, train once; the scores of the best model on the test split."""
    from supervised.pretrain.options import Pretrain
    from supervised.pretrain.run import pretrain
    from supervised.train.options import Train
    from supervised.train.run import train

    command = ["benchmarks.small_data"]
    with tempfile.TemporaryDirectory() as folder, open("/dev/null", "w", encoding="utf-8") as silence:
        shared: dict[str, Any] = {"runs_dir": folder, "setting": job.setting, "seed": job.seed, "steps": job.steps}
        shared |= {"batch_size": job.batch_size, "learning_rate": job.learning_rate}
        words: list[dict[str, Any]] = []
        if job.pretrained:
            run_folder = pretrain(Pretrain(name="words", **shared), command, Console(file=silence))
            assert run_folder is not None
            words = run_folder.metrics()
        scores = Path(folder) / "scores.json"
        config = Train(
            name="run",
            dataset_size=str(job.labels),
            augment=job.augment,  # type: ignore[arg-type]
            init_from="words" if job.pretrained else None,
            json=str(scores),
            **shared,
        )
        run_folder = train(config, command, Console(file=silence))
        assert run_folder is not None
        metrics = run_folder.metrics()
        solver = json.loads(scores.read_text(encoding="utf-8"))["solvers"][0]
    return {
        "exact": solver["exact"]["value"],
        "needs_stack": solver["needs_stack"] and solver["needs_stack"]["value"],
        "seconds": metrics[-1]["seconds"],
        "pretraining_seconds": words[-1]["seconds"] if words else 0.0,
        "pretraining_closers": words[-1]["closers"] if words else None,
    }


def rows(results: Sequence[tuple[str, SmallDataJob, dict[str, Any]]]) -> list[dict[str, Any]]:
    """One row a task, number of labels and method."""
    groups: dict[tuple[str, int, str], list[tuple[SmallDataJob, dict[str, Any]]]] = {}
    for method, job, result in results:
        groups.setdefault((job.setting, job.labels, method), []).append((job, result))
    return [
        {
            "setting": setting,
            "labels": labels,
            "method": method,
            "seeds": [job.seed for job, _ in members],
            "steps": members[0][0].steps,
            **{name: [result[name] for _, result in members] for name in members[0][1]},
        }
        for (setting, labels, method), members in groups.items()
    ]


def main(config: SmallData) -> None:
    """Run what is missing and print the table."""
    wanted = jobs(config)
    done = dict(run_grid("small_data", [job for _, job in wanted], work, config))
    table = rows([(method, job, done[job]) for method, job in wanted if job in done])
    view = Table(title="gru from few labels: median (worst) seed, 1000 test cases", title_justify="left")
    for heading in (
        "task",
        "labels",
        "method",
        "seeds",
        "steps",
        "exact %",
        "needs a stack %",
        "seconds",
        "pre-training s",
    ):
        view.add_column(heading, justify="left" if heading in ("task", "method") else "right")
    for row in table:
        cells = [_median_worst(row[name], 100, min) for name in ("exact", "needs_stack")]
        cells += [_median_worst(row[name], 1, max) for name in ("seconds", "pretraining_seconds")]
        seeds = ",".join(map(str, row["seeds"]))
        task = row["setting"].removeprefix("bracket/").removesuffix("-v0")
        view.add_row(task, str(row["labels"]), row["method"], seeds, str(row["steps"]), *cells)
    Console().print(view)
    if config.json is not None:
        write_text(config.json, json.dumps({"rows": table}, indent=2) + "\n")


def _median_worst(values: Sequence[float | None], scale: float, worst: Any) -> str:
    known = [scale * value for value in values if value is not None]
    return f"{statistics.median_low(known):.1f} ({worst(known):.1f})" if known else "-"


if __name__ == "__main__":
    sys.exit(run(SmallData, main, prog="python -m benchmarks.small_data"))
