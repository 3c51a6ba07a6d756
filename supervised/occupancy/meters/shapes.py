"""Tables of another shape -> a row a time, a column a quantity.

date,0:00,0:30,...                     a row a day: 24, 48, 96, 144, 288, 1440 or 86400 columns of it
entity_id,state,last_changed           a row a change: each entity becomes a column that holds until its next row
2012-06-01.csv, 86400 rows, no times   a file a day: its name says which
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from bracket_env import quote
from supervised.occupancy.meters.cells import is_number
from supervised.occupancy.meters.grid import Grid
from supervised.occupancy.meters.times.forms import kind_of
from supervised.occupancy.meters.times.stamps import DAY, Stamps
from supervised.occupancy.meters.units import unit_of

PARTS = (24, 48, 96, 144, 288, 1440, 86400)  # how often a day is measured
_CLOCK = re.compile(r"(\d{1,2})[:時](\d{2})?分?(?::\d{2})?\s?(?:[~〜-]\s?(\d{1,2})[:時](\d{2})?分?)?")
_FILE_DAY = re.compile(r"(?<!\d)(\d{4})[-_]?(\d{2})[-_]?(\d{2})(?!\d)")


def days_of(grid: Grid) -> Grid:
    """A table with a row a day as one with a row a time; any other one as it is."""
    if len(grid.names) <= min(PARTS):
        return grid
    days = [name for name in grid.names[:6] if kind_of(grid.column(name)) == "date"]
    if not days:
        return grid
    names = [name for name in grid.names if _CLOCK.fullmatch(name)]
    if len(names) not in PARTS:
        whole = [name for name in grid.names if name.isdigit()]
        names = whole if len(whole) in PARTS and list(map(int, whole)) == list(range(1, len(whole) + 1)) else []
    if not names and grid.header is None and len(grid.names) - 1 in PARTS:
        names = [name for name in grid.names if name != days[0]]
    if not names:
        return grid
    count, step = len(names), DAY // len(names)
    closing = _closing(grid, names, step)
    stamps = pl.Series([_clock(i * step) for i in range(count)]).gather(np.tile(np.arange(count), len(grid.cells)))
    rows = pl.Series(np.repeat(np.arange(len(grid.cells)), count))
    cells = grid.cells.select([str(grid.names.index(name)) for name in names]).transpose().unpivot()["value"]
    note = f"each row is a day of {count} columns, {_hours(step)} each"
    note += ", named by their ends" if closing else ""
    shape = f"{count} columns a day{_unit_above(grid)}"
    return _of_days(
        grid, (days[0], "time of day", shape), (grid.column(days[0]).gather(rows), stamps, cells), rows, note
    )


def _closing(grid: Grid, names: Sequence[str], step: int) -> bool:
    """Whether columns are named by the ends of what they measure.

    Raises:
        InputError: times that are not those of a day from midnight to midnight.
    """
    clock = [_CLOCK.fullmatch(name) for name in names]
    if not all(clock):
        return False
    begins = [60 * (60 * int(found[1]) + int(found[2] or 0)) for found in clock if found]
    if begins == list(range(0, DAY, step)):
        return False
    if [begin or DAY for begin in begins] == list(range(step, DAY + step, step)):
        return True
    raise grid.text.error(f"columns {quote(names[0])} to {quote(names[-1])} are not those of one day", grid.header)


def _clock(second: int) -> str:
    return f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"


def _unit_above(grid: Grid) -> str:
    """The one unit that the lines above the table and its header name, in parentheses."""
    units = {u.name for u in map(unit_of, [*grid.preamble.split("\n"), *grid.names]) if u is not None}
    return f" ({units.pop()})" if len(units) == 1 else ""


def _of_days(
    grid: Grid, names: tuple[str, str, str], columns: tuple[pl.Series, pl.Series, pl.Series], rows: pl.Series, note: str
) -> Grid:
    table = pl.DataFrame([column.alias(str(i)) for i, column in enumerate(columns)])
    return replace(
        grid, names=names, cells=table, lines=grid.lines.gather(rows), notes=(*grid.notes, note), shape="days"
    )


def days_across(grid: Grid) -> Grid:
    """A table with a column a day and a row a time of day as one with a row a time; any other one as it is."""
    days = [name for name in grid.names[1:] if kind_of(pl.Series([name])) == "date"]
    first = grid.column(grid.names[0])
    if not days or len(grid.names) < 3 or kind_of(first) != "time":
        return grid
    rows = pl.Series(np.tile(np.arange(len(first)), len(days)))
    date = pl.Series(np.repeat(days, len(first)))
    cells = pl.concat([grid.column(name).alias("cells") for name in days])
    note = f"each of {len(days)} columns is a day"
    names = (f"{quote(days[0])} and on", grid.names[0], f"a column a day{_unit_above(grid)}")
    return _of_days(grid, names, (date, first.gather(rows), cells), rows, note)


def _hours(step: int) -> str:
    return f"{step} s" if step < 60 else f"{step // 60} min"


def is_history(grid: Grid) -> bool:
    """Whether a table is the history of entities that Home Assistant writes."""
    return "entity_id" in grid.names and "state" in grid.names


def history(grid: Grid, time: str, read: Callable[[Grid, str], Stamps]) -> Grid:
    """Each entity as a column that holds from its row to its next one.

    Args:
        grid: with the columns ``entity_id`` and ``state``.
        time: its column of times.
        read: reads them.
    """
    seconds = read(grid, time).seconds
    long = pl.DataFrame(
        {"seconds": seconds, "time": grid.column(time), "entity": grid.column("entity_id"), "line": grid.lines,
         "state": _with_units(grid)}
    )  # fmt: skip
    first = long.group_by("seconds").agg(pl.col("time").first(), pl.col("line").min())
    wide = long.pivot(on="entity", index="seconds", values="state", aggregate_function="last")
    wide = wide.join(first, on="seconds", how="left").sort("seconds")
    names = [name for name in wide.columns if name not in ("seconds", "time", "line")]
    states = wide.select(pl.col(names).forward_fill().fill_null("unknown"))
    table = pl.DataFrame([wide["time"].alias("0"), *(states[name].alias(str(i + 1)) for i, name in enumerate(names))])
    note = "states are held until the next one"
    return replace(
        grid, names=(time, *names), cells=table, lines=wide["line"], notes=(*grid.notes, note), shape="history"
    )


def _with_units(grid: Grid) -> pl.Series:
    """States, with the unit of power or energy that stands beside them."""
    states = grid.column("state")
    if "unit_of_measurement" not in grid.names:
        return states
    units = grid.column("unit_of_measurement")
    written = states + " " + units
    measured = states.str.contains(r"^[+-]?\d") & units.str.contains(r"^[kKM]?[wW][hH]?$") & (states != "-1")
    return pl.select(pl.when(measured).then(written).otherwise(states)).to_series()


def day_of_file(grid: Grid) -> Grid | None:
    """A table without times whose file is called by its day, with times; None if it is not."""
    found = _FILE_DAY.search(grid.text.path.name)
    if found is None or len(grid.cells) not in PARTS or not all(map(is_number, grid.cells.row(0))):
        return None
    step = DAY // len(grid.cells)
    day = "-".join(found.groups())
    stamps = [f"{day} {_clock(i)}" for i in range(0, DAY, step)]
    table = pl.DataFrame([pl.Series("0", stamps), *(c.alias(str(i + 1)) for i, c in enumerate(grid.cells))])
    note = f"{len(stamps)} rows without times are the day {day} of the file's name, {_hours(step)} each"
    return replace(grid, names=("(file's name)", *grid.names), cells=table, notes=(*grid.notes, note))
