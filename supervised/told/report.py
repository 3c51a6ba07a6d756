"""What ``evaluate`` prints of runs that take a sentence: how often they do what they are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from rich.console import Console

from bracket_env import INSTRUCT, BracketTokenizer, Estimate, InputError
from bracket_env.atomic import write_json
from bracket_env.instructions.catalogue import find_instruction
from bracket_env.sampling.splits import Split
from bracket_env.scores.tables import FittingTable
from supervised.runs import RunFolder, load, load_best
from supervised.runs.sentences import complete_conditioned, sentence_input
from supervised.told.scores import evaluate_told, exact_table, told_table


def take_sentences(folders: Sequence[RunFolder]) -> bool:
    """Whether all of these runs do."""
    return all(sentence_input(folder.config.options) is not None for folder in folders)


@dataclass(frozen=True)
class Drawn:
    """Which cases a score is about."""

    cases: int
    """How many, in each row of a table."""
    split: Split = "test"
    seed: int = 0

    def __str__(self) -> str:
        return f"{INSTRUCT.id}, {self.split} split" + (f", cases of seed {self.seed}" if self.seed else "")


def told_scores(folder: RunFolder, drawn: Drawn, device: str | torch.device = "cpu") -> dict[str, Any]:
    """How often the best model of a run does what it is told: see :func:`supervised.told.scores.evaluate_told`.

    Raises:
        InputError: the run takes no sentence, has no model, or its encoder of sentences is missing.
    """
    sentence = sentence_input(folder.config.options)
    if sentence is None:
        raise InputError(f"{folder.path} was trained without sentences")
    model = load_best(folder, device=device)
    answer = partial(complete_conditioned, model, BracketTokenizer(folder.config.language))
    return evaluate_told(answer, sentence.vectors, drawn.cases, drawn.split, drawn.seed)


def report_told(
    folders: Sequence[RunFolder],
    sentence: str | None,
    drawn: Drawn,
    console: Console,
    *,
    device: str | torch.device,
    json: str | None,
) -> None:
    """One table of runs under a sentence of ``bracket/Instruct-v0``, or, without one, a table a run under many.

    Args:
        folders: of runs that take a sentence.
        json: a file for the same.

    Raises:
        InputError: no such sentence, or as :func:`told_scores`.
    """
    found: list[dict[str, Any]] = []
    tables: list[FittingTable] = []
    if sentence is None:
        for folder in folders:
            found.append({"name": folder.name, "told": told_scores(folder, drawn, device)})
            tables.append(told_table(found[-1]["told"], f"{folder.name}: {drawn}"))
    else:
        meaning, rows = find_instruction(sentence).meaning, {}
        asked = INSTRUCT.evaluation_cases(drawn.split, drawn.cases, seed=drawn.seed)
        for folder in folders:
            answers = load(folder.path, device=device, instruction=sentence).complete([case.prefix for case in asked])
            right = sum(answer == meaning.answer(case.prefix) for answer, case in zip(answers, asked, strict=True))
            rows[folder.name] = Estimate.of(right, drawn.cases)
            found.append({"name": folder.name, "exact": vars(rows[folder.name])})
        tables.append(exact_table(f"told to {meaning}", rows, str(drawn)))
    if json is not None:
        write_json(json, {"cases": drawn.cases, "setting": INSTRUCT.id, "sentence": sentence, "runs": found})
    for table in tables:
        console.print(table)
