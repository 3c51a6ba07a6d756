"""``python -m benchmarks.new_pair``: a pair of brackets that only a sentence knows, and no label shows.

Labelled cases have ( ) 【 】 { }; those that are scored all have 『』 as well. At the same labels, steps and seeds:

- ``none``: 『』 is in the vocabulary, and nothing says what it is.
- ``introduced``: one sentence, "『 is closed by 』": the pair is known, and no rule.
- ``rules``: that sentence, "last opened, first closed" and "stop when closed".

Figures are the best model (chosen on 1000 validation cases, most of which have the pair) on 1000 test cases in which
the pair occurs, and on those of them in which it is still open, decoded freely.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

from benchmarks.common import (
    Augmented,
    GridOptions,
    by_seed,
    command,
    median_worst,
    publish,
    quiet_runs,
    run_grid,
    table,
)
from bracket_env import DEFAULT_SETTING, get_setting

PAIR = "『』"
INTRODUCED = "『 is closed by 』."
SENTENCES = {
    "none": (),
    "introduced": (INTRODUCED,),
    "rules": (INTRODUCED, "The bracket opened last is always closed first.", "Stop as soon as everything is closed."),
}
CASES = 1000


@dataclass(frozen=True)
class NewPairJob:
    """One training run."""

    arm: str
    labels: int
    augment: bool
    seed: int
    steps: int = 1500


@dataclass(frozen=True)
class NewPair(Augmented, GridOptions):
    """Exact match on cases with a pair that no label shows; seed 0, with --full 0 to 4."""


def jobs(config: NewPair) -> list[NewPairJob]:
    """A seed is finished before the next one begins."""
    return [
        NewPairJob(arm, labels, augment, seed)
        for seed in config.default_seeds()
        for labels in config.labels
        for augment in config.augment
        for arm in SENTENCES
    ]


def work(job: NewPairJob) -> dict[str, Any]:
    """Train once; the best model on cases with the pair."""
    from bracket_env import score
    from supervised.runs import load

    setting = get_setting(DEFAULT_SETTING)
    with quiet_runs("benchmarks.new_pair") as runs:
        found = runs.train(
            pairs=(*setting.pairs, PAIR),
            labelled_pairs=setting.pairs,
            dataset_size=str(job.labels),
            augment=("all",) if job.augment else ("none",),
            # A weight of 0 is the same as no sentence, and lets the labels keep to their pairs.
            instruction=SENTENCES[job.arm] or (INTRODUCED,),
            ncl_weight=1.0 if job.arm != "none" else 0.0,
            steps=job.steps,
            eval_every=job.steps // 6,
            seed=job.seed,
        )
        drawn = setting.evaluation_cases("test", 3 * CASES, pairs=(*setting.pairs, PAIR))
        cases = [case for case in drawn if PAIR[0] in case.prefix][:CASES]
        opened = [case for case in cases if PAIR[1] in case.completion]
        solver = load(found.path)
        exact, exact_opened = (
            score(solver, some, solver.tokenizer.language, name="run").exact.value for some in (cases, opened)
        )
        return {
            "exact": exact,
            "opened": exact_opened,
            "cases": len(cases),
            "cases_opened": len(opened),
            "seconds": found.metrics()[-1]["seconds"],
        }


def main(config: NewPair) -> None:
    """Run what is missing and print the table."""
    rows = by_seed(run_grid("new_pair", jobs(config), work, config), ("labels", "augment", "arm"))
    headings = ("labels", "augmented", "sentences", "seeds", "exact %", "pair still open %", "seconds")
    view = table(f"cases with {PAIR}: exact %, median (worst) seed", headings, left=("sentences",), keys=3)
    for row in rows:
        shown = [median_worst(row[name]) for name in ("exact", "opened")]
        cells = (row["arm"], str(len(row["seeds"])), *shown, f"{statistics.median(row['seconds']):.0f}")
        view.add_row(str(row["labels"]), "yes" if row["augment"] else "", *cells)
    publish(config, {"rows": rows}, view)


if __name__ == "__main__":
    command(NewPair, main, "new_pair")
