"""Zones in names of columns, digits that are days, ranges and ends of intervals: read right or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from meter_forms import Truth, differences, energies, epochs, home, numbers, register, stamps, table, unlabelled

from bracket_env import InputError
from supervised.occupancy.homes.resampling import Resampled
from supervised.occupancy.meters.options import MeterOptions
from supervised.occupancy.meters.read import read_meter
from supervised.occupancy.meters.times.names import offset_of, says_ends

HALF_HOURS = unlabelled(home(30, 2))
WATTS = numbers(HALF_HOURS.watts)


def read(folder: Path, text: str, **options: Any) -> Resampled:
    path = folder / "home.csv"
    path.write_text(text, "utf-8")
    return read_meter(path, 30, MeterOptions(**options))


@pytest.mark.parametrize(
    ("name", "hours"),
    [
        ("Time (UTC)", 0),
        ("timestampUTC", 0),
        ("utc_time", 0),
        ("datetime_gmt", 0),
        ("Time (UTC+09:00)", 9),
        ("Time GMT+0900", 9),
        ("日時(UTC+9)", 9),
        ("Local time (UTC-03:30)", -3.5),
        ("Local time (not UTC)", None),
        ("Time (GMT/BST)", None),
        ("Dutch time", None),
        ("Outcome time", None),
        ("time", None),
    ],
)
def test_a_name_says_its_zone(name: str, hours: float | None) -> None:
    assert offset_of([name]) == (None if hours is None else 3600 * hours)


@pytest.mark.parametrize("name", ["Time (UTC+09:00)", "Time GMT+0900", "Local time (not UTC)", "日時(UTC+9)"])
@pytest.mark.parametrize("zone", [None, "Asia/Tokyo"])
def test_times_are_local_at_the_offset_of_their_name(name: str, zone: str | None, tmp_path: Path) -> None:
    found = read(tmp_path, table([name, "power_W"], stamps(HALF_HOURS, "%Y-%m-%d %H:%M"), WATTS), timezone=zone)
    assert differences(found.record, HALF_HOURS) == []
    assert not any("are UTC" in line for line in found.lines())


def test_an_offset_of_a_name_is_put_into_the_zone_of_the_home(tmp_path: Path) -> None:
    text = table(["Time (UTC+09:00)", "power_W"], stamps(HALF_HOURS, "%Y-%m-%d %H:%M"), WATTS)
    found = read(tmp_path, text, timezone="Asia/Shanghai")
    assert found.record.times[0] == np.datetime64("2023-12-31T23:00")


@pytest.mark.parametrize(
    ("digits", "form"), [("%y%m%d%H%M", "yymmddHHMM"), ("%d%m%y%H%M", "ddmmyyHHMM"), ("%m%d%y%H%M", "%m%d%y%H%M")]
)
@pytest.mark.parametrize("start", ["2024-01-30", "2016-11-29"])
def test_days_in_ten_digits_are_asked_for_and_read(digits: str, form: str, start: str, tmp_path: Path) -> None:
    truth = unlabelled(home(30, 2, start))
    text = table(["timestamp", "power_W"], stamps(truth, digits), WATTS)
    with pytest.raises(InputError, match=r":2: '\d{10}' would be .* in seconds since 1970.*--date-format"):
        read(tmp_path, text)
    assert differences(read(tmp_path, text, date_format=form).record, truth) == []
    dropped = table(["timestamp", "power_W"], [str(int(s)) for s in stamps(truth, digits)], WATTS)
    assert differences(read(tmp_path, dropped, date_format=form).record, truth) == []


def test_seconds_since_1970_are_no_days(tmp_path: Path) -> None:
    text = table(["timestamp", "power_W"], epochs(HALF_HOURS), WATTS)
    for date_format in (None, "yymmddHHMM"):
        assert differences(read(tmp_path, text, date_format=date_format).record, HALF_HOURS) == []


def ranges(truth: Truth, form: str) -> list[str]:
    ends = stamps(Truth(truth.start + np.timedelta64(truth.step, "s"), truth.step, truth.watts, truth.present), form)
    begins = stamps(truth, "%Y-%m-%d %H:%M")
    return [f"{begin}-{end}" for begin, end in zip(begins, ends, strict=True)]


def test_a_range_is_no_time_with_an_offset(tmp_path: Path) -> None:
    closed = [cell.replace("23:30-00:00", "23:30-23:59") for cell in ranges(HALF_HOURS, "%H:%M")]
    one_day = [cell.split()[1] for cell in closed]
    hours = unlabelled(home(60, 2))
    for text, truth in (
        (table(["time", "power_W"], closed, WATTS), HALF_HOURS),
        (table(["date", "time", "power_W"], stamps(HALF_HOURS, "%Y-%m-%d"), one_day, WATTS), HALF_HOURS),
        (table(["time", "power_W"], ranges(hours, "%H"), numbers(hours.watts)), hours),
    ):
        found = read(tmp_path, text)
        assert differences(found.record, truth) == []
        assert any("beginnings of ranges" in line for line in found.lines())


@pytest.mark.parametrize("zone", ["-05:00", "-05", "+00", "-03:30"])
def test_an_offset_is_no_range(zone: str, tmp_path: Path) -> None:
    times = [f"{time}{zone}" for time in stamps(HALF_HOURS, "%Y-%m-%d %H:%M")]
    found = read(tmp_path, table(["time", "power_W"], times, WATTS))
    assert differences(found.record, HALF_HOURS) == []
    assert not any("ranges" in line for line in found.lines())


def test_an_offset_of_no_place_is_refused(tmp_path: Path) -> None:
    times = stamps(HALF_HOURS, "%Y-%m-%d %H:%M:%S+09:00")
    times[3] = times[3].replace("+09", "+23")
    with pytest.raises(InputError, match=r":5: .*\+23:00' ends in what is no time zone: is it a range"):
        read(tmp_path, table(["time", "power_W"], times, WATTS))


@pytest.mark.parametrize("name", ["End Time", "終了日時", "interval_end", "EndDate", "Bis Zeit"])
def test_ends_of_intervals_become_beginnings(name: str, tmp_path: Path) -> None:
    assert says_ends([name])
    late = Truth(HALF_HOURS.start + np.timedelta64(1800, "s"), 1800, HALF_HOURS.watts, HALF_HOURS.present)
    for form, shift in (("%Y-%m-%d %H:%M", 0), ("%Y-%m-%d %H:%M:%S", -1), ("%Y-%m-%d %H:%M", -60)):
        ends = Truth(late.start + np.timedelta64(shift, "s"), 1800, late.watts, late.present)
        found = read(tmp_path, table([name, "energy_kWh"], stamps(ends, form), energies(late)))
        assert differences(found.record, HALF_HOURS) == []
        assert any(f"'{name}' is an end by its name, so times are taken for" in line for line in found.lines())


def test_a_counter_is_read_at_the_end_itself(tmp_path: Path) -> None:
    text = table(["End Time", "total_kWh"], stamps(HALF_HOURS, "%Y-%m-%d %H:%M"), register(HALF_HOURS))
    np.testing.assert_allclose(read(tmp_path, text).record.watts[:-1], HALF_HOURS.watts[:-1], rtol=1e-5)


@pytest.mark.parametrize("name", ["Weekend time", "calendar time", "sending time", "time"])
def test_other_names_say_no_end(name: str) -> None:
    assert not says_ends([name])


def test_a_spreadsheet_s_date_at_midnight_takes_the_times_beside(tmp_path: Path) -> None:
    columns = (stamps(HALF_HOURS, "%Y-%m-%d 00:00:00"), stamps(HALF_HOURS, "%H:%M:%S"), WATTS)
    found = read(tmp_path, table(["Date", "Time", "power_W"], *columns))
    assert differences(found.record, HALF_HOURS) == []


@pytest.mark.parametrize("name", ["HE", "hour ending", "Hour Ending"])
@pytest.mark.parametrize("begin", [0, 5])
def test_numbers_of_hours_that_end(name: str, begin: int, tmp_path: Path) -> None:
    hours = unlabelled(home(60, 0.75, f"2024-01-01T{begin:02d}:00"))
    numbered = [begin + i + 1 for i in range(18)]
    text = table(["date", name, "kW"], stamps(hours, "%Y-%m-%d"), numbered, numbers(hours.watts / 1000))
    assert differences(read(tmp_path, text).record, hours) == []
    with pytest.raises(InputError, match=r":19: 25 in column .*clocks go back.*offset"):
        read(tmp_path, text.replace(f",{begin + 18},", ",25,"))


def test_morning_and_afternoon_under_a_header_in_english(tmp_path: Path) -> None:
    path = tmp_path / "home.csv"
    halves = [s.replace("AM", "午前").replace("PM", "午後") for s in stamps(HALF_HOURS, "%Y/%m/%d %p %-I:%M")]
    path.write_bytes(table(["timestamp", "power_W"], halves, WATTS).encode("cp932"))
    assert differences(read_meter(path, 30).record, HALF_HOURS) == []
