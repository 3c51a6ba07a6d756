"""``python -m benchmarks.length_range``: trained on short and shallow words, tested on longer ones and on deeper ones.

Every model learns from the same 5 000 cases of :data:`SHORT`: two pairs (or eight), prefixes of at most 40 symbols and
10 levels, so that no word is longer than 50. It is then asked for completions all over a map of lengths and depths:

    length          1-40       51-100  101-200  201-500  501-1000
    depth  1-10     trained    longer only
    depth 11-20     deeper     longer and deeper
    depth 21-40     only
    depth 41-80     -

Figures are the best model (chosen on 1 000 validation cases, short ones too) on prefixes of the test split: 1 000 in
each cell of depth 1-10 or length 51-100, 250 in the others. An answer is exact when the model, which reads what it
wrote itself, writes the whole completion and stops. Models with learned positions (gpt, bert) have room for 1 100
tokens, of which those beyond the 53rd are untrained. ``tree`` is given the structure.

Beside it the time that a model takes to write one symbol after a prefix of n brackets that are all open.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.common import (
    FittingTable,
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
from benchmarks.common.range_map import (
    DEPTHS,
    LENGTHS,
    LONGER,
    TRAINED,
    cells,
    exact_answers,
    plot_costs,
    plot_maps,
    range_name,
    seconds_a_symbol,
)
from bracket_env import SETTINGS, InputError, Setting, get_setting, quote
from bracket_env.sampling.distributions import CountedWalk

SHORT = Setting(
    "bracket/CloseShort-v0",
    "two pairs, prefix up to 40, depth up to 10, so words up to 50",
    ("()", "[]"),
    CountedWalk(lengths=(1, 40), max_depth=10),
)
LABELS = 5000
EIGHT_PAIRS = get_setting("bracket/CloseDyck8x10-v0").pairs
COST_LENGTHS = (64, 128, 256, 512, 1024, 2048, 4096)
_ROOM = 1100  # tokens: the longest prefix, the longest completion and what goes with them


@dataclass(frozen=True)
class RangeJob:
    """One training run and its map."""

    arch: str
    seed: int
    steps: int
    batch_size: int
    learning_rate: float
    options: tuple[tuple[str, Any], ...] = ()
    """Further options of ``supervised.train``."""
    pairs: tuple[str, ...] = SHORT.pairs
    marks: bool = False
    """Whether prefixes of exactly 500 and 1 000 symbols are asked for too."""
    timed: bool = False
    """Whether it is measured what a symbol costs."""

    @property
    def model(self) -> str:
        """The row that it belongs to."""
        what = (self.arch, self.options, self.pairs)
        return next(name for name, other in RECIPES.items() if (other.arch, other.options, other.pairs) == what)


@dataclass(frozen=True)
class Recipe:
    """How a row's model is trained."""

    arch: str
    steps: int = 1500
    batch_size: int = 256
    learning_rate: float = 4e-3
    options: tuple[tuple[str, Any], ...] = ()
    pairs: tuple[str, ...] = SHORT.pairs
    seeds: int = 5
    """How many with --full."""
    timed: bool = False
    """Whether a symbol's cost is measured (for seed 0)."""
    full_only: bool = False


RECIPES = {
    "stack": Recipe("stack", seeds=10, timed=True),
    "stack, 8 pairs": Recipe("stack", pairs=EIGHT_PAIRS),
    "tree": Recipe("tree", steps=500),
    "gru": Recipe("gru", timed=True),
    "lstm": Recipe("lstm"),
    "transformer": Recipe("transformer", 1500, 128, 2e-3, (("positions", "rope"),), timed=True),
    "gpt": Recipe("gpt", 1500, 128, 2e-3, (("max_length", _ROOM),)),
    "bert": Recipe("bert", 1000, 32, 1e-3, (("max_length", _ROOM),)),
    "transformer, alibi": Recipe("transformer", 1500, 128, 2e-3, (("positions", "alibi"),), full_only=True),
    "transformer, none": Recipe("transformer", 1500, 128, 2e-3, (("positions", "none"),), full_only=True),
}
"""Row -> recipe, in the order in which they are run: the quick ones first."""


@dataclass(frozen=True)
class LengthRange(GridOptions):
    """Exact match on longer and on deeper words than those of training, for every architecture."""

    models: tuple[str, ...] = ()
    """Which rows; by default all, the other positions of the transformer only with --full."""
    plot: str | None = None
    """Draw the maps and the cost of a symbol into this folder: length_depth.png and length_cost.png."""


def jobs(config: LengthRange) -> list[RangeJob]:
    """Seed 0 of every model; with --full seeds 0-4, and of the stack 0-9.

    Raises:
        InputError: an unknown model.
    """
    for name in config.models:
        if name not in RECIPES:
            raise InputError(f"--models must be some of {', '.join(map(quote, RECIPES))}, not {quote(name)}")
    return [
        _job(recipe, seed)
        for name, recipe in RECIPES.items()
        if (name in config.models if config.models else config.full or not recipe.full_only)
        for seed in range(recipe.seeds if config.full else 1)
    ]


