"""Cells that hold a number or say whether somebody is at home."""

from __future__ import annotations

import re
from collections import Counter
from typing import Literal

import numpy as np
import polars as pl

from bracket_env import quote
from supervised.occupancy.homes.record import ABSENT, PRESENT, UNKNOWN
from supervised.occupancy.meters.times.dates import UnreadCellError

Decimal = Literal[".", ","]

MISSING = ("", "?", "na", "n/a", "#n/a", "nan", "null", "none", "nil", "-", "--", "---", "–", "—", "*", "**", "***",
           "...", "unavailable", "unknown", "missing", "欠測", "欠損", "欠", "不明", "未計測")  # fmt: skip
_PRESENT = ("1", "true", "yes", "y", "t", "on", "home", "present", "occupied", "in", "at home", "at_home", "detected",
            "在宅", "在室", "在", "有", "あり", "はい", "○", "〇")  # fmt: skip
_ABSENT = ("0", "false", "no", "n", "f", "off", "away", "not_home", "absent", "unoccupied", "vacant", "empty", "out",
           "not home", "clear", "不在", "留守", "外出", "無", "なし", "いいえ", "×")  # fmt: skip
_YES_NO = ("1", "0", "true", "false", "yes", "no", "y", "n", "t", "f", "on", "off", "detected", "clear", "有", "無",
           "あり", "なし", "はい", "いいえ", "○", "〇", "×")  # fmt: skip
_ABSENCE = re.compile(
    r"(is|at)?[ _]?(absen(t|ce)|away|vacan(t|cy)|unoccupied|empty|not[ _]?(at[ _]?)?(home|present|occupied)|"
    r"nobody([ _]?home)?|abwesen(d|heit)|不在(?!在)|留守|外出)[ _]?(flag|status|state|中|フラグ|状況|有無)?",
    re.IGNORECASE,
)
_NUMBER = r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$"
_NUMERIC = re.compile(r"[+-]?[\d.,'’ ]*\d[\d.,'’ ]*(?:[eE][+-]?\d+)?")


def is_number(cell: str) -> bool:
    """Whether a cell may be a number, in any decimal, or says that one is missing."""
    return bool(_NUMERIC.fullmatch(cell)) or cell.lower() in MISSING


def decimal_of(columns: list[pl.Series]) -> Decimal | None:
    """The decimal sign of columns of numbers; ``.`` where none is written, None where it may be either.

    1.234,5 and 1,234.5 say it, so does a sign that comes twice in a number or is not followed by three digits. Where
    all are as 1.234, numbers of four digits and more without a sign show that it separates no thousands.
    """
    cells = pl.concat(columns)
    signed = cells.filter(cells.str.contains(r"^[+-]?[\d'’ ]*[.,][\d.,]*\d[\d.,]*$"))
    if signed.is_empty():
        return "."
    commas, points = signed.str.count_matches(","), signed.str.count_matches(r"\.")
    both = signed.filter((commas > 0) & (points > 0))
    if len(both):
        return "," if bool((both.str.replace_all("[^.,]", "").str.slice(-1) == ",").all()) else "."
    twice = {".": bool((commas > 1).any()), ",": bool((points > 1).any())}
    if any(twice.values()):
        return "." if twice["."] else ","
    grouped = signed.str.contains(r"^[+-]?[1-9]\d{0,2}[.,]\d{3}$")
    if not bool(grouped.all()):
        return "," if bool((signed.filter(~grouped).str.contains(",")).all()) else "."
    if bool((points > 0).all()) and not bool(cells.str.contains(r"^[1-9]\d{0,2}$").any()):
        return "."  # three decimals in each number
    if bool(cells.str.contains(r"^\d{4,}$").any()):
        return "," if bool((commas > 0).all()) else "."
    return None


def three_decimals(columns: list[pl.Series]) -> bool:
    """Whether all numbers are as 1.234, which may be thousands."""
    cells = pl.concat(columns)
    signed = cells.filter(cells.str.contains("[.,]"))
    return len(signed) > 0 and bool(signed.str.contains(r"^[+-]?[1-9]\d{0,2}\.\d{3}$").all())


