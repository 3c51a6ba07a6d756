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

from copy import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from bracket_env import InputError
from supervised.models.parts.base import Encoder, SequenceModel


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
class ConditionedState:
    """What is remembered of the prefixes, and the condition of each."""

    inner: Any
    condition: Tensor  # (B, size): z


class FiLMEncoder(Encoder[ConditionedState]):
    """Another encoder's features, modulated by sentences; it reads only under some (:meth:`conditioned_on`).

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

    def conditioned_on(self, vectors: Tensor) -> FiLMEncoder:
        """An encoder of the same layers under sentences: ``(B, dim)``, one a row, or ``(1, dim)``, one for all rows."""
        bound = copy(self)
        bound._vectors = vectors
        return bound

    def forward(self, ids: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self._modulated(self.inner(ids, lengths), self._condition(len(ids))[:, None])

    def last(self, ids: Tensor, lengths: Tensor) -> Tensor:
        return self._modulated(self.inner.last(ids, lengths), self._condition(len(ids)))

    def at(self, ids: Tensor, lengths: Tensor, rows: Tensor, positions: Tensor) -> Tensor:
        return self._modulated(self.inner.at(ids, lengths, rows, positions), self._condition(len(ids))[rows])

    def start(self, ids: Tensor, lengths: Tensor) -> tuple[Tensor, ConditionedState]:
        features, state = self.inner.start(ids, lengths)
        condition = self._condition(len(ids))
        return self._modulated(features, condition), ConditionedState(state, condition)

    def step(self, token: Tensor, state: ConditionedState) -> tuple[Tensor, ConditionedState]:
        features, inner = self.inner.step(token, state.inner)
        return self._modulated(features, state.condition), ConditionedState(inner, state.condition)

    def select(self, state: ConditionedState, rows: Tensor) -> ConditionedState:
        return ConditionedState(self.inner.select(state.inner, rows), state.condition[rows])

    def attention(self, ids: Tensor, lengths: Tensor) -> Tensor | None:
        return self.inner.attention(ids, lengths)

    def _condition(self, rows: int) -> Tensor:
        """z of every row, ``(rows, size)``.

        Raises:
            InputError: there are no sentences.
        """
        if self._vectors is None:
            raise InputError("this model answers what a sentence says, and was given none")
        z = self.sentence(self.scale * self._vectors)
        return z.expand(rows, -1) if len(z) == 1 else z

    def _modulated(self, x: Tensor, z: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x, z)
        return x


class ConditionedModel(SequenceModel):
    """A model under sentences: the encoder and the head of another one, whose layers it shares.

    Args:
        model: its encoder is a :class:`FiLMEncoder`.
        vectors: as for :meth:`FiLMEncoder.conditioned_on`, on the model's device.
    """

    def __init__(self, model: SequenceModel, vectors: Tensor) -> None:
        nn.Module.__init__(self)  # no head of its own
        assert isinstance(model.encoder, FiLMEncoder)
        self.encoder = model.encoder.conditioned_on(vectors)
        self.head = model.head
        self.training = model.training
