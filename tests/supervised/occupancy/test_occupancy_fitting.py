"""The network learns, is causal, repeats itself, and a sentence that states nothing changes no bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from bracket_env import InputError
from ncl_reward.rules.power_rules import POWER_RULES
from ncl_reward.rules.rule import Slots, StatedRule
from supervised.occupancy.answers import network, one_kind, rows, rules_alone, yardsticks
from supervised.occupancy.homes.record import PRESENT, UNKNOWN
from supervised.occupancy.homes.simulator import homes_of, simulate
from supervised.occupancy.labelled_home import LabelledHome, label_home
from supervised.occupancy.network.fitting import Fit, fit
from supervised.occupancy.network.labeller import ENCODERS, Labeller, present_odds
from supervised.occupancy.yardsticks import decide, logistic_regression

LOW = StatedRule(POWER_RULES["low_constant_absent"], Slots(hours=4, noise=0.2), 0.9)
QUICK = Fit(steps=40, windows=8)


@pytest.fixture(scope="module")
def problem() -> LabelledHome:
    return label_home(simulate(0, homes_of(0, "validation", 1)[0], 21, minutes=60), 30, "slots", seed=0)


def balanced(problem: LabelledHome, found: object) -> float:
    [row] = [row for row in rows([problem], [[found]]) if row["hours"] == "06-22"]  # type: ignore[list-item]
    value: float = row["balanced_accuracy"]
    return value


def test_labels_are_drawn_from_the_first_days_and_nest(problem: LabelledHome) -> None:
    record = problem.record
    assert problem.learned == 14 * 24
    assert len(problem.labelled) == 30
    assert problem.labelled.max() < problem.learned
    np.testing.assert_array_equal(problem.labels[problem.labelled], record.present[problem.labelled])
    more = label_home(record, 60, "slots", seed=0)
    assert set(problem.labelled) < set(more.labelled)
    assert set(problem.labelled) != set(label_home(record, 30, "slots", seed=1).labelled)
    days = label_home(record, 2, "days", seed=0)
    assert len(days.labelled) == 48
    assert len(np.unique(record.days[days.labelled])) == 2


def test_too_few_labels_or_days_are_refused() -> None:
    record = simulate(0, 0, 9, minutes=60)
    with pytest.raises(InputError, match=r"home 0: --labels 145 asks for more slots .*: 144"):
        label_home(record, 145, "slots", seed=0)
    with pytest.raises(InputError, match=r"--labels 7 asks for more days .*: 6"):
        label_home(record, 7, "days", seed=0)
    with pytest.raises(InputError, match="2 days are too few"):
        label_home(simulate(0, 0, 2), 1, "slots", seed=0)


@pytest.mark.parametrize("arch", ENCODERS)
def test_no_architecture_looks_ahead(arch: str) -> None:
    torch.manual_seed(0)
    model = Labeller(arch, 5)
    x = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)
    changed = x.copy()
    changed[40:] += 3
    before, after = (present_odds(model, values, window=24, context=12) for values in (x, changed))
    np.testing.assert_allclose(before[:40], after[:40], atol=1e-6)
    assert np.abs(before[40:] - after[40:]).max() > 1e-3
    assert before.shape == (60,)


def test_training_repeats_bit_by_bit_and_seeds_differ(problem: LabelledHome) -> None:
    one, two = network(problem, QUICK, [LOW]), network(problem, QUICK, [LOW])
    np.testing.assert_array_equal(one.odds, two.odds)
    other = network(problem, Fit(steps=40, windows=8, seed=1), [LOW])
    assert not np.array_equal(one.odds, other.odds)


def test_a_sentence_that_states_no_rule_changes_no_bit(problem: LabelledHome) -> None:
    none, unrelated, stated = (network(problem, QUICK, rules) for rules in (None, [], [LOW]))
    np.testing.assert_array_equal(none.odds, unrelated.odds)
    assert not np.array_equal(none.odds, stated.odds)
    assert (none.instruction, unrelated.instruction, stated.instruction) == (False, True, True)


def test_the_network_learns_from_labels() -> None:
    home = simulate(0, homes_of(0, "validation", 1)[0], 42, minutes=30)
    taught = label_home(home, 600, "slots", seed=0)
    assert balanced(taught, network(taught, Fit(steps=120), None)) > 0.75


def test_a_sentence_is_worth_labels() -> None:
    """Over three homes with twenty labels each, the sentence beats no sentence by far."""
    gains = []
    for number in homes_of(0, "validation", 3):
        few = label_home(simulate(0, number, 90, minutes=60), 20, "slots", seed=0)
        plain, instructed = (balanced(few, network(few, Fit(steps=100), stated)) for stated in (None, [LOW]))
        gains.append(instructed - plain)
    assert np.mean(gains) > 0.05


def test_a_sentence_alone_can_teach_and_nothing_at_all_cannot(problem: LabelledHome) -> None:
    blank = label_home(problem.record, 0, "slots", seed=0)
    night = StatedRule(POWER_RULES["night_uninformative"], Slots(), 1.0)
    assert balanced(blank, network(blank, Fit(steps=100), [LOW, night])) > 0.65
    with pytest.raises(InputError, match="nothing to learn from"):
        fit(QUICK, blank.x, blank.labels, None, 1.0)


def test_logistic_regression_is_at_the_minimum_of_its_loss() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 3))
    labels = (x[:, 0] - 0.5 * x[:, 1] + rng.normal(size=80) > 0).astype(int)
    odds = logistic_regression(x, labels, x)
    standard = (x - x.mean(0)) / x.std(0)
    weights = np.linalg.lstsq(np.column_stack([standard, np.ones(80)]), odds, rcond=None)[0]
    gradient = standard.T @ (1 / (1 + np.exp(-odds)) - labels) + weights[:3]
    np.testing.assert_allclose(gradient, 0, atol=1e-5)
    assert (decide(odds) == labels).mean() > 0.75


def test_labels_of_one_kind_are_warned_of_and_break_nothing(problem: LabelledHome) -> None:
    labels = np.full(problem.learned, UNKNOWN, dtype=np.int8)
    labels[:5] = PRESENT
    same = replace(problem, labels=labels)
    assert "all 5 labels say somebody at home" in str(one_kind(same))
    assert one_kind(problem) is None
    models = [answer.model for answer in yardsticks(same, seed=0)]
    assert models == ["always_home", "bare_rule", "logistic_regression"]


def test_rules_alone_use_no_label_of_the_test(problem: LabelledHome) -> None:
    flipped = replace(problem, truth=1 - problem.truth)
    np.testing.assert_array_equal(rules_alone(problem, [LOW]).present, rules_alone(flipped, [LOW]).present)
