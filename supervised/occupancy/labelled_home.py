"""One home as a learning problem: which slots may be learned from, which of them have a label, which are tested.

    days     1 ........................... 243 | 244 ......... 365
             learned from, all unlabelled        test, the true labels
             but a few slots or days

The first two thirds of the days are learned from and the rest is tested, since a model is used on days to come. What a
model is told of the home (its base load, its quiet level, the mean of each feature) comes from the first part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bracket_env import InputError
from bracket_env.random_streams import key
from ncl_reward.rules.power_rules import PowerInputs, quiet_level
from supervised.occupancy.homes.record import UNKNOWN, PowerRecord
from supervised.occupancy.network.features import base_watts, features
from supervised.occupancy.scores import known_labels

LabelKind = Literal["slots", "days"]
_LEARNED = 2 / 3
_LEAST_DAYS = 3


@dataclass(frozen=True)
class LabelledHome:
    """A home, split and labelled."""

    record: PowerRecord
    learned: int  # slots 0 up to this one may be learned from
    x: np.ndarray  # (n, F) float32, standardised
    labels: np.ndarray  # (learned,) int8, UNKNOWN where the label is withheld
    truth: np.ndarray  # (n - learned,) int8: the labels of the test slots; UNKNOWN where power or label is missing
    inputs: PowerInputs  # of the whole record
    base: float  # watts when hardly anything runs, of the part that is learned from
    mean: np.ndarray  # (F,) float32, of each feature before it was standardised, of the same part
    spread: np.ndarray  # (F,) float32

    @property
    def labelled(self) -> np.ndarray:
        """``(m,)`` int64: the slots with a label."""
        return np.flatnonzero(self.labels != UNKNOWN)

    @property
    def learned_inputs(self) -> PowerInputs:
        """The part that may be learned from."""
        part = slice(0, self.learned)
        return PowerInputs(self.inputs.watts[part], self.inputs.hours[part], self.inputs.minutes, self.inputs.level)


def label_home(record: PowerRecord, labels: int, kind: LabelKind, seed: int) -> LabelledHome:
    """Split a home and draw its labels, slots or whole days, uniformly.

    Args:
        record: the home.
        labels: how many slots or days.
        kind: which.
        seed: of the draw; more labels of a seed contain the fewer.

    Raises:
        InputError: fewer than three days, fewer labels than asked for, no power in the first part.
    """
    days = np.unique(record.days)
    if len(days) < _LEAST_DAYS:
        raise InputError(f"{record.name}: {len(days)} days are too few, at least {_LEAST_DAYS} are needed")
    learned = int(np.searchsorted(record.days, days[int(len(days) * _LEARNED)]))
    first = record.watts[:learned]
    try:
        base = base_watts(first)
        x = features(record, base)
    except InputError as error:
        raise InputError(f"{record.name}: {error} in the first {learned} slots, which are learned from") from None
    mean, spread = x[:learned].mean(0), np.maximum(x[:learned].std(0), 1e-6)
    known = known_labels(record)
    return LabelledHome(
        record=record,
        learned=learned,
        x=((x - mean) / spread).astype(np.float32),
        base=base,
        mean=mean,
        spread=spread,
        labels=_withheld(record, known[:learned], labels, kind, seed),
        truth=known[learned:],
        inputs=PowerInputs(record.watts, record.hours, record.minutes, quiet_level(first, record.minutes)),
    )


def _withheld(record: PowerRecord, known: np.ndarray, labels: int, kind: LabelKind, seed: int) -> np.ndarray:
    """All labels but the drawn ones replaced by UNKNOWN."""
    days = record.days[: len(known)]
    usable = np.flatnonzero(known != UNKNOWN)
    choices = usable if kind == "slots" else np.unique(days[usable])
    if len(choices) < labels:
        raise InputError(
            f"{record.name}: --labels {labels} asks for more {kind} than have a label in the first "
            f"{len(np.unique(days))} days, which are learned from: {len(choices)}"
        )
    rng = np.random.Generator(np.random.Philox(key=key(seed, f"supervised.occupancy/labels/{record.name}")))
    drawn = rng.permutation(choices)[:labels]
    chosen = np.isin(np.arange(len(known)) if kind == "slots" else days, drawn)
    return np.where(chosen, known, UNKNOWN).astype(np.int8)
