"""Dates: the day of a calendar, and which of two numbers it is.

A number above 12 is a day; points stand between day and month; or the days follow each other in one reading only. Where
none of it helps, ``--date-format`` is asked for.
"""

from __future__ import annotations

import calendar
import re
from typing import Literal

import numpy as np
import polars as pl

from bracket_env import InputError, quote

Order = Literal["ymd", "dmy", "mdy"]
ORDERS: tuple[Order, ...] = ("ymd", "dmy", "mdy")

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


class UnreadCellError(Exception):
    """Row ``row`` cannot be read; the message says why."""

    def __init__(self, row: int, message: str) -> None:
        super().__init__(message)
        self.row = row


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


def part(found: pl.DataFrame, name: str) -> np.ndarray:
    """A named part of cells as ``(n,)`` whole numbers, 0 where there are none."""
    if name not in found.columns:
        return np.zeros(len(found), np.int64)
    return found[name].cast(pl.Int64, strict=False).fill_null(0).to_numpy()


def days_of(
    form: str, found: pl.DataFrame, order: Order | None, cells: pl.Series, rows: np.ndarray
) -> tuple[np.ndarray, str]:
    """Days since 1970 ``(n,)``, nan for a day that no calendar has, and how they are written.

    Args:
        form: one of ``FORMS``, or ``time``, which says no day.
        found: ``(n, parts)`` of cells of that form.
        order: of day, month and year; None: from the cells.
        cells: ``(n,)`` themselves.
        rows: ``(n,)`` their numbers.

    Raises:
        UnreadCellError: two numbers that may be day and month or month and day, or that are not as the others.
    """
    if form == "time":
        return np.zeros(len(found)), ""
    if form == "of two":
        return _of_two(found, order, cells, rows)
    year, month, day = (part(found, name) for name in "ymd")
    if "word" in found.columns:
        short = found["word"].str.to_lowercase().str.slice(0, 3)
        month = short.replace_strict(_MONTHS, range(1, 13), default=0, return_dtype=pl.Int64).to_numpy()
    if "era" in found.columns:
        year = 2018 + found["era"].replace("元", "1").cast(pl.Int64).to_numpy()
    return _since_1970(year, month, day), form


def digits_of(cells: pl.Series, order: Order) -> np.ndarray | None:
    """Seconds since 1970 ``(n,)`` of days and times in ten or twelve digits, such as 2401310030; None: not all are."""
    digits = cells.str.zfill(10)  # a spreadsheet drops the first zero
    if not bool(digits.str.contains(r"^\d{10}(?:\d{2})?$").all()):
        return None
    parts = [digits.str.slice(i, 2).str.zfill(2).cast(pl.Int64).to_numpy() for i in range(0, 12, 2)]
    at = {letter: parts[order.index(letter)] for letter in "ymd"}
    hour, minute, second = parts[3:]
    days = _since_1970(2000 + at["y"], at["m"], at["d"])
    good = np.isfinite(days) & (hour < 24) & (minute < 60) & (second < 60)
    return days * 86400.0 + hour * 3600 + minute * 60 + second if good.all() else None


def _since_1970(year: np.ndarray, month: np.ndarray, day: np.ndarray) -> np.ndarray:
    right = (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31) & (year >= 1970) & (year <= 2199)
    first = (year - 1970).astype("datetime64[Y]").astype("datetime64[M]") + np.where(right, month - 1, 0)
    days = first.astype("datetime64[D]").astype(np.int64) + day - 1
    there = days.astype("datetime64[D]").astype("datetime64[M]") == first  # no 30 February
    return np.where(right & there, days.astype(np.float64), np.nan)


def _of_two(found: pl.DataFrame, order: Order | None, cells: pl.Series, rows: np.ndarray) -> tuple[np.ndarray, str]:
    a, b, c = (part(found, name) for name in "aby")
    by, short = str(found["by"][0]), (found["y"].str.len_chars() == 2).to_numpy()
    if order is None and short.any():
        raise _unread(short, cells, rows, "has a year of two digits: say its order with --date-format dd.mm.yy")
    if order == "ymd":
        days = np.where(short, _since_1970(2000 + a, b, c), np.nan)
        return _all_read(days, cells, rows, "yy{by}mm{by}dd", by)
    c = np.where(short, 2000 + c, c)
    readings = {"dmy": _since_1970(c, b, a), "mdy": _since_1970(c, a, b)}
    chosen = order or _evident(a, b, by, readings)
    if chosen is None:
        row = int(np.argmax(a != b))
        choice = f"{a[row]} {calendar.month_name[b[row]]} or {b[row]} {calendar.month_name[a[row]]}"
        raise _unread(a != b, cells, rows, f"is {choice}: say which with --date-format dd/mm/yyyy or mm/dd/yyyy")
    return _all_read(readings[chosen], cells, rows, "dd{by}mm{by}yyyy" if chosen == "dmy" else "mm{by}dd{by}yyyy", by)


def _unread(which: np.ndarray, cells: pl.Series, rows: np.ndarray, what: str) -> UnreadCellError:
    row = int(np.argmax(which))
    return UnreadCellError(int(rows[row]), f"{quote(str(cells[row]))} {what}")


def _all_read(days: np.ndarray, cells: pl.Series, rows: np.ndarray, form: str, by: str) -> tuple[np.ndarray, str]:
    shown = form.format(by=by)
    if np.isnan(days).any():
        what = f"is no day that is written {shown}, as the others are (else --date-format)"
        raise _unread(np.isnan(days), cells, rows, what)
    return days, shown


def _evident(first: np.ndarray, second: np.ndarray, by: str, readings: dict[str, np.ndarray]) -> str | None:
    """Which reading the dates allow; None: both."""
    if (first > 12).any():
        return "dmy"
    if (second > 12).any():
        return "mdy"
    if by == "." or (first == second).all():
        return "dmy"
    leaps = {order: float(np.abs(np.diff(days)).max(initial=0)) for order, days in readings.items()}
    near = min(leaps, key=lambda order: leaps[order])
    return near if 1 <= leaps[near] <= 7 and max(leaps.values()) > 20 else None
