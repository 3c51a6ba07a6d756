"""``python -m benchmarks.conditioned``: what a model learns of sentences from examples alone, without a rule book.

``supervised.train --conditioned`` by what the sentence reaches the model as:

- ``default``: the vector of the multilingual Universal Sentence Encoder;
- ``default+hash``: that vector and the next one, side by side;
- ``hash``: counts of its character n-grams, which know spelling only;
- ``none``: zeros, so that the sentence cannot be known: a control;
- ``shuffled``: the vectors of ``default``, dealt out to other sentences (held-out ones among themselves): a control.
  Seen sentences can still be learned by heart, but what means the same is no longer near.

Figures are exact match of the best model (chosen on seen sentences, validation prefixes) on 1000 prefixes of the test
split, decoded freely: under seen sentences, unseen paraphrases and unseen combinations of meanings.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from benchmarks.common import Arms, GridOptions, by_seed, command, median_worst, publish, quiet_runs, run_grid, table

Arm = Literal["default", "default+hash", "hash", "none", "shuffled"]
ARMS: tuple[Arm, ...] = get_args(Arm)


@dataclass(frozen=True)
class ConditionedJob:
    """One training run."""

    arm: str
    seed: int
    steps: int = 1500


@dataclass(frozen=True)
class Conditioned(Arms, GridOptions):
    """Exact match under seen sentences, unseen paraphrases and unseen combinations of meanings."""

    arms: tuple[Arm, ...] = ARMS
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    """Which seeds."""


def jobs(config: Conditioned) -> list[ConditionedJob]:
    """Every arm and seed, seed after seed."""
    return [ConditionedJob(arm, seed) for seed in config.seeds for arm in config.arms]


def work(job: ConditionedJob) -> dict[str, Any]:
    """Train once; the exact match by group of sentences."""
    from supervised.runs.sentences import sentence_vectors
    from supervised.train.conditioned import ConditionedLesson

    def vectors_of(encoder: str, sentences: Sequence[str]) -> Any:
        vectors = sentence_vectors(encoder, sentences)
        return shuffled(vectors, job.seed) if job.arm == "shuffled" else vectors

    with quiet_runs("benchmarks.conditioned") as runs:
        found = runs.train_lesson(
            lambda config, run_config: ConditionedLesson(config, run_config, vectors_of),
            conditioned=True,
            ncl_encoder="default" if job.arm == "shuffled" else job.arm,
            steps=job.steps,
            eval_every=job.steps // 6,
            seed=job.seed,
        )
        exact = {row["sentences"]: row["exact"]["value"] for row in runs.scores_written()["rows"]}
        return {**exact, "seconds": found.metrics()[-1]["seconds"]}


def shuffled(vectors: Any, seed: int) -> Any:
    """The rows in a keyed order."""
    import numpy as np

    from bracket_env.random_streams import key, subkey

    stream = np.array([key(seed, "benchmarks/conditioned/shuffled")], dtype=np.uint64)
    return vectors[np.argsort(subkey(stream, np.arange(len(vectors), dtype=np.uint64)), kind="stable")]


def main(config: Conditioned) -> None:
    """Run what is missing and print the table."""
    from supervised.train.conditioned import GROUPS

    rows = by_seed(run_grid("conditioned", jobs(config), work, config), ("arm", "steps"))
    headings = ("vector", "seeds", *GROUPS, "seconds")
    view = table("conditioned on a sentence: exact %, median (worst) seed", headings, left=("vector",))
    for row in rows:
        shown = [median_worst(row[name]) for name in GROUPS]
        view.add_row(row["arm"], str(len(row["seeds"])), *shown, f"{statistics.median(row['seconds']):.0f}")
    publish(config, {"rows": rows}, view)


if __name__ == "__main__":
    command(Conditioned, main, "conditioned")
