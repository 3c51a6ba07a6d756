"""Forms of Japanese exports and of loggers and spreadsheets at large."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import meter_datasets
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
    register,
    stamps,
    table,
    unlabelled,
    without,
)

FULL = str.maketrans("0123456789.:/", "０１２３４５６７８９．：／")


def _at_home(truth: Truth, yes: str, no: str) -> list[str]:
    return [yes if p else no for p in truth.present]


def japanese() -> list[Form]:
    """Thirty minutes of electricity as utilities and home displays write it."""
    truth = unlabelled(home(30, 3, "2024-01-01"))
    labelled = home(30, 3, "2024-01-01")
    used, kw = energies(truth), kilowatts(truth)
    slash, words = stamps(truth, "%Y/%-m/%-d %-H:%M"), stamps(truth, "%Y年%-m月%-d日 %-H時%M分")
    ends = Truth(truth.start, truth.step, truth.watts, truth.present)
    late = replace(ends, start=ends.start + np.timedelta64(1800, "s"))
    closing = [s.replace("00:00", "24:00") for s in stamps(late, "%H:%M")]
    closing = [f"{day} {time}" for day, time in zip(stamps(truth, "%Y/%m/%d"), closing, strict=True)]
    plain = table(["日時", "電力量(kWh)"], slash, used)
    clock = [f"{i // 2}:{i % 2 * 30:02d}" for i in range(48)]
    of_days = np.array(used).reshape(3, 48)
    days, japanese_days = stamps(truth, "%Y/%m/%d")[::48], stamps(truth, "%Y年%-m月%-d日")[::48]
    wide = lines([["年月日", *clock], *([day, *row] for day, row in zip(japanese_days, of_days, strict=True))])
    extra = lines(
        [
            ["年月日", "曜日", *clock, "合計"],
            *([day, "月", *row, "12.3"] for day, row in zip(days, of_days, strict=True)),
        ]
    )
    ranges = [f"{a}～{b}" for a, b in zip(clock, [*clock[1:], "24:00"], strict=True)]
    ranged = lines([["対象日", *ranges], *([day, *row] for day, row in zip(days, of_days, strict=True))])
    preamble = "ご使用量照会,,\nお客さま番号,0123-456,\n単位：kWh,,\n\n"
    parts = table(
        ["年月日", "時刻", "電力(W)"], stamps(truth, "%Y年%-m月%-d日"), stamps(truth, "%H:%M"), numbers(truth.watts)
    )
    koma = table(["年月日", "コマ", "使用電力量(kWh)"], stamps(truth, "%Y%m%d"), [i % 48 + 1 for i in range(144)], used)
    units = lines([["日時", "電力", "料金"], ["", "kW", "円"], *zip(slash, kw, ["900"] * 144, strict=True)])
    price = table(["日時", "電力(W)", "電力料金(円)"], slash, numbers(truth.watts), ["900"] * 144)
    who = table(["日時", "消費電力(kW)", "在宅"], slash, kilowatts(labelled), _at_home(labelled, "在宅", "不在"))
    solar = table(
        ["日時", "消費電力量(kWh)", "発電電力量(kWh)", "売電電力量(kWh)", "買電電力量(kWh)"],
        slash,
        used,
        ["0.1"] * 144,
        ["0.05"] * 144,
        ["0.2"] * 144,
    )
    weekday = [f"{s.split()[0]}(月) {s.split()[1]}" for s in slash]
    full = table(["日時", "電力量（ｋＷｈ）"], slash, used).translate(FULL).encode()
    counter = replace(truth, watts=np.append(truth.watts[:-1], np.nan))
    gaps = without(truth, [3, 4])
    return [
        Form("cp932", plain.encode("cp932"), truth, said=("cp932", "kWh")),
        Form("UTF-8 with a mark", plain.encode("utf-8-sig"), truth),
        Form("words for the time", table(["計測日時", "電力量(kWh)"], words, used).encode("cp932"), truth),
        Form("full-width digits", full, truth),
        Form("24:00", table(["日時", "電力量(kWh)"], closing, used).encode("cp932"), truth, said=("24:00.*end",)),
        Form("48 columns a day", (preamble + wide).encode("cp932"), truth, said=("kWh", "48 columns")),
        Form(
            "48 columns, newest day first",
            "\n".join(wide.splitlines()[:1] + wide.splitlines()[:0:-1]).encode(),
            truth,
            {"unit": "kWh"},
            said=("put in order",),
        ),
        Form("48 columns and a total", extra.encode("cp932"), truth, {"unit": "kWh"}),
        Form("48 columns without a unit", extra.encode("cp932"), truth, refused="--unit kWh"),
        Form("48 ranges", ("使用電力量(kWh),\n" + ranged).encode("cp932"), truth),
        Form(
            "a preamble",
            ("スマートメーター計測値\nお客さま番号：0123\n\n" + plain).encode("cp932"),
            truth,
            said=("line 4",),
        ),
        Form("a row of units", units.encode("cp932"), truth, said=("kW",)),
        Form("date and time apart", parts.encode(), truth, said=("年月日.*時刻",)),
        Form("numbers of half hours", koma.encode(), truth),
        Form("a price beside", price.encode(), truth, said=("電力料金",)),
        Form("somebody at home", who.encode("cp932"), labelled),
        Form("solar beside", solar.encode("cp932"), truth, said=("消費電力量",)),
        Form("weekdays", table(["日時", "電力(kW)"], weekday, kw).encode("cp932"), truth),
        Form(
            "missing in words",
            table(["日時", "電力量(kWh)"], slash, energies(gaps, "欠測")).encode(),
            gaps,
            said=("欠測. 2",),
        ),
        Form(
            "a counter", table(["日時", "積算電力量(kWh)"], slash, register(truth)).encode(), counter, said=("counter",)
        ),
        Form("UTF-16", plain.replace(",", "\t").encode("utf-16"), truth, said=("UTF-16",)),
        Form(
            "an era",
            table(
                ["日時", "電力(kW)"],
                [s.replace("2024/", "令和6年").replace("/", "月", 1).replace(" ", "日 ") for s in slash],
                kw,
            ).encode(),
            truth,
        ),
    ]


def columns() -> list[Form]:
    """Which columns are the power, and in what unit."""
    truth, bare = home(15, 2), unlabelled(home(15, 2))
    time, watts, n = stamps(truth, "%Y-%m-%d %H:%M"), numbers(truth.watts), len(truth.watts)
    rest, fridge = numbers(truth.watts - 40), ["40"] * n
    counter = replace(bare, watts=np.append(bare.watts[:-1], np.nan))
    reset = [float(x) for x in register(bare)]
    fallen = without(counter, [99])
    reset[100:] = [x - reset[100] for x in reset[100:]]
    yes_no = {"yes": "no", "True": "False", "on": "off", "home": "away", "Y": "N", "1.0": "0.0", "occupied": "vacant"}
    rising = table(["time", "energy_kWh"], time[:6], ["0.1", "0.2", "0.3", "0.4", "0.5", "0.6"])
    return [
        Form(
            "parts",
            table(["time", "fridge_W", "rest_W"], time, fridge, rest).encode(),
            bare,
            said=("fridge_W.*rest_W",),
        ),
        Form(
            "total and parts",
            table(["time", "total_W", "fridge_W", "tv_W"], time, watts, fridge, ["7"] * n).encode(),
            bare,
            said=("left out.*fridge_W",),
        ),
        Form("power and parts", table(["time", "power_W", "fridge_W"], time, watts, fridge).encode(), bare),
        Form(
            "power factor", table(["time", "active_power_W", "power_factor"], time, watts, ["0.93"] * n).encode(), bare
        ),
        Form(
            "three powers",
            table(
                ["time", "Active Power (kW)", "Reactive Power (kvar)", "Apparent Power (kVA)"],
                time,
                kilowatts(bare),
                fridge,
                fridge,
            ).encode(),
            bare,
        ),
        Form("solar", table(["time", "power_W", "solar_power_W"], time, watts, fridge).encode(), bare),
        Form("both units", table(["time", "power_W", "power_kW"], time, watts, kilowatts(bare)).encode(), bare),
        Form("power and energy", table(["time", "power_W", "energy_kWh"], time, watts, energies(bare)).encode(), bare),
        Form("megawatts", table(["time", "load [MW]"], time, numbers(bare.watts / 1e6, "{:.6f}")).encode(), bare),
        Form("watt hours", table(["time", "Wh"], time, numbers(bare.watts / 4)).encode(), bare, said=("Wh",)),
        Form(
            "kilowatts without a word",
            table(["time", "power"], time, kilowatts(bare)).encode(),
            bare,
            refused=r"'power'.*--unit kW",
        ),
        Form(
            "a counter", table(["time", "consumption_kWh"], time, register(bare)).encode(), counter, said=("counter",)
        ),
        Form(
            "a counter in watt hours",
            table(
                ["time", "energy_Wh"], time, numbers(1000 * np.array([float(x) for x in register(bare)]), "{:.6f}")
            ).encode(),
            counter,
        ),
        Form(
            "a counter that begins anew",
            table(["time", "total_kWh"], time, numbers(reset, "{:.9f}")).encode(),
            fallen,
            said=("begins anew",),
        ),
        Form(
            "a counter of no unit",
            table(["time", "power"], time, register(bare)).encode(),
            bare,
            refused="--unit kWh-total",
        ),
        Form(
            "the same twice",
            table(["time", "Power1 (W)", "Power2 (W)"], time, watts, watts).encode(),
            bare,
            refused="'Power1 .*'Power2 .*the same numbers.*--power-columns",
        ),
        Form(
            "units in the cells",
            table(["time", "power"], time, [f"{cell} kW" for cell in kilowatts(bare)]).encode(),
            bare,
        ),
        Form("a few rising energies", rising.encode(), bare, refused="--unit kWh-total"),
        Form(
            "nothing but a temperature",
            table(["time", "temperature"], time, watts).encode(),
            bare,
            refused=r"no power column among.*--power-columns",
        ),
        Form(
            "named and of a unit",
            table(["time", "P1", "P2"], time, watts, fridge).encode(),
            bare,
            {"power_columns": ("P1",), "unit": "W"},
        ),
        Form(
            "two totals",
            table(["time", "total_W", "house_W"], time, watts, numbers(truth.watts + 8)).encode(),
            bare,
            refused="--power-columns",
        ),
        *(
            Form(
                f"labels {yes}",
                table(["time", "power_W", "occupied"], time, watts, _at_home(truth, yes, no)).encode(),
                truth,
            )
            for yes, no in yes_no.items()
        ),
        Form(
            "a label of two",
            table(["time", "power_W", "occupied"], time, watts, ["2"] * n).encode(),
            truth,
            refused=r":2: '2'.*no label",
        ),
        Form(
            "a header with blanks",
            table(["time ", " power_W", "occupied "], time, watts, _at_home(truth, "1", "0")).encode(),
            truth,
            {"power_columns": ("power_W ",), "occupancy_column": "occupied "},
        ),
    ]


def times() -> list[Form]:
    """How times are written, and in which order."""
    truth = unlabelled(home(15, 3, "2024-02-01"))
    watts = numbers(truth.watts)
    iso = stamps(truth, "%Y-%m-%d %H:%M")

    def with_times(stamp: str, head: str = "time") -> bytes:
        return table([head, "power_W"], stamps(truth, stamp), watts, separator=";").encode()

    def in_columns(separator: str = ",", rows: list[str] = iso) -> str:
        return table(["time", "power_W"], rows, watts, separator=separator)

    berlin = unlabelled(home(15, 2, "2024-10-26T10:00", "Europe/Berlin"))
    spring = unlabelled(home(30, 2, "2024-03-30T10:00", "Europe/Berlin"))
    autumn = table(["time", "power_W"], stamps(berlin, "%Y-%m-%d %H:%M"), numbers(berlin.watts)).encode()
    march = table(["time", "power_W"], stamps(spring, "%Y-%m-%d %H:%M"), numbers(spring.watts)).encode()
    winter = unlabelled(home(15, 2, "2024-03-30"))
    whole_winter = table(["time", "power_W"], stamps(winter, "%Y-%m-%d %H:%M"), numbers(winter.watts)).encode()
    offset = [f"{s}{o // 3600:+03d}:00" for s, o in zip(stamps(berlin, "%Y-%m-%dT%H:%M"), berlin.offsets, strict=True)]
    wall = table(["time", "power_W"], offset, numbers(berlin.watts)).encode()
    tokyo = unlabelled(home(15, 2, "2024-01-01T15:00", "Asia/Tokyo"))
    zulu = table(["time", "power_W"], stamps(tokyo, "%Y-%m-%dT%H:%M:%SZ", local=False), numbers(tokyo.watts)).encode()
    named = zulu.replace(b"time,", b"time_utc,").replace(b"Z,", b",")
    reverse = in_columns().splitlines(keepends=True)
    newest = "".join([reverse[0], *reversed(reverse[1:])]).encode()
    day = unlabelled(home(15, 1, "2024-02-01"))
    one = table(["time", "power_W"], stamps(day, "%d/%m/%Y %H:%M"), numbers(day.watts)).encode()
    back = in_columns().replace("2024-02-02 01:00", "2023-02-02 01:00").encode()
    conflict = in_columns().replace("2024-02-02 01:00", "2024-02-02 00:45").encode()
    return [
        Form("dd/mm/yyyy", with_times("%d/%m/%Y %H:%M"), truth, said=("dd/mm/yyyy",)),
        Form("mm/dd/yyyy", with_times("%m/%d/%Y %I:%M %p"), truth, said=("mm/dd/yyyy",)),
        Form("dd.mm.yyyy", with_times("%d.%m.%Y %H:%M", "Datum"), truth, said=("dd.mm.yyyy",)),
        Form("dd.mm.yy", with_times("%d.%m.%y %H:%M"), truth, refused=r"'01.02.24 00:00'.*--date-format"),
        Form("dd.mm.yy, said", with_times("%d.%m.%y %H:%M"), truth, {"date_format": "dd.mm.yy"}),
        Form("one day", one, day, refused=r":2: '01/02/2024 00:00'.*1 February.*2 January.*--date-format"),
        Form("one day, said", one, day, {"date_format": "%d/%m/%Y %H:%M"}),
        Form("compact", with_times("%Y%m%d%H%M"), truth),
        Form("month by name", with_times("%d %b %Y %H:%M:%S"), truth),
        Form(
            "epoch milliseconds",
            table(["timestamp", "power_W"], epochs(truth, 1000), watts).encode(),
            truth,
            said=("UTC",),
        ),
        Form("UTC with a zone", zulu, tokyo, {"timezone": "Asia/Tokyo"}, said=("Asia/Tokyo",)),
        Form("UTC without a zone", zulu, replace(tokyo, zone=None), said=(r"UTC.*--timezone",)),
        Form("UTC by the column's name", named, tokyo, {"timezone": "Asia/Tokyo"}),
        Form("offsets over autumn", wall, berlin),
        Form("autumn with a zone", autumn, berlin, {"timezone": "Europe/Berlin"}),
        Form("autumn by its order", autumn, berlin, said=("back by an hour",)),
        Form("spring with a zone", march, spring, {"timezone": "Europe/Berlin"}),
        Form("standard time all year", whole_winter, winter),
        Form(
            "standard time all year with a zone",
            whole_winter,
            winter,
            {"timezone": "Europe/Berlin"},
            refused=r":106: '2024-03-31 02:00'.*Europe/Berlin.*Etc/GMT-1",
        ),
        Form("newest first", newest, truth, said=("newest row stands first",)),
        Form("back by a year", back, truth, refused=":102: .*'2023-02-02 01:00' is earlier"),
        Form("one time twice", conflict, truth, refused=":102: .*'2024-02-02 00:45' comes twice"),
        Form(
            "Excel's day numbers",
            table(["time", "power_W"], [f"{45323 + i / 96:.6f}" for i in range(288)], watts).encode(),
            truth,
            refused="'45323.0000.*spreadsheet",
        ),
    ]


def dialects() -> list[Form]:
    """Separators, decimals and what stands before, between and after the rows."""
    truth = unlabelled(home(15, 3, "2024-02-01"))
    time, kw = stamps(truth, "%Y-%m-%d %H:%M"), kilowatts(truth)
    comma = [cell.replace(".", ",") for cell in kw]
    plain = table(["time", "power_kW"], time, kw)
    semi = table(["time", "power_kW"], time, comma, separator=";")
    quoted = lines([['"time"', '"power_kW"'], *((f'"{t}"', f'"{c}"') for t, c in zip(time, comma, strict=True))])
    thousands = [f"{1000 * w:,.1f}" for w in truth.watts]
    german = [cell.translate(str.maketrans(",.", ".,")) for cell in thousands]
    milli = replace(truth, watts=truth.watts * 10)
    whole = [f"{w:,.0f}".replace(",", ".") for w in milli.watts]
    bare = lines(zip(time, kw, strict=True))
    broken = plain.replace("2024-02-02 01:00,", "2024-02-02 01:00,,").encode()
    text = plain.splitlines(keepends=True)
    text[50] = text[50].replace("0.", "O.")
    latin = table(["Zeit", "Leistung Küche (kW)"], time, comma, separator=";").encode("cp1252")
    return [
        Form("semicolons and decimal commas", semi.encode(), truth, said=("';'", "decimal ','")),
        Form("quoted decimal commas", quoted.encode(), truth),
        Form("sep=;", ("sep=;\r\n" + semi.replace("\n", "\r\n")).encode(), truth),
        Form("a last line of commas", (plain + ",,\n").replace("power_kW\n", "power_kW,\n").encode(), truth),
        Form("empty lines", plain.replace("\n", "\n\n").encode(), truth),
        Form("separators at the ends", plain.replace("\n", ",\n").replace("kW,\n", "kW\n", 1).encode(), truth),
        Form(
            "files put together",
            (plain[: plain.index("2024-02-02")] + "time,power_kW\n" + plain[plain.index("2024-02-02") :]).encode(),
            truth,
            said=("stands again in 1",),
        ),
        Form("pipes", plain.replace(",", "|").encode(), truth),
        Form("comments", ("# logger 7\n# in kW, I think\n" + plain).encode(), truth),
        Form(
            "thousands",
            lines([["time", "power_mW"], *((t, f'"{c}"') for t, c in zip(time, thousands, strict=True))]).encode(),
            truth,
        ),
        Form("German thousands", table(["time", "power_mW"], time, german, separator=";").encode(), truth),
        Form(
            "points that may be thousands",
            table(["time", "power_W"], time, whole, separator=";").encode(),
            milli,
            refused="--decimal",
        ),
        Form(
            "points that are thousands",
            table(["time", "power_W"], time, whole, separator=";").encode(),
            milli,
            {"decimal": "comma"},
        ),
        Form("no header", bare.encode(), truth, {"columns": ("time", "power_kW")}),
        Form("no header and no names", bare.encode(), truth, refused=r"no header.*--columns time power_W"),
        Form("old Macintosh lines", plain.replace("\n", "\r").encode(), truth),
        Form("UTF-16 without a mark", plain.encode("utf-16-le"), truth, said=("UTF-16",)),
        Form("cp1252", latin, truth, said=("cp1252",)),
        Form(
            "said encoding and separator", semi.encode("utf-16-le"), truth, {"encoding": "utf-16-le", "separator": ";"}
        ),
        Form("a cell too many", broken, truth, refused=r":102: 3 cells.*2"),
        Form("a letter for a digit", "".join(text).encode(), truth, refused=r":51: 'O\..*'power_kW' is no number"),
        Form("a page", b"<!DOCTYPE html><html><body>Log in</body></html>\n", truth, refused="HTML"),
        Form("a workbook", b"PK\x03\x04" + bytes(200), truth, refused="workbook.*CSV"),
        Form(
            "minus",
            plain.replace(f"02 01:00,{kw[100]}", "02 01:00,-3.5").encode(),
            truth,
            refused=r":102: .*-3\.5.*'power_kW'",
        ),
        Form(
            "infinite", plain.replace(f"02 01:00,{kw[100]}", "02 01:00,inf").encode(), truth, refused=r":102: .*'inf'"
        ),
    ]


def portals() -> list[Form]:
    """Downloads of suppliers' portals and of the apps of energy monitors."""
    truth, n = unlabelled(home(60, 3, "2024-01-20")), 72
    used, kw, watts = energies(truth), kilowatts(truth), numbers(truth.watts)
    day, clock = stamps(truth, "%Y-%m-%d"), stamps(truth, "%H:%M")
    time = stamps(truth, "%Y-%m-%d %H:%M:%S")
    ends = [f"{c[:3]}59" for c in clock]
    after = stamps(replace(truth, start=truth.start + np.timedelta64(3600, "s")), "%H:%M")
    low, zero = ["0.1"] * n, ["0"] * n
    heads = ["TYPE", "DATE", "START TIME", "END TIME", "USAGE", "UNITS", "COST", "NOTES"]
    green = "Name,A CUSTOMER\nAddress,1 STREET\nService,Service 1\n\n" + table(
        heads, ["Electric usage"] * n, day, clock, ends, used, ["kWh"] * n, ["$0.12"] * n, [""] * n
    )
    london = unlabelled(home(30, 2, "2024-06-01T10:00", "Europe/London"))
    offset = [f"{s}+01:00" for s in stamps(london, "%Y-%m-%dT%H:%M:%S")]
    octopus = table(["Consumption (kWh)", " Start", " End"], energies(london), offset, offset)
    mains = numbers(truth.watts / 2000, "{:.4f}")
    emporia = table(
        ["Time Bucket", "Mains_A (kWatts)", "Mains_B (kWatts)", "Kitchen (kWatts)"], time, mains, mains, low
    )
    letters = {"power_columns": ("Mains_A (kWatts)", "Mains_B (kWatts)")}
    tesla = table(
        ["Date time", "Home (kW)", "Solar Energy (kW)", "From Powerwall (kW)", "From Grid (kW)"],
        time,
        kw,
        low,
        low,
        low,
    )
    smart = table(
        ["time", "use [kW]", "gen [kW]", "Dishwasher [kW]", "Solar [kW]", "temperature"],
        epochs(truth),
        kw,
        zero,
        zero,
        zero,
        ["36"] * n,
    )
    enphase = table(
        ["Date/Time", "Energy Produced (Wh)", "Energy Consumed (Wh)", "Exported to Grid (Wh)"],
        time,
        ["9"] * n,
        watts,
        zero,
    )
    half = replace(truth, watts=np.append(truth.watts[:-1], np.nan))
    first, second = (
        register(replace(truth, watts=truth.watts / 4)),
        register(replace(truth, watts=truth.watts * 3 / 4), 90.0),
    )
    dutch = table(["time", "Import T1 kWh", "Import T2 kWh", "Export T1 kWh"], time, first, second, ["5.0"] * n)
    refit = table(["Time", "Unix", "Aggregate", "Appliance1"], time, epochs(truth), watts, ["3"] * n)
    ranges = table(
        ["日時", "使用電力量(kWh)", "前年使用電力量(kWh)"],
        [f"{d} {a}-{b}" for d, a, b in zip(day, clock, after, strict=True)],
        used,
        ["0.3"] * n,
    )
    tildes = ranges.replace("-01-", "/01/").translate({ord("-"): "〜"})
    own = table(["日時", "発電(kWh)", "自家消費(kWh)", "買電(kWh)"], time, low, low, used)
    gas = table(["日時", "電気使用量(kWh)", "ガス使用量(m3)"], time, used, ["1.5"] * n)
    three = [numbers(truth.watts * share, "{:.2f}") for share in (0.25, 0.75, 1.0)]
    summed = table(["time", "upstairs_W", "downstairs_W", "both_W"], time, *three)
    factor = table(["time", "power_factor", "apparent_VA"], time, ["0.9"] * n, watts)
    return [
        Form("green button", green.encode(), truth, said=("USAGE.*kWh",)),
        Form("octopus", octopus.encode(), london, said=("offset",)),
        Form("emporia", emporia.encode(), truth, letters, said=("kW",)),
        Form("emporia, not said", emporia.encode(), truth, refused="Mains_A.*--power-columns"),
        Form("powerwall", tesla.encode(), truth, said=("Home",)),
        Form("smart", smart.encode(), truth, said=("'use ",)),
        Form("enphase", enphase.encode(), truth),
        Form("two registers", dutch.encode(), half, said=("T1.*T2",)),
        Form("refit", refit.encode(), truth, said=("'Time'",)),
        Form("ranges of time", ranges.encode(), truth),
        Form("ranges with a tilde", tildes.encode(), truth),
        Form("own solar power", own.encode(), truth, said=("from the grid",)),
        Form("gas beside", gas.encode(), truth),
        Form("a sum by its numbers", summed.encode(), truth, said=("power 'both_W'",)),
        Form(
            "a factor that is asked for",
            factor.encode(),
            truth,
            {"power_columns": ("power_factor",)},
            refused="another quantity",
        ),
        Form(
            "kilowatts that are watts",
            table(["time", "power_kW"], time, watts).encode(),
            truth,
            refused="no home.*--unit",
        ),
        Form(
            "watts that are kilowatts",
            table(["time", "power_W"], time, kw).encode(),
            truth,
            refused="no home.*--unit|--unit kW",
        ),
    ]


FAMILIES = {
    "uci": meter_datasets.uci,
    "redd": meter_datasets.redd,
    "uk_dale": meter_datasets.uk_dale,
    "london": meter_datasets.london,
    "eco": meter_datasets.eco,
    "home_assistant": meter_datasets.home_assistant,
    "japanese": japanese,
    "columns": columns,
    "times": times,
    "dialects": dialects,
    "portals": portals,
}


@cache
def all_forms() -> list[tuple[str, Form]]:
    """Each form with its family."""
    return [(family, form) for family, make in FAMILIES.items() for form in make()]
