"""Forms of the public data sets and of Home Assistant."""

from __future__ import annotations

import numpy as np
from meter_forms import (
    Form,
    Truth,
    energies,
    epochs,
    home,
    kilowatts,
    lines,
    numbers,
    stamps,
    table,
    unlabelled,
    without,
)

UCI = ("Date", "Time", "Global_active_power", "Global_reactive_power", "Voltage", "Global_intensity")
UCI_PARTS = ("Sub_metering_1", "Sub_metering_2", "Sub_metering_3")


def _uci(truth: Truth, power: list[str], date: str = "%-d/%-m/%Y", heads: tuple[str, ...] = UCI + UCI_PARTS) -> str:
    n = len(truth.watts)
    others = [[f"0.{i % 9}{i % 7}" for i in range(n)], ["234.84"] * n, ["18.4"] * n, ["0"] * n, ["1"] * n, ["17"] * n]
    gone = np.flatnonzero(np.isnan(truth.watts))
    for column in others:
        for i in gone:
            column[i] = "?"
    return table(heads, stamps(truth, date), stamps(truth, "%H:%M:%S"), power, *others, separator=";")


def uci() -> list[Form]:
    """Individual household electric power consumption: kW without saying so, ``?`` where nothing was measured."""
    truth = without(unlabelled(home(1, 2, "2006-12-31")), [5, 6, *range(300, 400)])
    plain = _uci(truth, kilowatts(truth, "?"))
    kw = {"unit": "kW"}
    early = unlabelled(home(1, 2, "2007-02-01"))
    day = unlabelled(home(1, 1, "2007-02-03"))
    one = _uci(day, kilowatts(day)).encode()
    comma = unlabelled(home(1, 2, "2006-12-31"))
    commas = _uci(comma, [cell.replace(".", ",") for cell in kilowatts(comma)]).replace("234.84", "234,84").encode()
    return [
        Form("as published", plain.encode(), truth, kw, said=("kW", r"102 .*missing", r"Global_active_power")),
        Form("without a unit", plain.encode(), truth, refused=r"--unit kW"),
        Form("in Windows lines", plain.replace("\n", "\r\n").encode(), truth, kw),
        Form("two days that could be months", _uci(early, kilowatts(early)).encode(), early, kw),
        Form("one day that could be a month", one, day, kw, refused=r":2: '3/2/2007 00:00:00'.*--date-format"),
        Form("the same with its format", one, day, {**kw, "date_format": "dd/mm/yyyy"}),
        Form("decimal commas", commas.replace(b"0.", b"0,"), comma, kw),
    ]


def redd() -> list[Form]:
    """Epoch seconds and watts, a space between, no header."""
    truth = unlabelled(home(0.05 * 20, 1, "2011-04-19T04:00", "America/New_York"))
    utc = unlabelled(home(1, 1, "2011-04-19T04:00"))
    text = lines(zip(epochs(truth), numbers(truth.watts, "{:.2f}"), strict=True), " ")
    names = {"columns": ("time", "power_W"), "timezone": "America/New_York"}
    phase = [numbers(truth.watts * share, "{:.2f}") for share in (0.25, 0.75)]
    phases = lines(zip(epochs(truth), *phase, strict=True), " ")
    gap = without(truth, range(200, 500))
    kept = [i for i in range(len(truth.watts)) if not 200 <= i < 500]
    holes = lines(((epochs(gap)[i], f"{gap.watts[i]:.2f}") for i in kept), " ")
    mains = {**names, "columns": ("time", "mains_1", "mains_2")}
    return [
        Form("a channel", text.encode(), truth, names, said=("America/New_York",), file="channel_3.dat"),
        Form("a channel without names", text.encode(), truth, refused=r"no header.*--columns", file="channel_3.dat"),
        Form("a channel without zone", text.encode(), utc, {"columns": ("time", "W")}, said=(r"UTC.*--timezone",)),
        Form("two phases", phases.encode(), truth, mains, said=("mains_1.*mains_2",)),
        Form("tabs", text.replace(" ", "\t").encode(), truth, names),
        Form("aligned by spaces", text.replace(" ", "    ").encode(), truth, names),
        Form("a gap", holes.encode(), gap, names),
        Form("too few names", phases.encode(), truth, names, refused=r"--columns.*2.*3"),
    ]


