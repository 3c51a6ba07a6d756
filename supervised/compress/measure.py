"""What compression cost and saved: size, speed and accuracy before and after, in one table."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import torch
from rich.console import Console

from bracket_env import BracketLanguage, Case, Estimate, Scores, Setting, score
from bracket_env.scores.report import percent, score_table
from bracket_env.scores.tables import FittingTable, table
from supervised.compress.matrices import weight_matrices
from supervised.learning.display import print_line
from supervised.models import SequenceModel
from supervised.runs import WEIGHTS, ModelSolver

LONGEST_OF = 10  # times as many cases are drawn as the longest of them are taken
ROUNDS, SINGLES = 5, 20
_BATCH = 256
# Differences below a twentieth are within what a busy machine does to any timing.
_NOTICEABLE = 1.05


@dataclass(frozen=True)
class Candidate:
    """A model to be measured."""

    name: str
    solver: ModelSolver
    floats: SequenceModel
    """The same model computing in floats: what its parameters are counted in."""
    bytes: int
    """Of its weights' file."""


@dataclass(frozen=True)
class Speed:
    """How fast a model answers, on the CPU.

    With one torch thread in that thread's own seconds: other work on the machine makes a model wait, not slower.
    """

    milliseconds: float
    """One answer to one prefix: the median of some prefixes, the best of the rounds."""
    prefixes_per_s: float
    """Answers in batches of 256, the best of the rounds."""


@dataclass(frozen=True)
class Row:
    """A model in the table."""

    name: str
    bytes: int
    parameters: int
    sparsity: float
    """The share of zeros among the weight matrices' elements."""
    speed: Speed
    scores: Scores
    longest: Estimate
    """Exact match on the longest cases."""

    def to_json(self) -> dict[str, Any]:
        """Plain numbers, with the estimates as in the JSON of ``evaluate``."""
        scores = self.scores.to_json()
        return {
            "name": self.name,
            "bytes": self.bytes,
            "parameters": self.parameters,
            "sparsity": self.sparsity,
            **asdict(self.speed),
            **{measure: scores[measure] for measure in ("exact", "share", "needs_stack")},
            "longest": asdict(self.longest),
        }


def longest_cases(setting: Setting, pairs: Sequence[str] | None, n: int) -> list[Case]:
    """The n longest prefixes among the first 10 n of the test split."""
    drawn = setting.evaluation_cases("test", LONGEST_OF * n, pairs=pairs)
    return sorted(drawn, key=lambda case: len(case.prefix), reverse=True)[:n]


def speeds(solvers: Sequence[ModelSolver], prefixes: Sequence[str]) -> list[Speed]:
    """The speed of each of some models, taken in turns so that other work on the machine meets all of them.

    Args:
        prefixes: what they answer.
    """
    singles = [[prefix] for prefix in prefixes[:SINGLES]]
    batch = [prefixes[i % len(prefixes)] for i in range(_BATCH)]
    rounds: list[list[tuple[float, float]]] = [[] for _ in solvers]
    for _ in range(ROUNDS):
        for solver, taken in zip(solvers, rounds, strict=True):
            solver.complete(singles[0])  # whoever ran before has filled the caches with its own weights
            one = median(_seconds(solver.complete, single) for single in singles)
            taken.append((one, _seconds(solver.complete, batch)))
    return [Speed(1000 * min(one for one, _ in taken), len(batch) / min(many for _, many in taken)) for taken in rounds]


def _seconds(work: Callable[[list[str]], object], argument: list[str]) -> float:
    # Several threads' seconds add up, so only the clock on the wall says what they save.
    clock = time.thread_time if torch.get_num_threads() == 1 else time.perf_counter
    began = clock()
    work(argument)
    return clock() - began


def sparsity(model: SequenceModel) -> float:
    """The share of zeros among the weight matrices' elements."""
    weights = weight_matrices(model).values()
    return sum(int((weight == 0).sum()) for weight in weights) / sum(weight.numel() for weight in weights)


def measured(
    candidates: Sequence[Candidate], setting: Setting, pairs: Sequence[str] | None, language: BracketLanguage, n: int
) -> tuple[list[Row], list[Case]]:
    """One row a candidate, and the n test cases that all of them answered."""
    cases, longest = setting.evaluation_cases("test", n, pairs=pairs), longest_cases(setting, pairs, n)
    timed = speeds([candidate.solver for candidate in candidates], [case.prefix for case in cases])
    rows = [
        Row(
            name=candidate.name,
            bytes=candidate.bytes,
            parameters=sum(p.numel() for p in candidate.floats.parameters()),
            sparsity=sparsity(candidate.floats),
            speed=speed,
            scores=score(candidate.solver, cases, language, name=candidate.name),
            longest=score(candidate.solver, longest, language, name=candidate.name).exact,
        )
        for candidate, speed in zip(candidates, timed, strict=True)
    ]
    return rows, cases


def show(before: Row, after: Row, task: str, n: int, console: Console) -> None:
    """Print what the two models answer right, how large and how fast they are, and what the columns mean.

    Args:
        task: what they answer.
        n: how many test cases they answered.
    """
    rows = [before, after]
    longest = {"longest": [percent(row.longest) for row in rows]}
    console.print(score_table([row.scores for row in rows], f"{task}, test split", extra=longest))
    print_line(console, f"longest: exact match on the {n:,} longest of {LONGEST_OF * n:,} cases of the test split")
    console.print(size_columns(rows))
    print_line(console, f"kB: of {WEIGHTS}; ms: one prefix alone; prefixes/s: in batches of {_BATCH}; on the CPU")
    for sentence in slowdowns(before, after):
        print_line(console, f"warning: {sentence}")


def size_columns(rows: Sequence[Row]) -> FittingTable:
    """How large and how fast the models are, for people."""
    headings = ("model", "kB", "kB %", "parameters", "zeros %", "ms", "prefixes/s")
    view = table("size and speed", headings, left=("model",))
    for row in rows:
        view.add_row(
            row.name,
            f"{row.bytes / 1000:.1f}",
            f"{100 * row.bytes / rows[0].bytes:.1f}",
            f"{row.parameters:,}",
            f"{100 * row.sparsity:.1f}",
            f"{row.speed.milliseconds:.2f}",
            f"{row.speed.prefixes_per_s:,.0f}",
        )
    return view


def slowdowns(before: Row, after: Row) -> list[str]:
    """One sentence for each way in which the model became slower."""
    found = []
    old, new = before.speed, after.speed
    if new.milliseconds > _NOTICEABLE * old.milliseconds:
        found.append(f"one answer takes longer than before: {new.milliseconds:.2f} ms, not {old.milliseconds:.2f}")
    if new.prefixes_per_s * _NOTICEABLE < old.prefixes_per_s:
        rates = f"{new.prefixes_per_s:,.0f} prefixes/s, not {old.prefixes_per_s:,.0f}"
        found.append(f"a batch takes longer than before: {rates}")
    return found
