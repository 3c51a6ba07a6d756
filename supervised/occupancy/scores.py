"""How well somebody's presence is told: four measures over all hours and over those when people are up.

accuracy            share of slots that are right; always-home gets the share of time at home
balanced_accuracy   mean of the shares right among absent and among present slots; always-home gets 0.5
absent_f1           harmonic mean of precision and recall of "absent"
mcc                 Matthews correlation, from -1 to 1; 0 where an answer is constant
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from bracket_env.scores.tables import FittingTable, table
from ncl_reward.rules.power_rules import in_hours
from supervised.occupancy.homes.record import ABSENT, UNKNOWN, PowerRecord

Hours = Literal["all", "06-22"]
MEASURES = ("accuracy", "balanced_accuracy", "absent_f1", "mcc")
HOURS: tuple[Hours, ...] = ("all", "06-22")


@dataclass(frozen=True)
class OccupancyScores:
    """One answer against the truth."""

    accuracy: float
    balanced_accuracy: float  # nan where the truth is always the same
    absent_f1: float  # nan where nobody is ever absent, in truth and answer
    mcc: float

    def to_json(self) -> dict[str, float | None]:
        """Measure -> value, null for nan."""
        return {name: None if math.isnan(value) else value for name, value in asdict(self).items()}


def score(predicted: np.ndarray, truth: np.ndarray) -> OccupancyScores:
    """The four measures.

    Args:
        predicted: ``(n,)``, ABSENT or PRESENT.
        truth: ``(n,)``; slots with UNKNOWN are left out.
    """
    known = truth != UNKNOWN
    away, said_away = truth[known] == ABSENT, predicted[known] == ABSENT
    tp, fp = float((away & said_away).sum()), float((~away & said_away).sum())
    fn, tn = float((away & ~said_away).sum()), float((~away & ~said_away).sum())
    product = math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return OccupancyScores(
        accuracy=_ratio(tp + tn, tp + tn + fp + fn),
        balanced_accuracy=(_ratio(tp, tp + fn) + _ratio(tn, tn + fp)) / 2,
        absent_f1=_ratio(2 * tp, 2 * tp + fp + fn),
        mcc=math.nan if not known.any() else (tp * tn - fp * fn) / product if product else 0.0,
    )


def chosen(hours: np.ndarray, which: Hours) -> np.ndarray:
    """Whether a time of day counts."""
    return np.ones(len(hours), dtype=bool) if which == "all" else in_hours(hours, 6, 22)


def score_table(rows: Sequence[Mapping[str, Any]], title: str) -> FittingTable:
    """The rows that ``--json`` writes, two by two: all hours, then those by day."""
    caption = "percent of all hours, then of those from 06 to 22 h; bal.: balanced accuracy; F1: of absent"
    short = ("acc.", "bal.", "F1", "MCC")
    headings = ("model", *short, *(f"06-22 {name}" for name in short))
    view = table(title, headings, left=("model",), caption=caption)
    for whole, day in zip(rows[::2], rows[1::2], strict=True):
        cells = [shown(row[measure], measure) for row in (whole, day) for measure in MEASURES]
        view.add_row(model_name(whole["model"], whole["instruction"]), *cells)
    return view


def model_name(model: str, instruction: bool) -> str:
    """What a row is called."""
    return model.replace("_", " ") + (" + sentence" if instruction else "")


def shown(value: float | None, measure: str) -> str:
    """A measure as in a table: in percent but for the correlation."""
    if value is None:
        return "–"
    return f"{value:.2f}" if measure == "mcc" else f"{100 * value:.1f}"


def known_labels(record: PowerRecord) -> np.ndarray:
    """``(n,)`` int8: the labels of a record; UNKNOWN where the power is missing too."""
    return np.where(np.isfinite(record.watts), record.present, UNKNOWN).astype(np.int8)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan
