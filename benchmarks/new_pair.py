"""``python -m benchmarks.new_pair``: a pair of brackets that only a sentence knows, and no label shows.

Labelled cases have ( ) 【 】 { }; those that are scored all have 『』 as well. At the same labels, steps and seeds:

- ``none``: 『』 is in the vocabulary, and nothing says what it is.
- ``introduced``: one sentence, "『 is closed by 』": the pair is known, and no rule.
- ``rules``: that sentence, "last opened, first closed" and "stop when closed".

Figures are the best model (chosen on 1000 validation cases, most of which have the pair) on 1000 test cases in which
the pair occurs, and on those of them in which it is still open, decoded freely.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.common.grid import GridOptions, by_seed, percent_of_seeds, run_grid
from bracket_env.atomic import write_text
from bracket_env.command import run

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
class NewPair(GridOptions):
    """Exact match on cases with a pair that no label shows; seed 0, with --full 0 to 4."""

    labels: tuple[int, ...] = (30, 300)
    """How many labelled cases."""
    augment: tuple[bool, ...] = (False, True)
    """Without augmentation, with it, or both."""


def jobs(config: NewPair) -> list[NewPairJob]:
    """A seed is finished before the next one begins."""
    return [
        NewPairJob(arm, labels, augment, seed)
        for seed in (range(5) if config.full else range(1))
        for labels in config.labels
        for augment in config.augment
        for arm in SENTENCES
    ]


def work(job: NewPairJob) -> dict[str, Any]:
    """Train once; the best model on cases with the pair."""
    from bracket_env.sampling.settings import get_setting
    from supervised.runs.loading import load
    from supervised.train.options import Train
    from supervised.train.run import train

    setting = get_setting(Train.setting)
    with tempfile.TemporaryDirectory() as folder, open("/dev/null", "w", encoding="utf-8") as silence:
        config = Train(
            name="run",
            runs_dir=folder,
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
        found = train(config, ["benchmarks.new_pair"], Console(file=silence))
        assert found is not None
        drawn = setting.evaluation_cases("test", 3 * CASES, pairs=config.pairs)
        cases = [case for case in drawn if PAIR[0] in case.prefix][:CASES]
        answers = load(found.path).complete([case.prefix for case in cases])
        right = [answer == case.completion for answer, case in zip(answers, cases, strict=True)]
        opened = [ok for ok, case in zip(right, cases, strict=True) if PAIR[1] in case.completion]
        return {
            "exact": sum(right) / len(right),
            "opened": sum(opened) / len(opened),
            "cases": len(right),
            "cases_opened": len(opened),
            "seconds": found.metrics()[-1]["seconds"],
        }


def main(config: NewPair) -> None:
    """Run what is missing and print the table."""
    table = by_seed(run_grid("new_pair", jobs(config), work, config), ("labels", "augment", "arm"))
    view = Table(title=f"cases with {PAIR}: exact %, median (worst) seed", title_justify="left")
    for heading in ("labels", "augmented", "sentences", "seeds", "exact %", "pair still open %", "seconds"):
        view.add_column(heading, justify="left" if heading == "sentences" else "right")
    for row in table:
        shown = [percent_of_seeds(row[name]) for name in ("exact", "opened")]
        seconds = f"{statistics.median(row['seconds']):.0f}"
        augmented = "yes" if row["augment"] else ""
        view.add_row(str(row["labels"]), augmented, row["arm"], str(len(row["seeds"])), *shown, seconds)
    Console().print(view)
    if config.json is not None:
        write_text(config.json, json.dumps({"rows": table}, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(run(NewPair, main, prog="python -m benchmarks.new_pair"))
