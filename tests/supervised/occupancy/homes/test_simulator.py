"""Simulated homes: keyed, the same at every resolution, and split."""

from __future__ import annotations

import numpy as np
import pytest

from bracket_env import InputError
from ncl_reward.rules.power_rules import in_hours
from supervised.occupancy.homes.record import ABSENT, PRESENT, PowerRecord, is_weekend
from supervised.occupancy.homes.simulator import homes_of, simulate, split_of


def test_a_home_is_a_function_of_seed_and_number() -> None:
    first, again = simulate(3, 5, 7), simulate(3, 5, 7)
    np.testing.assert_array_equal(first.watts, again.watts)
    np.testing.assert_array_equal(first.present, again.present)
    for other in (simulate(3, 6, 7), simulate(4, 5, 7)):
        assert np.abs(first.watts - other.watts).mean() > 10


@pytest.mark.parametrize("minutes", [5, 15, 60])
def test_every_resolution_shows_the_same_home(minutes: int) -> None:
    fine, coarse = simulate(0, 1, 14, minutes=1), simulate(0, 1, 14, minutes=minutes)
    np.testing.assert_allclose(coarse.watts, fine.watts.reshape(-1, minutes).mean(1))
    np.testing.assert_array_equal(coarse.present, fine.present.reshape(-1, minutes).mean(1) >= 0.5)
    assert coarse.times[1] - coarse.times[0] == np.timedelta64(minutes, "m")


def test_the_fridge_never_rests() -> None:
    """Taken literally, four constant hours never happen, not even in an empty home."""
    for number in range(5):
        record = simulate(0, number, 28, minutes=1)
        spread = np.ptp(np.lib.stride_tricks.sliding_window_view(record.watts, 240)[::60], axis=1)
        assert spread.min() > 40


def test_an_empty_home_draws_less_and_a_sleeping_one_as_little() -> None:
    record = simulate(0, 0, 120)
    away = record.present == ABSENT
    deep_night = in_hours(record.hours, 1, 5) & ~away
    evening = in_hours(record.hours, 19, 21) & ~away
    empty, asleep, awake = (np.median(record.watts[where]) for where in (away, deep_night, evening))
    assert awake > 2 * empty
    assert asleep == pytest.approx(empty, rel=0.25)


def test_people_are_away_on_working_days_and_sleep_at_home() -> None:
    records = [simulate(0, number, 56) for number in range(10)]
    at_noon = {weekend: [] for weekend in (False, True)}
    at_night = []
    for record in records:
        home, weekend = record.present == PRESENT, is_weekend(record.days)
        for kind in at_noon:
            at_noon[kind].append(home[in_hours(record.hours, 11, 13) & (weekend == kind)].mean())
        at_night.append(home[in_hours(record.hours, 1, 5)].mean())
    assert np.mean(at_noon[False]) < np.mean(at_noon[True]) - 0.2
    assert np.mean(at_night) > 0.85


def test_a_year_has_holidays() -> None:
    """Somewhere in a year of ten homes nobody is in for four days on end."""
    longest = max(_longest_absence(simulate(1, number, 365, minutes=60)) for number in range(10))
    assert longest >= 4 * 24


def _longest_absence(record: PowerRecord) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[1], record.present, [1]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def test_homes_are_split_and_no_home_is_in_two() -> None:
    homes = {split: homes_of(0, split, 40) for split in ("train", "validation", "test")}  # type: ignore[arg-type]
    assert not set(homes["train"]) & set(homes["test"])
    assert not set(homes["validation"]) & (set(homes["test"]) | set(homes["train"]))
    shares = [np.mean([split_of(0, number) == split for number in range(2000)]) for split in homes]
    np.testing.assert_allclose(shares, [0.6, 0.2, 0.2], atol=0.03)


@pytest.mark.parametrize(
    ("days", "minutes", "named"), [(0, 15, "0"), (7, 7, "7"), (7, 0, "0"), (7, 90, "90"), (10**6, 15, "1000000")]
)
def test_impossible_homes_are_refused(days: int, minutes: int, named: str) -> None:
    with pytest.raises(InputError, match=named):
        simulate(0, 0, days, minutes)
