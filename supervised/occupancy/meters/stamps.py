"""Cells that say when: dates, times of day, both, or seconds since 1970.

    2024-01-31 18:45   2024/1/31 18:45:00   2024年1月31日 18時45分   令和6年1月31日   2024-01-31T18:45+09:00
    20240131 1845   31/01/2024   1/31/2024 6:45 PM   31.01.2024   31 Jan 2024   1706694300   1706694300000
    24:00 is the end of a day

Which of two numbers is the day follows from the file: a number above 12, points between them, or the one reading in
which the days follow each other. Where neither helps, ``--date-format`` is asked for.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from bracket_env import InputError, quote

Order = Literal["ymd", "dmy", "mdy"]

DAY = 86400
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ZONES = {"JST": 9 * 3600, "CET": 3600, "CEST": 7200}  # the others that are read are UTC
_ZONE = r"(?P<zone>Z|UTC|GMT|JST|CEST|CET|[+-]\d{2}(?::?\d{2})?)"
_CLOCK = (
    r"(?:(?P<half>午前|午後|AM|PM|am|pm)\s?)?(?P<H>\d{1,2})(?:\s?[:時]\s?(?P<M>\d{2})分?(?::?(?P<S>\d{2})(?:[.,](?P<f>\d+))?秒?)?"
    r"|時)(?:\s?(?P<half2>[AaPp]\.?[Mm]\.?))?(?:\s?" + _ZONE + r")?"
)
_COMPACT_CLOCK = r"(?P<H>\d{2}):?(?P<M>\d{2})(?::?(?P<S>\d{2}))?(?:\s?" + _ZONE + r")?"
_WEEKDAY = r"(?:\s?\(\w{1,3}\)|,?\s(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*)?"
_NAMED = r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,?\s)?"
_DATES = {
    "yyyy-mm-dd": r"(?P<y>\d{4})\s?[-/.年]\s?(?P<m>\d{1,2})\s?[-/.月]\s?(?P<d>\d{1,2})日?",
    "令和": r"(?:令和|R)\s?(?P<era>\d{1,2}|元)\s?[年./]\s?(?P<m>\d{1,2})\s?[月./]\s?(?P<d>\d{1,2})日?",
    "yyyymmdd": r"(?P<y>(?:19|20)\d{2})(?P<m>\d{2})(?P<d>\d{2})",
    "yyyymmdd h": r"(?P<y>(?:19|20)\d{2})(?P<m>\d{2})(?P<d>\d{2})\s",
    "of two": r"(?P<a>\d{1,2})\s?(?P<by>[-/.])\s?(?P<b>\d{1,2})[-/.]\s?(?P<y>\d{4}|\d{2})",
    "dd month yyyy": r"(?P<d>\d{1,2})[-. /]+(?P<word>[A-Za-z]{3,9})[-., /]+(?P<y>\d{4})",
    "month dd, yyyy": r"(?P<word>[A-Za-z]{3,9})\.?\s(?P<d>\d{1,2}),?\s(?P<y>\d{4})",
}
_FORMS = {
    name: f"^{_NAMED}{date}{_WEEKDAY}"
    + (rf"(?:[T ]?{_COMPACT_CLOCK})?$" if name == "yyyymmdd" else rf"(?:(?:\s*[T,;]\s?|\s+|){_CLOCK})?$")
    for name, date in _DATES.items()
}
_HOURS = r"^(?P<y>20\d{2})(?P<m>0[1-9]|1[0-2])(?P<d>[0-3]\d)(?P<H>[0-2]\d)$"
_TIME = "^" + _CLOCK + r"(?:\s?[~〜-]\s?.*)?$"
_RANGE = (
    r"^(?P<from>.*?\b(?P<H>\d{1,2})[:時](?P<M>\d{2})(?::\d{2}|分)?)\s?[-~〜]\s?"
    r"(?P<H2>\d{1,2})[:時](?P<M2>\d{2})(?::\d{2}|分)?$"
)
_TILDE = r"\s?[~〜]\s?\d{1,2}[:時]\d{2}.*$"
_EPOCH = r"^\d{9,10}(?:\.\d+)?$|^\d{13}$|^\d{16}$|^\d{19}$"
_COMPILED = [re.compile(form) for form in (*_FORMS.values(), _HOURS, _EPOCH)]
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


def kind_of(cells: pl.Series) -> Literal["stamp", "date", "time", "epoch", "other"]:
    """What most of the filled cells of a sample say."""
    filled = cells.filter(cells != "").str.replace(_TILDE, "")
    if filled.is_empty():
        return "other"

    def most(pattern: str) -> bool:
        return float(filled.str.contains(pattern).mean() or 0) > 0.5  # type: ignore[arg-type]

    if most(_EPOCH):
        return "epoch"
    for form in (*_FORMS.values(), _HOURS):
        if most(form):
            clock = filled.str.extract_groups(form).struct.field("H")
            return "date" if clock.null_count() > len(filled) // 2 else "stamp"
    return "time" if most(_TIME) else "other"


def is_stamp(cell: str) -> bool:
    """Whether one cell says a day, with or without a time, or seconds since 1970."""
    cell = re.sub(_TILDE, "", cell)
    return any(form.match(cell) for form in _COMPILED)


def order_of(date_format: str) -> Order:
    """What ``--date-format`` asks for.

    Raises:
        InputError: not each of day, month and year is in it.
    """
    date = re.split(r"[ T]|%H|%I|HH|hh", date_format)[0].replace("%b", "m").replace("%B", "m").lower()
    order = "".join(dict.fromkeys(letter for letter in date if letter in "dmy"))
    if order not in ("ymd", "dmy", "mdy"):
        raise InputError(f"--date-format must order day, month and year, such as dd/mm/yyyy, not {quote(date_format)}")
    return order  # type: ignore[return-value]


class UnreadCellError(Exception):
    """Row ``row`` cannot be read; the message says why."""

    def __init__(self, row: int, message: str) -> None:
        super().__init__(message)
        self.row = row


def read_stamps(cells: pl.Series, order: Order | None = None) -> Stamps:
    """Read a column of times.

    Args:
        cells: ``(n,)`` text; none is empty.
        order: of day, month and year; None: from the file.

    Raises:
        UnreadCellError: a cell that is no time, or the first of those that could be two.
    """
    cells = _begins(cells)
    if kind_of(cells.head(200)) == "epoch" and not bool(cells.head(200).str.contains(_HOURS).all()):
        return _epochs(cells)
    seconds, offsets = np.full((2, len(cells)), np.nan)
    dated, timed, starts, late = False, False, False, False
    shown: list[str] = []
    for form, rows, found in _matches(cells):
        days, how = _days(form, found, order, rows, cells)
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
    return Stamps(seconds, offsets, " and ".join(dict.fromkeys(shown)), dated, timed, late and not starts)


def _begins(cells: pl.Series) -> pl.Series:
    """The beginnings of ranges such as 0:00-0:30, which are no times with an offset: all of them last as long."""
    if not bool(cells.head(5).str.contains(_RANGE).all()) or not bool(cells.str.contains(_RANGE).all()):
        return cells
    found = cells.str.extract_groups(_RANGE).struct.unnest()
    begin, end = (_part(found, h) * 60 + _part(found, m) for h, m in (("H", "M"), ("H2", "M2")))
    lengths = (end - begin) % (DAY // 60)
    tilde = bool(cells.str.contains("[~〜]").all())
    return found["from"] if tilde or (len(lengths) > 1 and (lengths == lengths[0]).all()) else cells


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
    good = cells.str.contains(_EPOCH).to_numpy()
    if not good.all():
        row = int(np.argmin(good))
        raise UnreadCellError(row, _no_time(str(cells[row])))
    digits = cells.str.split(".").list.first().str.len_chars().to_numpy()
    scale = np.where(digits < 13, 1.0, 10.0 ** (digits - 10))
    seconds = cells.cast(pl.Float64).to_numpy() / scale
    name = {13: "milliseconds", 16: "microseconds", 19: "nanoseconds"}.get(int(digits[0]), "seconds")
    return Stamps(seconds, np.zeros(len(cells)), f"{name} since 1970", True, True, False)


def _matches(cells: pl.Series) -> Iterator[tuple[str, np.ndarray, pl.DataFrame]]:
    """Each form that some of the cells have: its name, the rows and their parts."""
    left = np.arange(len(cells))
    for name, form in (*_FORMS.items(), ("yyyymmddHH", _HOURS), ("time", _TIME)):
        if not len(left):
            return
        rest = cells if len(left) == len(cells) else cells.gather(left)
        has = rest.str.contains(form).to_numpy()
        if has.any():
            parts = rest.filter(pl.Series(has)).str.extract_groups(form).struct.unnest()
            yield name, left[has], parts
            left = left[~has]


def _part(found: pl.DataFrame, name: str) -> np.ndarray:
    """``(n,)`` numbers, 0 where there are none."""
    if name not in found.columns:
        return np.zeros(len(found))
    return found[name].cast(pl.Int64, strict=False).fill_null(0).to_numpy()


def _clock(found: pl.DataFrame) -> np.ndarray:
    """Seconds since midnight, nan for a time that no clock shows."""
    hour, minute, second = (_part(found, name) for name in "HMS")
    late = np.zeros(len(found))
    for name in ("half", "half2"):
        if name in found.columns and found[name].null_count() < len(found):
            half = found[name].str.to_lowercase().str.replace_all(".", "", literal=True)
            pm, am = (half.is_in(words).fill_null(False).to_numpy() for words in (["pm", "午後"], ["am", "午前"]))
            late = np.where(pm & (hour < 12), 12, np.where(am & (hour == 12), -12, late))
    part = np.zeros(len(found))
    if "f" in found.columns and found["f"].null_count() < len(found):
        part = ("0." + found["f"].fill_null("0")).cast(pl.Float64).to_numpy()
    seconds = (hour + late) * 3600 + minute * 60 + second + part
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


def _days(
    form: str, found: pl.DataFrame, order: Order | None, rows: np.ndarray, cells: pl.Series
) -> tuple[np.ndarray, str]:
    """Days since 1970, nan for a day that no calendar has, and how they are written."""
    if form == "time":
        return np.zeros(len(found)), ""
    if form == "of two":
        return _of_two(found, order, rows, cells)
    year, day = _part(found, "y"), _part(found, "d")
    month = _part(found, "m")
    if "word" in found.columns:
        short = found["word"].str.to_lowercase().str.slice(0, 3)
        month = short.replace_strict(_MONTHS, range(1, 13), default=0, return_dtype=pl.Int64).to_numpy()
    if "era" in found.columns:
        year = 2018 + found["era"].replace("元", "1").cast(pl.Int64).to_numpy()
    return _since_1970(year, month, day), form


def _since_1970(year: np.ndarray, month: np.ndarray, day: np.ndarray) -> np.ndarray:
    right = (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31) & (year >= 1970) & (year <= 2199)
    first = (year - 1970).astype("datetime64[Y]").astype("datetime64[M]") + np.where(right, month - 1, 0)
    days = first.astype("datetime64[D]").astype(np.int64) + day - 1
    there = days.astype("datetime64[D]").astype("datetime64[M]") == first  # no 30 February
    return np.where(right & there, days.astype(np.float64), np.nan)


def _of_two(found: pl.DataFrame, order: Order | None, rows: np.ndarray, cells: pl.Series) -> tuple[np.ndarray, str]:
    first, second, year = (_part(found, name) for name in "aby")
    by = str(found["by"][0])
    short = (found["y"].str.len_chars() == 2).to_numpy()
    if order == "ymd" or (short.any() and order is None):
        row = int(np.argmax(short)) if order is None else 0
        if order is None:
            text = quote(str(cells[int(rows[row])]))
            raise UnreadCellError(
                int(rows[row]), f"{text} has a year of two digits: say its order with --date-format dd.mm.yy"
            )
        if not short.all():
            raise UnreadCellError(
                int(rows[0]), f"{quote(str(cells[int(rows[0])]))} is not in the order of --date-format"
            )
        return _since_1970(2000 + first, second, year), f"yy{by}mm{by}dd"
    year = np.where(short, 2000 + year, year)
    dmy, mdy = _since_1970(year, second, first), _since_1970(year, first, second)
    chosen = order or _evident(first, second, by, dmy, mdy)
    if chosen is None:
        row = int(np.argmax(first != second))
        a, b, text = int(first[row]), int(second[row]), quote(str(cells[int(rows[row])]))
        choice = f"{a} {calendar.month_name[b]} or {b} {calendar.month_name[a]}"
        raise UnreadCellError(
            int(rows[row]), f"{text} is {choice}: say which with --date-format dd/mm/yyyy or mm/dd/yyyy"
        )
    return (dmy, f"dd{by}mm{by}yyyy") if chosen == "dmy" else (mdy, f"mm{by}dd{by}yyyy")


def _evident(first: np.ndarray, second: np.ndarray, by: str, dmy: np.ndarray, mdy: np.ndarray) -> Order | None:
    """Which reading the dates allow; None: both."""
    if (first > 12).any():
        return "dmy"
    if (second > 12).any():
        return "mdy"
    if by == "." or (first == second).all():
        return "dmy"
    leaps = [float(np.abs(np.diff(days)).max(initial=0)) for days in (dmy, mdy)]
    if 1 <= min(leaps) <= 7 and max(leaps) > 20:
        return "dmy" if leaps[0] < leaps[1] else "mdy"
    return None
