"""Which columns are the time, the power and the labels.

One physical quantity is taken: active power, or else the energy that is used. Never reactive or apparent power, a power
factor, voltage, current, price, generation, export or a forecast.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bracket_env import quote
from bracket_env.words.suggestions import did_you_mean
from supervised.occupancy.meters.grid import Grid
from supervised.occupancy.meters.times.forms import is_midnight, kind_of
from supervised.occupancy.meters.units import unit_of

_TIME = re.compile(
    r"time|timestamp|date|datum|zeit|uhrzeit|fecha|hora|heure|unix|epoch|^ts$|tstp|last_changed|last_updated|period|"
    r"日時|時刻|日付|年月日|時間|対象日|開始|計測日|測定日",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"occupancy|occupied|occupants?|presence|present|home|is_?home|at_?home|anybody_?home|somebody_?home|anwesend|"
    r"occupancy_?(state|status|flag)|在宅(状況|フラグ|有無)?|在室|在不在",
    re.IGNORECASE,
)
_OTHER = re.compile(
    r"reactive|apparent|varh?\b|\bk?va\b|\bpf\b|\bcos|blind|schein|factor|volt|current|intensity|amp(s|ere)?\b|freq|\bhz\b|"
    r"temp|humid|price|cost|tariff|\bcharge|\bbill|\byen|\beur\b|usd|gbp|[€$£¥]|\w ?/ ?[km]?wh|solar|\bpv\b|photovolt|"
    r"generat|\bgen\b|\bdc\b|produc|self.?consum|powerwall|return|retour|teruglever|similar|neighbo|\bgas\b|m3|\bwater\b(?!.?heat)|"
    r"previous|last ?year|target|budget|feed_?in|einspeis|erzeug|inject|battery|irradia|m2|co2|std|"
    r"forecast|predict|limit|capacity|contract|\bmax|\bmin\b|peak (power|demand|load)|power peak|rssi|signal|count|"
    r"自家消費|ガス|水道|灯油|前年|昨年|前日|前月|目標|無効|皮相|力率|電圧|電流|料金|金額|単価|円|"
    r"太陽光|発電|売電|逆潮流|蓄電|充電|放電|温度|湿度|周波数|契約|予測|最大|最小|気温",
    re.IGNORECASE,
)
EXPORT = re.compile(
    r"export|余剰|売電|逆潮流|lieferung|feed.?in|\bto (the )?(grid|utility|net)\b|\bsent\b|\bsold\b|\bsalg\b|\bsolgt\b|"
    r"oddan|immess|surplus|excess|(?<![\d.])(2|22|42|62)\.[78]\.\d|(?:^|\s)-[AP]\b|\b[AP]-(?=$|[\s(\[])",
    re.IGNORECASE,
)
_POWER = re.compile(
    r"power|watt|load|consum|demand|usage|\bused?\b|mains?\b|active|leistung|verbrauch|puissance|potenc|potenza|vermogen|"
    r"verbruik|電力|消費|使用量|買電|aggregate",
    re.IGNORECASE,
)
_ENERGY = re.compile(r"energy|energie|energia|電力量|使用量|register|meter_?reading", re.IGNORECASE)


@dataclass(frozen=True)
class Roles:
    """Names of columns."""

    time: tuple[str, ...]  # one, or a date and a time of day
    power: tuple[str, ...]
    label: str | None
    left_out: tuple[str, ...]  # other columns of numbers


def spaced(name: str) -> str:
    """``activePower_kW`` as words with blanks between, so that patterns find their borders."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", name)


def has(pattern: re.Pattern[str], name: str) -> bool:
    """Whether a pattern is in a name as it is or as words."""
    return bool(pattern.search(name) or pattern.search(spaced(name)))


