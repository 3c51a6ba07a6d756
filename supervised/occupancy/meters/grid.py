"""The text of a file -> named columns of cells, each row with its line.

The separator is the one that finds a time and a number in most rows. What stands above the first of those rows is the
header, perhaps a row of units below it, and a preamble above it. Empty lines, lines of separators only and comments are
left out; a row of another width is refused.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import polars as pl

from bracket_env import InputError, quote
from supervised.occupancy.meters.cells import comma_pair, is_number
from supervised.occupancy.meters.text import Text
from supervised.occupancy.meters.times.forms import is_stamp
from supervised.occupancy.meters.units import is_unit

_SEPARATORS = {",": ",", ";": ";", "\t": "tab", "|": "|", " ": "space"}
_SAMPLE = 300
_QUOTED = '"(?:[^"]|"")*"'


@dataclass(frozen=True)
class Grid:
    """A file's cells."""

    text: Text
    names: tuple[str, ...]
    cells: pl.DataFrame  # (n, names), text without blanks around it
    lines: pl.Series  # (n,)
    separator: str  # as it is shown
    header: int | None  # its line
    preamble: str = ""  # what stands above the header
    notes: tuple[str, ...] = ()
    shape: Literal["rows", "days", "history"] = "rows"  # a row a time, made of a row a day or of a row a change

    def column(self, name: str) -> pl.Series:
        """The cells of a column."""
        return self.cells.to_series(self.names.index(name))

    def error(self, message: str, row: int | None = None) -> InputError:
        """One line that names the file and the line of a row."""
        return self.text.error(message, None if row is None else int(self.lines[row]))

    def rows(self, keep: pl.Series) -> Grid:
        """Only some rows, by a mask or by their numbers in a new order."""
        if keep.dtype == pl.Boolean:
            return replace(self, cells=self.cells.filter(keep), lines=self.lines.filter(keep))
        return replace(self, cells=self.cells[keep], lines=self.lines.gather(keep))


@dataclass(frozen=True)
class _Layout:
    separator: str
    names: tuple[str, ...] | None
    columns: int
    header: int | None
    first: int  # line of the first row
    preamble: str


def read_grid(text: Text, separator: str | None = None, columns: Sequence[str] | None = None) -> Grid:
    """Take a file apart.

    Args:
        text: the file.
        separator: as ``--separator`` says it.
        columns: names for the columns of a file without a header.

    Raises:
        InputError: an empty file, no header and no names, a row of another width, a quote that does not end.
    """
    table = pl.DataFrame({"text": [text.text]}).select(pl.col("text").str.split("\n").explode())
    table = table.with_row_index("line", 1).with_columns(pl.col("text").str.strip_chars(" \u00a0"))
    table = table.filter(pl.col("text") != "")
    wanted = None if separator is None else _named(separator)
    begin = re.fullmatch(r'"?sep=(.)"?', str(table["text"][0])) if len(table) else None
    if begin:
        table, wanted = table[1:], wanted or begin[1]
    if table.is_empty():
        raise text.error("the file is empty")
    layout = _layout(text, table.head(_SAMPLE), wanted, columns)
    body = table.filter((pl.col("line") >= layout.first) & ~pl.col("text").str.starts_with("#"))
    body = _even(text, body, layout)
    cells = _split(body["text"], layout)
    names = layout.names or tuple(f"column {i + 1}" for i in range(layout.columns))
    _check_names(text, names, layout.header)
    shown = _SEPARATORS.get(layout.separator, layout.separator)
    grid = Grid(text, names, cells, body["line"], shown, layout.header, layout.preamble)
    again = pl.Series(np.flatnonzero((cells["0"] == names[0]).to_numpy()))
    copies = [int(row) for row in again if cells.row(int(row)) == names]
    if not copies:
        return grid
    kept = np.ones(len(cells), bool)
    kept[copies] = False
    note = f"the header stands again in {len(copies)} lines, which are left out"
    return replace(grid.rows(pl.Series(kept)), notes=(note,))


def _named(separator: str) -> str:
    found = {"tab": "\t", r"\t": "\t", "space": " ", "comma": ",", "semicolon": ";"}.get(separator, separator)
    if len(found) != 1 or found.isalnum() or found in '"\n\r':
        raise InputError(f"--separator must be one character, tab or space, not {quote(separator)}")
    return found


