"""How dates and times of day are written: patterns with named parts, and what a sample of cells holds."""

from __future__ import annotations

import re
from typing import Literal

import polars as pl

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
FORMS = {
    name: f"^{_NAMED}{date}{_WEEKDAY}"
    + (rf"(?:[T ]?{_COMPACT_CLOCK})?$" if name == "yyyymmdd" else rf"(?:(?:\s*[T,;]\s?|\s+|){_CLOCK})?$")
    for name, date in _DATES.items()
}
HOURS = r"^(?P<y>20\d{2})(?P<m>0[1-9]|1[0-2])(?P<d>[0-3]\d)(?P<H>[0-2]\d)$"
TIME = "^" + _CLOCK + r"(?:\s?[~〜-]\s?.*)?$"
RANGE = (
    r"^(?P<from>.*?\b(?P<H>\d{1,2})[:時](?P<M>\d{2})(?::\d{2}|分)?)\s?[-~〜]\s?"
    r"(?P<H2>\d{1,2})(?:[:時](?P<M2>\d{2})?(?::\d{2}|分)?)?$"
)
TILDE = r"\s?[~〜]\s?\d{1,2}[:時]\d{2}.*$"
EPOCH = r"^\d{9,10}(?:\.\d+)?$|^\d{13}$|^\d{16}$|^\d{19}$"
MIDNIGHT = r"[T ]0?0:00(?::00(?:\.0+)?)?$"  # behind a spreadsheet's date
_SAMPLE = 60  # cells
_DAYS = [re.compile(form) for form in (*FORMS.values(), HOURS)]
_EPOCHS, _CLOCKS = re.compile(EPOCH), re.compile(TIME)


def kind_of(cells: pl.Series) -> Literal["stamp", "date", "time", "epoch", "other"]:
    """What most of the first filled cells say."""
    filled = [re.sub(TILDE, "", cell) for cell in cells.head(_SAMPLE) if cell]
    days = [found for cell in filled if (found := _day(cell))]
    if 2 * sum(bool(_EPOCHS.match(cell)) for cell in filled) > len(filled):
        return "epoch"
    if 2 * len(days) > len(filled):
        return "stamp" if 2 * sum(found["H"] is not None for found in days) >= len(days) else "date"
    return "time" if 2 * sum(bool(_CLOCKS.match(cell)) for cell in filled) > len(filled) else "other"


def is_midnight(cells: pl.Series) -> bool:
    """Whether all cells are days at midnight, as a spreadsheet writes days."""
    return len(cells) > 1 and bool(cells.str.contains(MIDNIGHT).all())


def is_stamp(cell: str) -> bool:
    """Whether one cell says a day, with or without a time, or seconds since 1970."""
    cell = re.sub(TILDE, "", cell)
    return bool(_day(cell) or _EPOCHS.match(cell))


def _day(cell: str) -> re.Match[str] | None:
    return next((found for form in _DAYS if (found := form.match(cell))), None)
