"""The learning rate as a pure function of the step, so a resumed run has nothing to restore."""

from __future__ import annotations

import math


def learning_rate(step: int, *, peak: float, steps: int, warmup_steps: int, kind: str) -> float:
    """Linear warm-up, then cosine, linear or no decay to 0 at ``steps``.

    Args:
        step: from 0.
        kind: ``cosine`` (Loshchilov & Hutter 2017, without restarts), ``linear`` or ``constant``.
    """
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    done = min((step - warmup_steps) / max(steps - warmup_steps, 1), 1.0)
    if kind == "cosine":
        return peak * 0.5 * (1.0 + math.cos(math.pi * done))
    return peak * (1.0 - done) if kind == "linear" else peak
