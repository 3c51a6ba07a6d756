"""The adapter: the identity at first, then as far as the labels carry it."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
import torch

from ncl_reward.grounding.adapter import ResidualAdapter, head_probabilities, marginal_log_likelihood, tuned_priors
from ncl_reward.grounding.head import CLASSES, RULE_NAMES, Head, Readings, fit_readings
from ncl_reward.reading.words import DIMENSIONS

KINDS: tuple[Literal["linear", "mlp"], ...] = ("linear", "mlp")


@pytest.fixture(scope="module")
def head() -> Head:
    random = np.random.default_rng(0)
    codes = random.integers(-127, 128, (60, 16)).astype(np.int8)
    counts = random.integers(-2, 3, (60, DIMENSIONS)).astype(np.int8)
    words = random.integers(-2, 3, (60, DIMENSIONS)).astype(np.int8)
    return fit_readings(codes, counts, words, np.arange(60) % len(CLASSES))


def stated(head: Head) -> tuple[Readings, list[str]]:
    """Two sentences of the book and the rules that they state."""
    return Readings(*(part[:2] for part in head.book)), [RULE_NAMES[0], RULE_NAMES[1]]


def tuned(kind: Literal["linear", "mlp"], head: Head, factors: list[float], seed: int = 0) -> list[float]:
    sentences, rules = stated(head)
    return tuned_priors(kind, head, sentences, rules, factors, seed=seed)


def test_the_differentiable_head_is_the_head(head: Head) -> None:
    probabilities = head_probabilities(head, torch.from_numpy(head.book.vectors), head.book)
    expected = head.probabilities(head.book)[:, : len(RULE_NAMES)]
    assert probabilities.numpy() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_an_untrained_adapter_is_the_identity(kind: Literal["linear", "mlp"], head: Head) -> None:
    vectors = torch.from_numpy(head.book.vectors)
    assert ResidualAdapter(kind, 16, 0)(vectors).detach().numpy() == pytest.approx(head.book.vectors)


@pytest.mark.parametrize("kind", KINDS)
def test_labels_move_priors_their_way_and_no_labels_move_nothing(kind: Literal["linear", "mlp"], head: Head) -> None:
    sentences, _ = stated(head)
    before = np.diag(head.probabilities(sentences))
    assert tuned(kind, head, [1.0, 1.0]) == pytest.approx(before, abs=1e-6)
    assert tuned(kind, head, [50.0, 1.0])[0] > before[0]
    assert tuned(kind, head, [1.0, 0.0])[1] < before[1]


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_bits(kind: Literal["linear", "mlp"], head: Head) -> None:
    assert tuned(kind, head, [50.0, 0.1], seed=3) == tuned(kind, head, [50.0, 0.1], seed=3)


def test_nothing_stated_is_nothing_to_tune(head: Head) -> None:
    nothing = Readings(*(part[:0] for part in head.book))
    assert tuned_priors("linear", head, nothing, [], [], seed=0) == []


def test_the_marginal_likelihood_is_that_of_a_mixture() -> None:
    priors, factors = torch.tensor([0.2, 0.5]), torch.tensor([10.0, 0.0])
    expected = np.log(0.2 * 10 + 0.8) + np.log(0.5)
    assert float(marginal_log_likelihood(priors, factors)) == pytest.approx(expected, rel=1e-5)