def uk_dale() -> list[Form]:
    """Epoch seconds each six seconds; the mains with apparent power and voltage."""
    truth = unlabelled(home(0.1, 0.25, "2013-06-01", "Europe/London"))
    time, watts = epochs(truth), numbers(truth.watts, "{:.0f}")
    zone = {"timezone": "Europe/London"}
    named = {**zone, "columns": ("timestamp", "power_W")}
    mains = [(f"{t}.0", f"{w:.2f}", f"{w + 33:.2f}", "241.10") for t, w in zip(time, truth.watts, strict=True)]
    four = {**zone, "columns": ("timestamp", "active_power_W", "apparent_power_VA", "voltage_rms")}
    milli = table(["timestamp", "active", "apparent"], epochs(truth, 1000), watts, numbers(truth.watts + 40))
    return [
        Form("a channel", lines(zip(time, watts, strict=True), " ").encode(), truth, named, file="channel_1.dat"),
        Form("mains", lines(mains, " ").encode(), truth, four, said=("active_power_W",), file="mains.dat"),
        Form("with a header", table(["unix_ts", "aggregate_W"], time, watts).encode(), truth, zone),
        Form("milliseconds", milli.encode(), truth, {**zone, "power_columns": ("active",)}),
        Form(
            "an unknown zone",
            table(["ts", "W"], time, watts).encode(),
            truth,
            {"timezone": "Europe/Lundon"},
            refused=r"--timezone.*Europe/London.*'Europe/Lundon'",
        ),
        Form(
            "total and parts",
            table(
                ["time", "aggregate_W", "fridge_W", "tv_W"], time, watts, ["80"] * len(time), ["7"] * len(time)
            ).encode(),
            truth,
            zone,
            said=("aggregate_W",),
        ),
    ]


def london() -> list[Form]:
    """Smart meters in London: kWh of half hours, ``Null``, a header with a trailing blank, seven decimals."""
    heads = ("LCLid", "stdorToU", "DateTime", "KWH/hh (per half hour) ", "Acorn", "Acorn_grouped")
    truth = without(unlabelled(home(30, 3, "2012-10-12")), [40])
    n = len(truth.watts)
    time, used = stamps(truth, "%Y-%m-%d %H:%M:%S.0000000"), energies(truth, "Null")

    def file(times: list[str], meter: str = "MAC000002") -> str:
        return table(heads, [meter] * n, ["Std"] * n, times, used, ["ACORN-A"] * n, ["Affluent"] * n)

    text = file(time)
    twice = text.splitlines(keepends=True)
    twice.insert(30, twice[29])
    both = text + file(time, "MAC000003").split("\n", 1)[1]
    slim = table(["tstp", "energy(kWh/hh)"], time, used)
    bare = table(["tstp", "energy"], time, used)
    british = file(stamps(truth, "%d/%m/%Y %H:%M"))
    return [
        Form("as published", text.encode(), truth, said=("kWh", "1 .*missing")),
        Form("a row twice", "".join(twice).encode(), truth, said=("1 rows? .*twice",)),
        Form("two homes", both.encode(), truth, refused=r"LCLid.*MAC000002.*MAC000003"),
        Form("a block of kaggle", slim.encode(), truth),
        Form("energy of no unit", bare.encode(), truth, refused=r"'energy'.*--unit kWh"),
        Form("energy of a unit that is said", bare.encode(), truth, {"unit": "kWh"}),
        Form("day before month", british.encode(), truth, said=("dd/mm/yyyy",)),
    ]


def eco() -> list[Form]:
    """A file a day, a row a second, no time in it, -1 where nothing was measured; or a row a day."""
    second = without(unlabelled(home(1 / 60, 1, "2012-06-01")), range(4000, 8000))
    watts = numbers(second.watts, "{:.0f}", "-1")
    rows = lines(zip(watts, ["12"] * len(watts), ["230.1"] * len(watts), strict=True))
    named = {"columns": ("powerallphases", "powerl1", "voltage")}
    quarter = without(unlabelled(home(15, 5, "2012-06-01")), [7, 8, 9])
    of_days = np.array(numbers(quarter.watts, "{:.0f}", "-1")).reshape(5, 96)
    days = stamps(quarter, "%Y-%m-%d")[::96]
    swiss = stamps(quarter, "%d-%b-%Y")[::96]
    clock = [f"{i // 4:02d}:{i % 4 * 15:02d}" for i in range(96)]
    bare = lines([day, *row] for day, row in zip(days, of_days, strict=True))
    wide = lines([["date", *clock], *([day, *row] for day, row in zip(days, of_days, strict=True))])
    numbered = lines([["Date", *range(1, 97)], *([day, *row] for day, row in zip(swiss, of_days, strict=True))], ";")
    minute = unlabelled(home(1, 2, "2012-06-01"))
    long_rows = lines(
        [
            ["date", *range(1, 1441)],
            *(
                [day, *numbers(row)]
                for day, row in zip(("2012-06-01", "2012-06-02"), minute.watts.reshape(2, 1440), strict=True)
            ),
        ]
    )
    watt = {"unit": "W"}
    across = lines([["time", *days], *([clock[i], *of_days[:, i]] for i in range(96))])
    shifted = lines([["date", *clock[8:], *clock[:8]], *([day, *row] for day, row in zip(days, of_days, strict=True))])
    return [
        Form(
            "a day of seconds", rows.encode(), second, named, file="2012-06-01.csv", said=("2012-06-01.*file", "4000")
        ),
        Form("a day without names", rows.encode(), second, refused=r"no header.*--columns", file="2012-06-01.csv"),
        Form("seconds of no day", rows.encode(), second, named, refused=r"no time.*called by its day"),
        Form("a row a day", wide.encode(), quarter, said=("96 columns",)),
        Form("a row a day, numbered", numbered.encode(), quarter, watt, said=("96 columns",)),
        Form("a row a day, no header", bare.encode(), quarter, watt, said=("96 columns",)),
        Form("a column a day", across.encode(), quarter, said=("5 columns is a day",)),
        Form(
            "a row a day from two o'clock",
            shifted.encode(),
            quarter,
            refused="'02:00' to '01:45' are not those of one day",
        ),
        Form("a row a day of minutes", long_rows.encode(), minute, watt),
    ]


