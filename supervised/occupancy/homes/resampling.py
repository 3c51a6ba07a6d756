"""Measurements at any times -> slots of equal length.

A measurement holds from its time to the next one; before a gap of more than two typical steps (the median) it holds for
one typical step, so what a broken logger left out stays unknown. A slot's power is the mean over the part of it that is
covered, and a slot of which less than half is covered is unknown. The same holds for labels: a slot is PRESENT if
somebody was in for at least half of the time with a label. Slots are of local time: where clocks go
back, an hour is measured twice and averaged, and the hour that they leave out is unknown.

    samples  0:00 60 W, 0:10 90 W, 0:20 60 W           slots of 15 minutes: (10 * 60 + 5 * 90) / 15 = 70 W, ...
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bracket_env import InputError
from supervised.occupancy.homes.record import ABSENT, PRESENT, UNKNOWN, PowerRecord, check_minutes

_GAP = 2.0  # typical steps
_LEAST_COVERED = 0.5
_MOST_SLOTS = 60_000_000  # a century of minutes: more is a slip in a date
_EVEN = 0.5  # seconds by which steps may differ


@dataclass(frozen=True)
class Samples:
    """Rows of a file, in the order of time."""

    seconds: np.ndarray  # (n,) float64, since 1970; rising
    watts: np.ndarray  # (n,) float64, nan where a cell was empty
    present: np.ndarray  # (n,) int8
    offsets: np.ndarray | None = None  # (n,) float64, what makes local time of the seconds; None: they are local
    longest: float | None = None  # seconds that a row holds at most until the next one; None: two typical steps
    report: tuple[str, ...] = ()  # how the file was read
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Resampled:
    """A record and what was done to get it."""

    record: PowerRecord
    rows: int
    typical_step: float  # minutes
    odd_steps: int  # steps of another length, gaps among them
    empty_rows: int  # rows without power
    unknown_slots: int
    missing_days: int  # calendar days between the first and the last without any power
    report: tuple[str, ...] = ()  # how the file was read
    warnings: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """The report, one line a finding: how the file was read, what came of it, and what was odd."""
        record = self.record
        labelled = int((record.present != UNKNOWN).sum())
        first, last = (np.datetime_as_string(record.times[i], unit="m").replace("T", " ") for i in (0, -1))
        step = f"{self.typical_step:g} min" if self.typical_step >= 1 else f"{60 * self.typical_step:g} s"
        found = [
            *self.report,
            f"{record.name}: {self.rows} rows every {step} -> {len(record)} slots of "
            f"{record.minutes} min, {first} to {last}, {labelled} of them with a label",
        ]
        counted = (
            (self.odd_steps, "steps between rows that have another length; slots hold time-weighted means"),
            (self.empty_rows, "rows without power"),
            (self.unknown_slots, "slots without power, which are not predicted"),
            (self.missing_days, "days without any power"),
        )
        found += [f"warning: {_number(count, what)}" for count, what in counted if count]
        return found + [f"warning: {warning}" for warning in self.warnings]


def _number(count: int, what: str) -> str:
    """``1 row without power`` and ``2 rows without power``."""
    thing, rest = what.split(" ", 1)
    one = f"{thing.removesuffix('s')} {rest.replace('that have', 'that has').replace('which are', 'which is')}"
    return f"{count} {what if count != 1 else one}"


def resample(samples: Samples, minutes: int, name: str) -> Resampled:
    """Put samples into slots that begin at whole multiples of ``minutes`` after midnight.

    Args:
        samples: the rows.
        minutes: length of a slot.
        name: of the record, and of the file in errors.

    Raises:
        InputError: fewer than two rows, no power at all, or a span of more than a century of minutes.
    """
    check_minutes(minutes)
    if len(samples.seconds) < 2:
        raise InputError(f"{name}: {len(samples.seconds)} rows of data are too few")
    if not np.isfinite(samples.watts).any():
        raise InputError(f"{name}: no row has power")
    steps = np.diff(samples.seconds)
    typical = float(np.median(steps))
    slot = 60.0 * minutes
    if samples.longest is None:
        hold = np.append(np.where(steps <= _GAP * typical, steps, typical), typical)
    else:
        hold = np.append(np.minimum(steps, samples.longest), typical)
    offsets = np.zeros(len(hold)) if samples.offsets is None else samples.offsets
    local = samples.seconds + offsets
    start = np.floor(local.min() / slot) * slot
    count = int(np.ceil((local.max() + typical - start) / slot))
    if count > _MOST_SLOTS:
        raise InputError(f"{name}: from its first row to its last there are {count} slots of {minutes} min: too many")
    edges = start + slot * np.arange(count + 1)
    parts = np.split(np.arange(len(local)), np.flatnonzero(np.diff(offsets)) + 1)  # between changes of the clocks
    watts = _mean(local, hold, samples.watts, edges, parts)
    labels = np.where(samples.present == UNKNOWN, np.nan, samples.present)
    share = _mean(local, hold, labels, edges, parts)
    present = np.where(share >= 0.5, PRESENT, ABSENT)  # nan compares as False
    present[np.isnan(share)] = UNKNOWN
    record = PowerRecord(name, np.datetime64(int(start // 60), "m"), minutes, watts, present.astype(np.int8))
    known_days = len(np.unique(record.days[np.isfinite(watts)]))
    return Resampled(
        record=record,
        rows=len(samples.seconds),
        typical_step=typical / 60,
        odd_steps=int((np.abs(steps - typical) > _EVEN).sum()),
        empty_rows=int(np.isnan(samples.watts).sum()),
        unknown_slots=int(np.isnan(watts).sum()),
        missing_days=int(record.days[-1] - record.days[0]) + 1 - known_days,
        report=samples.report,
        warnings=samples.warnings,
    )


def _mean(
    seconds: np.ndarray, hold: np.ndarray, values: np.ndarray, edges: np.ndarray, parts: list[np.ndarray]
) -> np.ndarray:
    """Mean of a step function over each slot ``(len(edges) - 1,)``; nan where too little of it is known.

    The integrals of the function and of "is known" are piecewise linear in time, so both are read off at the edges;
    those of the parts, which may overlap, are added.
    """
    known = np.isfinite(values)
    area, time = np.zeros((2, len(edges)))
    for rows in parts:
        corners = np.stack([seconds[rows], seconds[rows] + hold[rows]], axis=1).ravel()  # where rows start and stop
        for total, rate in ((area, np.where(known, values, 0.0)), (time, known)):
            total += _integral(corners, (rate * hold)[rows], edges)
    slot = edges[1] - edges[0]
    mean = np.diff(area) / np.maximum(np.diff(time), 1e-9)
    return np.where(np.diff(time) >= _LEAST_COVERED * slot - 1e-6, mean, np.nan)


def _integral(corners: np.ndarray, areas: np.ndarray, edges: np.ndarray) -> np.ndarray:
    total = np.cumsum(areas)
    heights = np.stack([total - areas, total], axis=1).ravel()
    return np.interp(edges, corners, heights)
