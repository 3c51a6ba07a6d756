"""Everything that answers a problem, one row each, and how it scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ncl_reward.grounding.hour_targets import overruled, targets
from ncl_reward.rules.power_rules import ABSENT, PowerRule
from ncl_reward.rules.rule import StatedRule
from supervised.occupancy.homes.record import PRESENT, UNKNOWN
from supervised.occupancy.labelled_home import LabelledHome
from supervised.occupancy.network.features import YARDSTICK_COLUMNS
from supervised.occupancy.network.fitting import Fit, Fitted, fit
from supervised.occupancy.scores import HOURS, MEASURES, chosen, score
from supervised.occupancy.yardsticks import always_home, bare_rule, decide, logistic_regression, random_forest


@dataclass(frozen=True)
class Answer:
    """One model's answer to a whole record."""

    model: str
    instruction: bool
    present: np.ndarray  # (n,) int8
    odds: np.ndarray | None = None  # (n,) log-odds of PRESENT, of a network
    fitted: Fitted | None = None  # the network


def answers(problem: LabelledHome, config: Fit, stated: Sequence[StatedRule[PowerRule]] | None) -> list[Answer]:
    """Yardsticks, the rules alone, and the network without and with the sentence.

    Args:
        problem: the home.
        config: of the network; it is left out without labels, where only a sentence can teach it.
        stated: the rules of the sentence, perhaps none; None without a sentence.
    """
    found = yardsticks(problem, config.seed)
    if len(problem.labelled):
        found.append(network(problem, config, None))
    if stated is not None:
        found += [rules_alone(problem, stated), network(problem, config, stated)]
    return found


def yardsticks(problem: LabelledHome, seed: int) -> list[Answer]:
    """Always-home and the bare rule, and with labels of both kinds logistic regression and random forest."""
    record = problem.record
    rule = bare_rule(record.watts, record.minutes, record.watts[: problem.learned])
    found = [Answer("always_home", False, always_home(len(record))), Answer("bare_rule", False, rule)]
    labels = problem.labels[problem.labelled]
    if len(labels):
        x = problem.x[:, :YARDSTICK_COLUMNS]
        odds = logistic_regression(x[problem.labelled], labels, x)
        found.append(Answer("logistic_regression", False, decide(odds)))
    if len(np.unique(labels)) == 2:
        forest = random_forest(x[problem.labelled], labels, x, seed)
        if forest is not None:
            found.append(Answer("random_forest", False, decide(forest)))
    return found


def rules_alone(problem: LabelledHome, stated: Sequence[StatedRule[PowerRule]]) -> Answer:
    """What the stated rules and the labels make of each slot, without a network; PRESENT where they have no word."""
    withheld = np.full(len(problem.record) - problem.learned, UNKNOWN, dtype=np.int8)
    target = targets(stated, problem.inputs, np.concatenate([problem.labels, withheld]))
    present = always_home(len(problem.record))
    if target is not None:
        spoken = (target.weight > 0) & ~overruled(stated, problem.inputs)
        present[(target.q[:, ABSENT] > 0.5) & spoken] = ABSENT
    return Answer("rules_alone", True, present)


def network(problem: LabelledHome, config: Fit, stated: Sequence[StatedRule[PowerRule]] | None) -> Answer:
    """The trained network; ``stated`` None or empty trains it from the labels alone."""
    target = targets(stated, problem.learned_inputs, problem.labels) if stated else None
    fitted = fit(config, problem.x, problem.labels, target, problem.record.slots_per_hour)
    odds = fitted.odds(problem.x)
    return Answer(config.arch, stated is not None, decide(odds), odds, fitted)


def rows(problems: Sequence[LabelledHome], found: Sequence[Sequence[Answer]]) -> list[dict[str, Any]]:
    """One row a model and choice of hours: each measure as its mean over the homes where it is defined, else None.

    Args:
        problems: the homes.
        found: the answers to each, in the same order of models.
    """
    table = []
    models = list(dict.fromkeys((answer.model, answer.instruction) for home in found for answer in home))
    for model, instruction in models:
        for hours in HOURS:
            values: dict[str, list[float]] = {measure: [] for measure in MEASURES}
            for problem, home in zip(problems, found, strict=True):
                for answer in home:
                    if (answer.model, answer.instruction) == (model, instruction):
                        tested = problem.record.hours[problem.learned :], problem.truth
                        said = answer.present[problem.learned :]
                        for measure, value in _scored(*tested, said, hours).items():
                            values[measure].append(value)
            table.append({"model": model, "instruction": instruction, "hours": hours, **_means(values)})
    return table


def measured(hours: np.ndarray, truth: np.ndarray, found: Sequence[Answer]) -> list[dict[str, Any]]:
    """The same rows for one record whose every slot is scored.

    Args:
        hours: ``(n,)``, times of day.
        truth: ``(n,)``, UNKNOWN where there is no label.
        found: answers of n slots.
    """
    return [
        {
            "model": answer.model,
            "instruction": answer.instruction,
            "hours": which,
            **dict.fromkeys(MEASURES),
            **_scored(hours, truth, answer.present, which),
        }
        for answer in found
        for which in HOURS
    ]


def _scored(hours: np.ndarray, truth: np.ndarray, present: np.ndarray, which: Any) -> dict[str, float]:
    counts = chosen(hours, which)
    scores = score(present[counts], truth[counts])
    return {measure: value for measure in MEASURES if not math.isnan(value := getattr(scores, measure))}


def _means(values: dict[str, list[float]]) -> dict[str, float | None]:
    return {measure: sum(found) / len(found) if found else None for measure, found in values.items()}


def one_kind(problem: LabelledHome) -> str | None:
    """A warning when the labels of a home are all the same."""
    kinds = np.unique(problem.labels[problem.labelled])
    if len(kinds) != 1:
        return None
    said = "somebody at home" if kinds[0] == PRESENT else "nobody at home"
    return f"{problem.record.name}: all {len(problem.labelled)} labels say {said}; take more, or another --seed"
