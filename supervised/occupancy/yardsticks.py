"""Answers to compare a network with: always at home, the bare rule, logistic regression, random forest."""

from __future__ import annotations

import importlib
import importlib.util

import numpy as np

from ncl_reward.rules.power_rules import stretches
from supervised.occupancy.homes.record import ABSENT, DAY, PRESENT

BARE_HOURS = 4.0
_ABOVE_BASE = 1.125
_RIDGE = 1.0  # as scikit-learn's C=1
_STEPS = 50


def always_home(slots: int) -> np.ndarray:
    """PRESENT everywhere."""
    return np.full(slots, PRESENT, dtype=np.int8)


def bare_rule(watts: np.ndarray, minutes: int, learned_from: np.ndarray) -> np.ndarray:
    """The sentence taken at its word, slot by slot: ABSENT where power stays low for four hours or more.

    Low is at most an eighth above the highest slot in the quietest four hours of an ordinary day, so that the base
    load with its fridge counts as low. One slot above it ends a stretch.

    Args:
        watts: ``(n,)``, nan where nothing was measured.
        minutes: length of a slot.
        learned_from: ``(m,)`` watts, whole days, of which "ordinary" is read.

    Returns:
        ``(n,)`` ABSENT or PRESENT.
    """
    width, day = max(1, round(BARE_HOURS * 60 / minutes)), DAY // minutes
    days = learned_from[: len(learned_from) // day * day].reshape(-1, day)
    highest = np.lib.stride_tricks.sliding_window_view(days, width, axis=1).max(axis=-1).min(axis=1)  # nan: a gap
    limit = _ABOVE_BASE * float(np.median(highest[np.isfinite(highest)])) if np.isfinite(highest).any() else np.nan
    return np.where(stretches(watts <= limit, width), ABSENT, PRESENT).astype(np.int8)


def logistic_regression(x: np.ndarray, labels: np.ndarray, everywhere: np.ndarray) -> np.ndarray:
    """Fit by Newton's method with half a squared norm of the weights added to the summed loss.

    Args:
        x: ``(m, F)`` features of labelled slots, which are standardised here.
        labels: ``(m,)`` ABSENT or PRESENT.
        everywhere: ``(n, F)`` features of the slots to answer.

    Returns:
        Log-odds of PRESENT ``(n,)``.
    """
    mean, spread = x.mean(0), np.maximum(x.std(0), 1e-6)
    design = np.column_stack([(x - mean) / spread, np.ones(len(x))]).astype(np.float64)
    ridge = np.diag([_RIDGE] * x.shape[1] + [1e-6])  # the intercept is free
    weights = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
        gradient = design.T @ (p - labels) + ridge @ weights
        step = np.linalg.solve(design.T @ (design * (p * (1 - p))[:, None]) + ridge, gradient)
        weights -= step / max(1.0, float(np.abs(step).max()) / 2)  # far from the optimum a full step may overshoot
        if np.abs(step).max() < 1e-8:
            break
    return (everywhere - mean) / spread @ weights[:-1] + weights[-1]


def random_forest(x: np.ndarray, labels: np.ndarray, everywhere: np.ndarray, seed: int) -> np.ndarray | None:
    """200 trees (scikit-learn); arguments and result as :func:`logistic_regression`. None if it is not installed."""
    if importlib.util.find_spec("sklearn") is None:
        return None
    forest = importlib.import_module("sklearn.ensemble").RandomForestClassifier(
        n_estimators=200, min_samples_leaf=2, random_state=seed % 2**32
    )
    forest.fit(x, labels)
    present = list(forest.classes_).index(PRESENT)
    return forest.predict_proba(everywhere)[:, present] - 0.5


def decide(odds: np.ndarray) -> np.ndarray:
    """PRESENT where the odds are above 0."""
    return np.where(odds > 0, PRESENT, ABSENT).astype(np.int8)
