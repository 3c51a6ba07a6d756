"""``python -m benchmarks.ncl_ablation``: what sentences save, beside the controls that a sceptic asks for.

Arms, at the same labels, steps and seeds, each with and without augmentation:

- ``none``: the labels alone.
- ``open``: "one to one" and "stop when closed", which leave the order of the answer open: the headline.
- ``all``: "nesting" too; with "stop when closed" it determines the answer, so this is the rule book's knowledge.
- ``unrelated``: a sentence about soup; ``contradicting``: "first opened, first closed".
- ``rules``: the rules of ``open`` without language, at weight 1.
- ``random``: the weights of ``open`` on two rules drawn from the others.
- ``entropy``: the model's own certainty on the same unlabelled prefixes and answers (Grandvalet & Bengio 2005).
- ``oracle``: the right answers of the unlabelled prefixes, as labels: an upper bound.

A second table has three of these over more numbers of labels (``--curve``): none, none with augmentation, and all
sentences without it; under it stands how many labels the sentences save.

Figures are the best model (chosen on 1000 validation cases) on 1000 cases of the test split, decoded freely.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

from rich.console import Console
from rich.table import Table

from benchmarks.common.grid import GridOptions, by_seed, run_grid
from benchmarks.common.label_curves import Curve, plot_curves, saving
from bracket_env.atomic import write_text
from bracket_env.command import run

SENTENCES = {
    "none": (),
    "open": ("開き括弧と閉じ括弧は必ず一対一に対応する。", "Stop as soon as everything is closed."),
    "all": (
        "開き括弧と閉じ括弧は必ず一対一に対応する。",
        "Stop as soon as everything is closed.",
        "The bracket opened last is always closed first.",
    ),
    "unrelated": ("Add a pinch of salt to the soup.",),
    "contradicting": ("The bracket opened first is closed first.",),
}
Arm = Literal["none", "open", "all", "unrelated", "contradicting", "rules", "random", "entropy", "oracle"]
ARMS: tuple[Arm, ...] = get_args(Arm)
METHODS = {"none": ("none", False), "none + augmentation": ("none", True), "all sentences": ("all", False)}
"""Lines of the curves -> arm, and whether labels are augmented."""
UNLABELLED = 3000


@dataclass(frozen=True)
class NCLJob:
    """One training run."""

    setting: str
    arm: str
    labels: int
    augment: bool
    seed: int
    steps: int = 800


@dataclass(frozen=True)
class NCLAblation(GridOptions):
    """Exact match by sentences, labels and augmentation, beside the controls."""

    arms: tuple[Arm, ...] = ARMS
    """Which arms."""
    settings: tuple[Literal["Close", "CloseDeep"], ...] = ("Close", "CloseDeep")
    """Which tasks."""
    labels: tuple[int, ...] = (30, 300)
    """How many labelled cases."""
    augment: tuple[bool, ...] = (False, True)
    """Without augmentation, with it, or both."""
    curve: tuple[int, ...] = (0, 100, 1000, 3000)
    """Further numbers of labels, for none, none with augmentation and all sentences."""
    seeds: tuple[int, ...] | None = None
    """Which seeds (0, with --full 0 1 2 3 4)."""
    plot: str | None = None
    """Draw exact match by number of labels into this PNG."""


def jobs(config: NCLAblation) -> list[NCLJob]:
    """Both tasks with --full, else the first one; a seed is finished before the next one begins."""
    settings = config.settings if config.full else config.settings[:1]
    seeds = config.seeds if config.seeds is not None else range(5) if config.full else range(1)
    cells = [(arm, n, augment) for n in config.labels for augment in config.augment for arm in config.arms]
    # Without labels and without sentences there is nothing to learn from.
    cells += [(arm, n, augment) for n in config.curve for arm, augment in METHODS.values() if n or arm != "none"]
    return [
        NCLJob(f"bracket/{setting}-v0", arm, labels, augment, seed)
        for seed in seeds
        for setting in settings
        for arm, labels, augment in dict.fromkeys(cells)
    ]


def work(job: NCLJob) -> dict[str, Any]:
    """Train once; the scores of the best model on the test split."""
    from supervised.learning.session import run_session
    from supervised.train.check import check
    from supervised.train.lesson import CompletionLesson
    from supervised.train.options import Train

    with tempfile.TemporaryDirectory() as folder, open("/dev/null", "w", encoding="utf-8") as silence:
        scores = Path(folder) / "scores.json"
        config = Train(
            name="run",
            runs_dir=folder,
            setting=job.setting,
            dataset_size=str(job.labels + (UNLABELLED if job.arm == "oracle" else 0)),
            augment=("all",) if job.augment else ("none",),
            instruction=SENTENCES.get(job.arm, ()),
            unlabelled=str(UNLABELLED),
            steps=job.steps,
            eval_every=job.steps // 4,
            seed=job.seed,
            json=str(scores),
        )
        run_config = check(config)
        lesson = CompletionLesson(config, run_config, partial(_examples, job=job))
        found = run_session(lesson, config, run_config, None, ["benchmarks.ncl_ablation"], Console(file=silence))
        assert found is not None
        seconds = found.metrics()[-1]["seconds"]
        solver = json.loads(scores.read_text(encoding="utf-8"))["solvers"][0]
    needs_stack = solver["needs_stack"] and solver["needs_stack"]["value"]
    return {"exact": solver["exact"]["value"], "needs_stack": needs_stack, "seconds": seconds}


def _examples(config: Any, run_config: Any, job: NCLJob) -> Any:
    """The batches of an arm and what is learned from them; those without language get their rules here."""
    from benchmarks.common.entropy import EntropyObjective
    from bracket_env.random_streams import below, bits, key
    from ncl_reward.rules.bracket_rules import BRACKET_RULES
    from ncl_reward.rules.rule import Slots, StatedRule
    from supervised.learning.objective import NextToken
    from supervised.train.examples import train_examples, unlabelled_source
    from supervised.train.instructed import InstructedBatches, unlabelled_batch

    labelled, objective = train_examples(config, run_config)
    if job.arm not in ("rules", "random", "entropy"):
        return labelled, objective
    names = ["one_to_one", "stop_when_closed"]
    if job.arm == "random":
        others = sorted(set(BRACKET_RULES) - set(names))
        stream = key(job.seed, "benchmarks/ncl/random")
        names = [others.pop(below(bits(stream, i), len(others))) for i in range(2)]
    rules = [StatedRule(BRACKET_RULES[name], Slots(noise=0.05), 1.0) for name in names]
    batches = InstructedBatches(
        labelled,
        unlabelled_source(config, run_config),
        rules,
        language=run_config.language,
        batch_size=unlabelled_batch(config),
        weight=1.0,
        labels=NextToken(everywhere=False),
        seed=config.seed,
    )
    return batches, EntropyObjective(batches.objective) if job.arm == "entropy" else batches.objective


def curves(table: Sequence[dict[str, Any]]) -> dict[str, dict[str, Curve]]:
    """Task -> method -> labels -> exact match of each seed."""
    found: dict[str, dict[str, dict[int, Sequence[float]]]] = {}
    for method, (arm, augment) in METHODS.items():
        for row in table:
            if (row["arm"], row["augment"]) == (arm, augment):
                found.setdefault(_task(row), {}).setdefault(method, {})[row["labels"]] = row["exact"]
    return found  # type: ignore[return-value]


def show(table: Sequence[dict[str, Any]], console: Console) -> None:
    """All arms, then the curves with what sentences save."""
    view = Table(title="NCL: exact %, median (worst) seed, 1000 test cases", title_justify="left")
    for heading in ("task", "labels", "augmented", "arm", "seeds", "exact %", "stack %", "seconds"):
        view.add_column(heading, justify="left" if heading in ("task", "augmented", "arm") else "right")
    for row in sorted(table, key=lambda row: (row["setting"], row["labels"], row["augment"])):
        known = [100 * value for value in row["needs_stack"] if value is not None]
        view.add_row(
            _task(row),
            str(row["labels"]),
            "yes" if row["augment"] else "",
            row["arm"],
            str(len(row["seeds"])),
            _median_worst([100 * value for value in row["exact"]]),
            _median_worst(known) if known else "-",
            f"{statistics.median(row['seconds']):.0f}",
        )
    console.print(view)
    for task, methods in curves(table).items():
        by_labels = Table(title=f"{task}: exact % by labels, median (worst) seed", title_justify="left")
        columns = sorted({n for curve in methods.values() for n in curve})
        for heading in ("method", *map(str, columns)):
            by_labels.add_column(heading, justify="left" if heading == "method" else "right")
        for method, curve in methods.items():
            cells = [_median_worst([100 * value for value in curve[n]]) if n in curve else "-" for n in columns]
            by_labels.add_row(method, *cells)
        console.print(by_labels)
        told, untold = (methods.get(name, {}) for name in ("all sentences", "none + augmentation"))
        for n in sorted(set(told) - {0}) if untold else []:
            console.print(f"all sentences with {n} labels: {saving(told, untold, n)} of none + augmentation")


def main(config: NCLAblation) -> None:
    """Run what is missing and print the tables."""
    groups = ("setting", "labels", "augment", "arm", "steps")
    table = by_seed(run_grid("ncl_ablation", jobs(config), work, config), groups)
    show(table, Console())
    if config.json is not None:
        write_text(config.json, json.dumps({"rows": table}, indent=2) + "\n")
    if config.plot is not None:
        plot_curves(curves(table), Path(config.plot))


def _task(row: dict[str, Any]) -> str:
    return str(row["setting"]).removeprefix("bracket/").removesuffix("-v0")


def _median_worst(values: Sequence[float]) -> str:
    return f"{statistics.median_low(values):.1f} ({min(values):.1f})"


if __name__ == "__main__":
    sys.exit(run(NCLAblation, main, prog="python -m benchmarks.ncl_ablation"))
