"""What a sentence makes of the hours without a label: a target for each, and how much it counts.

Grounding gives each rule a prior weight (:mod:`ncl_reward.grounding.stated`); the labels decide what it is worth,
day and hours of sleep apart, because whether people sleep is the one thing that every rule about a meter depends on. In
one part of the day let a rule fire on some hours, and let the labels say how often somebody was absent where it fires
(a_1 times, home h_1 times) and where it does not (a_0, h_0). The rule claims a rate of absence where it fires: Beta(α,
β), worth STRENGTH hours that obey it up to its noise ε. Against it stands that these hours are like the silent ones, or
have some rate of their own, one as likely as the other. With L(a, h | α, β) = Be(α + a, β + h) / Be(α, β), the
probability of labels whose rate is Beta(α, β), and α_0, β_0 three hours of which one is absent, the Bayes factor is
closed (Kass & Raftery 1995, "Bayes Factors", section 3):

    B = L(a_1, h_1 | α, β) / [ L(a_1, h_1 | α_0 + a_0, β_0 + h_0) / 2 + L(a_1, h_1 | α_0, β_0) / 2 ]
    w = prior B / (prior B + 1 - prior)

A prior counts as at most MOST_BELIEVED, or labels could never overrule a sentence that is clearly put. In the hours of
sleep a rule weighs at most what it does by day: nearly everybody is in then, so the night agrees with any rule that
says "at home" and can vouch for none. The target is the posterior mean of the claimed rate, and w is the weight of the
hour in the loss; where another rule takes a share of its word away ("at night that says nothing"), that share is
missing. Where several rules speak, the largest w counts and the targets are mixed as Π q^(w / largest w).
Hours of which no rule speaks get the rate at the silent hours, with the largest weight among the rules: "low for long
means absent" would be idle if it did not mean "otherwise rather not".

Only labels are evidence. What the model believes never enters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ncl_reward.rules.power_rules import (
    ABSENT,
    PRESENT,
    PowerInputs,
    PowerRule,
    in_hours,
    share_left,
    weights_in_place,
)
from ncl_reward.rules.rule import StatedRule

STRENGTH = 20.0
MOST_BELIEVED = 0.75
SLEEP = (22.0, 8.0)  # longer than the book's night: late risers look absent in the first hours of the day
_ORDINARY = (1.0, 2.0)  # absent, at home


class Targets(NamedTuple):
    """The modified sequence of a home."""

    q: np.ndarray  # (n, 2) float64: ABSENT, PRESENT
    weight: np.ndarray  # (n,) float64 in [0, 1]


class Worth(NamedTuple):
    """What the labels make of one rule in one part of the day."""

    weight: float
    absent_if_fired: float  # posterior mean rates
    absent_if_silent: float


def targets(stated: Sequence[StatedRule[PowerRule]], inputs: PowerInputs, labels: np.ndarray) -> Targets | None:
    """The target of every slot, or None when the sentence states no rule.

    Args:
        stated: the rules that the sentence states, with their prior weights.
        inputs: the home's power.
        labels: ``(n,)`` ABSENT, PRESENT, or below 0 where there is no label.
    """
    stated = [rule for rule in stated if rule.weight > 0]
    if not weights_in_place(stated, inputs).any():
        return None
    applies = np.array([one.rule.target(inputs, one.slots).applies for one in stated])
    night = in_hours(inputs.hours, *SLEEP)
    log_q = np.zeros((len(labels), 2))
    spoken, silent_weight, silent_rate = np.zeros((3, len(labels)))
    for one, fires in zip(stated, applies, strict=True):
        left = share_left(one.rule, stated, inputs)
        by_day = 1.0
        for part in (~night, night):
            fired = part & fires
            if not fired.any():
                continue
            worth = worth_of(labels, fired, part & ~fires, one.rule.answer, one.slots.noise, one.weight)
            worth = worth._replace(weight=min(worth.weight, by_day))
            by_day = worth.weight
            rate = np.log([worth.absent_if_fired, 1 - worth.absent_if_fired])
            weight = worth.weight * left * part
            log_q += (weight * fires)[:, None] * rate
            spoken = np.maximum(spoken, weight * fires)
            better = weight > silent_weight
            silent_weight[better], silent_rate[better] = weight[better], worth.absent_if_silent
    log_q /= np.maximum(spoken, 1e-12)[:, None]
    q = np.exp(log_q - np.logaddexp(log_q[:, 0], log_q[:, 1])[:, None])
    silent = ~applies.any(axis=0)
    q[silent] = np.stack([silent_rate[silent], 1 - silent_rate[silent]], axis=1)
    weight = np.where(silent, silent_weight, spoken)
    return Targets(q, np.where(np.isfinite(inputs.watts), weight, 0.0))


def overruled(stated: Sequence[StatedRule[PowerRule]], inputs: PowerInputs) -> np.ndarray:
    """``(n,)`` bool: where rules apply that have lost more than half of their word to another."""
    applies, left_over = np.zeros((2, len(inputs.watts)), dtype=bool)
    for one in stated:
        here = one.rule.target(inputs, one.slots).applies
        applies |= here
        left_over |= here & (share_left(one.rule, stated, inputs) >= 0.5)
    return applies & ~left_over


def worth_of(
    labels: np.ndarray, fired: np.ndarray, silent: np.ndarray, answer: int, noise: float, prior: float
) -> Worth:
    """Posterior weight and rates of a rule.

    Args:
        labels: ``(n,)``, below 0 where unknown.
        fired, silent: ``(n,)`` bool, where the rule speaks and where it does not.
        answer: what it says where it speaks.
        noise: ε, shared by both answers as in :func:`ncl_reward.grounding.modified.log_q`.
        prior: above 0 and at most 1.
    """
    obeyed = STRENGTH * (1 - noise / 2)
    claim = (obeyed, STRENGTH - obeyed) if answer == ABSENT else (STRENGTH - obeyed, obeyed)
    fired_counts, silent_counts = _counts(labels, fired), _counts(labels, silent)
    like_the_silent = (_ORDINARY[0] + silent_counts[0], _ORDINARY[1] + silent_counts[1])
    alternatives = (_log_likelihood(rate, fired_counts) for rate in (like_the_silent, _ORDINARY))
    evidence = _log_likelihood(claim, fired_counts) - math.log(sum(map(math.exp, alternatives)) / 2)
    prior = min(prior, MOST_BELIEVED)
    weight = 1 / (1 + math.exp(-min(max(math.log(prior / (1 - prior)) + evidence, -700), 700)))
    return Worth(weight, _mean(claim, fired_counts), _mean(_ORDINARY, silent_counts))


def _counts(labels: np.ndarray, where: np.ndarray) -> tuple[int, int]:
    return int((labels[where] == ABSENT).sum()), int((labels[where] == PRESENT).sum())


def _log_likelihood(prior: tuple[float, float], counts: tuple[int, int]) -> float:
    """log of the probability of a sequence of labels whose rate is Beta(prior)."""
    return _log_beta(prior[0] + counts[0], prior[1] + counts[1]) - _log_beta(*prior)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _mean(prior: tuple[float, float], counts: tuple[int, int]) -> float:
    return (prior[0] + counts[0]) / (sum(prior) + sum(counts))
