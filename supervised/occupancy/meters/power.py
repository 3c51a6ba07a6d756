"""Columns of numbers -> watts: the unit, what it was taken from, and whether it can be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from bracket_env import InputError, quote
from supervised.occupancy.meters.cells import Decimal, decimal_of, read_numbers, three_decimals
from supervised.occupancy.meters.clock import Clock
from supervised.occupancy.meters.counters import Counted, interval_of, is_counter, is_reset, power_of_counter
from supervised.occupancy.meters.options import MeterOptions, UnitName
from supervised.occupancy.meters.roles import is_energy, is_other
from supervised.occupancy.meters.times.dates import UnreadCellError
from supervised.occupancy.meters.units import (
    SAID,
    Unit,
    doubtful_factor,
    is_unit,
    unit_of,
    units_of,
    without_units,
)

_LOW, _HIGH = 10.0, 100_000.0  # watts: no home's mean is lower or higher
_LEAST = 1.0  # even where a unit is named
_SIGNS: dict[str, Decimal] = {"point": ".", "comma": ","}
_UNIT_COLUMNS = (
    "unit",
    "units",
    "uom",
    "unit_of_measurement",
    "unit of measurement",
    "unit of measure",
    "einheit",
    "単位",
)
_COUNTER = "a counter, of which differences are taken"


@dataclass(frozen=True)
class Power:
    """Watts of rows, and how they were found."""

    watts: np.ndarray  # (n,), nan where one of the columns has none
    decimal: Decimal
    columns: tuple[str, ...]  # each with its unit, as the report says
    warnings: tuple[str, ...]
    counted: bool  # from readings of counters, which stand at the time of their rows


def read_power(clock: Clock, names: Sequence[str], options: MeterOptions, *, judged: bool = True) -> Power:
    """The sum of some columns in watts.

    Raises:
        InputError: a cell that is no number, a decimal sign or a unit that may be two, a mean that no home has.
    """
    grid = clock.grid
    cells, written = zip(*(without_units(grid.column(name)) for name in names), strict=True)
    decimal = _SIGNS[options.decimal] if options.decimal else decimal_of(list(cells))
    if decimal is None:
        raise _which_sign(clock, names)
    total, missing = np.zeros(len(clock.elapsed)), Counter[str]()
    shown: list[str] = []
    warnings: list[str] = []
    guessed = False
    for name, column, unit_of_cells in zip(names, cells, written, strict=True):
        try:
            values, marks = read_numbers(column, decimal)
        except UnreadCellError as error:
            raise grid.error(str(error).replace("{}", quote(name)), error.row) from None
        missing += marks
        unit = _said(options.unit, name) if options.unit else unit_of_cells or unit_of(name)
        if unit is None:
            values, unit = _unit_beside(clock, name, values)
        elif options.unit is None and unit_of_cells is None and (doubt := doubtful_factor(name)) is not None:
            hint = "a factor or something else? Say the --unit that its numbers are in"
            raise grid.text.error(f"is {quote(doubt)} in column {quote(name)} {hint}", grid.header)
        if unit is None and is_other(name):
            hint = "another quantity than power by its name: say --unit W if it is not"
            raise grid.text.error(f"column {quote(name)} is {hint}", grid.header)
        if unit is None and is_energy(name):
            raise grid.text.error(
                f"column {quote(name)} is energy of no unit: say --unit kWh or Wh, or kWh-total for a counter",
                grid.header,
            )
        watts, how, odd = _watts(clock, name, values, unit, options.unit)
        warnings += odd
        guessed |= unit is None
        total += watts
        shown.append(f"{quote(name)} in {how}{'' if options.unit is None else ' (--unit)'}")
    if judged:
        if options.decimal is None and _mean(total) <= _HIGH / 1000 and three_decimals(list(cells)):
            raise _which_sign(clock, names)
        _check_home(clock, names, total, guessed, options.unit)
    warnings += _too_high(total)
    counted = ", ".join(f"{quote(mark) if mark else 'empty'} {count}" for mark, count in missing.most_common(6))
    if missing:
        cells_are = "power cell is" if missing.total() == 1 else "power cells are"
        warnings.insert(0, f"{missing.total()} {cells_are} missing: {counted}")
    return Power(total, decimal, tuple(shown), tuple(warnings), all(_COUNTER in how for how in shown))


def _too_high(watts: np.ndarray) -> list[str]:
    high = int((watts > _HIGH).sum())
    return [f"rows of more than 100 kW, which no home draws: {high}"] if high else []


def _said(said: UnitName, name: str) -> Unit:
    """The unit of ``--unit``, with the factor that a column's name puts before the same unit."""
    unit, named = SAID[said], unit_of(name)
    if named is None or named.name.rpartition(" ")[2] != unit.name:
        return unit
    return replace(unit, name=named.name, factor=named.factor)