HA = ("entity_id", "state", "last_changed")


def _history(truth: Truth, entity: str, values: list[str]) -> list[tuple[str, str, str]]:
    """One row for each change."""
    time = stamps(truth, "%Y-%m-%dT%H:%M:%S.%f", local=False)
    changed = [i for i in range(len(values)) if i == 0 or values[i] != values[i - 1]]
    return [(entity, values[i], f"{time[i][:-3]}Z") for i in changed]


def _irregular(truth: Truth) -> Truth:
    """A home that keeps its power for 1 to 40 steps."""
    lengths = np.random.default_rng(0).integers(1, 40, len(truth.watts))
    begins = np.repeat(np.cumsum(lengths) - lengths, lengths)[: len(truth.watts)]
    watts = truth.watts[np.minimum(begins, len(truth.watts) - 1)]
    watts[-1] = np.nan  # written as unavailable, so that the end is known
    return Truth(truth.start, truth.step, watts, truth.present, truth.zone)


def home_assistant() -> list[Form]:
    """The history of entities, written on change, in UTC, ``unavailable`` in between."""
    whole = _irregular(home(1, 2, "2024-01-01", "Asia/Tokyo"))
    labelled = whole
    truth = without(unlabelled(whole), range(600, 700))
    zone = {"timezone": "Asia/Tokyo"}
    watts = numbers(truth.watts, "{:.1f}", "unavailable")
    power = _history(truth, "sensor.house_power", watts)
    text = lines([HA, *power])
    utc = Truth(truth.start, truth.step, truth.watts, truth.present)
    who = ["home" if p else "not_home" for p in labelled.present]
    person = _history(labelled, "binary_sensor.home", ["on" if p else "off" for p in labelled.present])
    tracker = _history(labelled, "person.taro", who)
    both = _history(labelled, "sensor.house_power", numbers(labelled.watts, "{:.1f}", "unavailable"))
    sockets = [*power, *_history(truth, "sensor.tv_power", numbers(truth.watts * 0 + 7, "{:g}", "unavailable"))]
    volts = [*power, *_history(truth, "sensor.house_voltage", ["101.2"] * len(watts))]
    merged = sorted([*both, *person], key=lambda row: row[2])
    joined = sorted([*both, *tracker], key=lambda row: row[2])
    two = {"power_columns": ("sensor.house_power",), **zone}
    presence = {**two, "occupancy_column": "person.taro"}
    return [
        Form("a power sensor", text.encode(), truth, zone, said=("sensor.house_power", "held until the next")),
        Form("in UTC", text.encode(), utc, said=(r"UTC.*--timezone",)),
        Form("with presence", lines([HA, *merged]).encode(), labelled, zone, said=("binary_sensor.home",)),
        Form("with a person", lines([HA, *joined]).encode(), labelled, presence),
        Form(
            "with two persons",
            lines([HA, *joined, *(("person.hanako", *row[1:]) for row in tracker)]).encode(),
            labelled,
            zone,
            refused="'person.taro', 'person.hanako'.*--occupancy-column",
        ),
        Form("with a socket", lines([HA, *sockets]).encode(), truth, two, said=("sensor.tv_power",)),
        Form("with a voltage", lines([HA, *volts]).encode(), truth, zone, said=("sensor.house_voltage",)),
        Form(
            "unknown at first",
            lines([HA, ("sensor.house_power", "unknown", "2023-12-31T20:00:00.000Z"), *power]).encode(),
            truth,
            zone,
        ),
        Form(
            "an entity that is not there",
            text.encode(),
            truth,
            {"power_columns": ("sensor.hause_power",)},
            refused="no column 'sensor.hause_power', only .*sensor.house_power",
        ),
    ]
