"""``python -m benchmarks.dyck_8_10``: Dyck-(8, 10), learned on words up to 700 symbols and measured on 701 to 1 400.

The language and the measure are those of Hewitt et al., "RNNs can generate bounded hierarchical languages with optimal
memory" (EMNLP 2020): eight pairs, at most ten levels, and how often the right closer has more than 0.8 of all closers'
probability where a closer comes next (``closing``, :mod:`bracket_env.scores.scoring`). Models learn with ``--loss all``
from a stream of ``bracket/CloseDyck8x10-v0``. They are measured on

    long            words of 701 to 1 400 symbols, as deep as in training, overall and by distance to the opener
    deep            words up to 700 symbols, 11 to 20 levels: deeper than in training, no longer
    long and deep   both

1 000 words of each; all are completed too (``exact``: the prefix's whole completion and the stop, decoded freely).
``tree`` is given the structure, the others learn it. Figures are the best model on validation words as long as those of
training.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.common import (
    GridOptions,
    Result,
    command,
    grouped,
    median_worst,
    publish,
    quiet_runs,
    rounded_down,
    run_grid,
    seeds_of,
    table,
)
from benchmarks.common.depth_walk import DepthWalk
from bracket_env import Case, Estimate, InputError, get_setting, quote, score
from bracket_env.random_streams import key
from bracket_env.sampling.sampler import PrefixSampler

if TYPE_CHECKING:
    import numpy as np

    from supervised.runs import ModelSolver

SETTING = get_setting("bracket/CloseDyck8x10-v0")
DISTANCES = ((1, 50), (51, 100), (101, 200), (201, 400), (401, None))
"""From an opener to its closer, in symbols."""
EVAL_CASES = 200  # of the validation split, prefixes as long as those of training
_ROWS_AT_ONCE = 64  # features of 64 words of 1 400 symbols are some 30 MB a layer


@dataclass(frozen=True)
class DyckTest:
    """Words that are measured on: lengths and depths of their prefixes."""

    lengths: tuple[int, int]
    depths: tuple[int, int]

    def cases(self, n: int) -> list[Case]:
        """The first n cases of the test split."""
        walk = DepthWalk(lengths=self.lengths, depths=self.depths)
        return PrefixSampler(SETTING.language(), walk, split="test").cases(key(0, f"dyck_8_10/{self}"), n)


# A prefix is followed by at most as many closers as it is deep, and the whole word is to have 701-1400 or up to 700.
TESTS = {
    "long": DyckTest((701, 1390), (1, 10)),
    "deep": DyckTest((21, 680), (11, 20)),
    "long and deep": DyckTest((701, 1380), (11, 20)),
}


@dataclass(frozen=True)
class DyckJob:
    """One training run and its measures."""

    arch: str
    seed: int
    steps: int
    batch_size: int
    learning_rate: float
    cases: int = 1000


@dataclass(frozen=True)
class Dyck(GridOptions):
    """Closing in Dyck-(8, 10) at twice the trained length, by distance, and at twice the trained depth."""

    archs: tuple[str, ...] = ()
    """Which architectures; by default stack, tree and gru, with --full also lstm."""
    cases: int = 1000
    """Words of each test."""


# Architecture -> steps, cases a step, step size. In the order in which they are run.
RECIPES: dict[str, tuple[int, int, float]] = {
    "stack": (500, 32, 4e-3),
    "tree": (200, 32, 4e-3),
    "gru": (1000, 32, 4e-3),
    "lstm": (1000, 32, 4e-3),
}
_BY_DEFAULT = ("stack", "tree", "gru")


def jobs(config: Dyck) -> list[DyckJob]:
    """Seed 0; with --full seeds 0-4.

    Raises:
        InputError: an architecture without a recipe, or no cases.
    """
    for arch in config.archs:
        if arch not in RECIPES:
            raise InputError(f"--archs must be some of {', '.join(RECIPES)}, not {quote(arch)}")
    if config.cases < 1:
        raise InputError(f"--cases must be at least 1, not {config.cases}")
    chosen = config.archs or (tuple(RECIPES) if config.full else _BY_DEFAULT)
    return [
        DyckJob(arch, seed, *recipe, cases=config.cases)
        for arch, recipe in RECIPES.items()
        if arch in chosen
        for seed in config.default_seeds()
    ]


def work(job: DyckJob) -> dict[str, Any]:
    """Train once; exact match and closing of the best model on every test."""
    from supervised.runs import load

    with quiet_runs("benchmarks.dyck_8_10") as runs:
        run_folder = runs.train(
            setting=SETTING.id,
            arch=job.arch,
            loss="all",
            steps=job.steps,
            batch_size=job.batch_size,
            learning_rate=job.learning_rate,
            eval_every=-(-job.steps // 4),
            eval_cases=EVAL_CASES,
            seed=job.seed,
        )
        seconds = run_folder.metrics()[-1]["seconds"]
        solver = load(run_folder.path)
    return {"seconds": seconds, "tests": {name: measure(solver, test.cases(job.cases)) for name, test in TESTS.items()}}


def measure(solver: ModelSolver, cases: Sequence[Case]) -> dict[str, Any]:
    """``exact``, ``closing``, and ``closing`` by distance (None where no closer is that far from its opener)."""
    scores = score(_InParts(solver), cases, solver.tokenizer.language, name="the model")
    by_distance = {
        distance_name(bounds): _told(
            Estimate.pooled(
                [
                    measures.closing
                    for distance, measures in scores.by["distance"].items()
                    if measures.closing and bounds[0] <= distance <= (bounds[1] or distance)
                ]
            )
        )
        for bounds in DISTANCES
    }
    return {"exact": _told(scores.exact), "closing": _told(scores.closing), "by_distance": by_distance}


def distance_name(bounds: tuple[int, int | None]) -> str:
    """``101-200``, or ``401 and more``."""
    return f"{bounds[0]}-{bounds[1]}" if bounds[1] else f"{bounds[0]} and more"


def _told(estimate: Estimate | None) -> dict[str, Any] | None:
    return None if estimate is None else {"value": estimate.value, "n": estimate.n}


class _InParts:
    """A solver that is asked for few words at once: a thousand long ones would not fit into the memory."""

    def __init__(self, solver: ModelSolver) -> None:
        self._solver = solver

    def complete(self, prefixes: Sequence[str]) -> list[str]:
        return _in_parts(self._solver.complete, prefixes)

    def closer_probabilities(self, words: Sequence[str]) -> list[np.ndarray]:
        assert self._solver.closer_probabilities is not None  # the models learn with --loss all
        return _in_parts(self._solver.closer_probabilities, words)


def _in_parts(function: Callable[[Sequence[str]], list[Any]], items: Sequence[str]) -> list[Any]:
    return [
        answer for low in range(0, len(items), _ROWS_AT_ONCE) for answer in function(items[low : low + _ROWS_AT_ONCE])
    ]


def rows(results: Sequence[Result]) -> list[dict[str, Any]]:
    """One row an architecture and test; what differs between seeds is a list."""

    def values(estimates: Sequence[dict[str, Any] | None]) -> list[Any]:
        return [estimate and estimate["value"] for estimate in estimates]

    return [
        {
            "test": test,
            "arch": arch,
            "seeds": seeds_of(members),
            "steps": members[0][0].steps,
            "cases": members[0][0].cases,
            "seconds": [result["seconds"] for _, result in members],
            "exact": values([found["exact"] for found in tests]),
            "closing": values([found["closing"] for found in tests]),
            "by_distance": {
                distance: {
                    "n": (told or {"n": 0})["n"],
                    "closing": values([found["by_distance"][distance] for found in tests]),
                }
                for distance, told in tests[0]["by_distance"].items()
            },
        }
        for test in TESTS
        for (arch,), members in grouped(results, ("arch",)).items()
        for tests in [[result["tests"][test] for _, result in members]]
    ]


def main(config: Dyck) -> None:
    """Run what is missing and print the table."""
    found = rows(run_grid("dyck_8_10", jobs(config), work, config))
    distances = [distance_name(bounds) for bounds in DISTANCES]
    view = table(
        "closing %, median (worst) seed; by distance from opener to closer",
        ("words", "model", "closing", *distances, "exact", "seeds", "steps", "seconds"),
        left=("words", "model"),
    )
    previous = None
    shown = partial(median_worst, form=rounded_down(2), scale=1, lone=True)
    for row in found:
        by_distance = [shown(row["by_distance"][distance]["closing"]) for distance in distances]
        figures = [shown(row["closing"]), *by_distance, shown(row["exact"]), str(len(row["seeds"])), str(row["steps"])]
        figures.append(f"{statistics.median_low(row['seconds']):.0f}")
        view.add_row(row["test"] if row["test"] != previous else "", row["arch"], *figures)
        previous = row["test"]
    publish(config, {"rows": found}, view)


if __name__ == "__main__":
    command(Dyck, main, "dyck_8_10")
