"""An encoder whose features depend on a sentence's vector too: feature-wise linear modulation.

Perez et al. 2018, "FiLM: Visual Reasoning with a General Conditioning Layer". With the feature x of a token and
z = relu(W_z v) of the sentence's vector v, each block adds

    x + relu(gamma(z) * (W x) + beta(z))

so that the sentence chooses what of the prefix the next token depends on. gamma and beta are linear in z, and gamma
starts around 1. The network below knows nothing of the sentence: what it remembers has to serve all of them.

    ids        BOS   (     {     SEP   )       "first opened, first closed"
    inner      x0    x1    x2    x3    x4      the same under every sentence
    features   f0    f1    f2    f3    f4      f3 says ) here, and } under "last opened, first closed"
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from bracket_env.errors import InputError
from supervised.models.base import Encoder


class FiLMBlock(nn.Module):
    """A residual layer of size ``width`` whose units are scaled and shifted by a condition of size ``size``."""

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)
        self.modulation = nn.Linear(size, 2 * width)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """``(..., width)`` and ``(..., size)`` -> ``(..., width)``."""
        gamma, beta = self.modulation(z).chunk(2, -1)
        return x + torch.relu((1 + gamma) * self.linear(x) + beta)


@dataclass(frozen=True)
class SaidState:
    """What is remembered of the prefixes, and what was said about each."""

    inner: Any
    said: Tensor  # (B, size): z


class FiLMEncoder(Encoder[SaidState]):
    """Another encoder's features, modulated by what :meth:`say` was given last.

    Args:
        encoder: reads the prefix.
        dim: of a sentence's vector.
        size: of z.
        blocks: how many.
        dropout: share of the numbers of a vector that are dropped in training. A few hundred sentences have
            nearly as many vectors as there are directions, so that without it their wording is learned by heart.
    """

    def __init__(
        self, encoder: Encoder[Any], dim: int, *, size: int = 64, blocks: int = 2, dropout: float = 0.3
    ) -> None:
        super().__init__()
        self.inner = encoder
        self.width = encoder.width
        # Of a unit vector in d dimensions a number is of size d^-1/2, too small for a layer's usual initialisation.
        self.scale = dim**0.5
        self.sentence = nn.Sequential(nn.Dropout(dropout), nn.Linear(dim, size), nn.ReLU())
        self.blocks = nn.ModuleList(FiLMBlock(encoder.width, size) for _ in range(blocks))
        self._vectors: Tensor | None = None

    def say(self, vectors: Tensor) -> None:
        """The sentences of the coming calls: ``(B, dim)``, one a row, or ``(1, dim)``, one for all rows."""
        self._vectors = vectors

    def forward(self, ids: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self._modulated(self.inner(ids, lengths), self._said(len(ids))[:, None])

    def last(self, ids: Tensor, lengths: Tensor) -> Tensor:
        return self._modulated(self.inner.last(ids, lengths), self._said(len(ids)))

    def at(self, ids: Tensor, lengths: Tensor, rows: Tensor, positions: Tensor) -> Tensor:
        return self._modulated(self.inner.at(ids, lengths, rows, positions), self._said(len(ids))[rows])

    def start(self, ids: Tensor, lengths: Tensor) -> tuple[Tensor, SaidState]:
        features, state = self.inner.start(ids, lengths)
        said = self._said(len(ids))
        return self._modulated(features, said), SaidState(state, said)

    def step(self, token: Tensor, state: SaidState) -> tuple[Tensor, SaidState]:
        features, inner = self.inner.step(token, state.inner)
        return self._modulated(features, state.said), SaidState(inner, state.said)

    def select(self, state: SaidState, rows: Tensor) -> SaidState:
        return SaidState(self.inner.select(state.inner, rows), state.said[rows])

    def _attention(self, ids: Tensor, lengths: Tensor) -> Tensor | None:
        return self.inner.attention(ids, lengths)

    def _said(self, rows: int) -> Tensor:
        """z of every row, ``(rows, size)``.

        Raises:
            InputError: nothing was said.
        """
        if self._vectors is None:
            raise InputError(
                "this model answers what a sentence says, and was given none: it was trained --conditioned"
            )
        z = self.sentence(self.scale * self._vectors)
        return z.expand(rows, -1) if len(z) == 1 else z

    def _modulated(self, x: Tensor, z: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x, z)
        return x
