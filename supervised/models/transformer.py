"""Transformer: a causal decoder stack (Vaswani et al. 2017), pre-norm as in GPT-2 (Radford et al. 2019).

    x = embedding(ids)                      + a learned position, if asked for
    x = x + attention(norm(x))              layers times; q and k turned by RoPE, or the scores lowered by ALiBi
    x = x + shrink(gelu(expand(norm(x))))
    features = norm(x)

Positions, counted from 0 in every row:

- ``rope`` (Su et al. 2021): features 2i and 2i+1 of q and k at position m are turned by the angle m·10000^(-2i/d), so
  a score depends on the distance of its two tokens only.
- ``alibi`` (Press et al. 2022): a score over distance d is lowered by slope·d, one slope a head.
- ``learned``: a trained vector a position, up to ``max_length``.
- ``none``: the causal mask alone tells the order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self, cast, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from bracket_env import InputError
from supervised.models.parts.attending import AttentionConfig, KVCache
from supervised.models.parts.base import Encoder, Groups, Place, Trial
from supervised.models.parts.checks import check_choice, check_fits, check_whole, longest
from supervised.models.parts.forms import Prefix
from supervised.models.parts.positions import Turn, alibi_slopes, rotate, rotation
from supervised.models.parts.prefix_attention import attention_weights
from supervised.options.groups import Positions

_INIT_STD = 0.02


@dataclass(frozen=True)
class TransformerConfig(AttentionConfig):
    """Options of the Transformer.

    Raises:
        InputError: an option of the wrong type or out of range, or options that do not fit together.
    """

    mlp_ratio: int = 4
    """Hidden units of the MLP for each feature."""
    dropout: float = 0.0
    """Share dropped of the embeddings, the attention weights and what each block adds, in training."""
    positions: Positions = "rope"
    """How order is told: turned (rope), distance penalty (alibi), a learned vector, or by the causal mask alone."""
    max_length: int | None = None
    """Longest input, in tokens; needed by learned positions and used by no others."""
    head_size: int | None = None
    """Features of each head; the width shared out among the heads unless heads were removed (``--structured``)."""

    @property
    def features_a_head(self) -> int:
        """:attr:`head_size`, filled in."""
        return self.head_size or self.width // self.heads

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("positions", self.positions, get_args(Positions))
        pair = 2 if self.positions == "rope" else 1
        if self.head_size is not None:
            check_whole("head_size", self.head_size)
            if self.head_size % pair:
                raise InputError(f"positions 'rope' turns features in pairs: head_size {self.head_size} is odd")
        fitting = [n for n in range(1, self.width + 1) if self.width % n == 0 and self.width // n % pair == 0]
        if not fitting and self.head_size is None:
            raise InputError(f"positions 'rope' turns features in pairs, so width must be even, not {self.width}")
        if self.heads not in fitting and self.head_size is None:
            rule = f"heads must divide width {self.width}" + (" into even parts for 'rope'" if pair == 2 else "")
            raise InputError(f"{rule}: {', '.join(map(str, fitting))}, not {self.heads}")
        if self.positions == "learned":
            if self.max_length is None:
                raise InputError("positions 'learned' needs max_length, the longest input in tokens")
            check_whole("max_length", self.max_length)
        elif self.max_length is not None:
            raise InputError(f"max_length is used by positions 'learned' only, not by {self.positions!r}")

    @classmethod
    def needs_max_length(cls, given: Mapping[str, Any]) -> bool:
        return given.get("positions") == "learned"

    @classmethod
    def suggest(cls, trial: Trial, prefix: str = "") -> dict[str, Any]:
        return {
            **super().suggest(trial, prefix),
            "mlp_ratio": trial.suggest_categorical(f"{prefix}mlp_ratio", [2, 4]),
            "positions": trial.suggest_categorical(f"{prefix}positions", ["rope", "alibi", "learned"]),
        }

    def with_fewer_units(self, share: float) -> Self:
        """Fewer heads, and fewer units of the MLP in multiples of the width.

        The slopes of ALiBi's heads depend on how many heads there are, so with them all heads stay.
        """
        heads, mlp_ratio = (max(1, round(size * (1 - share))) for size in (self.heads, self.mlp_ratio))
        if self.positions == "alibi" or heads == self.heads:
            return replace(self, mlp_ratio=mlp_ratio)
        return replace(self, mlp_ratio=mlp_ratio, heads=heads, head_size=self.features_a_head)


class TransformerEncoder(Encoder[KVCache]):
    """Embedding, blocks and a final LayerNorm. The state is a :class:`KVCache`."""

    config_class = TransformerConfig
    loses_units = True
    lora_targets = ("query_key_value", "project")
    form = Prefix
    slopes: Tensor

    def __init__(self, config: TransformerConfig, vocab_size: int) -> None:
        super().__init__()
        self.width = config.width
        self.head_size = config.features_a_head
        self.positions = config.positions
        self.max_length = config.max_length
        self.embedding = nn.Embedding(vocab_size, config.width)
        if config.max_length is not None:
            self.position = nn.Embedding(config.max_length, config.width)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        self.register_buffer("slopes", alibi_slopes(config.heads)[:, None, None], persistent=False)  # (heads, 1, 1)
        self.apply(_initialise)
        for name, parameter in self.named_parameters():
            if name.endswith(("project.weight", "shrink.weight")):  # what the 2·layers residual additions sum up
                nn.init.normal_(parameter, std=_INIT_STD / math.sqrt(2 * config.layers))

    def forward(self, ids: Tensor, lengths: Tensor | None = None) -> Tensor:
        features, _ = self._read(ids, lengths)
        return functional.pad(features, (0, 0, 0, ids.shape[1] - features.shape[1]))

    def start(self, ids: Tensor, lengths: Tensor) -> tuple[Tensor, KVCache]:
        features, cache = self._read(ids, lengths)
        rows = torch.arange(len(ids), device=ids.device)
        return features[rows, lengths - 1], cache.cut(lengths)

    def step(self, token: Tensor, state: KVCache) -> tuple[Tensor, KVCache]:
        positions = state.next_position()
        if self.max_length is not None:
            self._check_fits(int(positions.max()) + 1)
        features, state = self._run(token[:, None], positions, state)
        return features[:, 0], state

    def select(self, state: KVCache, rows: Tensor) -> KVCache:
        return state.select(rows)

    def raw_attention(self, ids: Tensor, lengths: Tensor) -> Tensor:
        self._check_fits(ids.shape[1])
        positions = torch.arange(ids.shape[1], device=ids.device)[None]
        x, mask, turn = self._embed(ids, positions), self._mask(positions, positions, None), self._turn(positions)
        for block in self.blocks[:-1]:
            x, _, _ = block(x, turn, mask, None)
        query, key, _ = cast(_Block, self.blocks[-1]).project_in(x, turn)
        return attention_weights(query, key, mask).mean(1)

    def unit_groups(self) -> Groups:
        """``heads L`` and ``hidden L``, the units of the MLP."""
        groups = {}
        for layer in range(len(self.blocks)):
            block = f"encoder.blocks.{layer}"
            inner = [Place(f"{block}.query_key_value.{kind}", 0, 3, self.head_size) for kind in ("weight", "bias")]
            groups[f"heads {layer}"] = [*inner, Place(f"{block}.project.weight", 1, span=self.head_size)]
            hidden = [Place(f"{block}.expand.{kind}", 0) for kind in ("weight", "bias")]
            groups[f"hidden {layer}"] = [*hidden, Place(f"{block}.shrink.weight", 1)]
        return groups

    def _read(self, ids: Tensor, lengths: Tensor | None) -> tuple[Tensor, KVCache]:
        """Features ``(B, longest, width)``: columns that are padding in every row are not computed.

        Padding needs no mask: on the right of a row, causal attention never looks at it.
        """
        ids = ids[:, : longest(ids, lengths)]
        self._check_fits(ids.shape[1])
        return self._run(ids, torch.arange(ids.shape[1], device=ids.device)[None], None)

    def _run(self, ids: Tensor, positions: Tensor, past: KVCache | None) -> tuple[Tensor, KVCache]:
        """``ids`` ``(B, T)`` at ``positions`` ``(B or 1, T)`` after ``past`` -> features ``(B, T, width)``, cache."""
        x = self._embed(ids, positions)
        seen = positions if past is None else torch.cat([past.positions, positions], 1)  # (B or 1, L)
        mask, turn = self._mask(positions, seen, past), self._turn(positions)
        keys, values = [], []
        for layer, block in enumerate(self.blocks):
            before = None if past is None else (past.keys[layer], past.values[layer])
            x, key, value = block(x, turn, mask, before)
            keys.append(key)
            values.append(value)
        padded = past is not None and past.padded
        return self.norm(x), KVCache(tuple(keys), tuple(values), seen, padded)

    def _embed(self, ids: Tensor, positions: Tensor) -> Tensor:
        """``(B, T)`` at ``positions`` ``(B or 1, T)`` -> what the first block reads ``(B, T, width)``."""
        x = self.embedding(ids)
        if self.max_length is not None:
            x = x + self.position(positions)
        return self.dropout(x)

    def _check_fits(self, tokens: int) -> None:
        if self.max_length is not None:
            check_fits(tokens, self.max_length)

    def _turn(self, positions: Tensor) -> Turn | None:
        """What RoPE turns the queries and keys at ``positions`` ``(B or 1, T)`` by; None for other positions."""
        return rotation(positions[:, None], self.head_size) if self.positions == "rope" else None

    def _mask(self, positions: Tensor, seen: Tensor, past: KVCache | None) -> Tensor | None:
        """What is added to the scores ``(B or 1, heads or 1, T, L)``, or where they count; None: all before."""
        if self.positions != "alibi":  # a token read after the past is the last one
            return None if past is None or not past.padded else (seen >= 0)[:, None, None, :]
        visible = (seen >= 0)[:, None, None, :]
        distance = (positions[:, :, None] - seen[:, None, :])[:, None]  # (B or 1, 1, T, L)
        visible = visible & (distance >= 0)
        return torch.where(visible, -self.slopes * distance, -torch.inf)


class _Block(nn.Module):
    """One layer: attention, then an MLP, each added to the stream that it reads normalised."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        width, hidden = config.width, config.mlp_ratio * config.width
        inner = config.heads * config.features_a_head
        self.heads = config.heads
        self.norm_attention = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * inner)
        self.project = nn.Linear(inner, width)
        self.norm_mlp = nn.LayerNorm(width)
        self.expand = nn.Linear(width, hidden)
        self.shrink = nn.Linear(hidden, width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self, x: Tensor, turn: Turn | None, mask: Tensor | None, past: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """``x`` ``(B, T, width)`` -> the same shape, and the keys and values ``(B, heads, L, head size)``."""
        query, key, value = self.project_in(x, turn)
        if past is not None:
            key, value = torch.cat([past[0], key], 2), torch.cat([past[1], value], 2)
        dropped = self.dropout.p if self.training else 0.0
        causal = mask is None and past is None
        mixed = functional.scaled_dot_product_attention(query, key, value, mask, dropped, is_causal=causal)
        x = x + self.dropout(self.project(mixed.transpose(1, 2).flatten(2)))
        return x + self.dropout(self.shrink(functional.gelu(self.expand(self.norm_mlp(x))))), key, value

    def project_in(self, x: Tensor, turn: Turn | None) -> tuple[Tensor, Tensor, Tensor]:
        """Query, key and value of the attention, each ``(B, heads, T, head size)``."""
        parts = self.query_key_value(self.norm_attention(x)).view(*x.shape[:2], 3, self.heads, -1)
        parts = parts.permute(2, 0, 3, 1, 4)  # (3, B, heads, T, head size)
        query, key = parts[:2] if turn is None else rotate(parts[:2], turn)
        return query, key, parts[2]


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=_INIT_STD)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)


ENCODER = TransformerEncoder
