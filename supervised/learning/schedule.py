"""The learning rate as a pure function of the step, so a resumed run has nothing to restore."""

from __future__ import annotations

import math
from collections.abc import Sequence

from supervised.runs.config import Extension

REWARMED, FLOOR = 0.25, 0.05
"""Shares of the peak: what an extension is re-warmed to, and what one at the floor stays at."""
RISE = 10
"""The part of an extension over which the rate rises again: a tenth."""


def learning_rate(
    step: int, *, peak: float, steps: int, warmup_steps: int, kind: str, extensions: Sequence[Extension] = ()
) -> float:
    """Linear warm-up, then cosine, linear or no decay to 0 at ``steps``.

    An extended training has a leg for each part. The first one ends where the training was to end when it began, so
    that its steps are what they were; each extension has a warm-up and a fall of its own, or stays at the floor.

    Args:
        step: from 0.
        steps: of the whole training, extensions included.
        kind: ``cosine`` (Loshchilov & Hutter 2017, without restarts), ``linear`` or ``constant``.
    """
    for extension in reversed(extensions):
        if step >= extension.at:
            return _extended(step - extension.at, extension, peak, kind)
    if extensions:
        steps = extensions[0].at
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    done = min((step - warmup_steps) / max(steps - warmup_steps, 1), 1.0)
    if kind == "cosine":
        return peak * 0.5 * (1.0 + math.cos(math.pi * done))
    return peak * (1.0 - done) if kind == "linear" else peak


def _extended(step: int, extension: Extension, peak: float, kind: str) -> float:
    """The rate so many steps into an extension."""
    if extension.schedule == "floor":
        return FLOOR * peak
    if extension.schedule == "constant":
        return peak
    rise = extension.steps // RISE
    return learning_rate(step, peak=REWARMED * peak, steps=extension.steps, warmup_steps=rise, kind=kind)
