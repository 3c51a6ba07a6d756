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

import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from rich.console import Console
from rich.table import Table

from benchmarks.common.grid import GridOptions, by_seed, percent_of_seeds, run_grid
from bracket_env.atomic import write_text
from bracket_env.command import run

Arm = Literal["default", "default+hash", "hash", "none", "shuffled"]
ARMS: tuple[Arm, ...] = get_args(Arm)


@dataclass(frozen=True)
class ConditionedJob:
    """One training run."""

    arm: str
    seed: int
    steps: int = 1500


@dataclass(frozen=True)
class Conditioned(GridOptions):
    """Exact match under seen sentences, unseen paraphrases and unseen combinations of meanings."""

    arms: tuple[Arm, ...] = ARMS
    """Which arms."""
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    """Which seeds."""


def jobs(config: Conditioned) -> list[ConditionedJob]:
    """Every arm and seed, seed after seed."""
    return [ConditionedJob(arm, seed) for seed in config.seeds for arm in config.arms]


def work(job: ConditionedJob) -> dict[str, Any]:
    """Train once; the exact match by group of sentences."""
    from supervised.learning.session import run_session
    from supervised.runs.sentences import sentence_vectors
    from supervised.train.check import check
    from supervised.train.conditioned import ConditionedLesson
    from supervised.train.options import Train

    def vectors_of(encoder: str, sentences: Sequence[str]) -> Any:
        vectors = sentence_vectors(encoder, sentences)
        return shuffled(vectors, job.seed) if job.arm == "shuffled" else vectors

    with tempfile.TemporaryDirectory() as folder, open("/dev/null", "w", encoding="utf-8") as silence:
        scores = Path(folder) / "scores.json"
        config = Train(
            name="run",
            runs_dir=folder,
            conditioned=True,
            ncl_encoder="default" if job.arm == "shuffled" else job.arm,
            steps=job.steps,
            eval_every=job.steps // 6,
            seed=job.seed,
            json=str(scores),
        )

        run_config = check(config)
        lesson = ConditionedLesson(config, run_config, vectors_of)
        found = run_session(lesson, config, run_config, None, ["benchmarks.conditioned"], Console(file=silence))
        assert found is not None
        seconds = found.metrics()[-1]["seconds"]
        rows = json.loads(scores.read_text(encoding="utf-8"))["rows"]
    return {**{row["sentences"]: row["exact"]["value"] for row in rows}, "seconds": seconds}


def shuffled(vectors: Any, seed: int) -> Any:
    """The rows in a keyed order."""
    import numpy as np

    from bracket_env.random_streams import key, subkey

    stream = np.array([key(seed, "benchmarks/conditioned/shuffled")], dtype=np.uint64)
    return vectors[np.argsort(subkey(stream, np.arange(len(vectors), dtype=np.uint64)), kind="stable")]


def main(config: Conditioned) -> None:
    """Run what is missing and print the table."""
    from supervised.train.conditioned import GROUPS

    table = by_seed(run_grid("conditioned", jobs(config), work, config), ("arm", "steps"))
    view = Table(title="conditioned on a sentence: exact %, median (worst) seed", title_justify="left")
    for heading in ("vector", "seeds", *GROUPS, "seconds"):
        view.add_column(heading, justify="left" if heading == "vector" else "right")
    for row in table:
        shown = [percent_of_seeds(row[name]) for name in GROUPS]
        view.add_row(row["arm"], str(len(row["seeds"])), *shown, f"{statistics.median(row['seconds']):.0f}")
    Console().print(view)
    if config.json is not None:
        write_text(config.json, json.dumps({"rows": table}, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(run(Conditioned, main, prog="python -m benchmarks.conditioned"))
