"""A meter's file: what is read, what is reported, and one line for everything that is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bracket_env import InputError
from supervised.occupancy.homes.predictions import write_predictions
from supervised.occupancy.homes.simulator import simulate
from supervised.occupancy.meters.options import MeterOptions
from supervised.occupancy.meters.read import read_meter

Writer = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Writer:
    def _write(text: str) -> Path:
        path = tmp_path / "home.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return _write


def test_the_report_says_what_was_taken_for_what(write: Writer) -> None:
    path = write(
        "time,fridge_W,room,rest power,occupied\n"
        "2024-01-01 00:00,80,1,100,1\n"
        "2024-01-01 00:15,90,2,,0\n"
        "2024-01-01 00:30,60,3,40,\n"
        "2024-01-01 00:45,60.5,4,39.5,0\n"
    )
    found = read_meter(path, 15)
    np.testing.assert_array_equal(found.record.watts, [180, np.nan, 100, 100])
    np.testing.assert_array_equal(found.record.present, [1, 0, -1, 0])
    assert found.record.times[1] == np.datetime64("2024-01-01T00:15")
    assert found.lines() == [
        f"{path}: UTF-8, separator ',', decimal '.', header in line 1",
        "columns: time 'time', power 'fridge_W' in W + 'rest power' in W, which is not said (else --unit), "
        "labels 'occupied'; left out: 'room'",
        "times: yyyy-mm-dd, without a zone, taken for local (else --timezone)",
        f"{path}: 4 rows every 15 min -> 4 slots of 15 min, 2024-01-01 00:00 to 2024-01-01 00:45, "
        "3 of them with a label",
        "warning: 1 row without power",
        "warning: 1 slot without power, which is not predicted",
        "warning: 1 power cell is missing: empty 1",
    ]


def test_columns_can_be_named(write: Writer) -> None:
    path = write("日時;a;b;who\n2024/1/1 9:00;100;20;1\n2024/1/1 9:15;300;40;0\n")
    found = read_meter(path, 15, MeterOptions(power_columns=("b",), occupancy_column="who"))
    np.testing.assert_array_equal(found.record.watts, [20, 40])
    np.testing.assert_array_equal(found.record.present, [1, 0])


def test_a_column_of_dates_takes_the_times_with_it_and_rows_are_told_from_headers(write: Writer) -> None:
    text = "day,clock,P\n2024-01-01,00:00,100\n2024-01-01,00:15,120\n"
    found = read_meter(write(text), 15, MeterOptions(time_column="day", power_columns=("P",)))
    np.testing.assert_array_equal(found.record.watts, [100, 120])
    bare = text.split("\n", 1)[1]
    named = MeterOptions(columns=("day", "clock", "power_W"))
    np.testing.assert_array_equal(read_meter(write(bare), 15, named).record.watts, [100, 120])
    np.testing.assert_array_equal(read_meter(write(text), 15, named).record.watts, [100, 120])
    text += "2024-01-01,00:30,90\n"
    for broken in (text.split("\n", 1)[1], text):
        with pytest.raises(InputError, match=r"'2024-01-0x 00:00' is no time"):
            read_meter(write(broken.replace("2024-01-01", "2024-01-0x", 1)), 15, named)


def test_times_with_an_offset_are_local_as_they_stand(write: Writer) -> None:
    times = ("2024-03-31T01:30:00+01:00", "2024-03-31T01:45:00+01:00", "2024-03-31T03:00:00+02:00")
    found = read_meter(write("time,power_W\n" + "".join(f"{t},{10 + i}\n" for i, t in enumerate(times))), 15)
    np.testing.assert_array_equal(found.record.watts[[0, 1, -1]], [10, 11, 12])
    assert found.record.times[-1] == np.datetime64("2024-03-31T03:00")
    assert "local by the offset" in found.lines()[2]


def test_irregular_rows_are_weighted_by_time_and_reported(write: Writer) -> None:
    path = write("time,power\n2024-01-01 00:00,60\n2024-01-01 00:10,90\n2024-01-01 00:21,60\n2024-01-01 00:30,30\n")
    found = read_meter(path, 15)
    np.testing.assert_allclose(found.record.watts[:2], [(10 * 60 + 5 * 90) / 15, (6 * 90 + 9 * 60) / 15])
    assert any("2 steps between rows that have another length" in line for line in found.lines())


def test_missing_days_are_counted_and_not_filled(write: Writer) -> None:
    rows = [f"2024-01-{day:02d} {hour:02d}:00,100\n" for day in (1, 4) for hour in range(24)]
    found = read_meter(write("time,power\n" + "".join(rows)), 60)
    assert found.missing_days == 2
    assert np.isnan(found.record.watts[25:72]).all()
    assert any(line == "warning: 2 days without any power" for line in found.lines())


def test_hourly_rows_fill_shorter_slots(write: Writer) -> None:
    found = read_meter(write("time,power\n2024-01-01 00:00,100\n2024-01-01 01:00,50\n"), 15)
    np.testing.assert_array_equal(found.record.watts, [100] * 4 + [50] * 4)


def test_a_simulated_home_comes_back_from_a_file(tmp_path: Path) -> None:
    fine = simulate(0, 1, 10, minutes=5)
    path = tmp_path / "home.csv"
    write_predictions(str(path), fine, {"model": np.full(len(fine), 0.25)})
    found = read_meter(path, 15)
    coarse = simulate(0, 1, 10, minutes=15)
    np.testing.assert_allclose(found.record.watts, coarse.watts, atol=0.06)
    assert (found.record.present == coarse.present).mean() > 0.99
    assert found.record.start == coarse.start


HEAD = "time,power,occupied\n2024-01-01 00:00,100,1\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            HEAD + "2023-12-31 23:45,1,1\n2024-01-02 00:00,9,1\n2024-01-03 00:00,9,1\n",
            ":3: .* is earlier than '2024-01-01",
        ),
        (HEAD + "2024-01-01 00:00,1,1\n", ":3: the time '2024-01-01 00:00' comes twice"),
        (HEAD + "2024-01-01T00:15+09:00,1,1\n", ":3: '2024-01-01T00:15\\+09:00' has a time zone"),
        ("time,power\n2024-01-01T00:00Z,1\n2024-01-01T00:15,1\n", ":3: '2024-01-01T00:15' has no time zone"),
        (HEAD + "yesterday,1,1\n", ":3: 'yesterday' is no time"),
        (HEAD + "2024-02-30 00:00,1,1\n", ":3: '2024-02-30 00:00' is no time"),
        (HEAD + "2024-01-01 25:00,1,1\n", ":3: '2024-01-01 25:00' is no time"),
        (HEAD + "合計,1,1\n", ":3: '合計' is no time.*line of sums"),
        (HEAD + ",1,1\n", ":3: a row without a time"),
        (HEAD + "2024-01-01 00:15,lots,1\n", ":3: 'lots' in column 'power' is no number"),
        (HEAD + "2024-01-01 00:15,1_000,1\n", ":3: '1_000' in column 'power' is no number"),
        (HEAD + "2024-01-01 00:15,-3,1\n", ":3: negative power -3 in column 'power'"),
        (HEAD + "2024-01-01 00:15,inf,1\n", ":3: 'inf' in column 'power' is no number"),
        (HEAD + "2024-01-01 00:15,1e999,1\n", ":3: '1e999' in column 'power' is too large"),
        (HEAD + "2024-01-01 00:15,1,maybe\n", ":3: 'maybe' is no label.*--occupancy-column"),
        (HEAD + "2024-01-01 00:15,1,2\n", ":3: '2' is no label"),
        (HEAD + "2024-01-01 00:15,1\n", ":3: 2 cells where the header has 3: the last line breaks off"),
        (HEAD + '2024-01-01 00:15,"1,1\n', ":3: a quote that does not end"),
        (HEAD, "1 rows of data are too few"),
        ("time,power\n", "0 rows of data are too few"),
        ("time,power\n2024-01-01 00:00,\n2024-01-01 00:15,\n", "no row has power"),
        ("time,temperature\n2024-01-01 00:00,20\n", ":1: no power column among time, temperature"),
        ("time,power,power\n2024-01-01 00:00,20,20\n", ":1: two columns are called 'power'"),
        ("day,power\n2024-01-01,100\n2024-01-02,100\n", "a day and no time of day"),
        ("time,power\n00:00,100\n00:15,100\n", "no time column|says no day"),
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        ("hello\n", "no cells"),
        ('{"time": 1}', "JSON"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_with_file_and_row(write: Writer, text: str, message: str) -> None:
    path = write(text)
    with pytest.raises(InputError, match=message) as raised:
        read_meter(path, 15)
    assert str(raised.value).startswith(str(path))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"power_columns": ("kitchen",)}, ":1: there is no column 'kitchen', only time, power, occupied"),
        ({"occupancy_column": "who"}, "there is no column 'who'"),
        ({"time_column": "when"}, "there is no column 'when'"),
        ({"time_column": "power"}, ":2: '100' is no time"),
        ({"timezone": "Mars/Base"}, "--timezone must be a zone"),
        ({"date_format": "dd/yyyy"}, "--date-format must order day, month and year.*'dd/yyyy'"),
        ({"encoding": "klingon"}, "--encoding must be a text encoding.*'klingon'"),
        ({"encoding": "utf-32"}, "this is not utf-32"),
        ({"separator": "::"}, "--separator must be one character"),
        ({"columns": ("a", "b")}, "--columns has 2 names where the file has 3 columns"),
        ({"columns": ("a", "a", "b")}, "two columns are called 'a'"),
    ],
)
def test_an_option_that_does_not_fit_is_named(options: dict[str, object], message: str, write: Writer) -> None:
    with pytest.raises(InputError, match=message) as raised:
        read_meter(write(HEAD), 15, MeterOptions(**options))  # type: ignore[arg-type]
    assert "\n" not in str(raised.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(InputError, match="cannot read"):
            read_meter(path, 15)
    broken = tmp_path / "broken.csv"
    broken.write_bytes(b"time,power\n2024-01-01 00:00,1\n\xff\x00\x81\n")
    with pytest.raises(InputError, match=r"broken\.csv.*(zero byte|--encoding)"):
        read_meter(broken, 15)
