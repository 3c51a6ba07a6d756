"""The options that say what a meter's file leaves open, one for each thing that is recognised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

UnitName = Literal["W", "kW", "MW", "Wh", "kWh", "Wh-total", "kWh-total"]


@dataclass(frozen=True)
class MeterOptions:
    """How a meter's file is read; what is not said is found by itself, and the report says what was found."""

    time_column: str | None = None
    """Name of the time column; a column of dates takes the column of times with it."""
    power_columns: tuple[str, ...] | None = None
    """Names of the power columns, which are summed."""
    occupancy_column: str | None = None
    """Name of the label column: 1, yes, on, home or 在宅 for somebody at home, 0, no, off, away or 不在 for nobody."""
    unit: UnitName | None = None
    """Of the power columns: power, energy of each interval (Wh, kWh) or a counter of energy (-total)."""
    timezone: str | None = None
    """Where the home is, such as Asia/Tokyo: times in UTC become local, local ones may change with the clocks."""
    date_format: str | None = None
    """Order of day, month and year, such as dd/mm/yyyy or %m/%d/%y, where the file leaves it open."""
    columns: tuple[str, ...] | None = None
    """Names for all columns of a file without a header, such as --columns time power_W."""
    encoding: str | None = None
    """Of the text, such as cp932 or utf-16."""
    separator: str | None = None
    """Between cells: a character, tab or space."""
    decimal: Literal["point", "comma"] | None = None
    """The decimal sign; the other one then separates thousands."""
