"""Samples at any times -> slots: energy is kept, clocks may change, and values hold as long as they may."""

from __future__ import annotations

import numpy as np
import pytest

from bracket_env import InputError
from supervised.occupancy.homes.resampling import Samples, resample

HOUR = 3600.0


def unlabelled(count: int) -> np.ndarray:
    return np.full(count, -1, np.int8)


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


def test_an_hour_that_comes_twice_is_averaged_and_one_that_is_left_out_is_unknown() -> None:
    seconds, watts = HOUR * np.arange(6), np.array([100.0, 200, 400, 300, 500, 600])
    autumn = np.where(np.arange(6) < 3, 0.0, -HOUR)  # 0, 1, 2, 2, 3, 4 h
    found = resample(Samples(seconds, watts, unlabelled(6), autumn), 60, "autumn").record
    np.testing.assert_allclose(found.watts, [100, 200, 350, 500, 600])
    found = resample(Samples(seconds, watts, unlabelled(6), -autumn), 60, "spring").record  # 0, 1, 2, 4, 5, 6 h
    np.testing.assert_allclose(found.watts, [100, 200, 400, np.nan, 300, 500, 600])


def test_a_value_that_is_written_on_change_holds_until_the_next_but_not_for_ever() -> None:
    seconds = HOUR * np.array([0, 1, 2, 7, 8, 20])
    watts = np.array([1.0, 2, 3, 4, 5, 6])
    held = resample(Samples(seconds, watts, unlabelled(6), longest=5 * HOUR), 60, "held").record.watts
    np.testing.assert_array_equal(held[:14], [1, 2, 3, 3, 3, 3, 3, 4, 5, 5, 5, 5, 5, np.nan])
    short = resample(Samples(seconds, watts, unlabelled(6)), 60, "short").record.watts
    np.testing.assert_array_equal(short[:8], [1, 2, 3, np.nan, np.nan, np.nan, np.nan, 4])


@pytest.mark.parametrize(
    ("seconds", "watts", "message"),
    [
        ([0.0], [1.0], "1 rows of data are too few"),
        ([0.0, 60.0], [np.nan, np.nan], "no row has power"),
        ([0.0, 1e11], [1.0, 1.0], "too many"),
    ],
)
def test_what_makes_no_record_is_refused(seconds: list[float], watts: list[float], message: str) -> None:
    with pytest.raises(InputError, match=f"home: .*{message}"):
        resample(Samples(np.array(seconds), np.array(watts), unlabelled(len(seconds))), 15, "home")
