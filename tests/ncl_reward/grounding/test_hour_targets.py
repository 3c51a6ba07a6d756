"""What labels make of a stated rule: closed forms, limits and who may speak."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncl_reward.grounding.hour_targets import MOST_BELIEVED, overruled, targets, worth_of
from ncl_reward.rules.power_rules import ABSENT, POWER_RULES, PRESENT, PowerInputs
from ncl_reward.rules.rule import Slots, StatedRule
from supervised.occupancy.homes.record import UNKNOWN

LOW = StatedRule(POWER_RULES["low_constant_absent"], Slots(hours=4, noise=0.2), 0.8)
NIGHT = StatedRule(POWER_RULES["night_uninformative"], Slots(), 1.0)


def week() -> PowerInputs:
    """Hourly; low from 0 to 6 h and from 9 to 17 h."""
    hours = np.arange(7 * 24) % 24 + 0.5
    low = (hours < 6) | ((hours > 9) & (hours < 17))
    return PowerInputs(np.where(low, 90.0, 400.0), hours, 60, 100.0)


def labelled(inputs: PowerInputs, said: dict[int, int]) -> np.ndarray:
    labels = np.full(len(inputs.watts), UNKNOWN, dtype=np.int8)
    for slot, value in said.items():
        labels[slot] = value
    return labels


def counts(a1: int, h1: int, a0: int, h0: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, where the rule fires, where it is silent."""
    labels = np.array([ABSENT] * a1 + [PRESENT] * h1 + [ABSENT] * a0 + [PRESENT] * h0)
    fired = np.arange(len(labels)) < a1 + h1
    return labels, fired, ~fired


def test_without_labels_the_prior_stands() -> None:
    worth = worth_of(*counts(0, 0, 0, 0), answer=ABSENT, noise=0.2, prior=0.7)
    assert worth.weight == pytest.approx(0.7)
    assert worth.absent_if_fired == pytest.approx(0.9)
    assert worth.absent_if_silent == pytest.approx(1 / 3)
    assert worth_of(*counts(0, 0, 0, 0), answer=ABSENT, noise=0.2, prior=1.0).weight == pytest.approx(MOST_BELIEVED)


@given(*[st.integers(0, 6)] * 4)
def test_the_bayes_factor_against_sequential_prediction(a1: int, h1: int, a0: int, h0: int) -> None:
    """The same marginal likelihoods, label by label by the rule of succession."""

    def chain(absent: int, home: int, alpha: float, beta: float) -> float:
        total = 0.0
        for value in [1] * absent + [0] * home:
            total += math.log((alpha if value else beta) / (alpha + beta))
            alpha, beta = alpha + value, beta + 1 - value
        return total

    worth = worth_of(*counts(a1, h1, a0, h0), answer=ABSENT, noise=0.2, prior=0.5)
    like_the_rest = chain(a1 + a0, h1 + h0, 1, 2) - chain(a0, h0, 1, 2)
    against = (math.exp(like_the_rest) + math.exp(chain(a1, h1, 1, 2))) / 2
    evidence = chain(a1, h1, 18, 2) - math.log(against)
    assert worth.weight == pytest.approx(1 / (1 + math.exp(-evidence)), abs=1e-9)


def test_labels_confirm_a_right_rule_and_overrule_a_wrong_one() -> None:
    right = worth_of(*counts(9, 1, 2, 20), answer=ABSENT, noise=0.2, prior=0.9)
    wrong = worth_of(*counts(9, 1, 2, 20), answer=PRESENT, noise=0.2, prior=0.9)
    useless = worth_of(*counts(3, 12, 3, 12), answer=ABSENT, noise=0.2, prior=0.9)
    assert right.weight > 0.98
    assert wrong.weight < 0.05
    assert useless.weight < 0.05


def test_a_sentence_that_states_nothing_gives_no_target() -> None:
    inputs = week()
    labels = labelled(inputs, {3: PRESENT})
    assert targets([], inputs, labels) is None
    assert targets([replace(LOW, weight=0.0)], inputs, labels) is None
    assert targets([LOW], replace(inputs, watts=inputs.watts + 1000), labels) is None


def test_day_and_night_are_judged_apart() -> None:
    """Labels say: low by day means absent, low at night means asleep at home."""
    inputs = week()
    said = {24 * day + 12: ABSENT for day in range(5)} | {24 * day + 19: PRESENT for day in range(5)}
    said |= {24 * day + 3: PRESENT for day in range(7)} | {24 * day + 22: PRESENT for day in range(4)}
    found = targets([LOW], inputs, labelled(inputs, said))
    assert found is not None
    assert found.weight[13] > 0.95
    assert found.weight[2] < 0.1
    assert found.q[13, ABSENT] > 0.9
    assert found.q[20, ABSENT] < 0.2  # what the rule leaves open follows the labels there
    np.testing.assert_allclose(found.q.sum(axis=1), 1)


@pytest.mark.parametrize("weight", [1.0, 0.98, 0.75, 0.3])
def test_night_uninformative_keeps_the_night_out(weight: float) -> None:
    """Grounded sentences never weigh quite 1; the share that they have is the share that they take."""
    inputs = week()
    nothing = labelled(inputs, {})
    alone, silenced = targets([LOW], inputs, nothing), targets([LOW, replace(NIGHT, weight=weight)], inputs, nothing)
    assert alone is not None
    assert silenced is not None
    night = (inputs.hours < 6) | (inputs.hours >= 22)
    assert (alone.weight[night] > 0.5).all()
    np.testing.assert_allclose(silenced.weight[night], (1 - weight) * alone.weight[night], atol=1e-12)
    day = (inputs.hours >= 8) & (inputs.hours < 22)
    np.testing.assert_array_equal(silenced.weight[day], alone.weight[day])


def test_a_rule_that_lost_its_word_is_overruled() -> None:
    inputs = week()
    applies = LOW.rule.target(inputs, LOW.slots).applies
    night = (inputs.hours < 6) | (inputs.hours >= 22)
    assert not overruled([LOW], inputs).any()
    assert not overruled([LOW, replace(NIGHT, weight=0.4)], inputs).any()
    np.testing.assert_array_equal(overruled([LOW, replace(NIGHT, weight=0.98)], inputs), applies & night)


def test_the_night_vouches_for_no_rule_that_labels_reject_by_day() -> None:
    """Everybody is in at night, so "low means somebody is home" looks right there, whatever it is worth."""
    inputs = week()
    wrong = StatedRule(POWER_RULES["low_constant_present"], Slots(hours=4, noise=0.2), 1.0)
    said = {24 * day + 3: PRESENT for day in range(7)} | {24 * day + 19: PRESENT for day in range(7)}
    by_night = targets([wrong], inputs, labelled(inputs, said))
    rejected = targets([wrong], inputs, labelled(inputs, said | {24 * day + 12: ABSENT for day in range(7)}))
    assert by_night is not None
    assert rejected is not None
    assert by_night.weight.min() > 0.5
    assert rejected.weight.max() < 0.01


def test_two_rules_that_agree_mix_and_a_gap_counts_for_nothing() -> None:
    inputs = week()
    inputs.watts[100] = np.nan
    varied = StatedRule(POWER_RULES["varied_present"], Slots(noise=0.2), 0.8)
    found = targets([LOW, varied], inputs, labelled(inputs, {}))
    assert found is not None
    assert found.q[12, ABSENT] == pytest.approx(0.9)
    assert found.q[19, PRESENT] == pytest.approx(0.9)
    assert found.weight[100] == 0
    assert found.weight.min() >= 0
    assert found.weight.max() <= 1
