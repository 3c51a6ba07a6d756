"""Magnitude pruning: the weights nearest to zero become zero and stay there while the others go on learning.

Sparsity is the share of zeros among the weight matrices' elements (:mod:`supervised.compress.matrices`). By scope:

    global   one threshold for all matrices: those with small weights lose more
    layer    each matrix loses the same share

Gradual pruning raises the sparsity from s_0 at the first step to s at step n (Zhu & Gupta 2017, equation 1):

    s_t = s + (s_0 - s)(1 - t/n)^3

Most weights go early, when there are many that do not matter, and few at the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from supervised.compress.matrices import weight_matrices
from supervised.models import SequenceModel

Scope = Literal["global", "layer"]


def cubic_sparsity(step: int, *, steps: int, initial: float, final: float) -> float:
    """Sparsity after ``step`` of ``steps``, see the top of this file; ``final`` from then on."""
    left = 1 - min(step / steps, 1.0) if steps else 0.0
    return final + (initial - final) * left**3


def smallest(magnitudes: Tensor, share: float) -> Tensor:
    """Which elements are among the ``share`` with the smallest magnitudes: bool, exactly ``round(share · n)`` of them.

    Of equal ones those that come first.
    """
    chosen = torch.zeros(magnitudes.numel(), dtype=torch.bool, device=magnitudes.device)
    chosen[magnitudes.flatten().argsort(stable=True)[: round(share * magnitudes.numel())]] = True
    return chosen.view(magnitudes.shape)


class Masks:
    """Which weights of a model are left. At first all that are not zero.

    Args:
        model: its weight matrices are pruned, in place.
    """

    def __init__(self, model: SequenceModel) -> None:
        self._weights: Mapping[str, Tensor] = weight_matrices(model)
        self._kept = {name: weight.detach() != 0 for name, weight in self._weights.items()}

    @property
    def sparsity(self) -> float:
        """The share of the weights that are gone."""
        total = sum(kept.numel() for kept in self._kept.values())
        return 1 - sum(int(kept.sum()) for kept in self._kept.values()) / total

    @torch.no_grad()
    def prune(self, sparsity: float, scope: Scope) -> None:
        """Take away the smallest weights, up to this sparsity. What is gone already has magnitude 0 and goes first."""
        self.apply()
        sizes = {name: weight.abs() for name, weight in self._weights.items()}
        if scope == "layer":
            self._kept = {name: ~smallest(size, sparsity) for name, size in sizes.items()}
        else:
            gone = smallest(torch.cat([size.flatten() for size in sizes.values()]), sparsity)
            parts = gone.split([size.numel() for size in sizes.values()])
            self._kept = {name: ~part.view_as(sizes[name]) for name, part in zip(sizes, parts, strict=True)}
        self.apply()

    @torch.no_grad()
    def apply(self) -> None:
        """Make what is gone zero again: an optimiser moves it."""
        for name, weight in self._weights.items():
            weight.mul_(self._kept[name])
