"""A home's power from a CSV file: the columns, the rows and everything that can be wrong with them.

    time,fridge_W,rest_W,occupied
    2024-01-01 00:00,84,120,1
    2024-01-01 00:15,,131,            an empty power cell: this row was not measured; an empty label: unknown

The time column is called time, timestamp, datetime, date or 日時 (else it is the first one); power columns have power,
watt, load, consumption, 電力 or ``_W`` in their names and are summed; the label column, 1 for somebody at home and 0
for nobody, is called occupancy, occupied, present, presence, home, at_home or 在宅. All three can be named instead.
Commas, semicolons and tabs separate cells. Power is in watts.

Times are ISO 8601 (also ``2024/1/1 0:15``), all with a zone or all without. A time with a zone becomes local time at
the offset of the first row. Rows that are not evenly spaced are put into slots by
:func:`supervised.occupancy.homes.resampling.resample`, and the report says so.
"""

from __future__ import annotations

import csv
import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from bracket_env import InputError, quote
from bracket_env.atomic import write_text
from supervised.occupancy.homes.record import PRESENT, UNKNOWN, PowerRecord
from supervised.occupancy.homes.resampling import Resampled, Samples, resample

_TIME = re.compile(r"time|timestamp|datetime|date|日時|時刻", re.IGNORECASE)
_POWER = re.compile(r"power|watt|load|consumption|電力|[ _(\[]W[)\]]?$", re.IGNORECASE)
_LABEL = re.compile(r"occupancy|occupied|present|presence|home|at_home|在宅", re.IGNORECASE)
_OLD_FORMATS = ("%Y/%m/%d %H:%M", "%Y/%m/%d %H:%M:%S")
_EPOCH, _EPOCH_ZONED = datetime(1970, 1, 1), datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Columns:
    """Which columns to read; None: found by their names."""

    time: str | None = None
    power: tuple[str, ...] | None = None
    occupancy: str | None = None


def read_csv(path: str | os.PathLike[str], minutes: int, columns: Columns | None = None) -> Resampled:
    """Read a file into slots.

    Args:
        path: the file, UTF-8.
        minutes: length of a slot.
        columns: their names.

    Raises:
        InputError: in one line that names the file, and the row and value where there is one: a file that cannot be
            read, no power column, a cell that is no time, no number or no label, negative or infinite power, times
            that go back, come twice or mix zones, too few rows, nothing measured.
    """
    path = Path(path)
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            samples = _samples(path, file, columns or Columns())
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a UTF-8 text file") from None
    return resample(samples, minutes, str(path))


def write_predictions(path: str, record: PowerRecord, columns: dict[str, np.ndarray]) -> None:
    """Write ``time,watts,present`` and the given columns, one row a slot, atomically; what is unknown stays empty."""
    lines = [",".join(["time", "watts", "present", *columns])]
    values = list(columns.values())
    for i, time in enumerate(np.datetime_as_string(record.times, unit="m")):
        measured = math.isfinite(record.watts[i])
        cells = [time, f"{record.watts[i]:.1f}" if measured else ""]
        cells.append("" if record.present[i] == UNKNOWN else str(record.present[i]))
        cells += [f"{column[i]:.4f}" if measured else "" for column in values]
        lines.append(",".join(cells))
    write_text(path, "\n".join(lines) + "\n")


def _samples(path: Path, file: object, wanted: Columns) -> Samples:
    lines = iter(file)  # type: ignore[call-overload]
    header = next(lines, "")
    separator = max(",;\t", key=header.count)
    names = [name.strip() for name in next(csv.reader([header], delimiter=separator), [])]
    if not any(names):
        raise InputError(f"{path}: the file is empty")
    time, power, label = _find_columns(path, names, wanted)
    clock = _Clock(path)
    seconds: list[float] = []
    watts: list[float] = []
    present: list[int] = []
    rows = csv.reader(lines, delimiter=separator)
    try:
        for row in rows:
            if not row:
                continue
            line = rows.line_num + 1
            if len(row) != len(names):
                raise InputError(f"{path}:{line}: {len(row)} cells where the header has {len(names)}")
            seconds.append(clock.read(row[time], line))
            watts.append(sum(_watts(path, line, names[i], row[i]) for i in power))
            present.append(UNKNOWN if label is None else _label(path, line, row[label]))
    except csv.Error as error:
        raise InputError(f"{path}:{rows.line_num + 1}: {error}") from None
    return Samples(np.array(seconds), np.array(watts, dtype=np.float64), np.array(present, dtype=np.int8), clock.note())


