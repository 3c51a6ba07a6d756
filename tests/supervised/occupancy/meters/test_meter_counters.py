"""Counters with slips, leaps and resets, and energies of two kinds of intervals: read right or refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from meter_forms import Truth, energies, home, numbers, register, stamps, table, unlabelled

from bracket_env import InputError
from supervised.occupancy.homes.resampling import Resampled
from supervised.occupancy.meters.options import MeterOptions
from supervised.occupancy.meters.read import read_meter

HALF_HOURS = unlabelled(home(30, 4))
TIMES = stamps(HALF_HOURS, "%Y-%m-%d %H:%M")


def read(folder: Path, text: str, minutes: int = 30, **options: Any) -> Resampled:
    path = folder / "home.csv"
    path.write_text(text, "utf-8")
    return read_meter(path, minutes, MeterOptions(**options))


@pytest.mark.parametrize(
    ("at", "values"),
    [(20, ["0"]), (20, ["0", "0", "0.5"]), (60, ["99999"]), (60, ["88888", "99999"]), (191, ["0"]), (30, ["4000.25"])],
)
def test_a_reading_that_slips_and_comes_back_is_left_out(at: int, values: list[str], tmp_path: Path) -> None:
    cells = register(HALF_HOURS)
    cells[at : at + len(values)] = values
    found = read(tmp_path, table(["time", "total_kWh"], TIMES, cells))
    expected = HALF_HOURS.watts.copy()
    expected[at - 1 : at + len(values)] = expected[at - 1 : at + len(values)].mean()
    expected[-1] = np.nan
    if at == 191:
        expected[-2:] = np.nan
        assert any("begins anew once" in line for line in found.lines())
    else:
        assert any(f"readings left out: {len(values)}" in line for line in found.lines())
    np.testing.assert_allclose(found.record.watts, expected, rtol=1e-4)


def test_two_leaps_near_each_other_are_left_out(tmp_path: Path) -> None:
    cells = register(HALF_HOURS)
    cells[60], cells[64] = "99999", "99999"
    found = read(tmp_path, table(["time", "total_kWh"], TIMES, cells))
    assert float(np.nanmax(found.record.watts)) < 2000
    assert any("readings left out: 2" in line for line in found.lines())


def test_a_leap_for_good_is_unknown(tmp_path: Path) -> None:
    cells = [str(float(cell) + 50_000 * (i >= 70)) for i, cell in enumerate(register(HALF_HOURS))]
    found = read(tmp_path, table(["time", "total_kWh"], TIMES, cells))
    expected = HALF_HOURS.watts.copy()
    expected[[69, 191]] = np.nan
    np.testing.assert_allclose(found.record.watts, expected, rtol=1e-4)
    assert any("leaps by more than 100 kW would use, once" in line for line in found.lines())


def test_a_counter_in_coarse_steps_does_not_leap(tmp_path: Path) -> None:
    seconds = unlabelled(home(0.25, 1))
    used = np.floor(np.concatenate([[0], np.cumsum(seconds.watts * seconds.step / 3.6e6)[:-1]]))
    found = read(tmp_path, table(["time", "total_kWh"], stamps(seconds, "%Y-%m-%d %H:%M:%S"), numbers(100 + used)))
    assert not any("leaps" in line for line in found.lines())
    np.testing.assert_allclose(np.nanmean(found.record.watts), seconds.watts.mean(), rtol=0.1)


def day_counter(truth: Truth) -> list[str]:
    """kWh since midnight in steps of 0.1, which stay 0 until seven."""
    hour = np.arange(len(truth.watts)) % 24
    used = np.where(hour < 7, 0.0, truth.watts / 1000).reshape(-1, 24)
    before = np.cumsum(used, axis=1) - used
    return numbers(np.floor(10 * before.ravel()) / 10, "{:.1f}")


@pytest.mark.parametrize("name", ["Energy today (kWh)", "energy_kWh"])
def test_a_counter_of_each_day_is_asked_for_and_read(name: str, tmp_path: Path) -> None:
    truth = unlabelled(home(60, 5))
    truth = replace(truth, watts=truth.watts / 8)
    text = table([name, "time"], day_counter(truth), stamps(truth, "%Y-%m-%d %H:%M"))
    with pytest.raises(InputError, match=r":1: .*rises and falls to nearly 0.*--unit kWh-total.*--unit kWh if"):
        read(tmp_path, text, 60)
    found = read(tmp_path, text, 60, unit="kWh-total")
    hour = np.arange(120) % 24
    inside = (hour != 23) & (hour >= 7)
    assert np.isnan(found.record.watts[hour == 23]).all()
    assert (found.record.watts[hour < 6] == 0).all()
    np.testing.assert_allclose(found.record.watts[inside].mean(), truth.watts[inside].mean(), rtol=0.05)
    assert any("begins anew 4 times" in line for line in found.lines())


def test_energies_that_fall_now_and_then_are_no_counter(tmp_path: Path) -> None:
    pulses = ["0.25" if i % 5 == 2 else "0" for i in range(len(TIMES))]
    found = read(tmp_path, table(["time", "energy_kWh"], TIMES, pulses))
    np.testing.assert_allclose(found.record.watts[:5], [0, 0, 500, 0, 0])


@pytest.mark.parametrize(("first", "second"), [(60, 30), (30, 60), (60, 15), (15, 60), (30, 5)])
@pytest.mark.parametrize("days", [(1, 3), (3, 1), (3, 3), (14, 1)])
def test_energies_of_two_lengths_of_intervals_are_refused(
    first: int, second: int, days: tuple[int, int], tmp_path: Path
) -> None:
    begin = unlabelled(home(first, days[0]))
    then = unlabelled(home(second, days[1], str(begin.start + np.timedelta64(86400 * days[0], "s"))))
    times = [*stamps(begin, "%Y-%m-%d %H:%M"), *stamps(then, "%Y-%m-%d %H:%M")]
    text = table(["time", "energy_kWh"], times, [*energies(begin), *energies(then)])
    with pytest.raises(InputError, match=r":\d+: column 'energy_kWh' is energy of .*--unit"):
        read(tmp_path, text)
    with pytest.raises(InputError, match="intervals"):
        read(tmp_path, text, unit="kWh")


def test_rows_that_are_left_out_make_no_other_length(tmp_path: Path) -> None:
    kept = np.random.default_rng(0).random(len(TIMES)) > 0.1
    kept[100:130] = False
    rows = [list(np.array(cells)[kept]) for cells in (TIMES, energies(HALF_HOURS))]
    found = read(tmp_path, table(["time", "energy_kWh"], *rows))
    known = np.flatnonzero(kept[:100])
    np.testing.assert_allclose(found.record.watts[known], HALF_HOURS.watts[known], rtol=1e-6)


def test_rows_above_what_a_home_draws_are_counted(tmp_path: Path) -> None:
    watts = numbers(HALF_HOURS.watts)
    watts[7] = "2868582"
    found = read(tmp_path, table(["time", "power_W"], TIMES, watts))
    assert "warning: rows of more than 100 kW, which no home draws: 1" in found.lines()
