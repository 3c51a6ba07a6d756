"""What a model sees of a home: for each slot, the power of the last hour and the last four, and the time.

Power enters as ``log(watts / base)``, base being what the home draws when hardly anything runs (the 5 % quantile), so
that a flat and a house look alike. Every window ends with the slot itself: nothing later is looked at.

    column   0..3  mean, standard deviation, highest, lowest of the last hour
             4..7  the same of the last four hours
             8..11 sine and cosine of the time of day, once and twice a day
             12    the slot itself
             13    1 on Saturdays and Sundays

Columns 0 to 11 are those that logistic regression and the random forest get.
"""

from __future__ import annotations

import numpy as np

from bracket_env import InputError
from supervised.occupancy.homes.record import PowerRecord, is_weekend

WINDOWS = (1.0, 4.0)  # hours
YARDSTICK_COLUMNS = 12
COLUMNS = 14
_BASE_QUANTILE = 0.05
_LEAST_WATTS = 1.0  # a meter that shows 0 has no logarithm


def base_watts(watts: np.ndarray) -> float:
    """What a home draws when hardly anything runs, at least one watt.

    Raises:
        InputError: no slot was measured.
    """
    known = watts[np.isfinite(watts)]
    if not len(known):
        raise InputError("no power was measured")
    return max(float(np.quantile(known, _BASE_QUANTILE)), _LEAST_WATTS)


def features(record: PowerRecord, base: float) -> np.ndarray:
    """``(n, COLUMNS)`` float32, finite everywhere: power that was not measured is drawn as a straight line.

    Args:
        record: the home.
        base: its :func:`base_watts`, of the part that it is trained on.

    Raises:
        InputError: no slot was measured.
    """
    level = np.log(np.maximum(_filled(record.watts), _LEAST_WATTS) / base)
    columns: list[np.ndarray] = []
    for hours in WINDOWS:
        columns += _window(level, max(1, round(hours * record.slots_per_hour)))
    angle = 2 * np.pi * record.hours / 24
    columns += [np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle)]
    columns += [level, is_weekend(record.days)]
    return np.stack(columns, axis=1).astype(np.float32)


def trailing_max(x: np.ndarray, width: int) -> np.ndarray:
    """The largest of the last ``width`` values, fewer at the beginning."""
    padded = np.concatenate([np.full(width - 1, -np.inf), x])
    reach = 1  # padded[i] is the largest of x[i : i + reach]
    while 2 * reach <= width:
        padded = np.maximum(padded[:-reach], padded[reach:])
        reach *= 2
    rest = width - reach
    return np.maximum(padded[: len(padded) - rest], padded[rest:])


def _window(x: np.ndarray, width: int) -> list[np.ndarray]:
    count = np.minimum(np.arange(1, len(x) + 1), width)
    centred = x - x.mean()  # keeps the sums small, so that the variance loses no digits
    mean, square = (_trailing_sum(values, width) / count for values in (centred, centred**2))
    spread = np.sqrt(np.maximum(square - mean**2, 0.0))
    return [mean + x.mean(), spread, trailing_max(x, width), -trailing_max(-x, width)]


def _trailing_sum(x: np.ndarray, width: int) -> np.ndarray:
    total = np.concatenate([np.zeros(1), np.cumsum(x)])
    end = np.arange(1, len(x) + 1)
    return total[end] - total[np.maximum(end - width, 0)]


def _filled(watts: np.ndarray) -> np.ndarray:
    known = np.isfinite(watts)
    if not known.any():
        raise InputError("no power was measured")
    return np.interp(np.arange(len(watts)), np.flatnonzero(known), watts[known])
