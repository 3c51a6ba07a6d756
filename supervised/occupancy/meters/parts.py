"""Which columns of power make up one home, once.

A total is not added to its parts, and the same power in another unit not to itself. Several columns are summed only if
they are clearly parts: appliances and rooms, or the same words with another number, letter or tariff. Import and
export, two homes, or anything else that differs in other words is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from bracket_env import quote
from supervised.occupancy.meters.grid import Grid
from supervised.occupancy.meters.roles import EXPORT, check_names, has, is_energy, is_power, spaced
from supervised.occupancy.meters.units import without_unit

_TOTAL = re.compile(
    r"total|whole|all ?phases|mains?\b|aggregate|overall|global|house|household|building|\bhome\b|\ball|gesamt|cumul|"
    r"(?<![\d.])1\.8\.0|合計|総|全体|主幹|積算|累積",
    re.IGNORECASE,
)
_PART = re.compile(r"\bsub|(?<!all)(?<!all )phase|channel|circuit|分岐|回路|l[123]$", re.IGNORECASE)
_SOLAR = re.compile(rf"solar|\bpv\b|photovolt|generat|\bgen\b|produc|太陽光|発電|{EXPORT.pattern}", re.IGNORECASE)
_IMPORT = re.compile(
    r"import|grid|買電|購入|受電|bezug|net\b|bought|purchas|prelev|from (the )?utility|pob[oó]r|entnahme", re.IGNORECASE
)
_USE = re.compile(
    r"\buse|usage|consum|load|demand|verbrauch|verbruik|forbrug|forbruk|zużyc|conso|消費|使用|\bhome\b|house",
    re.IGNORECASE,
)
_ROOM = re.compile(
    r"fridge|refrig|freez|\btv\b|televis|wash|dryer|dish|oven|stove|cook|\bhob\b|range|microwave|kettle|toaster|coffee|"
    r"kitchen|bath|\bbed|living|dining|\w+room\b|\broom|\bhall|garage|basement|attic|office|study|laundry|stairs|floor|"
    r"light|lamp|outlet|plug|socket|heat|boiler|water|hvac|furnace|air ?con|\bac\b|\bev\b|\bcar\b|charger|wallbox|pump|"
    r"pool|computer|\bpc\b|router|server|printer|\bfan\b|vacuum|\brest\b|\bother|remain|misc|standby|appliance|device|"
    r"冷蔵|冷凍|洗濯|乾燥|食洗|炊飯|レンジ|オーブン|\bIH|エアコン|空調|照明|テレビ|給湯|エコキュート|暖房|冷房|寝室|居間|"
    r"リビング|ダイニング|キッチン|台所|浴室|洗面|和室|洋室|部屋|玄関|廊下|トイレ|コンセント|パソコン|その他|階|"
    r"kühl|gefrier|wasch|trockn|spül|\bherd|ofen|küche|\bbad|schlaf|wohn|keller|licht|wärme|sonstig|koelkast|vriezer|"
    r"droger|frigo|lave|four\b|cuisine|chambre|salon|chauff|autre|nevera|lavadora|cocina|horno",
    re.IGNORECASE,
)
_TARIFF = re.compile(
    r"off.?peak|\bpeak|\bday(time)?\b|\bnight(time)?\b|\bhigh\b|\blow\b|\bnormal\b|\b[hn]t\b|\bh[pc]\b|\bshoulder\b|"
    r"heures? (pleines|creuses)|hoog|laag|\bdal\b|piek|\btag\b|\bnacht\b|昼間?|夜間?|朝晩|深夜|"
    r"(デイ|ナイト|リビング)(タイム)?",
    re.IGNORECASE,
)
_LETTER = re.compile(r"(?<![a-z])[a-dr-z](?![a-z])")  # phases and legs; not e, i, p: export, import, production
_HOMES = re.compile(
    r"(home|house|household|building|dwelling|apartment|\bflat|\bunit|\bsite|\broof)[ #]*\d", re.IGNORECASE
)
_BARE = re.compile(
    r"active|power|load|consum\w*|demand|usage|used?|energy|electric\w*|meter|avg|mean|average|real|in|of|the|消費|使用|電力|量|値|"
    r"ご|平均|有効|[\W_\d]",
    re.IGNORECASE,
)


def find_power(grid: Grid, wanted: Sequence[str] | None, taken: Sequence[str]) -> tuple[str, ...]:
    """The columns of power.

    Raises:
        InputError: none, one that is named is not there, or several that may hold the same.
    """
    if wanted is not None:
        check_names(grid, wanted)
        twice = next((name for i, name in enumerate(wanted) if name in wanted[:i]), None)
        if twice is not None:
            raise grid.text.error(f"--power-columns names {quote(twice)} twice: it would count double", grid.header)
        other = next((name for name in wanted if name in taken), None)
        if other is not None:
            what = "the column of times or of labels: it is no power"
            raise grid.text.error(f"--power-columns names {quote(other)}, {what}", grid.header)
        return tuple(wanted)
    free = [name for name in grid.names if name and name not in taken]
    found = [name for name in free if is_power(name)]
    if not found:
        raise grid.text.error(
            f"no power column among {', '.join(grid.names)} (name one with --power-columns, its unit with --unit)",
            grid.header,
        )
    watts = [name for name in found if not is_energy(name)]
    whole = [name for name in found if is_energy(name) and _is_use(name)]
    if watts and whole and all(has(_ROOM, name) for name in watts):
        listed = ", ".join(map(quote, [*watts, *whole]))
        raise grid.text.error(
            f"of {listed} the last may be the home and the others parts of it: name one with --power-columns",
            grid.header,
        )
    return _of_one_home(grid, _once(watts or found))


def _once(names: Sequence[str]) -> list[str]:
    """Without the same quantity in another unit."""
    stems: dict[str, str] = {}
    for name in names:
        stems.setdefault(without_unit(name).lower(), name)
    return list(stems.values())


def _of_one_home(grid: Grid, names: list[str]) -> tuple[str, ...]:
    if len(names) == 1:
        return tuple(names)
    used = [name for name in names if not has(_IMPORT, name)]
    if any(_is_use(name) for name in used):
        names = used
        if len(names) == 1:
            return tuple(names)
    whole = [name for name in names if has(_TOTAL, name) and not has(_PART, name)]
    if not whole:
        whole = [name for name in names if is_bare([name])]
    if len(whole) == 1 or (len(whole) > 1 and _differ_in_number(whole)):
        return tuple(whole)
    if len(whole) > 1:
        listed = ", ".join(map(quote, whole))
        raise grid.text.error(f"{listed} may each be the whole home: name one with --power-columns", grid.header)
    return tuple(names)


def _is_use(name: str) -> bool:
    """Whether a name says what the whole home uses, wherever it comes from."""
    return not has(_ROOM, name) and not has(_PART, name) and (is_bare([name]) or has(_TOTAL, name) or has(_USE, name))


def check_parts(grid: Grid, names: Sequence[str]) -> None:
    """Columns that are summed must clearly be parts of one home.

    Raises:
        InputError: their names do not say so.
    """
    if len(names) < 2 or _differ_in_number(names) or all(has(_ROOM, name) and not has(_IMPORT, name) for name in names):
        return
    listed = ", ".join(map(quote, names))
    raise grid.text.error(
        f"{listed} may be parts of the home or other quantities: name what is to be summed with --power-columns",
        grid.header,
    )


def _differ_in_number(names: Sequence[str]) -> bool:
    """Whether names are the same but for a number, a letter or a tariff, and are not those of homes or years."""
    if any(has(_HOMES, name) for name in names):
        return False
    for pattern in (None, _TARIFF, _LETTER):
        bare = [_numberless(name) for name in names]
        words = {re.sub(r"[^\w+]|_", "", pattern.sub("", name) if pattern else name) for name in bare}
        if len(words) == 1 and (pattern is not _LETTER or words != {""}):
            return True
    return False


def _numberless(name: str) -> str:
    return re.sub(r"(?!(?:19|20)\d\d(?!\d))(?<!\d)\d+", "", spaced(without_unit(name))).lower()


def grid_beside_solar(power: Sequence[str], others: Sequence[str]) -> bool:
    """Whether what is taken came from the grid only, in a home that makes power itself."""
    return all(has(_IMPORT, name) for name in power) and any(has(_SOLAR, name) for name in others)


def is_bare(names: Sequence[str]) -> bool:
    """Whether the one name says power and nothing else, neither a part nor a total."""
    name = names[0]
    return len(names) == 1 and not _BARE.sub("", without_unit(name)) and not has(_PART, name)


def is_part(name: str, whole: Sequence[str]) -> bool:
    """Whether a column that is not taken is power or energy of the kind that is."""
    other = {without_unit(w).lower() for w in whole}
    same = is_power(name) and is_energy(name) == is_energy(whole[0]) and without_unit(name).lower() not in other
    return same and not has(_IMPORT, name)
