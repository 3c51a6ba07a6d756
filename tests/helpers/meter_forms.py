"""Files of meters in the forms that people have, each with the true watts and local times."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from supervised.occupancy.homes.record import PowerRecord
from supervised.occupancy.homes.resampling import Resampled
from supervised.occupancy.meters.options import MeterOptions
from supervised.occupancy.meters.read import read_meter

MINUTES = 15


@dataclass(frozen=True)
class Truth:
    """What a home drew: mean power of steps of equal length that follow each other."""

    start: np.datetime64  # UTC, or local where the clocks do not change
    step: int  # seconds
    watts: NDArray[np.float64]  # nan: not known from the file
    present: NDArray[np.int8]
    zone: str | None = None  # of the home; None: ``start`` is local

    @property
    def times(self) -> NDArray[np.datetime64]:
        return self.start + self.step * np.arange(len(self.watts)).astype("timedelta64[s]")

    @property
    def local(self) -> NDArray[np.datetime64]:
        """Wall-clock times."""
        return self.times + self.offsets.astype("timedelta64[s]")

    @property
    def offsets(self) -> NDArray[np.int64]:
        if self.zone is None:
            return np.zeros(len(self.watts), np.int64)
        zone = ZoneInfo(self.zone)
        stamps = self.times.astype("datetime64[s]").astype(object)
        walls = [stamp.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None) for stamp in stamps]
        return np.array([int((wall - stamp).total_seconds()) for wall, stamp in zip(walls, stamps, strict=True)])

    def slots(self, minutes: int) -> dict[np.datetime64, tuple[float, int]]:
        """Mean power and label of each slot that is known for at least half of its time, counted second by second."""
        seconds = np.repeat(self.local.astype("datetime64[s]").astype(np.int64), self.step)
        seconds += np.tile(np.arange(self.step), len(self.watts))
        slot = seconds // (60 * minutes)
        first = int(slot.min())
        found = [_share(slot - first, np.repeat(x, self.step), 60 * minutes) for x in (self.watts, self._labels())]
        times = np.datetime64(0, "s") + np.timedelta64(60 * minutes, "s") * (first + np.arange(len(found[0])))
        labels = np.where(np.isnan(found[1]), -1, found[1] >= 0.5).astype(int)
        return {time: (float(w), int(label)) for time, w, label in zip(times, found[0], labels, strict=True)}

    def _labels(self) -> NDArray[np.float64]:
        return np.where(self.present < 0, np.nan, self.present)


def _share(slot: NDArray[np.int64], values: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    known = np.isfinite(values)
    count = np.bincount(slot, known)
    mean = np.bincount(slot, np.where(known, values, 0.0)) / np.maximum(count, 1)
    return np.where(count >= length / 2, mean, np.nan)


def home(minutes: float = 15, days: float = 2, start: str = "2024-01-01", zone: str | None = None) -> Truth:
    """A home whose watts are multiples of 4, so that every unit writes them exactly; no two steps are equal."""
    step = round(60 * minutes)
    count = round(days * 86400 / step)
    number = np.arange(count)
    wave = 130 + 100 * np.sin(number * step / 7000) + 40 * (number % 7 == 3) + (number * 37) % 11
    present = ((number * step // 3600) % 24 < 17).astype(np.int8)
    watts = 4.0 * np.round(wave)
    watts[1:][watts[1:] == watts[:-1]] += 4.0
    return Truth(np.datetime64(start, "s"), step, watts, present, zone)


def without(truth: Truth, missing: Iterable[int]) -> Truth:
    """Some steps are not known."""
    watts = truth.watts.copy()
    watts[list(missing)] = np.nan
    return replace(truth, watts=watts)


def unlabelled(truth: Truth) -> Truth:
    """Nobody knows who was in."""
    return replace(truth, present=np.full(len(truth.watts), -1, np.int8))


@dataclass(frozen=True)
class Form:
    """A file and what is to come of it."""

    name: str
    data: bytes
    truth: Truth
    options: Mapping[str, Any] = field(default_factory=dict)
    refused: str | None = None  # a pattern of the one line; None: it is read
    said: Sequence[str] = ()  # patterns of the report
    file: str = "home.csv"
    minutes: int = MINUTES

    def write(self, folder: Path) -> Path:
        """Put the file into a folder."""
        path = folder / self.file
        path.write_bytes(self.data)
        return path

    def read(self, path: Path) -> Resampled:
        """Read it as its user would."""
        return read_meter(path, self.minutes, MeterOptions(**self.options))


def differences(record: PowerRecord, truth: Truth) -> list[str]:
    """Where a record is another than what was true, in words; nothing: it was read right."""
    expected = truth.slots(record.minutes)
    found = dict(zip(record.times.astype("datetime64[s]"), zip(record.watts, record.present, strict=True), strict=True))
    end = truth.local[-1] + np.timedelta64(truth.step, "s")  # how long the last label holds, nobody knows
    wrong = []
    for time in sorted(expected.keys() | found.keys()):
        (watts, label), (watts_read, label_read) = (d.get(time, (np.nan, -1)) for d in (expected, found))
        if not np.isclose(watts, watts_read, rtol=1e-6, atol=1e-6, equal_nan=True):
            wrong.append(f"{time}: {watts_read:g} W instead of {watts:g}")
        if label != label_read and time + np.timedelta64(60 * record.minutes, "s") <= end:
            wrong.append(f"{time}: label {label_read} instead of {label}")
    return wrong


def lines(rows: Iterable[Sequence[object]], separator: str = ",", end: str = "\n") -> str:
    """Rows of cells as text."""
    return "".join(separator.join(map(str, row)) + end for row in rows)


def stamps(truth: Truth, form: str, *, local: bool = True) -> list[str]:
    """Times by a ``strftime`` pattern; ``%-d`` and the like without leading zero."""
    return [t.strftime(form) for t in (truth.local if local else truth.times).astype("datetime64[s]").astype(object)]


def epochs(truth: Truth, factor: int = 1) -> list[int]:
    """Seconds since 1970 in UTC, times ``factor``."""
    return [int(t) * factor for t in truth.times.astype("datetime64[s]").astype(np.int64)]


def numbers(values: Iterable[float], form: str = "{:g}", missing: str = "") -> list[str]:
    """Numbers as text."""
    return [missing if np.isnan(value) else form.format(value) for value in values]


def kilowatts(truth: Truth, missing: str = "") -> list[str]:
    """Watts written in kW."""
    return numbers(truth.watts / 1000, "{:.3f}", missing)


def energies(truth: Truth, missing: str = "") -> list[str]:
    """kWh of each step."""
    return numbers(truth.watts * truth.step / 3.6e6, "{:.9g}", missing)


def register(truth: Truth, begin: float = 4321.0) -> list[str]:
    """A counter in kWh, read at the beginning of each step; what comes after the last reading is unknown."""
    used = np.cumsum(truth.watts * truth.step / 3.6e6)
    return numbers(begin + np.concatenate([[0.0], used[:-1]]), "{:.9f}")


def table(heads: Sequence[str], *columns: Sequence[object], separator: str = ",") -> str:
    """A header and columns."""
    return lines([heads, *zip(*columns, strict=True)], separator)
