"""What the architectures built from transformers' classes share. Nothing is ever downloaded: weights are drawn here.

transformers takes seconds to import, so it is imported when such an encoder is made and not before.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from torch import Tensor

from bracket_env.errors import InputError
from supervised.models.base import EncoderConfig, check_dropout, check_heads, check_whole

ATTENTION = "sdpa"


@dataclass(frozen=True)
class HuggingFaceConfig(EncoderConfig):
    """Options of an architecture from transformers.

    Raises:
        InputError: an option of the wrong type or out of range, or heads that do not divide the width.
    """

    width: int = 64
    """Size of the features, shared out among the heads."""
    layers: int = 2
    """Number of blocks of attention and MLP."""
    heads: int = 4
    """Attention heads; must divide the width."""
    dropout: float = 0.0
    """Share dropped of the embeddings, the attention weights and what each block adds, in training."""
    max_length: int = 128
    """Longest input, in tokens: each position has a learned vector."""

    def __post_init__(self) -> None:
        for name in ("width", "layers", "heads", "max_length"):
            check_whole(name, getattr(self, name))
        check_dropout(self.dropout)
        check_heads(self.heads, self.width)


def import_transformers() -> Any:
    """The package.

    Raises:
        InputError: it is not installed.
    """
    try:
        return import_module("transformers")
    except ImportError:
        raise InputError('this architecture needs transformers: pip install "transformers>=5,<6"') from None


def head_weights(model: Any, ids: Tensor, mask: Tensor | None = None) -> Tensor:
    """``(B, L, L)``: the attention of the model's last layer, the mean over its heads.

    The fused attention kernel returns no weights, so the plain one takes its place for this call.

    Args:
        model: a ``PreTrainedModel``.
        ids: int64 ``(B, L)``.
        mask: ``(B, L)``, False where padding stands; None when there is none.
    """
    model.set_attn_implementation("eager")
    try:
        return model(input_ids=ids, attention_mask=mask, output_attentions=True).attentions[-1].mean(1)
    finally:
        model.set_attn_implementation(ATTENTION)
