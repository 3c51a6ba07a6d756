"""How much a rule is worth, learned from labels and from nothing else.

A sentence gives rule r a prior weight and a share of exceptions ε. The labels speak for or against it. The places at
which it applies fall into *situations* (for brackets: how many types are open), so that a rule cannot live on the
places where it says what every rule says. In situation s, h of the labels lie in the rule's allowed set and m do not.
Let θ_s be the probability that a label does. The rule says that θ_s is about 1 - ε: uniform between 1 - 2ε and 1. If
there is nothing in it, θ_s is uniform between 0 and 1. The Bayes factor of the two is closed (Kass & Raftery 1995,
section 2):

    B_r = Π_s P(θ_s > 1 - 2ε | h, m) / 2ε          θ_s ~ Beta(h + 1, m + 1)
    w_r = prior B_r / (prior B_r + 1 - prior)

With 60 labels in one situation and no exception a rule of ε = 0.01 gains a factor of 35. "Queue" is right at nine of
ten places of the default task, since one open type is closed first by every rule; with two types open it is right
half of the time, and falls to nothing. What the model does on unlabelled prefixes is no evidence: it obeys the rule
there. A sentence that is surely understood may still be false, so a prior above 0.95 counts as 0.95 beside labels.
"""

from __future__ import annotations

from math import lgamma, log, log1p
from typing import NamedTuple

import numpy as np

from ncl_reward.rules.bracket_state import BracketInputs

MOST_EVIDENCE = 3000  # labelled cases that are weighed; more would only add digits

Answered = tuple[np.ndarray, np.ndarray, np.ndarray]
"""n labelled cases: ids ``(n, T)``, BOS prefix SEP answer EOS, and the lengths ``(n,)`` of the prompts and of all."""


class Labels(NamedTuple):
    """The m labelled places of answers."""

    inputs: BracketInputs
    answers: np.ndarray  # (m,) int64: the right tokens there
    situations: np.ndarray  # (m,) int64 from 0


def answer_labels(cases: Answered, vocab_size: int) -> Labels:
    """The places of the answers of the first MOST_EVIDENCE cases."""
    ids, prompt_length, length = (part[:MOST_EVIDENCE] for part in cases)
    columns = np.arange(ids.shape[1] - 1)
    rows, positions = np.nonzero((columns >= prompt_length[:, None] - 1) & (columns < length[:, None] - 1))
    inputs = BracketInputs(ids, rows, positions, vocab_size)
    return Labels(inputs, ids[rows, positions + 1].astype(np.int64), inputs.state.types_open)


def beta_above(bound: float, hits: int, misses: int) -> float:
    """P(θ > bound) for θ ~ Beta(hits + 1, misses + 1): that of at most ``hits`` successes in a binomial of n + 1."""
    n = hits + misses + 1
    counts = range(hits + 1)
    terms = [
        lgamma(n + 1) - lgamma(i + 1) - lgamma(n - i + 1) + i * log(bound) + (n - i) * log1p(-bound) for i in counts
    ]
    return min(float(np.exp(terms).sum()), 1.0)


def bayes_factor(right: np.ndarray, situations: np.ndarray, noise: float) -> float:
    """B of a rule.

    Args:
        right: ``(n,)`` bool: whether the label lies in the rule's allowed set, at the places where the rule applies.
        situations: ``(n,)`` int from 0, which situation each place is.
        noise: ε, above 0 and below 1/2.
    """
    factor = 1.0
    for h, n in zip(np.bincount(situations, right).astype(int), np.bincount(situations), strict=True):
        if n:
            factor *= beta_above(1 - 2 * noise, int(h), int(n - h)) / (2 * noise)
    return factor
