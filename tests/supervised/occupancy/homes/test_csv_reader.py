"""CSV files: what is read, what is reported, and one line for everything that is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bracket_env import InputError
from supervised.occupancy.homes.csv_reader import Columns, read_csv, write_predictions
from supervised.occupancy.homes.resampling import Samples, resample
from supervised.occupancy.homes.simulator import simulate

Writer = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Writer:
    def _write(text: str) -> Path:
        path = tmp_path / "home.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return _write


def test_power_columns_are_summed_and_labels_may_have_gaps(write: Writer) -> None:
    path = write(
        "time,fridge_W,room,rest power,occupied\n"
        "2024-01-01 00:00,80,1,100,1\n"
        "2024-01-01 00:15,90,2,,0\n"
        "2024-01-01 00:30,60,3,40,\n"
        "2024-01-01 00:45,60.5,4,39.5,0\n"
    )
    found = read_csv(path, 15)
    np.testing.assert_array_equal(found.record.watts, [180, np.nan, 100, 100])
    np.testing.assert_array_equal(found.record.present, [1, 0, -1, 0])
    assert found.record.times[1] == np.datetime64("2024-01-01T00:15")
    assert "4 rows every 15 min -> 4 slots of 15 min" in found.lines()[0]
    assert found.lines()[1:] == [
        "warning: 1 rows have no power",
        "warning: 1 slots have no power and are not predicted",
    ]


def test_columns_can_be_named_and_other_separators_read(write: Writer) -> None:
    path = write("日時;a;b;who\n2024/1/1 9:00;1;2;1\n2024/1/1 9:15;3;4;0\n")
    found = read_csv(path, 15, Columns(power=("b",), occupancy="who"))
    np.testing.assert_array_equal(found.record.watts, [2, 4])
    np.testing.assert_array_equal(found.record.present, [1, 0])


def test_zoned_times_are_local_at_the_first_rows_offset(write: Writer) -> None:
    path = write("time,power\n2024-03-31T01:30:00+01:00,1\n2024-03-31T01:45:00+01:00,2\n2024-03-31T03:00:00+02:00,3\n")
    found = read_csv(path, 15)
    np.testing.assert_array_equal(found.record.watts, [1, 2, 3])
    assert found.record.times[2] == np.datetime64("2024-03-31T02:00")
    assert "1 rows have another UTC offset" in found.lines()[-1]


def test_irregular_rows_are_weighted_by_time_and_reported(write: Writer) -> None:
    path = write("time,power\n2024-01-01 00:00,60\n2024-01-01 00:10,90\n2024-01-01 00:21,60\n2024-01-01 00:30,30\n")
    found = read_csv(path, 15)
    np.testing.assert_allclose(found.record.watts[:2], [(10 * 60 + 5 * 90) / 15, (6 * 90 + 9 * 60) / 15])
    assert any("2 steps between rows have another length" in line for line in found.lines())


def test_missing_days_are_counted_and_not_filled(write: Writer) -> None:
    rows = [f"2024-01-{day:02d} {hour:02d}:00,100\n" for day in (1, 4) for hour in range(24)]
    found = read_csv(write("time,power\n" + "".join(rows)), 60)
    assert found.missing_days == 2
    assert np.isnan(found.record.watts[25:72]).all()
    assert any(line == "warning: 2 days have no power at all" for line in found.lines())


def test_hourly_rows_fill_shorter_slots(write: Writer) -> None:
    found = read_csv(write("time,power\n2024-01-01 00:00,100\n2024-01-01 01:00,50\n"), 15)
    np.testing.assert_array_equal(found.record.watts, [100] * 4 + [50] * 4)


def test_a_simulated_home_comes_back_from_a_file(tmp_path: Path) -> None:
    fine = simulate(0, 1, 10, minutes=5)
    path = tmp_path / "home.csv"
    write_predictions(str(path), fine, {"model": np.full(len(fine), 0.25)})
    found = read_csv(path, 15, Columns(power=("watts",)))
    coarse = simulate(0, 1, 10, minutes=15)
    np.testing.assert_allclose(found.record.watts, coarse.watts, atol=0.06)
    assert (found.record.present == coarse.present).mean() > 0.99
    assert found.record.start == coarse.start


HEAD = "time,power,occupied\n2024-01-01 00:00,100,1\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + "2023-12-31 23:45,1,1\n", ":3: the time '2023-12-31 23:45' is earlier than '2024-01-01 00:00'"),
        (HEAD + "2024-01-01 00:00,1,1\n", ":3: the time '2024-01-01 00:00' comes twice"),
        (HEAD + "2024-01-01T00:15+09:00,1,1\n", ":3: '2024-01-01T00:15\\+09:00' has a time zone"),
        ("time,power\n2024-01-01T00:00Z,1\n2024-01-01T00:15,1\n", ":3: '2024-01-01T00:15' has no time zone"),
        (HEAD + "yesterday,1,1\n", ":3: 'yesterday' is no time"),
        (HEAD + "2024-01-01 00:15,lots,1\n", ":3: 'lots' in column 'power' is no number"),
        (HEAD + "2024-01-01 00:15,1_000,1\n", ":3: '1_000' in column 'power' is no number"),
        (HEAD + "2024-01-01 00:15,-3,1\n", ":3: negative power -3 in column 'power'"),
        (HEAD + "2024-01-01 00:15,inf,1\n", ":3: infinite power in column 'power'"),
        (HEAD + "2024-01-01 00:15,1,maybe\n", ":3: 'maybe' is no label"),
        (HEAD + "2024-01-01 00:15,1,2\n", ":3: '2' is no label"),
        (HEAD + "2024-01-01 00:15,1\n", ":3: 2 cells where the header has 3"),
        (HEAD, "1 rows of data are too few"),
        ("time,power\n2024-01-01 00:00,\n2024-01-01 00:15,\n", "no row has power"),
        ("time,temperature\n2024-01-01 00:00,20\n", ":1: no power column among time, temperature"),
        ("time,power,power\n", ":1: two columns are called 'power'"),
        ("", "the file is empty"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_with_file_and_row(write: Writer, text: str, message: str) -> None:
    path = write(text)
    with pytest.raises(InputError, match=message) as raised:
        read_csv(path, 15)
    assert str(raised.value).startswith(str(path))
    assert "\n" not in str(raised.value)


def test_a_missing_file_a_missing_column_and_another_encoding(tmp_path: Path, write: Writer) -> None:
    with pytest.raises(InputError, match="cannot read"):
        read_csv(tmp_path / "none.csv", 15)
    with pytest.raises(InputError, match="there is no column 'kitchen', only time, power, occupied"):
        read_csv(write(HEAD), 15, Columns(power=("kitchen",)))
    path = tmp_path / "sjis.csv"
    path.write_bytes("日時,電力\n".encode("shift_jis"))
    with pytest.raises(InputError, match="not a UTF-8"):
        read_csv(path, 15)


def test_energy_is_kept_when_rows_fall_anywhere() -> None:
    """Against a second-by-second twin."""
    rng = np.random.default_rng(0)
    steps = rng.integers(200, 420, 300)
    seconds, watts = np.cumsum(steps).astype(np.float64), rng.uniform(0, 1000, 300)
    found = resample(Samples(seconds, watts, np.full(300, -1, np.int8)), 15, "twin").record
    by_second = np.repeat(watts[:-1], steps[1:])
    begin = int(found.times[1].astype(np.int64) * 60 - seconds[0])
    slots = (len(by_second) - begin) // 900
    expected = by_second[begin : begin + 900 * slots].reshape(slots, 900).mean(1)
    np.testing.assert_allclose(found.watts[1 : 1 + slots], expected)