def _find_columns(path: Path, names: Sequence[str], wanted: Columns) -> tuple[int, list[int], int | None]:
    """Numbers of the time column, the power columns and the label column."""
    doubled = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if doubled is not None:
        raise InputError(f"{path}:1: two columns are called {quote(doubled)}")
    for name in (wanted.time, *(wanted.power or ()), wanted.occupancy):
        if name is not None and name not in names:
            raise InputError(f"{path}:1: there is no column {quote(name)}, only {', '.join(names)}")
    time = wanted.time or next((name for name in names if _TIME.fullmatch(name)), names[0])
    label = wanted.occupancy or next((name for name in names if _LABEL.fullmatch(name)), None)
    power = wanted.power or tuple(name for name in names if name not in (time, label) and _POWER.search(name))
    if not power:
        raise InputError(f"{path}:1: no power column among {', '.join(names)} (name one with --power-columns)")
    return names.index(time), [names.index(name) for name in power], None if label is None else names.index(label)


class _Clock:
    """Reads times in order, as local seconds since 1970."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset: timedelta | None = None
        self.offsets = 0  # rows at another offset than the first
        self.last: tuple[float, str] | None = None
        self.zoned: bool | None = None

    def read(self, text: str, line: int) -> float:
        """Raises InputError: no time, mixed zones, a time not later than the one before."""
        time = self._parse(text.strip(), line)
        offset = time.utcoffset()
        if self.zoned is None:
            self.zoned, self.offset = offset is not None, offset
        if (offset is not None) != self.zoned:
            has = "has a time zone and the rows before have none" if offset is not None else "has no time zone"
            raise InputError(f"{self.path}:{line}: {quote(text)} {has}: a file must not mix them")
        if offset is None or self.offset is None:
            second = (time - _EPOCH) / _SECOND
        else:
            self.offsets += offset != self.offset
            second = (time - _EPOCH_ZONED + self.offset) / _SECOND
        if self.last is not None and second <= self.last[0]:
            what = "comes twice" if second == self.last[0] else f"is earlier than {quote(self.last[1])} before it"
            raise InputError(f"{self.path}:{line}: the time {quote(text)} {what}: rows must be sorted by time")
        self.last = second, text
        return second

    def note(self) -> str | None:
        """What was done about zones."""
        if not self.offsets or self.offset is None:
            return None
        hours = self.offset / timedelta(hours=1)
        return f"{self.offsets} rows have another UTC offset than the first row's {hours:+g} h, which is used for all"

    def _parse(self, text: str, line: int) -> datetime:
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            pass
        for form in _OLD_FORMATS:
            try:
                return datetime.strptime(text, form)
            except ValueError:
                pass
        raise InputError(f"{self.path}:{line}: {quote(text)} is no time (such as 2024-01-31 18:45)")


def _watts(path: Path, line: int, name: str, text: str) -> float:
    """nan for an empty cell."""
    text = text.strip()
    if not text or text.lower() == "nan":
        return math.nan
    try:
        value = float(text) if "_" not in text else math.nan  # Python reads 1_000 as a thousand
    except ValueError:
        value = math.nan
    if math.isnan(value):
        raise InputError(f"{path}:{line}: {quote(text)} in column {quote(name)} is no number")
    if value < 0:
        raise InputError(f"{path}:{line}: negative power {text} in column {quote(name)}")
    if math.isinf(value):
        raise InputError(f"{path}:{line}: infinite power in column {quote(name)}")
    return value


def _label(path: Path, line: int, text: str) -> int:
    text = text.strip()
    if not text or text.lower() == "nan":
        return UNKNOWN
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if value not in (0, PRESENT):
        raise InputError(f"{path}:{line}: {quote(text)} is no label: 1 for somebody at home, 0 for nobody, or empty")
    return int(value)