def comma_pair(rows: pl.Series) -> str | None:
    """In rows of commas with an empty cell too many: the first number whose decimal sign may be a comma.

    ``2024-01-01 00:00,1,780,`` may be 1 and 780 and nothing, or 1.78 and nothing.
    """
    if not bool(rows.str.contains(r"(?:^|,)\s*\d{1,5},\d+\s*,").all()) or bool(rows.str.contains(r"\d\.\d").any()):
        return None
    pairs = rows.str.extract(r"(?:^|,)\s*(\d{1,5},\d+)\s*,")
    if bool(pairs.str.contains(r",[01]$").all()):
        return None  # labels
    return str(pairs[0])


def read_numbers(cells: pl.Series, decimal: Decimal) -> tuple[np.ndarray, Counter[str]]:
    """Numbers ``(n,)``, nan where one is missing, and how often each mark stands for a missing one.

    Raises:
        UnreadCellError: a cell that is no number, or a negative one other than -1.
    """
    low = cells.str.to_lowercase()
    missing = low.is_in(MISSING)
    plain = cells
    if bool(cells.str.contains("[,'’ ]").any()) or decimal == ",":
        thousands = ("[,'’ ]", r"\.") if decimal == "." else ("[.'’ ]", ",")
        grouped = rf"^[+-]?\d{{1,3}}(?:{thousands[0]}\d{{3}})+(?:{thousands[1]}\d*)?$"
        whole = cells.str.replace_all(thousands[0], "")
        plain = pl.select(pl.when(cells.str.contains(grouped)).then(whole).otherwise(cells)).to_series()
        if decimal == ",":
            pointed = plain.str.contains(r"\.")
            plain = plain.str.replace(",", ".", literal=True)
            plain = pl.select(pl.when(pointed).then(pl.lit("two signs")).otherwise(plain)).to_series()
    good = plain.str.contains(_NUMBER)
    bad = ~(good | missing)
    if bad.any():
        row = int(bad.arg_max() or 0)
        raise UnreadCellError(row, f"{quote(str(cells[row]))} in column {{}} is no number")
    values = pl.select(pl.when(good).then(plain)).to_series().cast(pl.Float64).to_numpy()
    negative = values == -1
    if (values[~negative] < 0).any():
        row = int(np.argmax((values < 0) & ~negative))
        hint = "only -1 stands for a missing value; a meter that subtracts solar power says nothing of the home"
        raise UnreadCellError(row, f"negative power {cells[row]} in column {{}}: {hint}")
    if np.isinf(values).any():
        row = int(np.argmax(np.isinf(values)))
        raise UnreadCellError(row, f"{quote(str(cells[row]))} in column {{}} is too large")
    gone = cells.filter(missing | pl.Series(negative).fill_null(False))
    counts = gone.value_counts()
    marks = Counter(dict(zip(counts[cells.name].to_list(), counts["count"].to_list(), strict=True)))
    return np.where(negative, np.nan, values), marks


def says_absence(name: str) -> bool:
    """Whether the name of a column of labels says that nobody is at home."""
    return bool(_ABSENCE.fullmatch(name.rpartition(".")[2].strip()))


def read_labels(cells: pl.Series, absence: bool = False) -> np.ndarray:
    """Labels ``(n,)`` int8: PRESENT, ABSENT or UNKNOWN.

    Args:
        cells: as they are written.
        absence: a yes, such as 1, says that nobody is at home; words such as ``away`` say what they say.

    Raises:
        UnreadCellError: a cell that says none of them.
    """
    low = cells.str.to_lowercase().str.replace(r"^([01])\.0+$", "$1")
    known = [*((word, PRESENT) for word in _PRESENT), *((word, ABSENT) for word in _ABSENT)]
    known += [(word, UNKNOWN) for word in (*MISSING, "-1", "-1.0") if word not in _ABSENT]
    if absence:
        turned = {PRESENT: ABSENT, ABSENT: PRESENT, UNKNOWN: UNKNOWN}
        known = [(word, turned[value] if word in _YES_NO else value) for word, value in known]
    words, values = zip(*known, strict=True)
    found = low.replace_strict(words, values, default=None, return_dtype=pl.Int8)
    if found.null_count():
        row = int(found.is_null().arg_max() or 0)
        raise UnreadCellError(
            row, f"{quote(str(cells[row]))} is no label: 1 for somebody at home, 0 for nobody, or empty"
        )
    return found.to_numpy()
