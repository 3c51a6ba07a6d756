"""Which columns are the time, the power and the labels.

One physical quantity is taken: active power, or else the energy that is used. Never reactive or apparent power, a power
factor, voltage, current, price, generation, export or a forecast. A total is not added to its parts, and the same power
in another unit not to itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bracket_env import InputError, quote
from bracket_env.words.suggestions import did_you_mean
from supervised.occupancy.meters.grid import Grid
from supervised.occupancy.meters.times.forms import kind_of
from supervised.occupancy.meters.units import unit_of, without_unit

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
    r"generat|\bgen\b|\bdc\b|produc|self.?consum|powerwall|export|return|retour|teruglever|\bgas\b|m3|\bwater\b(?!.?heat)|"
    r"previous|last ?year|target|budget|feed_?in|einspeis|erzeug|inject|battery|irradia|m2|co2|std|"
    r"forecast|predict|limit|capacity|contract|\bmax|\bmin\b|peak (power|demand|load)|power peak|rssi|signal|count|"
    r"自家消費|ガス|水道|灯油|前年|昨年|前日|前月|目標|無効|皮相|力率|電圧|電流|料金|金額|単価|円|"
    r"太陽光|発電|売電|逆潮流|蓄電|充電|放電|温度|湿度|周波数|契約|予測|最大|最小|気温",
    re.IGNORECASE,
)
_POWER = re.compile(
    r"power|watt|load|consum|demand|usage|\bused?\b|mains?\b|active|leistung|verbrauch|puissance|potenc|potenza|vermogen|"
    r"verbruik|電力|消費|使用量|買電|aggregate",
    re.IGNORECASE,
)
_ENERGY = re.compile(r"energy|energie|energia|電力量|使用量|register|meter_?reading", re.IGNORECASE)
_TOTAL = re.compile(
    r"total|whole|all ?phases|mains?\b|aggregate|overall|global|house|household|building|\bhome\b|\ball|gesamt|cumul|"
    r"合計|総|全体|主幹|積算|累積",
    re.IGNORECASE,
)
_PART = re.compile(r"\bsub|(?<!all)(?<!all )phase|channel|circuit|分岐|回路|l[123]$", re.IGNORECASE)
_SOLAR = re.compile(r"solar|\bpv\b|photovolt|generat|\bgen\b|produc|export|太陽光|発電|売電", re.IGNORECASE)
_IMPORT = re.compile(r"import|grid|買電|bezug|net\b", re.IGNORECASE)
_BARE = re.compile(
    r"active|power|load|consum\w*|demand|usage|used?|energy|electric\w*|meter|avg|mean|average|real|in|of|the|消費|使用|電力|量|値|"
    r"ご|平均|有効|[\W_\d]",
    re.IGNORECASE,
)


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


def _has(pattern: re.Pattern[str], name: str) -> bool:
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
        named = [name for name in whole if _has(_TIME, name)] or [n for n in whole if kinds[n] == "stamp"]
        local = [name for name in named if not re.search(r"utc|gmt|end|終了", name, re.IGNORECASE)]
        dates = [name for name in grid.names if kinds[name] == "date"]
        alone = [name for name in grid.names if _has(_TIME, name) and kinds[name] in ("time", "other")]
        candidates = [*local[:1], *named[:1], *whole[:1], *dates[:1], *(n for n in alone if not is_power(n))]
    if not candidates:
        return ()
    first = candidates[0]
    if kinds[first] == "date":
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
        if re.fullmatch(r"hour|hh|時|時間|時間帯|時刻|コマ|時限|period|interval|slot", n, re.IGNORECASE)
    ]
    whole = [n for n in numbered if bool(grid.column(n).str.contains(r"^\d{1,2}$").all())]
    digits = [n for n in grid.names if _has(_TIME, n) and bool(grid.column(n).str.contains(r"^[0-2]\d[0-5]\d$").all())]
    return next(iter([*clocks, *whole, *digits]), None)


def is_power(name: str) -> bool:
    """Whether a name says active power, or energy that is used."""
    if _has(_OTHER, re.sub("current([ _](power|consumption|load|usage|demand))", r"\1", name, flags=re.IGNORECASE)):
        return False
    return unit_of(name) is not None or _has(_POWER, name) or _has(_ENERGY, name)


def is_other(name: str) -> bool:
    """Whether a name says another quantity than power, and no unit of it."""
    return unit_of(name) is None and _has(_OTHER, name)


def grid_beside_solar(power: Sequence[str], others: Sequence[str]) -> bool:
    """Whether what is taken came from the grid only, in a home that makes power itself."""
    return all(_has(_IMPORT, name) for name in power) and any(_has(_SOLAR, name) for name in others)


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
    if len(found) > 1:
        listed = ", ".join(map(quote, found))
        raise grid.text.error(f"{listed} may each say who is at home: name one with --occupancy-column", grid.header)
    return found[0] if found else None


def find_power(grid: Grid, wanted: Sequence[str] | None, taken: Sequence[str]) -> tuple[str, ...]:
    """The columns of power.

    Raises:
        InputError: none, one that is named is not there, or several that may hold the same.
    """
    if wanted is not None:
        check_names(grid, wanted)
        return tuple(wanted)
    free = [name for name in grid.names if name and name not in taken]
    found = [name for name in free if is_power(name)]
    if not found:
        raise grid.text.error(
            f"no power column among {', '.join(grid.names)} (name one with --power-columns, its unit with --unit)",
            grid.header,
        )
    watts = [name for name in found if not is_energy(name)]
    return _of_one_home(grid, _once(watts or found))


def is_energy(name: str) -> bool:
    """Whether a name says energy, by its unit or else by its words."""
    unit = unit_of(name)
    return unit.energy if unit is not None else _has(_ENERGY, name)


def _once(names: Sequence[str]) -> list[str]:
    """Without the same quantity in another unit."""
    stems: dict[str, str] = {}
    for name in names:
        stems.setdefault(without_unit(name).lower(), name)
    return list(stems.values())


def _of_one_home(grid: Grid, names: list[str]) -> tuple[str, ...]:
    if len(names) == 1:
        return tuple(names)
    used = [name for name in names if not _has(_IMPORT, name)]
    names = used or names
    whole = [name for name in names if _has(_TOTAL, name) and not _has(_PART, name)]
    if not whole:
        whole = [name for name in names if is_bare([name])]
    if len(whole) == 1 or (len(whole) > 1 and len({re.sub(r"\d", "", name) for name in whole}) == 1):
        return tuple(whole)
    if len(whole) > 1:
        raise _which(grid, whole)
    return tuple(names)


def is_bare(names: Sequence[str]) -> bool:
    """Whether the one name says power and nothing else, neither a part nor a total."""
    name = names[0]
    return len(names) == 1 and not _BARE.sub("", without_unit(name)) and not _has(_PART, name)


def is_part(name: str, whole: Sequence[str]) -> bool:
    """Whether a column that is not taken is power or energy of the kind that is."""
    other = {without_unit(w).lower() for w in whole}
    same = is_power(name) and is_energy(name) == is_energy(whole[0]) and without_unit(name).lower() not in other
    return same and not _has(_IMPORT, name)


def _which(grid: Grid, names: Sequence[str]) -> InputError:
    listed = ", ".join(map(quote, names))
    return grid.text.error(f"{listed} may each be the whole home: name one with --power-columns", grid.header)


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
