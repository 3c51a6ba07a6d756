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

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

from benchmarks.common import (
    Arms,
    Augmented,
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
from benchmarks.common.plots import Curve, plot_by_labels

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
METHODS: dict[str, tuple[Arm, bool]] = {
    "none": ("none", False),
    "none + augmentation": ("none", True),
    "all sentences": ("all", False),
}
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
class NCLAblation(Augmented, Settings, Arms, SeededGridOptions):
    """Exact match by sentences, labels and augmentation, beside the controls."""

    arms: tuple[Arm, ...] = ARMS
    settings: tuple[Literal["Close", "CloseDeep"], ...] = ("Close", "CloseDeep")
    curve: tuple[int, ...] = (0, 100, 1000, 3000)
    """Further numbers of labels, for none, none with augmentation and all sentences."""
    plot: str | None = None
    """Draw exact match by number of labels into this PNG."""


def jobs(config: NCLAblation) -> list[NCLJob]:
    """Both tasks with --full, else the first one; a seed is finished before the next one begins."""
    settings = config.settings if config.full else config.settings[:1]
    cells = [(arm, n, augment) for n in config.labels for augment in config.augment for arm in config.arms]
    # Without labels and without sentences there is nothing to learn from.
    cells += [(arm, n, augment) for n in config.curve for arm, augment in METHODS.values() if n or arm != "none"]
    return [
        NCLJob(f"bracket/{setting}-v0", arm, labels, augment, seed)
        for seed in config.chosen_seeds()
        for setting in settings
        for arm, labels, augment in dict.fromkeys(cells)
    ]


def work(job: NCLJob) -> dict[str, Any]:
    """Train once; the scores of the best model on the test split."""
    from supervised.train.lesson import CompletionLesson

    with quiet_runs("benchmarks.ncl_ablation") as runs:
        found = runs.train_lesson(
            lambda config, run_config: CompletionLesson(config, run_config, partial(_examples, job=job)),
            setting=job.setting,
            dataset_size=str(job.labels + (UNLABELLED if job.arm == "oracle" else 0)),
            augment=("all",) if job.augment else ("none",),
            instruction=SENTENCES.get(job.arm, ()),
            unlabelled=str(UNLABELLED),
            steps=job.steps,
            eval_every=job.steps // 4,
            seed=job.seed,
        )
        return {**runs.test_figures(), "seconds": found.metrics()[-1]["seconds"]}


def _examples(config: Any, run_config: Any, job: NCLJob) -> Any:
    """The batches of an arm and what is learned from them; those without language get their rules here."""
    from benchmarks.common.controls import Entropy
    from bracket_env.random_streams import below, bits, key
    from ncl_reward.rules.bracket_rules import BRACKET_RULES
    from ncl_reward.rules.rule import Slots, StatedRule
    from supervised.learning.objective import NextToken
    from supervised.train.examples import train_examples, unlabelled_source
    from supervised.train.instructed import InstructedBatches, unlabelled_batch

    labelled: Any
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
    learned = batches.objective
    return batches, Entropy(learned.labelled, weight=1.0) if job.arm == "entropy" else learned


@dataclass(frozen=True)
class Saving:
    """How many labels another method needs for what this one reaches."""

    labels: int
    """Of this method."""
    exact: float
    """What its median seed reaches with them."""
    other: int
    """Labels with which the other one is at least as good, or the most that were tried."""
    reached: bool
    """Whether it is, with that many."""

    def __str__(self) -> str:
        bound = "" if self.reached else "more than "
        return f"{bound}{self.other / self.labels:.3g}-fold ({self.labels} against {bound}{self.other} labels)"


def saving(curve: Curve, other: Curve, labels: int) -> Saving:
    """What ``curve`` saves ``other`` at ``labels``, by the medians of the seeds.

    Args:
        curve: has ``labels``, which is at least 1.
        other: not empty.
    """
    exact = statistics.median_low(curve[labels])
    enough = [n for n in sorted(other) if n > 0 and statistics.median_low(other[n]) >= exact]
    return Saving(labels, exact, enough[0] if enough else max(other), bool(enough))


def curves(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, Curve]]:
    """Task -> method -> labels -> exact match of each seed."""
    found: dict[str, dict[str, Any]] = {}
    for method, arm_and_augment in METHODS.items():
        for row in rows:
            if (row["arm"], row["augment"]) == arm_and_augment:
                found.setdefault(task_name(row), {}).setdefault(method, {})[row["labels"]] = row["exact"]
    return found


def views(rows: Sequence[dict[str, Any]]) -> Iterator[Any]:
    """All arms, then the curves with what sentences save."""
    view = table(
        "NCL: exact %, median (worst) seed, 1000 test cases",
        ("task", "labels", "augmented", "arm", "seeds", "exact %", "stack %", "seconds"),
        left=("task", "augmented", "arm"),
        keys=4,
    )
    for row in sorted(rows, key=lambda row: (row["setting"], row["labels"], row["augment"])):
        shown = [median_worst(row[name]) for name in ("exact", "needs_stack")]
        cells = (row["arm"], str(len(row["seeds"])), *shown, f"{statistics.median(row['seconds']):.0f}")
        view.add_row(task_name(row), str(row["labels"]), "yes" if row["augment"] else "", *cells)
    yield view
    for task, methods in curves(rows).items():
        columns = sorted({n for curve in methods.values() for n in curve})
        title = f"{task}: exact % by labels, median (worst) seed"
        by_labels = table(title, ("method", *map(str, columns)), left=("method",))
        for method, curve in methods.items():
            by_labels.add_row(method, *(median_worst(curve.get(n, ())) for n in columns))
        yield by_labels
        told, untold = (methods.get(name, {}) for name in ("all sentences", "none + augmentation"))
        for n in sorted(set(told) - {0}) if untold else []:
            yield f"all sentences with {n} labels: {saving(told, untold, n)} of none + augmentation"


def main(config: NCLAblation) -> None:
    """Run what is missing and print the tables."""
    groups = ("setting", "labels", "augment", "arm", "steps")
    rows = by_seed(run_grid("ncl_ablation", jobs(config), work, config), groups)
    publish(config, {"rows": rows}, *views(rows))
    if config.plot is not None:
        plot_by_labels(curves(rows), Path(config.plot))


if __name__ == "__main__":
    command(NCLAblation, main, "ncl_ablation")
