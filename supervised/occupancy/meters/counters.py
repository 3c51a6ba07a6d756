"""Energy: counters, told from energies of intervals, what was used between their readings, and how long intervals are.

A counter never falls but where it begins anew. A reading that falls or leaps and comes back is a slip, which is left
out; what was used where a counter begins anew, or leaps for good, is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bracket_env import quote
from supervised.occupancy.meters.grid import Grid

_RESETS = 0.05  # falls for each rise of a counter
_SURE, _RISES = 24, 5  # readings, and rises among them, of what is surely one
_OFTEN = 4  # rises for each fall of a counter that is reset again and again
_LOW = 0.1  # of its peak, where it begins after that
_DEEP, _BACK, _BACK_DEEP = 10.0, 0.9, 0.5  # usual rises of a deep slip, and the part of it that comes back in one step
_LONGEST = 1000  # readings of one slip
_LEAP = 3.0  # usual rises: a counter in coarse steps, read often, rises by one of them
_NEAR = 0.02  # of the usual interval: one is as long
_HIGH = 100_000.0  # watts: more than a home draws


@dataclass(frozen=True)
class Counted:
    """Mean power from each reading to the next one."""

    watts: np.ndarray  # (n,), nan where it is unknown
    falls: int  # how often the counter begins anew
    slips: int  # readings that were left out
    leaps: int  # rises that no home uses


def is_counter(values: np.ndarray) -> bool | None:
    """Whether energies are those of a counter, which rises but where it begins anew; None: too few to tell."""
    known = values[np.isfinite(values)]
    steps = np.diff(known)
    rises, falls = int((steps > 0).sum()), int((steps < 0).sum())
    if not rises or falls > _RESETS * rises:
        return False
    return True if len(known) >= _SURE and rises >= _RISES else None


def is_reset(values: np.ndarray) -> bool:
    """Whether energies rise and fall to nearly nothing, as a counter of one day does."""
    known = values[np.isfinite(values)]
    steps = np.diff(known)
    falls, rises = np.flatnonzero(steps < 0), int((steps > 0).sum())
    if not len(falls) or rises < max(_RISES, _OFTEN * len(falls)):
        return False
    return bool((known[falls + 1] <= _LOW * known[falls]).mean() >= 1 - _LOW)


def power_of_counter(values: np.ndarray, elapsed: np.ndarray) -> Counted:
    """What a counter says was used.

    Args:
        values: ``(n,)`` Wh, nan where a reading is missing.
        elapsed: ``(n,)`` seconds, rising.
    """
    known = np.flatnonzero(np.isfinite(values))
    slips = _slips(values[known])
    known = known[~slips]
    power = np.full(len(values), np.nan)
    used, time = np.diff(values[known]), np.diff(elapsed[known])
    mean = np.where(used >= 0, used * 3600 / time, np.nan)
    leaps = (used * 3600 / time > _HIGH) & (used > _LEAP * _usual(used))
    mean[leaps] = np.nan
    owner = np.searchsorted(known, np.arange(len(values)), side="right") - 1
    inside = (owner >= 0) & (owner < len(mean))
    power[inside] = mean[owner[inside]]
    return Counted(power, int((used < 0).sum()), int(slips.sum()), int(leaps.sum()))


def _usual(steps: np.ndarray) -> float:
    rises = steps[steps > 0]
    return float(np.median(rises)) if len(rises) else 0.0


def _slips(known: np.ndarray) -> np.ndarray:
    """Which readings ``(n,)`` fall or leap and come back at once, where a counter that begins anew grows again."""
    slips = np.zeros(len(known), bool)
    steps = np.diff(known)
    usual = _usual(steps)
    for fall in np.flatnonzero(steps < 0):
        last, first = int(fall), int(fall) + 1  # the reading before the fall, and the one after it
        depth = known[last] - known[first]
        back_by = depth * (_BACK_DEEP if depth > _DEEP * usual else _BACK)
        later = known[first : first + _LONGEST] >= known[last]
        back = first + int(np.argmax(later))
        low = bool(later.any()) and known[back] - known[back - 1] >= back_by
        earlier = known[max(0, last - _LONGEST) : last + 1][::-1] <= known[first]
        begin = last - int(np.argmax(earlier)) + 1
        high = bool(earlier.any()) and depth > _LEAP * usual and known[begin] - known[begin - 1] >= back_by
        if high and not (low and back - first <= first - begin):
            slips[begin:first] = True
        elif low:
            slips[first:back] = True
    return slips


def interval_of(grid: Grid, elapsed: np.ndarray, name: str) -> float:
    """Seconds of each interval of a column of energies.

    Args:
        grid: the rows.
        elapsed: ``(n,)`` seconds, rising.
        name: of the column.

    Raises:
        InputError: intervals have many lengths, or two that each go on.
    """
    steps = np.diff(elapsed)
    typical = float(np.median(steps)) if len(steps) else 0.0
    parts = steps / max(typical, 1e-9)
    even = np.abs(parts - np.round(parts)) < _NEAR
    if len(steps) and even.mean() < 0.95:
        row = int(np.argmin(even)) + 1
        raise grid.error(
            f"column {quote(name)} is energy of each interval, but intervals have many lengths: is it a counter "
            "(--unit kWh-total) or power (--unit W)?", row
        )  # fmt: skip
    other = np.abs(parts - 1) > _NEAR
    going = other[1:] & other[:-1] & (np.abs(np.diff(parts)) < _NEAR)
    least = (6 if len(steps) > 100 else 3) - 1  # times that another length comes again: more than rows left out
    runs = np.flatnonzero(np.convolve(going, np.ones(least), "valid") == least) if len(going) >= least else going[:0]
    if len(runs):
        row = int(runs[0]) or int(np.argmin(other))
        lengths = f"{steps[row - 1] / 60:g} min before this row and {steps[row] / 60:g} min from it"
        raise grid.error(
            f"column {quote(name)} is energy of intervals of {lengths}: write a file for each, or is it a counter "
            "(--unit kWh-total) or power (--unit W)?", row
        )  # fmt: skip
    return typical
