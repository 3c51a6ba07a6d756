"""Units: found in the names of columns, and what makes watts of them.

Power in W, kW or MW is taken as it is. Energy in Wh, kWh or MWh is that of each interval, or a counter (counters.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl

_UNIT = re.compile(
    r"(?:(?<![A-Za-z])|(?<=[a-z])(?=[KMWk]))(?P<scale>[kKMmGg]?)(?P<base>[wW][hH]|[wW])"
    r"(?:/(?:hh|h|30 ?min|15 ?min|interval))?(?![A-Za-z/])"
)
_LONG = re.compile(r"(?P<scale>kilo|mega|milli|(?<![A-Za-z])[km])?[- ]?watt(?P<hours>[- ]?hours?)?s?", re.IGNORECASE)
_JAPANESE = re.compile(r"(?P<scale>キロ)?ワット(?P<hours>時)?")
_SCALES = {
    "": 1.0,
    "k": 1e3,
    "K": 1e3,
    "M": 1e6,
    "m": 1e-3,
    "g": 1e9,
    "G": 1e9,
    "kilo": 1e3,
    "mega": 1e6,
    "milli": 1e-3,
    "キロ": 1e3,
}
_OTHER = re.compile(
    r"[(\[]?(?:円|%|￥|¥|€|\$|£|°C|℃|C|V|A|Hz|kvarh?|varh?|kVA|VA|-|p|pence|hh:mm|UTC|時刻|日時)[)\]]?", re.IGNORECASE
)
_FACTOR = re.compile(  # before a unit: ×0.1kWh, (0.1kW)
    r"(?:(?P<sign>(?<![A-Za-z])[×x*]\s*)|(?P<bracket>[(\[]\s*))?(?<![\d.])(?P<number>\d+(?:\.\d+)?)\s*(?=[kKM]?[wW][hH]?(?![A-Za-z]))"
)
_FACTOR_BEHIND = re.compile(r"[kKM]?[wW][hH]?\s*[×x*]\s*\d[\d.]*|\d\s*/\s*\d+\s*[kKM]?[wW][hH]?(?![A-Za-z])")


@dataclass(frozen=True)
class Unit:
    """A unit of power or energy."""

    name: str
    factor: float  # to W or Wh
    energy: bool = False
    counter: bool | None = None  # of energy: said to be one, said not to be one, not said


SAID = {
    "W": Unit("W", 1.0),
    "kW": Unit("kW", 1e3),
    "MW": Unit("MW", 1e6),
    "Wh": Unit("Wh", 1.0, True, False),
    "kWh": Unit("kWh", 1e3, True, False),
    "Wh-total": Unit("Wh", 1.0, True, True),
    "kWh-total": Unit("kWh", 1e3, True, True),
}


def unit_of(name: str) -> Unit | None:
    """The unit that a column's name, or a line above it, says."""
    found = _LONG.search(name) or _JAPANESE.search(name)
    if found:
        scale, energy = (found["scale"] or "").lower(), bool(found["hours"])
    else:
        short = list(_UNIT.finditer(name))
        if not short:
            return None
        scale, energy = short[-1]["scale"], short[-1]["base"].lower() == "wh"
    if scale == "m" and "mW" not in name:
        scale = "M"  # all small: nobody meters in milliwatts
    tenth = _tenth(name)
    prefix = {1.0: "", 1e3: "k", 1e6: "M", 1e-3: "m", 1e9: "G"}[_SCALES[scale]]
    unit = f"{prefix}W{'h' if energy else ''}"
    return Unit(unit if tenth == 1 else f"{tenth:g} {unit}", tenth * _SCALES[scale], energy)


def _tenth(name: str) -> float:
    """The factor that stands before a unit, such as 0.1 in ``×0.1kWh``; 1 where there is none or it may be a rating."""
    for found in _FACTOR.finditer(name):
        if found["sign"] or re.fullmatch(r"0\.0*1", found["number"]):
            return float(found["number"])
    return 1.0


def doubtful_factor(name: str) -> str | None:
    """What stands in a name as a factor of its unit and may be something else, such as 10 in ``(10 kW)``."""
    behind = _FACTOR_BEHIND.search(name)
    if behind:
        return behind[0]
    brackets = (found for found in _FACTOR.finditer(name) if found["bracket"] and float(found["number"]) != 1)
    return next((found["number"] for found in brackets if _tenth(name) == 1), None)


def without_unit(name: str) -> str:
    """A name less its unit."""
    name = _FACTOR.sub("", name) if _tenth(name) != 1 else name
    return _UNIT.sub("", _LONG.sub("", _JAPANESE.sub("", name))).strip(" _-()[]/:,")


def is_unit(cell: str) -> bool:
    """Whether a cell is nothing but a unit."""
    return bool(_OTHER.fullmatch(cell)) or (unit_of(cell) is not None and not without_unit(cell))


def without_units(cells: pl.Series) -> tuple[pl.Series, Unit | None]:
    """Cells such as ``230 W`` as numbers, and the one unit of all of them; other cells as they are."""
    written = r"^([+-]?[\d.,'’ ]*\d)\s?([kKM]?[wW][hH]?)$"
    if not bool(cells.str.contains(written).any()):
        return cells, None
    units = cells.str.extract(written, 2).drop_nulls().unique()
    bare = cells.str.contains(r"^[+-]?[\d.,'’ ]*[1-9][\d.,'’ ]*$") & ~cells.str.contains(r"^-1(\.0+)?$")
    if len(units) != 1 or bool(bare.any()):
        return cells, None
    return cells.str.replace(written, "$1"), unit_of(str(units[0]))


def units_of(cells: pl.Series) -> dict[str, Unit | None]:
    """What each of the cells of a column of units says."""
    return {str(cell): unit_of(str(cell)) for cell in cells.unique(maintain_order=True)}
