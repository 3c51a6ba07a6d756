"""The rules of household power, against small tables of cases and a naive twin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncl_reward.grounding.head import RULE_NAMES
from ncl_reward.grounding.modified import log_q
from ncl_reward.rules.power_rules import (
    ABSENT,
    POWER_RULES,
    PRESENT,
    QUIET,
    PowerInputs,
    hour_mean,
    quiet_level,
    stretches,
    weights_in_place,
)
from ncl_reward.rules.rule import Slots, StatedRule

LOW, VARIED, NIGHT = (POWER_RULES[name] for name in ("low_constant_absent", "varied_present", "night_uninformative"))


def home(*levels: float, minutes: int = 60, begin: float = 8.0) -> PowerInputs:
    """A home with quiet level 100 W."""
    hours = (begin + np.arange(len(levels)) * minutes / 60) % 24
    return PowerInputs(np.array(levels, dtype=np.float64), hours, minutes, 100.0)


def test_the_names_are_those_of_the_book() -> None:
    assert set(POWER_RULES) <= set(RULE_NAMES)
    assert [rule.domain for rule in POWER_RULES.values()] == ["power"] * 4


@pytest.mark.parametrize(
    ("watts", "hours", "holds"),
    [
        ([90] * 4, 4, "xxxx"),
        ([90] * 3, 4, "..."),
        ([90] * 3 + [500] + [90] * 4, 4, "....xxxx"),
        ([90, 110, 90, 112], 4, "xxxx"),  # up and down with the fridge is constant
        ([90, 110, 90, 113], 4, "...."),  # more than an eighth above the home's own level is not
        ([90] * 3, 3, "xxx"),
        ([90] * 3, None, "..."),  # a sentence without a duration means four hours
        ([90, 90, np.nan, 90, 90], 4, "....."),  # nobody knows what was used in the gap
    ],
)
def test_low_and_constant(watts: list[float], hours: float | None, holds: str) -> None:
    found = LOW.holds(home(*watts), Slots(hours=hours))
    assert "".join("x" if held else "." for held in found) == holds


def test_the_duration_counts_hours_and_not_slots() -> None:
    quarter = home(*[90.0] * 15, minutes=15)
    assert not LOW.holds(quarter, Slots(hours=4)).any()
    assert LOW.holds(quarter, Slots(hours=3.75)).all()


def test_the_target_is_the_answer_with_the_sentences_noise() -> None:
    target = LOW.target(home(90, 90, 90, 90, 500), Slots(hours=4, noise=0.2))
    np.testing.assert_allclose(np.exp(log_q(target)), [[0.9, 0.1]] * 4 + [[0.5, 0.5]])
    np.testing.assert_array_equal(target.applies, [True] * 4 + [False])
    np.testing.assert_array_equal(target.allowed[:, PRESENT], [False] * 4 + [True])
    varied = VARIED.target(home(90, 140, 160, 500), Slots(noise=0.2))
    np.testing.assert_allclose(np.exp(log_q(varied)[:, PRESENT]), [0.5, 0.5, 0.9, 0.9])


def test_violations_count_answers_against_the_rule() -> None:
    inputs = home(90, 90, 90, 90, 500)
    assert LOW.violations(inputs, Slots()) == [0]
    said = replace(inputs, present=np.array([PRESENT, ABSENT, PRESENT, -1, ABSENT], dtype=np.int8))
    assert LOW.violations(said, Slots()) == [2]
    assert VARIED.violations(said, Slots()) == [1]
    assert NIGHT.violations(said, Slots()) == [0]


def test_the_opposite_rule_speaks_at_the_same_hours_and_says_the_opposite() -> None:
    inputs = home(90, 90, 90, 90, 500)
    opposite = POWER_RULES["low_constant_present"]
    np.testing.assert_array_equal(opposite.holds(inputs, Slots()), LOW.holds(inputs, Slots()))
    right, wrong = (rule.target(inputs, Slots(noise=0.2)) for rule in (LOW, opposite))
    np.testing.assert_allclose(np.exp(log_q(wrong)), np.exp(log_q(right))[:, ::-1])


def test_night_takes_the_word_from_low_constant_and_from_nothing_else() -> None:
    inputs = home(*[90.0] * 6, *[500.0] * 2, begin=20.0)  # 20 to 04 h
    low, varied = StatedRule(LOW, Slots(), 0.8), StatedRule(VARIED, Slots(), 0.6)
    np.testing.assert_allclose(weights_in_place([low, varied], inputs), [[0.8] * 6 + [0] * 2, [0] * 6 + [0.6] * 2])
    silenced = weights_in_place([low, varied, StatedRule(NIGHT, Slots(), 0.75)], inputs)
    np.testing.assert_allclose(silenced[0], [0.8] * 2 + [0.2] * 4 + [0] * 2)
    np.testing.assert_allclose(silenced[1], [0] * 6 + [0.6] * 2)
    assert not silenced[2].any()
    opposite = StatedRule(POWER_RULES["low_constant_present"], Slots(), 0.8)
    [row, _] = weights_in_place([opposite, StatedRule(NIGHT, Slots(), 0.75)], inputs)
    np.testing.assert_allclose(row, silenced[0])  # a quiet night says nothing either way
    assert weights_in_place([], inputs).shape == (0, 8)


def test_the_quiet_level_is_the_homes_own() -> None:
    day = [60.0] * 5 + [300.0] * 12 + [70.0] * 4 + [300.0] * 3
    assert quiet_level(np.array(day * 7), 60) == 60
    assert quiet_level(np.array(day * 3 + [500.0] * 24), 60) == 60  # one loud day is no ordinary one
    assert quiet_level(10 * np.array(day * 7), 60) == 600
    assert quiet_level(np.array(day[:6]), 60) == 60  # less than a day counts as one
    assert np.isnan(quiet_level(np.array([60.0, 60.0, np.nan] * 8), 60))


def test_a_fridge_averages_out_over_the_hour() -> None:
    """40 minutes off and 20 on, in quarter hours: constant for the rule, and never for a literal reading."""
    minute = np.where(np.arange(3 * 1440) % 60 < 20, 150.0, 50.0)
    watts = minute.reshape(-1, 15).mean(1)
    assert np.ptp(watts) > 60
    assert np.ptp(hour_mean(watts, 15)[4:-4]) < 1e-9
    inputs = PowerInputs(watts, np.arange(len(watts)) / 4 % 24, 15, quiet_level(watts, 15))
    assert LOW.holds(inputs, Slots(hours=24))[4:-4].all()


@given(st.lists(st.one_of(st.just(np.nan), st.floats(0, 1000)), min_size=1, max_size=30), st.sampled_from([10, 15, 30]))
def test_hour_mean_against_a_naive_twin(watts: list[float], minutes: int) -> None:
    x, width = np.array(watts), 60 // minutes
    found = hour_mean(x, minutes)
    for i, value in enumerate(x):
        near = x[max(0, i - (width - 1) // 2) : i - (width - 1) // 2 + width]
        expected = np.nan if np.isnan(value) else np.nanmean(near)
        assert found[i] == pytest.approx(expected, nan_ok=True, abs=1e-6)


@given(st.lists(st.booleans(), max_size=40), st.integers(1, 6))
def test_stretches_against_a_naive_twin(quiet: list[bool], least: int) -> None:
    expected = [
        any(
            all(quiet[a : a + least]) and len(quiet[a : a + least]) == least
            for a in range(max(0, i - least + 1), i + 1)
        )
        for i in range(len(quiet))
    ]
    assert stretches(np.array(quiet, dtype=bool), least).tolist() == expected


def test_a_longer_duration_holds_for_fewer_slots() -> None:
    rng = np.random.default_rng(0)
    inputs = home(*rng.uniform(80, 100 * QUIET * 1.1, 500))
    counts = [LOW.holds(inputs, Slots(hours=hours)).sum() for hours in (1, 2, 4, 8, 24)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1]