def _job(recipe: Recipe, seed: int) -> RangeJob:
    return RangeJob(
        recipe.arch,
        seed,
        recipe.steps,
        recipe.batch_size,
        recipe.learning_rate,
        recipe.options,
        recipe.pairs,
        marks=recipe.arch == "stack",
        timed=recipe.timed and seed == 0,
    )


def work(job: RangeJob) -> dict[str, Any]:
    """Train once; the share of exact answers in every cell and the seconds a symbol at every length."""
    from supervised.runs import load

    SETTINGS[SHORT.id] = SHORT  # in this worker process only: the task is no environment
    with quiet_runs("benchmarks.length_range") as runs:
        run_folder = runs.train(
            setting=SHORT.id,
            pairs=job.pairs,
            dataset_size=str(LABELS),
            arch=job.arch,
            steps=job.steps,
            batch_size=job.batch_size,
            learning_rate=job.learning_rate,
            eval_every=-(-job.steps // 6),
            seed=job.seed,
            **dict(job.options),
        )
        seconds, validation = run_folder.metrics()[-1]["seconds"], run_folder.best_metadata()["exact"]
        solver = load(run_folder.path)
    model, tokenizer = solver.model, solver.tokenizer
    return {
        "seconds": seconds,
        "validation": validation,
        "cells": [
            {
                "length": range_name(cell.lengths),
                "depth": range_name(cell.depths),
                "n": cell.n,
                "exact": exact_answers(model, tokenizer, cell.cases(tokenizer.language)) / cell.n,
            }
            for cell in cells(marks=job.marks)
        ],
        "cost": [
            {"length": length, "seconds": seconds_a_symbol(model, tokenizer, length)}
            for length in (COST_LENGTHS if job.timed else ())
        ],
    }


def rows(results: Sequence[Result]) -> list[dict[str, Any]]:
    """One row a model; what differs between seeds is a list, in the order of the seeds."""
    return [
        {
            "model": name,
            "seeds": seeds_of(members),
            "steps": members[0][0].steps,
            "batch_size": members[0][0].batch_size,
            **{measure: [result[measure] for _, result in members] for measure in ("seconds", "validation")},
            "cells": [
                {**cell, "exact": [result["cells"][i]["exact"] for _, result in members]}
                for i, cell in enumerate(members[0][1]["cells"])
            ],
            "cost": next((result["cost"] for _, result in members if result["cost"]), []),
        }
        for (name,), members in grouped(results, ("model",)).items()
    ]


def exact_table(
    found: Sequence[dict[str, Any]], where: str, columns: dict[str, tuple[str, str]], *, runs: bool = False
) -> FittingTable:
    """Exact match of the models that were asked in these cells.

    Args:
        where: what the columns are, for the title.
        columns: heading -> the length and the depth of a cell.
        runs: also what the training took.
    """
    headings = ("model", *columns, *(("seeds", "seconds") if runs else ()))
    title = f"exact %, median (worst) seed, {where}"
    view = table(title, headings, left=("model",))
    shown = partial(median_worst, form=rounded_down(1), scale=1, lone=True)
    for row in found:
        exact = {(cell["length"], cell["depth"]): cell["exact"] for cell in row["cells"]}
        if any(place in exact for place in columns.values()):
            figures = [shown(exact[place]) if place in exact else "" for place in columns.values()]
            took = [str(len(row["seeds"])), f"{statistics.median_low(row['seconds']):.0f}"] if runs else []
            view.add_row(row["model"], *figures, *took)
    return view


def main(config: LengthRange) -> None:
    """Run what is missing, print the tables and draw the plots."""
    wanted = jobs(config)
    found = rows(run_grid("length_range", wanted, work, config))
    trained, longer = range_name(TRAINED), range_name(LONGER)
    by_length = {range_name(bounds): (range_name(bounds), trained) for bounds in LENGTHS}
    by_depth = {range_name(bounds): (longer, range_name(bounds)) for bounds in DEPTHS}
    views = [
        exact_table(found, f"by length at depth {trained}", by_length),
        exact_table(found, f"by depth at length {longer}", by_depth, runs=True),
    ]
    if any(job.marks for job in wanted):
        marks = {f"exactly {length}": (str(length), trained) for length in (500, 1000)}
        views.append(exact_table(found, f"at one length, depth {trained}", marks))
    publish(config, {"rows": found}, *views)
    if config.plot is not None and found:
        plot_maps(found, Path(config.plot) / "length_depth.png")
        if any(row["cost"] for row in found):
            plot_costs(found, Path(config.plot) / "length_cost.png")


if __name__ == "__main__":
    command(LengthRange, main, "length_range")
