"""What an instructed agent sees: the tokens through an encoder, conditioned on the vector of the sentence.

The layers are those of :mod:`supervised.models.film`, so an agent's policy is a supervised model that takes a sentence,
and is loaded and asked as one. An action needs the feature at the last token alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor

from bracket_env import PAD
from supervised.models import build_model
from supervised.models.film import FiLMEncoder


class InstructedFeatures(BaseFeaturesExtractor):
    """The encoder's feature at the last token, modulated by the sentence.

    Args:
        observation_space: the ``Dict`` of ``tokens`` and ``instruction``.
        arch, params: an architecture of :mod:`supervised.models` and its options.
        vocab_size: V.
        sentence_units: size of z.
        blocks: how many.
        sentence_dropout: share of the vector's numbers that are dropped in training.

    Raises:
        InputError: options that the architecture refuses.
    """

    def __init__(
        self,
        observation_space: spaces.Dict,
        arch: str,
        params: Mapping[str, Any],
        vocab_size: int,
        sentence_units: int = 64,
        blocks: int = 2,
        sentence_dropout: float = 0.0,
    ) -> None:
        shape = observation_space["instruction"].shape
        assert shape is not None
        inner = build_model(arch, params, vocab_size).encoder
        super().__init__(observation_space, inner.width)
        self.encoder = FiLMEncoder(inner, shape[0], size=sentence_units, blocks=blocks, dropout=sentence_dropout)

    def forward(self, observations: dict[str, Tensor]) -> Tensor:
        """``tokens`` ``(B, L)`` as SB3 passes them (float) and ``instruction`` ``(B, dim)`` -> ``(B, width)``."""
        tokens = observations["tokens"]
        lengths = (tokens != PAD).sum(1)
        told = self.encoder.conditioned_on(observations["instruction"])
        return told.last(tokens[:, : int(lengths.max())].long(), lengths)
