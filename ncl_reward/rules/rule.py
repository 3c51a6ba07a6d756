"""The one interface of a rule, for brackets and for household power alike.

A rule turns inputs and what the sentence named into a target for each prediction:

    target(inputs, slots) -> (A, where it applies, W, ε)

With W the symbols that can be written at all, S those that the rule chooses among and A those of S that it allows, this
stands for (:func:`ncl_reward.grounding.modified.log_q`)

    q = (1 - ε) · uniform(A) + ε · uniform(W)

ε, the share of exceptions, follows from how certain the sentence sounds (:data:`NOISE`). Where a rule rules nothing
out (A = S) it does not apply, and q is uniform(W): as a factor of Π q_r^w_r it changes nothing. The same sets feed
the loss and the potential of the reward.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Generic, Literal, NamedTuple, TypeVar

import numpy as np

Domain = Literal["brackets", "power"]
Inputs = TypeVar("Inputs")

NOISE: dict[str | None, float] = {"certain": 0.01, None: 0.05, "probable": 0.2}
"""ε by certainty: 必ず/always one exception in a hundred, unmarked one in twenty, 可能性が高い/probably one in five."""


@dataclass(frozen=True)
class Slots:
    """What a sentence named, ready for a rule."""

    pairs: tuple[int, ...] | None = None
    """Numbers of the bracket pairs that the rule is narrowed to; None: all of them."""
    hours: float | None = None
    noise: float = NOISE[None]


class Target(NamedTuple):
    """What a rule wants at n predictions."""

    allowed: np.ndarray  # (n, K) bool: the set A; W where the rule does not apply
    applies: np.ndarray  # (n,) bool
    writable: np.ndarray  # (K,) bool: W
    noise: float  # ε


class Rule(ABC, Generic[Inputs]):
    """A rule of one domain."""

    name: str
    domain: Domain

    @abstractmethod
    def target(self, inputs: Inputs, slots: Slots) -> Target:
        """The target at each prediction of ``inputs``."""

    @abstractmethod
    def violations(self, inputs: Inputs, slots: Slots) -> np.ndarray:
        """``(B,)`` float64: how often each sequence has broken the rule so far, and what the rule still asks for."""


R_co = TypeVar("R_co", bound=Rule[Any], covariant=True)


@dataclass(frozen=True)
class StatedRule(Generic[R_co]):
    """A rule as one sentence states it, and what it is worth."""

    rule: R_co
    slots: Slots
    weight: float
    """What counts in the end, from 0, which changes nothing, to 1: the tuned prior and what labels make of it."""
    sentence: str = ""
    """The sentence or clause; empty for a rule that is given without one."""
    prior: float = 1.0
    """What the sentence's vector gives it."""
    tuned_prior: float = 1.0
    """The same after an adapter has tuned the vector; without one, the prior."""


def target_of(allowed: np.ndarray, about: np.ndarray, writable: np.ndarray, noise: float) -> Target:
    """The target of an allowed set.

    Args:
        allowed: ``(n, K)`` bool, A.
        about: ``(K,)`` bool, S.
        writable: ``(K,)`` bool, W.
        noise: ε.

    A row that allows all of S rules nothing out, and one that allows nothing has nothing to aim at: neither applies.
    """
    allowed = allowed & about
    size = allowed.sum(axis=1)
    applies = (size > 0) & (size < about.sum())
    return Target(np.where(applies[:, None], allowed, writable), applies, writable, noise)