def _layout(text: Text, sample: pl.DataFrame, wanted: str | None, columns: Sequence[str] | None) -> _Layout:
    lines, numbers = sample["text"].to_list(), sample["line"].to_list()
    best: tuple[tuple[float, ...], str, list[list[str]], list[int]] | None = None
    for separator in [wanted] if wanted else list(_SEPARATORS):
        rows = [cells_of(line, separator) for line in lines]
        timed, data = _data_rows(rows, separator)
        score = (timed, sum(data), -list(_SEPARATORS).index(separator) if separator in _SEPARATORS else 0)
        if best is None or score > best[0]:
            best = score, separator, rows, [i for i, good in enumerate(data) if good]
    assert best is not None
    _, separator, rows, data_rows = best
    if not data_rows:
        return _without_rows(text, rows, numbers, separator, columns)
    widths = Counter(len(rows[i]) for i in data_rows)
    width = widths.most_common(1)[0][0]
    first = next(i for i in data_rows if len(rows[i]) == width)
    return _headed(text, lines, rows, numbers, separator, first, columns)


def cells_of(line: str, separator: str) -> list[str]:
    """The cells of one line."""
    if separator == " ":
        return line.split()
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=separator), [])]
    except csv.Error:
        return [line]


def _data_rows(rows: Sequence[Sequence[str]], separator: str) -> tuple[bool, list[bool]]:
    """Whether there are times, and which rows look like measurements: a time and a number, or else numbers."""
    stamped = [len(row) > 1 and any(map(is_stamp, row)) and _filled(row) for row in rows]
    if any(stamped):
        return True, stamped
    least = 1.0 if separator == " " else 0.5
    return False, [len(row) > 1 and sum(map(is_number, row)) >= least * len(row) and any(row) for row in rows]


def _above_measured(rows: Sequence[Sequence[str]], at: int, width: int) -> int:
    """The row above those that look like measurements, though they cannot be read, from row ``at`` upwards."""
    while at >= 0 and len(rows[at]) == width and _measured(rows[at]):
        at -= 1
    return at


def _measured(row: Sequence[str]) -> bool:
    return any(is_stamp(cell) or (cell and is_number(cell)) for cell in row)


def _filled(row: Sequence[str]) -> bool:
    rest = list(row)
    rest.remove(next(cell for cell in row if is_stamp(cell)))
    return any(map(is_number, rest))


def _without_rows(
    text: Text, rows: list[list[str]], numbers: list[int], separator: str, columns: Sequence[str] | None
) -> _Layout:
    """A file of a header only, or of one column."""
    if len(rows[0]) < 2 and columns is None:
        raise text.error(
            "no cells that one of , ; tab | or space separates: name the sign with --separator", numbers[0]
        )
    names = tuple(columns or rows[0])
    first = numbers[0] + (columns is None)
    return _Layout(separator, names, len(names), None if columns else numbers[0], first, "")


def _headed(
    text: Text,
    lines: list[str],
    rows: list[list[str]],
    numbers: list[int],
    separator: str,
    first: int,
    columns: Sequence[str] | None,
) -> _Layout:
    """The layout of a file whose first measurements stand in row ``first`` of the sample."""
    width = len(rows[first])
    units: list[str] = []
    at = first - 1
    if at > 0 and any(rows[at]) and all(not cell or is_unit(cell) for cell in rows[at]):
        units, at = rows[at], at - 1
    while at >= 0 and (not any(rows[at]) or (lines[at].startswith("#") and len(rows[at]) < 2)):
        at -= 1
    if columns is not None:
        above = _above_measured(rows, at, width)
        first, at = (above + 1 if above < at else first), above
        if len(columns) != width:
            has = f"{len(columns)} names where the file has {width} columns"
            raise text.error(f"--columns has {has}", numbers[first])
        return _Layout(separator, tuple(columns), width, None, numbers[first], "\n".join(lines[: at + 1]))
    if at < 0 or len(rows[at]) < 2:
        if width > 24:  # a row a day
            return _Layout(separator, None, width, None, numbers[first], "\n".join(lines[: at + 1]))
        example = "time power_W" + " other" * (width - 2)
        raise text.error(
            f"no header above this row: name its {width} columns, such as --columns {example}", numbers[first]
        )
    above = _above_measured(rows, at, len(rows[at]))
    if 0 <= above < at and len(rows[above]) == len(rows[at]):
        first, at = above + 1, above
    names = list(rows[at])
    names[0] = names[0].removeprefix("#").strip()
    while len(names) > width and not names[-1]:
        names.pop()
    spare = all(not any(row[len(names) :]) for row in rows[first:])
    if len(names) != width and not (len(names) < width and spare):
        hint = (
            ": is a comma both separator and decimal sign?" if separator == "," and width == 2 * len(names) - 1 else ""
        )
        raise text.error(f"{width} cells where the header has {len(names)}{hint}", numbers[first])
    units += [""] * len(names)
    names = [f"{name} ({unit.strip('()[]')})" if unit else name for name, unit in zip(names, units, strict=False)]
    return _Layout(separator, tuple(names), len(names), numbers[at], numbers[first], "\n".join(lines[:at]))


