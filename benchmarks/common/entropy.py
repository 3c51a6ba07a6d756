"""A control for sentences: the model's own certainty on the same unlabelled prefixes, and no rule at all.

Entropy minimisation (Grandvalet & Bengio 2005, "Semi-supervised learning by entropy minimization", section 2): the
unlabelled term of the loss is the entropy of the model's prediction at each place.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from supervised.train.instructed import Instructed, InstructedLoss


class EntropyObjective(Instructed):
    """What :class:`Instructed` learns, with entropy in the place of rules."""

    def __init__(self, other: Instructed) -> None:
        super().__init__(other.labelled)

    def loss(self, model: Any) -> InstructedLoss:
        loss = super().loss(model)
        loss.ncl = _entropy
        return loss


def _entropy(logits: Tensor, log_q: Tensor) -> Tensor:
    log_p = logits.float().log_softmax(-1)
    return -torch.sum(log_p.exp() * log_p)
