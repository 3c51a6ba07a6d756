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

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.common.grid import GridOptions, percent_of_seeds, run_grid
from bracket_env.atomic import write_text
from bracket_env.command import run

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
class InstructOptions(GridOptions):
    """PPO on instructed brackets: seen sentences, unseen ones, unseen combinations, beside controls."""

    vectors: tuple[Vectors, ...] = ARMS
    """Which encoders."""
    total_timesteps: int = 1_000_000
    """Environment steps of a run."""


def jobs(config: InstructOptions) -> list[InstructJob]:
    """Seeds 0-4 with --full, else 0 and 1; the first seed of every arm comes first."""
    seeds = range(5) if config.full else range(2)
    return [InstructJob(vectors, seed, config.total_timesteps) for seed in seeds for vectors in config.vectors]


def work(job: InstructJob) -> dict[str, Any]:
    """Train once; the scores by column of the table, by kind of meaning too, and the curve."""
    from agents.train_instruct.options import TrainInstruct
    from agents.train_instruct.run import train

    with tempfile.TemporaryDirectory() as folder, open("/dev/null", "w", encoding="utf-8") as silence:
        scores = Path(folder) / "scores.json"
        config = TrainInstruct(
            name="run",
            runs_dir=folder,
            ncl_encoder=job.vectors,
            seed=job.seed,
            total_timesteps=job.total_timesteps,
            json=str(scores),
        )
        run_folder = train(config, ["benchmarks.instruct"], Console(file=silence))
        curve = [[entry["timesteps"], entry["exact"]] for entry in run_folder.metrics()]
        return {"scores": json.loads(scores.read_text(encoding="utf-8")), "curve": curve}


def rows(results: Sequence[tuple[InstructJob, dict[str, Any]]]) -> list[dict[str, Any]]:
    """One row an encoder and budget, with the figure of every seed."""
    groups: dict[InstructJob, list[tuple[InstructJob, dict[str, Any]]]] = {}
    for job, result in results:
        groups.setdefault(replace(job, seed=0), []).append((job, result))
    return [
        {
            "vectors": job.vectors,
            "budget": job.total_timesteps,
            "seeds": [member.seed for member, _ in members],
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
        for job, members in groups.items()
    ]


def _value(scores: dict[str, Any], language: str | None) -> float:
    estimate = scores["exact"] if language is None else scores["by_language"][language]
    return float(estimate["value"])


def show(table: Sequence[dict[str, Any]], console: Console) -> None:
    """Median and, in parentheses, worst seed; then the unseen sentences by kind of meaning."""
    view = Table(
        title="Exact answers in %, 1000 test episodes a column: median (worst) seed",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for heading in ("", *(row["vectors"] for row in table)):
        view.add_column(heading, justify="left" if not heading else "right", no_wrap=True)
    view.add_row("seeds", *(str(len(row["seeds"])) for row in table))
    for column in COLUMNS:
        view.add_row(column, *(percent_of_seeds(row["exact"][column]) for row in table))
    for kind in table[0]["unseen_by_kind"] if table else ():
        view.add_row(f"unseen, {kind}", *(percent_of_seeds(row["unseen_by_kind"][kind]) for row in table))
    for name in table[0]["chance"] if table else ():
        view.add_row(f"chance, {name}", *(f"{100 * row['chance'][name]:.1f}" for row in table))
    console.print(view)


def main(config: InstructOptions) -> None:
    """Run what is missing and print the table."""
    table = rows(run_grid("instruct", jobs(config), work, config))
    show(table, Console())
    if config.json is not None:
        write_text(config.json, json.dumps({"rows": table}, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(run(InstructOptions, main, prog="python -m benchmarks.instruct"))
