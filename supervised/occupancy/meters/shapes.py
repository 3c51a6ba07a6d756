"""Tables of another shape -> a row a time, a column a quantity.

date,0:00,0:30,...                     a row a day: 24, 48, 96, 144, 288, 1440 or 86400 columns of it
entity_id,state,last_changed           a row a change: each entity becomes a column that holds until its next row
2012-06-01.csv, 86400 rows, no times   a file a day: its name says which
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import polars as pl

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
    step = DAY // len(names)
    clock = [_CLOCK.fullmatch(name) for name in names]
    first = clock[0]
    closing = first is not None and first[3] is None and int(first[1] + (first[2] or "00")) > 0
    said = [u for u in map(unit_of, [*grid.preamble.split("\n"), *grid.names]) if u is not None]
    units = {u.name for u in said}
    unit = f" ({units.pop()})" if len(units) == 1 else ""
    shape = f"{len(names)} columns a day{unit}"
    count = len(names)
    values = grid.cells.select([str(grid.names.index(name)) for name in names])
    stamps = [f"{i * step // 3600:02d}:{i * step // 60 % 60:02d}:{i * step % 60:02d}" for i in range(count)]
    times = pl.Series(stamps).gather(np.tile(np.arange(count), len(values)))
    rows = pl.Series(np.repeat(np.arange(len(values)), count))
    date = grid.column(days[0]).gather(rows)
    cells = pl.concat([values[i].transpose().to_series() for i in range(len(values))]) if len(values) else date
    table = pl.DataFrame({"0": date, "1": times, "2": cells})
    note = f"each row is a day of {count} columns, {_hours(step)} each"
    note += ", named by their ends" if closing else ""
    return Grid(
        grid.text, (days[0], "time of day", shape), table, grid.lines.gather(rows), grid.separator, grid.header,
        grid.preamble, (*grid.notes, note), "days",
    )  # fmt: skip


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
         "state": grid.column("state")}
    )  # fmt: skip
    first = long.group_by("seconds").agg(pl.col("time").first(), pl.col("line").min())
    wide = long.pivot(on="entity", index="seconds", values="state", aggregate_function="last")
    wide = wide.join(first, on="seconds", how="left").sort("seconds")
    names = [name for name in wide.columns if name not in ("seconds", "time", "line")]
    states = wide.select(pl.col(names).forward_fill().fill_null("unknown"))
    table = pl.DataFrame([wide["time"].alias("0"), *(states[name].alias(str(i + 1)) for i, name in enumerate(names))])
    note = "states are held until the next one"
    return Grid(
        grid.text, (time, *names), table, wide["line"], grid.separator, grid.header, grid.preamble,
        (*grid.notes, note), "history",
    )  # fmt: skip


def day_of_file(grid: Grid) -> Grid | None:
    """A table without times whose file is called by its day, with times; None if it is not."""
    found = _FILE_DAY.search(grid.text.path.name)
    if found is None or len(grid.cells) not in PARTS or not all(map(is_number, grid.cells.row(0))):
        return None
    step = DAY // len(grid.cells)
    day = "-".join(found.groups())
    stamps = [f"{day} {i // 3600:02d}:{i // 60 % 60:02d}:{i % 60:02d}" for i in range(0, DAY, step)]
    table = pl.DataFrame([pl.Series("0", stamps), *(c.alias(str(i + 1)) for i, c in enumerate(grid.cells))])
    note = f"{len(stamps)} rows without times are the day {day} of the file's name, {_hours(step)} each"
    return Grid(
        grid.text, ("(file's name)", *grid.names), table, grid.lines, grid.separator, grid.header, grid.preamble,
        (*grid.notes, note),
    )  # fmt: skip
