"""What architectures that attend have in common: their sizes, and keys and values of everything read so far as a state.

The rows of a state are of unequal length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from supervised.models.parts.base import EncoderConfig, Trial


@dataclass(frozen=True)
class AttentionConfig(EncoderConfig):
    """The sizes of a stack of attention blocks."""

    width: int = 64
    """Size of the features, shared out among the heads."""
    layers: int = 2
    """Number of blocks of attention and MLP."""
    heads: int = 4
    """Attention heads; must divide the width."""

    @classmethod
    def suggest(cls, trial: Trial, prefix: str = "") -> dict[str, Any]:
        """Heads always divide the width: it is drawn as heads times head size."""
        heads = trial.suggest_categorical(f"{prefix}heads", [1, 2, 4, 8])
        return {
            "layers": trial.suggest_int(f"{prefix}layers", 1, 4),
            "heads": heads,
            "width": heads * trial.suggest_categorical(f"{prefix}head_size", [8, 16, 32]),
            "dropout": trial.suggest_float(f"{prefix}dropout", 0.0, 0.4),
        }

    @classmethod
    def suggested_defaults(cls) -> dict[str, Any]:
        return {**super().suggested_defaults(), "head_size": cls.width // cls.heads}


@dataclass(frozen=True)
class KVCache:
    """Keys and values of everything read so far, for decoding."""

    keys: tuple[Tensor, ...]
    """A layer's keys ``(B, heads, L, width / heads)``, as the attention uses them."""
    values: tuple[Tensor, ...]
    """A layer's values, of the same shape."""
    positions: Tensor
    """``(B, L)``: where in its row each cached token stands; -1 marks padding, which is never attended to."""
    padded: bool = False
    """Whether there is any padding."""

    def visible(self) -> Tensor | None:
        """What a token that comes next may attend to, ``(B, 1, 1, L)``; None for everything."""
        return (self.positions >= 0)[:, None, None] if self.padded else None

    def next_position(self) -> Tensor:
        """``(B, 1)``: where the next token of each row will stand."""
        return self.positions.amax(1, keepdim=True) + 1

    def select(self, rows: Tensor) -> KVCache:
        """The cache of some rows only, in the order of ``rows`` (int64)."""
        keys = tuple(key.index_select(0, rows) for key in self.keys)
        values = tuple(value.index_select(0, rows) for value in self.values)
        return KVCache(keys, values, self.positions.index_select(0, rows), self.padded)

    def cut(self, lengths: Tensor) -> KVCache:
        """The same cache, with everything from each row's length ``(B,)`` on marked as padding."""
        positions = self.positions.expand(len(lengths), -1)
        beyond = positions >= lengths[:, None]
        if not beyond.any():
            return KVCache(self.keys, self.values, positions)
        return KVCache(self.keys, self.values, positions.masked_fill(beyond, -1), padded=True)