def _which_sign(clock: Clock, names: Sequence[str]) -> InputError:
    for name in names:
        signed = clock.grid.column(name).str.contains("[.,]")
        if signed.any():
            row = int(signed.arg_max() or 0)
            found = f"{quote(str(clock.grid.column(name)[row]))} in column {quote(name)}"
            return clock.grid.error(
                f"{found} may be thousands or a fraction: say which it is with --decimal comma or point", row
            )
    return clock.grid.text.error("which sign is decimal? Say --decimal point or comma")


def same_among(clock: Clock, names: Sequence[str], options: MeterOptions) -> tuple[str, str] | None:
    """Two of some columns that hold the same numbers, if there are such."""
    if len(names) < 2:
        return None
    columns = [read_power(clock, [name], options, judged=False).watts for name in names]
    for i, first in enumerate(columns):
        for j in range(i):
            known = np.isfinite(first) & np.isfinite(columns[j])
            if known.any() and np.ptp(first[known]) > 0 and (first == columns[j])[known].mean() > 0.98:
                return names[j], names[i]
    return None


def sum_among(clock: Clock, names: Sequence[str], options: MeterOptions) -> str | None:
    """The one of three or more columns that is the sum of the others, if there is one."""
    if len(names) < 3:
        return None
    columns = np.array([read_power(clock, [name], options, judged=False).watts for name in names])
    known = np.isfinite(columns).all(axis=0)
    total = columns[:, known].sum(axis=0)
    for name, column in zip(names, columns[:, known], strict=True):
        near = np.abs(2 * column - total) <= 0.01 * np.maximum(column, 1.0)
        if len(near) and near.mean() > 0.98 and total.any():
            return name
    return None


def is_whole(clock: Clock, whole: str, parts: Sequence[str], options: MeterOptions) -> bool:
    """Whether a column is never less than the sum of others, as a total is.

    Raises:
        InputError: a cell that is no number.
    """
    sums = [read_power(clock, names, options, judged=False).watts for names in ([whole], parts)]
    known = np.isfinite(sums[0]) & np.isfinite(sums[1])
    return bool((sums[0] >= 0.98 * sums[1])[known].mean() > 0.98) if known.any() else True


def _watts(
    clock: Clock, name: str, values: np.ndarray, unit: Unit | None, said: str | None
) -> tuple[np.ndarray, str, list[str]]:
    """Watts, the unit in words, and warnings."""
    if said is None:
        _check_kind(clock, name, values, unit)
    if unit is None:
        return values, "W, which is not said (else --unit)", []
    if not unit.energy:
        return values * unit.factor, unit.name, []
    energy = values * unit.factor
    counter = unit.counter if unit.counter is not None else is_counter(values)
    if counter is None:
        what = "is it a counter, or energy of each interval? Say --unit kWh-total or --unit kWh"
        raise clock.grid.text.error(
            f"column {quote(name)} only rises, in {len(values)} rows: {what}", clock.grid.header
        )
    if counter:
        found = power_of_counter(energy, clock.elapsed)
        return found.watts, f"{unit.name}, {_COUNTER}", _odd_readings(name, found)
    typical = interval_of(clock.grid, clock.elapsed, name)
    return energy * 3600 / max(typical, 1e-9), f"{unit.name} of each interval of {typical / 60:g} min", []