def _check_names(text: Text, names: Sequence[str], header: int | None) -> None:
    doubled = next((name for i, name in enumerate(names) if name and name in names[:i]), None)
    if doubled is not None:
        raise text.error(f"two columns are called {quote(doubled)}", header)


def _even(text: Text, body: pl.DataFrame, layout: _Layout) -> pl.DataFrame:
    """Rows of the layout's width, without those that hold separators only."""
    sign = re.escape(layout.separator)
    if layout.separator == " ":
        body = body.with_columns(pl.col("text").str.replace_all(r"\s+", "\t"))
        sign = "\t"
    body = body.filter(pl.col("text").str.contains(rf'[^{sign}\s"]'))
    quoted = body.filter(pl.col("text").str.contains('"'))
    cell = rf'(?:\s*{_QUOTED}\s*|[^"{sign}]*)'
    odd = quoted.filter(~pl.col("text").str.contains(f"^{cell}(?:{sign}{cell})*$"))
    if len(odd):
        even = str(odd["text"][0]).count('"') % 2 == 0
        what = "in the middle of a cell" if even else "that does not end on its line"
        raise text.error(f"a quote {what}", int(odd["line"][0]))
    count = pl.col("text").str.replace_all(_QUOTED, "").str.count_matches(sign) + 1
    counted = body.with_columns(count.cast(pl.Int64).alias("count"))
    for extra in counted.filter(pl.col("count") > layout.columns)["count"].unique():
        spare = rf"(?:{sign}\s*){{{extra - layout.columns}}}$"
        trimmed = pl.col("text").str.replace(spare, "")
        wide = counted.filter(pl.col("count") == extra)
        if layout.separator == "," and layout.header and (pair := comma_pair(wide["text"])) is not None:
            hint = f"is the comma of {pair} a decimal sign? Then quote the numbers, else end the header with a comma"
            raise text.error(f"{extra} cells where the header has {layout.columns}: {hint}", int(wide["line"][0]))
        counted = counted.with_columns(pl.when(pl.col("count") == extra).then(trimmed).otherwise(pl.col("text")))
    wrong = counted.with_columns(count.alias("count")).filter(pl.col("count") != layout.columns)
    if len(wrong):
        line, cells = int(wrong["line"][0]), int(wrong["count"][0])
        last = line == body["line"][-1] and cells < layout.columns
        hint = ": the last line breaks off" if last else ""
        raise text.error(f"{cells} cells where the header has {layout.columns}{hint}", line)
    return counted.drop("count")


def _split(body: pl.Series, layout: _Layout) -> pl.DataFrame:
    names = [str(i) for i in range(layout.columns)]
    if body.is_empty():
        return pl.DataFrame({name: pl.Series([], dtype=pl.String) for name in names})
    cells = pl.read_csv(
        str(body.str.join("\n")[0]).encode(),
        has_header=False,
        separator="\t" if layout.separator == " " else layout.separator,
        new_columns=names,
        infer_schema=False,
        extra_columns="raise",
        missing_columns="raise",
    )
    return cells.with_columns(pl.all().fill_null("").str.strip_chars())
