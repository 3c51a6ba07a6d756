"""Features look backwards only, are relative to the home, and agree with a naive twin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bracket_env import InputError
from supervised.occupancy.homes.simulator import simulate
from supervised.occupancy.network.features import COLUMNS, base_watts, features, trailing_max


def test_against_a_naive_twin() -> None:
    record = simulate(0, 2, 3)
    base = base_watts(record.watts)
    found = features(record, base)
    level = np.log(np.maximum(record.watts, 1) / base)
    for i in (0, 2, 10, 150, 287):
        for first, width in ((0, 4), (4, 16)):
            window = level[max(0, i + 1 - width) : i + 1]
            expected = [window.mean(), window.std(), window.max(), window.min()]
            np.testing.assert_allclose(found[i, first : first + 4], expected, atol=1e-4)
        angle = 2 * np.pi * record.hours[i] / 24
        np.testing.assert_allclose(found[i, 8:10], [np.sin(angle), np.cos(angle)], atol=1e-6)
        assert found[i, 12] == pytest.approx(level[i], abs=1e-6)
    assert found.shape == (288, COLUMNS)


def test_nothing_later_is_looked_at() -> None:
    record = simulate(0, 2, 4)
    changed = record.watts.copy()
    changed[200:] *= 5
    before = features(record, 60.0)
    after = features(replace(record, watts=changed), 60.0)
    np.testing.assert_allclose(before[:200], after[:200], atol=1e-5)
    assert not np.allclose(before[200:], after[200:])


def test_a_home_that_draws_twice_as_much_looks_the_same() -> None:
    record = simulate(0, 2, 4)
    double = replace(record, watts=2 * record.watts)
    one, two = (features(r, base_watts(r.watts)) for r in (record, double))
    np.testing.assert_allclose(one, two, atol=1e-5)


def test_gaps_leave_every_feature_finite() -> None:
    record = simulate(0, 2, 4)
    watts = record.watts.copy()
    watts[:30] = watts[100:150] = watts[-5:] = np.nan
    assert np.isfinite(features(replace(record, watts=watts), base_watts(watts))).all()
    with pytest.raises(InputError, match="no power"):
        features(replace(record, watts=np.full(len(record), np.nan)), 60.0)


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=40), st.integers(1, 50))
def test_trailing_max_is_the_maximum(values: list[int], width: int) -> None:
    x = np.array(values, dtype=np.float64)
    expected = [x[max(0, i + 1 - width) : i + 1].max() for i in range(len(x))]
    np.testing.assert_array_equal(trailing_max(x, width), expected)
