"""Cells that say when: dates, times of day, both, or seconds since 1970.

2024-01-31 18:45   2024/1/31 18:45:00   2024年1月31日 18時45分   令和6年1月31日   2024-01-31T18:45+09:00
20240131 1845   31/01/2024   1/31/2024 6:45 PM   31.01.2024   31 Jan 2024   1706694300   1706694300000
24:00 is the end of a day
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from bracket_env import quote
from supervised.occupancy.meters.times.dates import ORDERS, Order, UnreadCellError, days_of, digits_of, part
from supervised.occupancy.meters.times.forms import EPOCH, FORMS, HOURS, RANGE, TIME, kind_of

DAY = 86400
_ZONES = {"JST": 9 * 3600, "CET": 3600, "CEST": 7200}  # the others that are read are UTC
_FARTHEST, _ZONES_OF_FILE = 14 * 3600, 3  # seconds from Greenwich, and offsets in one file
_DIGITS = {"ymd": "yymmddHHMM", "dmy": "ddmmyyHHMM", "mdy": "mmddyyHHMM"}
_AHEAD = 3 * 365.25 * DAY  # seconds: nobody has measured later than this from now
_SHEET = re.compile(r"[2-6]\d{4}(\.\d+)?")


@dataclass(frozen=True)
class Stamps:
    """Times of rows."""

    seconds: np.ndarray  # (n,) float64 since 1970, as written
    offsets: np.ndarray  # (n,) float64 seconds east of Greenwich, nan where none is written
    form: str  # how dates are written, as the report says
    dated: bool  # whether days are said, too
    timed: bool  # whether times of day are said, too
    ends: bool  # the day ends at 24:00 and none begins at 0:00: a time is the end of what was measured


def read_stamps(cells: pl.Series, order: Order | None = None, short: bool = False) -> Stamps:
    """Read a column of times.

    Args:
        cells: ``(n,)`` text; none is empty.
        order: of day, month and year; None: from the file.
        short: the year has two digits, so that 2401310030 may be the day 24-01-31.

    Raises:
        UnreadCellError: a cell that is no time, seconds since 1970 that may be days, the first of times that could be
            two, or an offset that no place has.
    """
    if order is not None and short and (seconds := digits_of(cells, order)) is not None:
        return Stamps(seconds, np.full(len(cells), np.nan), _DIGITS[order], True, True, False)
    whole, cells = cells, _begins(cells)
    if kind_of(cells) == "epoch" and not bool(cells.head(200).str.contains(HOURS).all()):
        return _epochs(cells)
    seconds, offsets = np.full((2, len(cells)), np.nan)
    dated, timed, starts, late = False, False, False, False
    shown: list[str] = []
    for form, rows, found in _matches(cells):
        days, how = days_of(form, found, order, cells.gather(rows), rows)
        clock = _clock(found)
        at = days * DAY + clock
        good = np.isfinite(at)
        seconds[rows[good]], offsets[rows[good]] = at[good], _offsets(found)[good]
        hours = found["H"].is_not_null().to_numpy()
        dated, timed = dated or form != "time", timed or bool(hours.any())
        late, starts = late or bool((clock[good] == DAY).any()), starts or bool((clock[good & hours] == 0).any())
        shown.append(how)
    bad = np.flatnonzero(np.isnan(seconds))
    if len(bad):
        raise UnreadCellError(int(bad[0]), _no_time(str(cells[int(bad[0])])))
    _check_offsets(cells, offsets)
    shown += ["beginnings of ranges"] if cells is not whole else []
    return Stamps(seconds, offsets, " and ".join(dict.fromkeys(shown)), dated, timed, late and not starts)


def _check_offsets(cells: pl.Series, offsets: np.ndarray) -> None:
    """Offsets are those of a place: no zone is farther from Greenwich, and clocks change between two or three."""
    known = offsets[np.isfinite(offsets)]
    far = np.abs(offsets) > _FARTHEST
    if far.any() or len(np.unique(known)) > _ZONES_OF_FILE:
        row = int(np.argmax(far)) if far.any() else int(np.argmax(offsets != offsets[0]))
        what = "ends in what is no time zone: is it a range of times? Keep its beginning only"
        raise UnreadCellError(row, f"{quote(str(cells[row]))} {what}")


def _begins(cells: pl.Series) -> pl.Series:
    """The beginnings of ranges such as 0:00-0:30, which are no times with an offset.

    Ranges last equally long, or end at more times than a place has offsets, or at one that is none.
    """
    if not bool(cells.head(5).str.contains(RANGE).all()) or not bool(cells.str.contains(RANGE).all()):
        return cells
    found = cells.str.extract_groups(RANGE).struct.unnest()
    begin, end = (part(found, h) * 60 + part(found, m) for h, m in (("H", "M"), ("H2", "M2")))
    lengths = (end - begin) % (DAY // 60)
    tilde = bool(cells.str.contains("[~〜]").all())
    even = len(lengths) > 1 and bool((lengths == lengths[0]).all())
    ends = bool((60 * end > _FARTHEST).any()) or len(np.unique(end)) > _ZONES_OF_FILE
    return found["from"] if tilde or even or ends else cells


def _no_time(text: str) -> str:
    what = f"{quote(text)} is no time (such as 2024-01-31 18:45)"
    if _SHEET.fullmatch(text):
        return f"{what}: a spreadsheet's number of days? Format that column as date and time there, and save again"
    if not text:
        return "a row without a time"
    if re.search(r"合計|総計|total|sum|average|平均", text, re.IGNORECASE):
        return f"{what}: take the line of sums out"
    return what


def _epochs(cells: pl.Series) -> Stamps:
    good = cells.str.contains(EPOCH).to_numpy()
    if not good.all():
        row = int(np.argmin(good))
        raise UnreadCellError(row, _no_time(str(cells[row])))
    digits = cells.str.split(".").list.first().str.len_chars().to_numpy()
    scale = np.where(digits < 13, 1.0, 10.0 ** (digits - 10))
    seconds = cells.cast(pl.Float64).to_numpy() / scale
    late = seconds > time.time() + _AHEAD
    read = [order for order in ORDERS if digits_of(cells, order) is not None]
    if late.any() or (read and len(cells) > 2):
        row = int(np.argmax(late))
        moment = np.datetime64(int(seconds[row]), "s").astype("datetime64[D]")
        form = " or ".join(_DIGITS[order] for order in read or ORDERS[:1])
        what = f"would be {moment} in seconds since 1970: is it a day and time? Say --date-format {form}"
        raise UnreadCellError(row, f"{quote(str(cells[row]))} {what}")
    name = {13: "milliseconds", 16: "microseconds", 19: "nanoseconds"}.get(int(digits[0]), "seconds")
    return Stamps(seconds, np.zeros(len(cells)), f"{name} since 1970", True, True, False)


def _matches(cells: pl.Series) -> Iterator[tuple[str, np.ndarray, pl.DataFrame]]:
    """Each form that some of the cells have: its name, the rows and their parts."""
    left = np.arange(len(cells))
    for name, form in (*FORMS.items(), ("yyyymmddHH", HOURS), ("time", TIME)):
        if not len(left):
            return
        rest = cells if len(left) == len(cells) else cells.gather(left)
        has = rest.str.contains(form).to_numpy()
        if has.any():
            parts = rest.filter(pl.Series(has)).str.extract_groups(form).struct.unnest()
            yield name, left[has], parts
            left = left[~has]


def _clock(found: pl.DataFrame) -> np.ndarray:
    """Seconds since midnight, nan for a time that no clock shows."""
    hour, minute, second = (part(found, name) for name in "HMS")
    late = np.zeros(len(found))
    for name in ("half", "half2"):
        if name in found.columns and found[name].null_count() < len(found):
            half = found[name].str.to_lowercase().str.replace_all(".", "", literal=True)
            pm, am = (half.is_in(words).fill_null(False).to_numpy() for words in (["pm", "午後"], ["am", "午前"]))
            late = np.where(pm & (hour < 12), 12, np.where(am & (hour == 12), -12, late))
    fraction = np.zeros(len(found))
    if "f" in found.columns and found["f"].null_count() < len(found):
        fraction = ("0." + found["f"].fill_null("0")).cast(pl.Float64).to_numpy()
    seconds = (hour + late) * 3600 + minute * 60 + second + fraction
    return np.where((hour <= 24) & (minute < 60) & (second < 60) & (seconds <= DAY), seconds, np.nan)


def _offsets(found: pl.DataFrame) -> np.ndarray:
    """Seconds east of Greenwich, nan where no zone is written."""
    if "zone" not in found.columns or found["zone"].null_count() == len(found):
        return np.full(len(found), np.nan)
    zone = found["zone"]
    digits = zone.str.replace_all(r"[^\d]", "")
    hours, minutes = (digits.str.slice(i, 2).cast(pl.Int64, strict=False).fill_null(0).to_numpy() for i in (0, 2))
    seconds = np.where(zone.str.starts_with("-").fill_null(False).to_numpy(), -1.0, 1.0) * (hours * 3600 + minutes * 60)
    for name, offset in _ZONES.items():
        seconds = np.where((zone == name).fill_null(False).to_numpy(), offset, seconds)
    return np.where(zone.is_null().to_numpy(), np.nan, seconds)
