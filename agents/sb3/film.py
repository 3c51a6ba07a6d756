"""What an instructed agent sees: the tokens through an encoder, conditioned on the vector of the sentence.

Feature-wise linear modulation (Perez et al. 2018, "FiLM: Visual Reasoning with a General Conditioning Layer"): with the
encoder's feature x at the last token and z = relu(W_z v) of the sentence's vector v, each block adds

    x + relu(gamma(z) * (W x) + beta(z))

so that the sentence chooses what of the prefix an action depends on. gamma and beta are linear in z, and gamma starts
around 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor, nn

from bracket_env import PAD
from supervised.models import build_model
from supervised.models.film import FiLMBlock


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
        encoder = build_model(arch, params, vocab_size).encoder
        super().__init__(observation_space, encoder.width)
        self.encoder = encoder
        shape = observation_space["instruction"].shape
        assert shape is not None
        # Of a unit vector in d dimensions a number is of size d^-1/2, too small for a layer's usual initialisation.
        self.scale = shape[0] ** 0.5
        self.sentence = nn.Sequential(nn.Dropout(sentence_dropout), nn.Linear(shape[0], sentence_units), nn.ReLU())
        self.blocks = nn.ModuleList(FiLMBlock(encoder.width, sentence_units) for _ in range(blocks))

    def forward(self, observations: dict[str, Tensor]) -> Tensor:
        """``tokens`` ``(B, L)`` as SB3 passes them (float) and ``instruction`` ``(B, dim)`` -> ``(B, width)``."""
        tokens = observations["tokens"]
        lengths = (tokens != PAD).sum(1)
        x = self.encoder.last(tokens[:, : int(lengths.max())].long(), lengths)
        z = self.sentence(self.scale * observations["instruction"])
        for block in self.blocks:
            x = block(x, z)
        return x