def _check_kind(clock: Clock, name: str, values: np.ndarray, unit: Unit | None) -> None:
    """Numbers that no option explains are not those of a counter, as far as they show."""
    energy = unit is not None and unit.energy
    plain = unit.name.rpartition(" ")[2] if unit else "W"
    total = f"{plain if energy else 'kWh'}-total"
    counter = is_counter(values)
    if not energy and counter:
        hint = f"say --unit {total} if it is one, --unit {plain} if it is not"
        raise clock.grid.text.error(f"column {quote(name)} only rises, as a counter does: {hint}", clock.grid.header)
    if counter is False and is_reset(values):
        other = "energy of each interval" if energy else "power"
        hint = f"say --unit {total} if it is one, --unit {plain} if it is {other}"
        what = "rises and falls to nearly 0, as a counter of each day does"
        raise clock.grid.text.error(f"column {quote(name)} {what}: {hint}", clock.grid.header)


def _odd_readings(name: str, found: Counted) -> list[str]:
    """What a counter's readings leave unknown, in words."""
    odd = (
        (found.falls, f"the counter {quote(name)} begins anew {{}}: what was used there is unknown"),
        (found.slips, f"the counter {quote(name)} slips and comes back: readings left out: {found.slips}"),
        (found.leaps, f"the counter {quote(name)} leaps by more than 100 kW would use, {{}}: what was used is unknown"),
    )
    return [what.format("once" if count == 1 else f"{count} times") for count, what in odd if count]


def _unit_beside(clock: Clock, name: str, values: np.ndarray) -> tuple[np.ndarray, Unit | None]:
    """Numbers in the unit that a column of units says, the first one where it says several."""
    beside = next((n for n in clock.grid.names if n.lower() in _UNIT_COLUMNS), None)
    if beside is None:
        return values, None
    cells = clock.grid.column(beside)
    known = pl.Series(np.isfinite(values))
    found = units_of(cells.filter(known))
    units = [unit for unit in found.values() if unit is not None]
    if not units and not any(is_unit(cell) for cell in found if cell):
        return values, None  # the unit of something else, such as a flat
    if len(units) < len(found) or len({unit.energy for unit in units}) > 1:
        listed = ", ".join(map(quote, found))
        raise clock.grid.text.error(
            f"column {quote(beside)} says {listed} of {quote(name)}: they must be of one kind, or say --unit",
            clock.grid.header,
        )
    factors = {cell: unit.factor / units[0].factor for cell, unit in found.items() if unit is not None}
    row = cells.replace_strict(list(factors), list(factors.values()), default=1.0, return_dtype=pl.Float64)
    return values * row.to_numpy(), units[0]


def _mean(watts: np.ndarray) -> float:
    return float(np.nanmean(watts)) if np.isfinite(watts).any() else np.nan


def _check_home(clock: Clock, names: Sequence[str], watts: np.ndarray, guessed: bool, said: str | None) -> None:
    mean, where = _mean(watts), clock.grid.header
    named = ", ".join(map(quote, names))
    if guessed and mean < _LOW:
        hint = "is it kW? Say --unit kW, or --unit kWh for energy of each interval, or --unit W"
        raise clock.grid.text.error(f"the mean of {named} is {mean:.3g} and no unit is named: {hint}", where)
    if mean < _LEAST:
        hint = "another --unit?" if said else "say its --unit, such as kW"
        raise clock.grid.text.error(f"the mean of {named} would be {mean:.3g} W, which is no home: {hint}", where)
    if mean > _HIGH:
        hint = "another --unit?" if said else "say its --unit"
        raise clock.grid.text.error(
            f"the mean of {named} would be {mean / 1000:.0f} kW, which is no home: {hint}", where
        )
