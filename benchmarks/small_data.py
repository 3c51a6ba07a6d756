"""``python -m benchmarks.small_data``: what augmentation and pre-training make of few labels, with an ablation.

30, 100 and 300 labelled cases with nothing, ``--augment all``, clm pre-training on unlabelled words of the same task,
and both; then, at 300 labels, every augmentation alone and all but each one. The network is the default gru. Figures
are the best model (chosen on 1000 validation cases) on 1000 cases of the test split, decoded freely: median (worst) of
the seeds. Pre-training adds as many steps as the training has; its seconds are shown apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from benchmarks.common import (
    GridOptions,
    Labels,
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

    @property
    def method(self) -> str:
        """What the tables call it."""
        ways = {**METHODS, **ABLATION}
        return next(name for name, way in ways.items() if way == (self.augment, self.pretrained))


@dataclass(frozen=True)
class SmallData(Labels, Settings, GridOptions):
    """Exact match from 30, 100 and 300 labels with augmentation, pre-training, both and neither; an ablation at 300."""

    settings: tuple[Task, ...] = ("Close", "CloseDeep")
    labels: tuple[int, ...] = LABELS
    ablation: tuple[Task, ...] = ("Close",)
    """Tasks on which each augmentation is taken alone and left out, at 300 labels (with --full all of them)."""


def jobs(config: SmallData) -> list[SmallDataJob]:
    """The runs of every method: seeds 0-4 with --full, else seed 0."""
    found = []
    for setting in config.settings:
        chosen = [(labels, METHODS) for labels in config.labels]
        if setting in config.ablation or config.full:
            chosen.append((300, ABLATION))
        found += [
            SmallDataJob(f"bracket/{setting}-v0", labels, *method, seed, *STEPS[setting])
            for labels, methods in chosen
            for method in methods.values()
            for seed in config.default_seeds()
        ]
    return found


def work(job: SmallDataJob) -> dict[str, Any]:
    """Pre-train if asked to, train once; the scores of the best model on the test split."""
    shared: dict[str, Any] = {"setting": job.setting, "seed": job.seed, "steps": job.steps}
    shared |= {"batch_size": job.batch_size, "learning_rate": job.learning_rate}
    with quiet_runs("benchmarks.small_data") as runs:
        words = runs.pretrain("words", **shared).metrics()[-1] if job.pretrained else None
        start = "words" if job.pretrained else None
        run_folder = runs.train(dataset_size=str(job.labels), augment=job.augment, init_from=start, **shared)
        return {
            **runs.test_figures(),
            "seconds": run_folder.metrics()[-1]["seconds"],
            "pretraining_seconds": words["seconds"] if words else 0.0,
            "pretraining_closers": words["closers"] if words else None,
        }


def main(config: SmallData) -> None:
    """Run what is missing and print the table."""
    results = run_grid("small_data", jobs(config), work, config)
    rows = by_seed(results, ("setting", "labels", "method"), ("steps",))
    view = table(
        "gru from few labels: median (worst) seed, 1000 test cases",
        ("task", "labels", "method", "seeds", "steps", "exact %", "needs a stack %", "seconds", "pre-training s"),
        left=("task", "method"),
    )
    for row in rows:
        cells = [",".join(map(str, row["seeds"])), str(row["steps"])]
        cells += [median_worst(row[name]) for name in ("exact", "needs_stack")]
        cells += [median_worst(row[name], scale=1, worst=max) for name in ("seconds", "pretraining_seconds")]
        view.add_row(task_name(row), str(row["labels"]), row["method"], *cells)
    publish(config, {"rows": rows}, view)


if __name__ == "__main__":
    command(SmallData, main, "small_data")
