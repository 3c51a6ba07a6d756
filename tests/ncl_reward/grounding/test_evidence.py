"""Labels, and nothing else, decide what a rule is worth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from bracket_env import BracketTokenizer, get_setting
from ncl_reward.grounding.evidence import bayes_factor, beta_above
from ncl_reward.grounding.stated import posterior
from ncl_reward.rules.bracket_rules import BRACKET_RULES
from ncl_reward.rules.bracket_state import BracketInputs
from ncl_reward.rules.rule import NOISE, Slots, Target

SETTING = get_setting("bracket/Close-v0")
BOTH = np.array([True, True])


def labelled(n: int) -> tuple[BracketInputs, np.ndarray]:
    """The answer tokens of n cases."""
    tokenizer = BracketTokenizer(SETTING.language())
    rows = [tokenizer.encode_case(*case) for case in SETTING.sampler(split="train").cases(5, n)]
    ids = np.zeros((n, max(map(len, rows))), dtype=np.int64)
    places = []
    for i, row in enumerate(rows):
        ids[i, : len(row)] = row
        places += [(i, p) for p in range(row.index(2), len(row) - 1)]
    at = np.array(places)
    return BracketInputs(ids, at[:, 0], at[:, 1], tokenizer.vocab_size), ids[at[:, 0], at[:, 1] + 1]


def factor_of(target: Target, labels: np.ndarray, situations: np.ndarray, noise: float) -> float:
    right = target.allowed[np.arange(len(labels)), labels]
    return bayes_factor(right[target.applies], situations[target.applies], noise)


def weight(name: str, n: int, certainty: str | None = None, prior: float = 0.9) -> float:
    inputs, labels = labelled(n)
    noise = NOISE[certainty]
    target = BRACKET_RULES[name].target(inputs, Slots(noise=noise))
    return posterior(prior, factor_of(target, labels, inputs.state.types_open, noise))


@given(st.floats(0.01, 0.99), st.integers(0, 300), st.integers(0, 300))
def test_the_tail_of_the_beta_distribution(bound: float, hits: int, misses: int) -> None:
    assert beta_above(bound, hits, misses) == pytest.approx(beta.sf(bound, hits + 1, misses + 1), rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("name", ["one_to_one", "nesting", "stop_when_closed", "no_unopened", "closers_only"])
@pytest.mark.parametrize("certainty", [None, "certain", "probable"])
def test_what_the_labels_obey_gains(name: str, certainty: str | None) -> None:
    assert 0.9 < weight(name, 10, certainty) < weight(name, 300, certainty) <= 1


def test_what_the_labels_break_is_dropped() -> None:
    """Queue is right wherever one type is open, which is most places; it must not live on those."""
    inputs, labels = labelled(300)
    target = BRACKET_RULES["queue"].target(inputs, Slots())
    assert target.allowed[np.arange(len(labels)), labels].mean() > 0.85
    for certainty in (None, "certain"):
        assert weight("queue", 300, certainty) < 1e-9
        assert weight("queue", 30, certainty) < 0.01
    assert weight("queue", 300, "probable") < 0.1


def test_without_labels_the_prior_stands() -> None:
    inputs, labels = labelled(3)
    target = BRACKET_RULES["nesting"].target(inputs, Slots())
    none = target._replace(allowed=target.allowed[:0], applies=target.applies[:0])
    assert posterior(0.3, factor_of(none, labels[:0], labels[:0], 0.05)) == pytest.approx(0.3)


def test_a_prior_of_zero_stays_zero_and_one_can_be_overruled() -> None:
    inputs, labels = labelled(300)
    target = BRACKET_RULES["queue"].target(inputs, Slots(noise=0.05))
    factor = factor_of(target, labels, inputs.state.types_open, 0.05)
    weights = [posterior(0.0, factor), posterior(1.0, factor)]
    assert weights == [0.0, pytest.approx(0, abs=1e-3)]


def test_a_sentence_that_is_surely_understood_may_still_be_false() -> None:
    assert posterior(0.999, 1e-2) == pytest.approx(0.95 * 1e-2 / (0.95 * 1e-2 + 0.05))
    assert posterior(0.5, 1e-2) == pytest.approx(0.5 * 1e-2 / (0.5 * 1e-2 + 0.5))
    assert posterior(0.999, 1.0) == 0.999


def test_places_where_the_rule_does_not_apply_say_nothing() -> None:
    target = Target(np.array([[True, False]] * 3), np.array([True, False, False]), BOTH, 0.05)
    assert factor_of(target, np.array([0, 1, 1]), np.zeros(3, dtype=int), 0.05) == pytest.approx((1 - 0.9**2) / 0.1)


def test_situations_multiply() -> None:
    target = Target(np.array([[True, False]] * 2), np.array([True, True]), BOTH, 0.25)
    assert factor_of(target, np.array([0, 1]), np.array([0, 2]), 0.25) == pytest.approx((0.75 / 0.5) * (0.25 / 0.5))