def find_time(grid: Grid, wanted: str | None) -> tuple[str, ...]:
    """The column of times, or of dates and of times of day; none where there is no such column.

    Raises:
        InputError: a column that is named is not there.
    """
    kinds = {name: kind_of(grid.column(name)) for name in grid.names}
    if wanted is not None:
        check_names(grid, [wanted])
        candidates = [wanted]
    else:
        whole = [name for name in grid.names if kinds[name] in ("stamp", "epoch")]
        named = [name for name in whole if has(_TIME, name)] or [n for n in whole if kinds[n] == "stamp"]
        local = [name for name in named if not re.search(r"utc|gmt|end|終了", name, re.IGNORECASE)]
        dates = [name for name in grid.names if kinds[name] == "date"]
        alone = [name for name in grid.names if has(_TIME, name) and kinds[name] in ("time", "other")]
        candidates = [*local[:1], *named[:1], *whole[:1], *dates[:1], *(n for n in alone if not is_power(n))]
    if not candidates:
        return ()
    first = candidates[0]
    if kinds[first] == "date" or is_midnight(grid.column(first)):
        beside = _time_of_day(grid, kinds)
        return (first, beside) if beside else (first,)
    if kinds[first] == "time" and wanted is None:
        return ()
    return (first,)


def _time_of_day(grid: Grid, kinds: Mapping[str, str]) -> str | None:
    clocks = [name for name in grid.names if kinds[name] == "time"]
    numbered = [
        n
        for n in grid.names
        if re.fullmatch(
            r"hour|hour[_ ]?end(?:ing)?|he|hh|時|時間|時間帯|時刻|コマ|時限|period|interval|slot", n, re.IGNORECASE
        )
    ]
    whole = [n for n in numbered if bool(grid.column(n).str.contains(r"^\d{1,2}$").all())]
    digits = [n for n in grid.names if has(_TIME, n) and bool(grid.column(n).str.contains(r"^[0-2]\d[0-5]\d$").all())]
    return next(iter([*clocks, *whole, *digits]), None)


def is_power(name: str) -> bool:
    """Whether a name says active power, or energy that is used."""
    if has(_OTHER, re.sub("current([ _](power|consumption|load|usage|demand))", r"\1", name, flags=re.IGNORECASE)):
        return False
    return not has(EXPORT, name) and (unit_of(name) is not None or has(_POWER, name) or has(_ENERGY, name))


def is_other(name: str) -> bool:
    """Whether a name says another quantity than power, and no unit of it."""
    return unit_of(name) is None and (has(_OTHER, name) or has(EXPORT, name))


def is_home_number(grid: Grid, name: str) -> bool:
    """Whether a column called home holds the number of one and does not say who is in: the same in all rows."""
    cells = grid.column(name).unique()
    return name.lower() == "home" and len(cells) == 1 and str(cells[0]).isdigit()


def find_label(grid: Grid, wanted: str | None) -> str | None:
    """The column of labels, if there is one.

    Raises:
        InputError: the one that is named is not there, or several may be it.
    """
    if wanted is not None:
        check_names(grid, [wanted])
        return wanted
    found = []
    for name in grid.names:
        last = name.rpartition(".")[2] if name.startswith(("binary_sensor.", "device_tracker.")) else name
        if _LABEL.fullmatch(last) or name.startswith("person."):
            found.append(name)
    found = [name for name in found if not is_home_number(grid, name)]
    if len(found) > 1:
        listed = ", ".join(map(quote, found))
        raise grid.text.error(f"{listed} may each say who is at home: name one with --occupancy-column", grid.header)
    return found[0] if found else None


def is_energy(name: str) -> bool:
    """Whether a name says energy, by its unit or else by its words."""
    unit = unit_of(name)
    return unit.energy if unit is not None else has(_ENERGY, name)


def check_names(grid: Grid, names: Sequence[str]) -> None:
    """Columns that an option names must be there.

    Raises:
        InputError: one is not.
    """
    for name in names:
        if name not in grid.names:
            near = did_you_mean(name, grid.names)
            raise grid.text.error(f"there is no column {quote(name)}, only {', '.join(grid.names)}{near}", grid.header)


def left_out(grid: Grid, taken: Sequence[str]) -> tuple[str, ...]:
    """Other columns that hold numbers."""
    rest = [name for name in grid.names if name and name not in taken]
    numeric = r"^[+-]?[\d.,]*\d[\d.,]*$"
    share = {name: grid.column(name).head(200).str.contains(numeric).mean() for name in rest}
    return tuple(name for name in rest if float(share[name] or 0) > 0.5)  # type: ignore[arg-type]
