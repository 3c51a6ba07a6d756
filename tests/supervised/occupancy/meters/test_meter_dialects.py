"""Generated files in all mixtures of dialects: read exactly as they were written, or refused in one line."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from meter_forms import Truth, differences, stamps

from bracket_env import InputError
from supervised.occupancy.homes.resampling import Resampled
from supervised.occupancy.meters.read import read_meter

GENERATED = settings(
    max_examples=200, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
TIMES = (
    "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y/%-m/%-d %-H:%M", "%Y年%-m月%-d日 %-H時%M分", "%Y%m%d %H%M",
    "%Y%m%d%H%M%S", "%d/%m/%Y %H:%M", "%-m/%-d/%Y %-I:%M %p", "%d.%m.%Y %H:%M:%S", "%d-%m-%Y %H:%M", "%d %b %Y %H:%M",
    "%Y-%m-%dT%H:%MZ", "%Y-%m-%d %H:%M:%S+09:00", "%b %d, %Y %H:%M", "%Y-%m-%d %H:%M:%S.%f",
)  # fmt: skip
UNITS = {
    "power_W": 1.0, "Leistung (kW)": 1e-3, "有効電力[kW]": 1e-3, "load": 1.0, "power": 1e-3, "consumption_kW": 1e-3,
    "mains MW": 1e-6, "energy_kWh": -1e-3, "使用電力量(Wh)": -1.0, "use [kWh/interval]": -1e-3, "active": 1.0,
}  # fmt: skip  # negative: energy of an interval
LABELS = (("1", "0"), ("yes", "no"), ("True", "False"), ("在宅", "不在"), ("home", "away"), ("1.0", "0.0"))
BESIDE = {
    "voltage": "230.5", "remark": "ok", "temperature": "-3.5", "price": "0.31", "reactive_kvar": "44", "solar_W": "812",
    "meter id": "A-17", "力率": "0.9", "current_A": "2.25",
}  # fmt: skip
FAULTS = {  # what a cell of a column becomes
    "time": ("time", "soon"),
    "number": ("power", "1O3"),
    "negative": ("power", "-12"),
    "label": ("label", "perhaps"),
    "word": ("power", "kW"),
    "infinite": ("power", "1e999"),
}


@dataclass(frozen=True)
class Dialect:
    """How a file is written."""

    separator: str
    comma: bool  # decimal
    quoted: bool
    end: str
    encoding: str
    time: str
    apart: bool  # date and time in columns of their own
    newest_first: bool
    power: str
    missing: str
    label: tuple[str, str] | None
    beside: tuple[str, ...]
    order: int  # of the columns
    preamble: tuple[str, ...]
    blank: bool  # lines between rows
    spare: str  # at the end of each row
    last: str  # line


dialects = st.builds(
    Dialect,
    separator=st.sampled_from([",", ";", "\t", "|"]),
    comma=st.booleans(),
    quoted=st.booleans(),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp932"]),
    time=st.sampled_from(TIMES),
    apart=st.booleans(),
    newest_first=st.booleans(),
    power=st.sampled_from(list(UNITS)),
    missing=st.sampled_from(["", "?", "NA", "null", "-", "-1", "欠測", "unavailable"]),
    label=st.none() | st.sampled_from(LABELS),
    beside=st.lists(st.sampled_from(list(BESIDE)), max_size=3, unique=True).map(tuple),
    order=st.integers(0, 5),
    preamble=st.lists(
        st.sampled_from(["Meter export", "# version 2", "", "お客さま番号：123", "a;b", "x,y,z"]), max_size=3
    ).map(tuple),
    blank=st.booleans(),
    spare=st.sampled_from(["", "", "separator"]),
    last=st.sampled_from(["", "", "separators", "blank"]),
)


@st.composite
def homes(draw: st.DrawFn) -> Truth:
    count = draw(st.integers(4, 40))
    watts = np.array(draw(st.lists(st.integers(0, 4000), min_size=count, max_size=count)), dtype=np.float64)
    gone = draw(st.lists(st.integers(0, count - 1), max_size=3))
    watts[gone] = np.nan
    start = np.datetime64(draw(st.dates(date(1995, 1, 1), date(2032, 1, 1))), "s")
    step = 60 * draw(st.sampled_from([1, 5, 10, 15, 30, 60]))
    start += np.timedelta64(step * draw(st.integers(0, 86400 // step - 1)), "s")
    present = np.array(draw(st.lists(st.integers(0, 1), min_size=count, max_size=count)), dtype=np.int8)
    return Truth(start, step, watts, present)


def number(value: float, dialect: Dialect, step: int) -> str:
    factor = UNITS[dialect.power]
    if np.isnan(value):
        return dialect.missing
    text = np.format_float_positional(value * abs(factor) * (step / 3600 if factor < 0 else 1), precision=13, trim="-")
    return text.replace(".", ",") if dialect.comma else text


def table(truth: Truth, dialect: Dialect) -> list[list[str]]:
    """Header and rows."""
    form = dialect.time
    if dialect.apart and " " in form and "," not in form and "%b" not in form:
        day, clock = form.split(" ", 1)
        columns = [["date", *stamps(truth, day)], ["time", *stamps(truth, clock)]]
    else:
        columns = [["timestamp", *stamps(truth, form)]]
    power = [dialect.power, *(number(value, dialect, truth.step) for value in truth.watts)]
    columns.insert(dialect.order % (len(columns) + 1), power)
    if dialect.label:
        columns.append(["occupied", *(dialect.label[1 - label] for label in truth.present)])
    for i, name in enumerate(dialect.beside):
        value = BESIDE[name].replace(".", ",") if dialect.comma else BESIDE[name]
        columns.insert((dialect.order + i) % (len(columns) + 1), [name] + [value] * len(truth.watts))
    rows = [list(row) for row in zip(*columns, strict=True)]
    return [rows[0], *(reversed(rows[1:]) if dialect.newest_first else rows[1:])]


def written(rows: list[list[str]], dialect: Dialect) -> bytes:
    """The file."""
    sign = dialect.separator
    lines = list(dialect.preamble)
    for i, row in enumerate(rows):
        cells = [f'"{cell}"' if dialect.quoted or sign in cell else cell for cell in row]
        lines.append(sign.join(cells) + (sign if dialect.spare else ""))
        if dialect.blank and i % 5 == 4:
            lines.append("")
    lines += {"": [], "separators": [sign * (len(rows[0]) - 1)], "blank": ["", ""]}[dialect.last]
    return (dialect.end.join(lines) + dialect.end).encode(dialect.encoding)


def truth_of(truth: Truth, dialect: Dialect) -> Truth:
    return truth if dialect.label else replace(truth, present=np.full(len(truth.watts), -1, np.int8))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dialects") / "home.csv"


def read(path: Path) -> Resampled | str:
    """The record, or the one line of a refusal; any other error fails the test."""
    try:
        return read_meter(path, 15)
    except InputError as error:
        return str(error)


SEEN = {"read": 0, "refused": 0}


@GENERATED
@given(truth=homes(), dialect=dialects)
def test_a_file_in_any_dialect_is_read_as_written_or_refused_in_one_line(
    path: Path, truth: Truth, dialect: Dialect
) -> None:
    path.write_bytes(written(table(truth, dialect), dialect))
    found = read(path)
    SEEN["refused" if isinstance(found, str) else "read"] += 1
    if isinstance(found, str):
        assert "\n" not in found
    else:
        assert differences(found.record, truth_of(truth, dialect)) == []


def test_most_dialects_are_read() -> None:
    if not SEEN["read"]:
        pytest.skip("the test before has not run in this process")
    assert SEEN["read"] > 2 * SEEN["refused"]


@settings(GENERATED, max_examples=70)
@given(truth=homes(), dialect=dialects, fault=st.sampled_from(sorted(FAULTS)), at=st.integers(0, 10**6))
def test_one_bad_cell_is_refused_with_its_line_and_value(
    path: Path, truth: Truth, dialect: Dialect, fault: str, at: int
) -> None:
    dialect = replace(dialect, label=dialect.label or LABELS[0], preamble=dialect.preamble[:1])
    rows = table(truth, dialect)
    column, value = FAULTS[fault]
    name = {"time": "timestamp" if "timestamp" in rows[0] else "date", "power": dialect.power, "label": "occupied"}[
        column
    ]
    row = 1 + at % (len(rows) - 1)
    rows[row][rows[0].index(name)] = value
    path.write_bytes(written(rows, dialect))
    found = read(path)
    assert isinstance(found, str), found.lines()
    assert "\n" not in found
    assert value in found or "--" in found or "no header" in found, found


@settings(GENERATED, max_examples=70)
@given(truth=homes(), dialect=dialects, data=st.data())
def test_broken_bytes_end_in_a_record_or_in_one_line(
    path: Path, truth: Truth, dialect: Dialect, data: st.DataObject
) -> None:
    whole = bytearray(written(table(truth, dialect), dialect))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at : at + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=3))
        if not whole:
            break
    path.write_bytes(bytes(whole))
    assert "\n" not in (found if isinstance(found := read(path), str) else "")


@settings(GENERATED, max_examples=70)
@given(text=st.text(alphabet='0123456789-/:;,.\t"\n\r #WkhtimepowrdaeT年月日電力?~', max_size=200))
def test_any_text_ends_in_a_record_or_in_one_line(path: Path, text: str) -> None:
    path.write_text("time,power_W\n" * (len(text) % 2) + text, "utf-8")
    assert "\n" not in (found if isinstance(found := read(path), str) else "")
