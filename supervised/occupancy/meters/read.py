"""A meter's file -> a home's record, and a report of what was taken for what.

    bytes -> text -> grid -> shapes -> stamps, clock -> power, labels -> slots

Each step recognises what it needs, and an option of :class:`MeterOptions` says it instead.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import cast

import numpy as np
import polars as pl

from bracket_env import quote
from supervised.occupancy.homes.record import UNKNOWN
from supervised.occupancy.homes.resampling import Resampled, Samples, resample
from supervised.occupancy.meters.cells import read_labels, says_absence
from supervised.occupancy.meters.clock import Clock, check_zone, in_order
from supervised.occupancy.meters.grid import Grid, read_grid
from supervised.occupancy.meters.options import MeterOptions
from supervised.occupancy.meters.parts import check_parts, find_power, grid_beside_solar, is_bare, is_part
from supervised.occupancy.meters.power import Power, is_whole, read_power, same_among, sum_among
from supervised.occupancy.meters.roles import Roles, find_label, find_time, is_home_number, left_out
from supervised.occupancy.meters.shapes import PARTS, day_of_file, days_across, days_of, history, is_history
from supervised.occupancy.meters.text import read_text
from supervised.occupancy.meters.times.dates import UnreadCellError, order_of
from supervised.occupancy.meters.times.forms import MIDNIGHT
from supervised.occupancy.meters.times.names import offset_of, says_ends
from supervised.occupancy.meters.times.stamps import DAY, Stamps, read_stamps

_EVEN, _CHANGE = 0.1, 0.5  # a step is typical within a tenth; a file written on change has few of them
_HOURS_OF_AUTUMN = 25  # in the day where the clocks go back
_HELD, _HELD_STATE = 3600.0, DAY  # seconds that a value holds at most


def read_meter(path: str | os.PathLike[str], minutes: int, options: MeterOptions | None = None) -> Resampled:
    """Read a file into slots.

    Args:
        path: the file, text with a row a time, a day or a change.
        minutes: length of a slot.
        options: what is not left to be recognised.

    Raises:
        InputError: in one line that names the file, and the line and value where there is one, and the option or form
            that would help: a file that cannot be read or is no text, nothing that says when or how much, a cell that
            is no time, number or label, what may be two things, times that go back or come twice, nothing measured.
    """
    options = _plain(options or MeterOptions())
    check_zone(options.timezone)
    text = read_text(Path(path), options.encoding)
    grid = days_across(days_of(read_grid(text, options.separator, options.columns)))
    if grid.cells.is_empty():
        raise text.error("0 rows of data are too few")
    times = _times(grid, options)
    if not times and (of_file := day_of_file(grid)) is not None:
        grid, times = of_file, of_file.names[:1]
    if not times:
        day = " nor is the file called by its day" if len(grid.cells) in PARTS else ""
        raise text.error(f"no time column among {', '.join(grid.names)}{day}: name one with --time-column", grid.header)
    if is_history(grid):
        grid = history(grid, times[0], lambda g, name: _stamps(g, (name,), options)[1])
    grid, stamps, texts = _stamps(grid, times, options)
    clock = in_order(grid, stamps, texts, offset_of(times), options.timezone)
    roles = _whole(clock, _roles(clock.grid, times, options), options)
    power = read_power(clock, roles.power, options)
    samples = _samples(clock, stamps, roles, power)
    return resample(samples, minutes, str(path))


def _plain(options: MeterOptions) -> MeterOptions:
    """Names of columns as they are in a text that is normalised."""

    def plain(name: str) -> str:
        return unicodedata.normalize("NFKC", name).strip()

    return replace(
        MeterOptions(**{field.name: getattr(options, field.name) for field in fields(MeterOptions)}),
        time_column=options.time_column and plain(options.time_column),
        occupancy_column=options.occupancy_column and plain(options.occupancy_column),
        power_columns=options.power_columns and tuple(map(plain, options.power_columns)),
        columns=options.columns and tuple(map(plain, options.columns)),
    )


def _times(grid: Grid, options: MeterOptions) -> tuple[str, ...]:
    if grid.shape == "days":
        return grid.names[:2]
    return find_time(grid, options.time_column)


def _stamps(grid: Grid, times: Sequence[str], options: MeterOptions) -> tuple[Grid, Stamps, pl.Series]:
    """Times, and the rows that have one."""
    order = order_of(options.date_format) if options.date_format else None
    short = bool(options.date_format) and not re.search("yyyy|YYYY|%Y", options.date_format or "")
    texts = grid.column(times[0])
    if len(times) == 2:
        texts = texts.str.replace(MIDNIGHT, "") + " " + _clock_of(grid, times[1])
    try:
        stamps = read_stamps(texts, order, short)
    except UnreadCellError as error:
        raise grid.error(str(error), error.row) from None
    if not stamps.dated:
        raise grid.error(f"{quote(str(texts[0]))} in column {quote(times[0])} says no day", 0)
    if not stamps.timed and len(texts) > 1:
        raise grid.error(f"{quote(str(texts[0]))} in column {quote(times[0])} says a day and no time of day", 0)
    return grid, stamps, texts


def _clock_of(grid: Grid, name: str) -> pl.Series:
    """A column of times of day; hours and numbers of parts of a day become times."""
    cells = grid.column(name)
    if bool(cells.str.contains(r"^\d{4}$").all()):
        return cells.str.slice(0, 2) + ":" + cells.str.slice(2)
    if not bool(cells.str.contains(r"^\d{1,2}$").all()):
        return cells
    numbers = cells.cast(pl.Int64)
    least, most = (cast("int | None", found) or 0 for found in (numbers.min(), numbers.max()))
    if most == _HOURS_OF_AUTUMN:
        what = "an hour of the day where clocks go back: write times with an offset, such as 01:00+02:00"
        raise grid.error(f"25 in column {quote(name)} is {what}", int(numbers.arg_max() or 0))
    if name.lower() in ("コマ", "時限", "period", "interval", "slot", "hh") or most > 24:
        count = next((c for c in PARTS if c >= most), 0)
        if least < 1 or not count:
            raise grid.error(f"column {quote(name)} numbers no parts of a day from 1")
        minutes = (numbers - 1) * (DAY // 60 // count)
    else:
        minutes = numbers * 60
    hour, minute = (minutes // 60).cast(pl.String), (minutes % 60).cast(pl.String).str.zfill(2)
    return hour + ":" + minute


def _roles(grid: Grid, times: tuple[str, ...], options: MeterOptions) -> Roles:
    if grid.shape == "days":
        return Roles(times, grid.names[2:], None, ())
    label = find_label(grid, options.occupancy_column)
    if label in (options.power_columns or ()) and options.occupancy_column is None and not _is_label(grid, label):
        label = None  # it is called home and holds the power of it
    taken = [*times, *([label] if label else [])]
    power = find_power(grid, options.power_columns, taken)
    return Roles(times, power, label, left_out(grid, [*taken, *power]))


def _is_label(grid: Grid, name: str | None) -> bool:
    try:
        return name is not None and bool(len(read_labels(grid.column(name))))
    except UnreadCellError:
        return False


def _whole(clock: Clock, roles: Roles, options: MeterOptions) -> Roles:
    """Columns that are found must be the whole home once: no sum beside its parts, no part taken for the sum."""
    if options.power_columns is not None or clock.grid.shape == "days":
        return roles
    if same := same_among(clock, roles.power, options):
        what = "hold the same numbers: name one with --power-columns, or both if they are two"
        raise clock.grid.text.error(f"{quote(same[0])} and {quote(same[1])} {what}", clock.grid.header)
    total = sum_among(clock, roles.power, options)
    if total is not None:
        rest = tuple(name for name in roles.power if name != total)
        return replace(roles, power=(total,), left_out=(*rest, *roles.left_out))
    check_parts(clock.grid, roles.power)
    parts = [name for name in roles.left_out if is_part(name, roles.power)]
    if parts and is_bare(roles.power) and not is_whole(clock, roles.power[0], parts, options):
        named = ", ".join(map(quote, [*roles.power, *parts]))
        what = "not the sum of the others, nor one of them by its name: name what is to be summed with --power-columns"
        raise clock.grid.text.error(f"of {named} the first is {what}", clock.grid.header)
    return roles


def _samples(clock: Clock, stamps: Stamps, roles: Roles, power: Power) -> Samples:
    grid, elapsed, warnings = clock.grid, clock.elapsed, [*clock.warnings, *power.warnings]
    present = np.full(len(elapsed), UNKNOWN, np.int8)
    if roles.label is not None:
        try:
            present = read_labels(grid.column(roles.label), says_absence(roles.label))
        except UnreadCellError as error:
            raise grid.error(f"{error} (another column is named with --occupancy-column)", error.row) from None
        if len(np.unique(present[present != UNKNOWN])) == 1:
            warnings.append(f"{quote(roles.label)} says the same in every row: does it say who is at home?")
    warnings += [
        f"{quote(name)} is {grid.column(name)[0]} in every row: not taken for labels (else --occupancy-column {name})"
        for name in roles.left_out
        if is_home_number(grid, name)
    ]
    if grid_beside_solar(roles.power, roles.left_out):
        warnings.append("power from the grid is taken; what the home makes and uses itself is not in it")
    steps = np.diff(elapsed)
    longest = _longest(steps, power.watts, grid.shape == "history")
    if longest is not None:
        hold = f"{longest / 3600:g} h at most"
        warnings.append(f"rows were written on change: a value is held until the next row, {hold}")
    notes = list(grid.notes)
    if (stamps.ends or says_ends(roles.time)) and len(steps) and not power.counted:
        elapsed = _begins(elapsed, float(np.median(steps)))
        why = "the day ends at 24:00" if stamps.ends else f"{quote(roles.time[-1])} is an end by its name"
        notes.append(f"{why}, so times are taken for the ends of intervals")
    return Samples(
        elapsed,
        power.watts,
        present,
        clock.offsets,
        longest,
        _report(clock, stamps, roles, power, notes),
        tuple(warnings),
    )


def _begins(ends: np.ndarray, typical: float) -> np.ndarray:
    """Beginnings of intervals from their ends, which may be a minute or second early, as 0:59 is."""
    early = -ends % typical
    return ends - typical + (early[0] if early[0] in (1.0, 60.0) and (early == early[0]).all() else 0.0)


def _longest(steps: np.ndarray, watts: np.ndarray, history: bool) -> float | None:
    """How long a value holds in a file that is written on change; None: in any other file."""
    if history:
        return _HELD_STATE
    if len(steps) < 10:
        return None
    typical = float(np.median(steps))
    same = np.diff(watts) == 0
    irregular = (np.abs(steps - typical) <= _EVEN * typical).mean() < _CHANGE
    return max(_HELD, 2 * typical) if irregular and same.mean() < 0.01 else None


def _report(clock: Clock, stamps: Stamps, roles: Roles, power: Power, notes: Sequence[str]) -> tuple[str, ...]:
    grid = clock.grid
    header = "without a header" if grid.header is None else f"header in line {grid.header}"
    time = " and ".join(map(quote, roles.time))
    label = f"labels {quote(roles.label)}" if roles.label else "no labels"
    label += ", where yes is nobody" if roles.label and says_absence(roles.label) else ""
    rest = f"; left out: {', '.join(map(quote, roles.left_out[:8]))}" if roles.left_out else ""
    sign = quote(grid.separator) if len(grid.separator) == 1 else grid.separator
    return (
        f"{grid.text.path}: {grid.text.encoding}, separator {sign}, decimal '{power.decimal}', {header}",
        f"columns: time {time}, power {' + '.join(power.columns)}, {label}{rest}",
        f"times: {stamps.form}, {clock.zone}",
        *notes,
    )
