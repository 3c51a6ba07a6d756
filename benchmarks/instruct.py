"""``python -m benchmarks.instruct``: how well PPO does what a sentence asks for, on ``bracket/Instruct-v0``.

Agents are trained with the vectors of the multilingual Universal Sentence Encoder (``use``), with the built-in hash of
character n-grams (``hash``), and without a sentence (``none``: zeros). Exact answers, decoded greedily to END, on 1000
episodes with prefixes of the test split for each column:

- ``seen``: sentences of the training; ``unseen``: other sentences for the same meanings, also by language.
- ``comb.``: combinations of meanings that the training left out, in patterns of sentences that it had, and in others.
- ``shuffled``: the agent is told a sentence of another meaning than the one that is checked; ``zeros``: nothing.
- ``chance``: of the meanings, what the best agent reaches that knows the task but is told nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from benchmarks.common import (
    Budget,
    FittingTable,
    GridOptions,
    Result,
    command,
    curve,
    grouped,
    median_worst,
    publish,
    quiet_runs,
    run_grid,
    seeds_of,
    table,
)

Vectors = Literal["use", "hash", "none"]
ARMS: tuple[Vectors, ...] = get_args(Vectors)
COLUMNS = {
    "seen": ("seen sentences", None),
    "unseen": ("unseen sentences", None),
    "en": ("unseen sentences", "en"),
    "ja": ("unseen sentences", "ja"),
    "comb., seen": ("unseen combinations, seen patterns", None),
    "comb., unseen": ("unseen combinations, unseen patterns", None),
    "shuffled": ("another meaning's sentence", None),
    "zeros": ("no sentence", None),
}


@dataclass(frozen=True)
class InstructJob:
    """One training run."""

    vectors: str
    seed: int
    total_timesteps: int = 1_000_000


@dataclass(frozen=True)
class InstructOptions(Budget, GridOptions):
    """PPO on instructed brackets: seen sentences, unseen ones, unseen combinations, beside controls."""

    vectors: tuple[Vectors, ...] = ARMS
    """Which encoders."""
    total_timesteps: int = 1_000_000


def jobs(config: InstructOptions) -> list[InstructJob]:
    """Seeds 0-4 with --full, else 0 and 1; the first seed of every arm comes first."""
    return [
        InstructJob(vectors, seed, config.total_timesteps)
        for seed in config.default_seeds(2)
        for vectors in config.vectors
    ]


def work(job: InstructJob) -> dict[str, Any]:
    """Train once; the scores by column of the table, by kind of meaning too, and the curve."""
    with quiet_runs("benchmarks.instruct") as runs:
        run_folder = runs.train_instruct(ncl_encoder=job.vectors, seed=job.seed, total_timesteps=job.total_timesteps)
        return {"scores": runs.scores_written(), "curve": curve(run_folder, "timesteps", "exact")}


def rows(results: Sequence[Result]) -> list[dict[str, Any]]:
    """One row an encoder and budget, with the figure of every seed."""
    return [
        {
            "vectors": vectors,
            "budget": budget,
            "seeds": seeds_of(members),
            "exact": {
                column: [_value(result["scores"][name], language) for _, result in members]
                for column, (name, language) in COLUMNS.items()
            },
            "unseen_by_kind": {
                kind: [result["scores"]["unseen sentences"]["by_kind"][kind]["value"] for _, result in members]
                for kind in members[0][1]["scores"]["unseen sentences"]["by_kind"]
            },
            "chance": {
                name: members[0][1]["scores"][name]["chance"]
                for name in ("seen sentences", "unseen combinations, seen patterns")
            },
        }
        for (vectors, budget), members in grouped(results, ("vectors", "total_timesteps")).items()
    ]


def _value(scores: dict[str, Any], language: str | None) -> float:
    estimate = scores["exact"] if language is None else scores["by_language"][language]
    return float(estimate["value"])


def by_vectors(found: Sequence[dict[str, Any]]) -> FittingTable:
    """Median and, in parentheses, worst seed; then the unseen sentences by kind of meaning."""
    title = "Exact answers in %, 1000 test episodes a column: median (worst) seed"
    view = table(title, ("", *(row["vectors"] for row in found)), left=("",))
    view.add_row("seeds", *(str(len(row["seeds"])) for row in found))
    for column in COLUMNS:
        view.add_row(column, *(median_worst(row["exact"][column]) for row in found))
    for kind in found[0]["unseen_by_kind"] if found else ():
        view.add_row(f"unseen, {kind}", *(median_worst(row["unseen_by_kind"][kind]) for row in found))
    for name in found[0]["chance"] if found else ():
        view.add_row(f"chance, {name}", *(f"{100 * row['chance'][name]:.1f}" for row in found))
    return view


def main(config: InstructOptions) -> None:
    """Run what is missing and print the table."""
    found = rows(run_grid("instruct", jobs(config), work, config))
    publish(config, {"rows": found}, by_vectors(found))


if __name__ == "__main__":
    command(InstructOptions, main, "instruct")
