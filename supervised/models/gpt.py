"""GPT: the causal decoder of transformers' GPT-2 class (Radford et al. 2019), with learned positions.

``forward`` is ``GPT2Model``'s own. Decoding drives the same modules by hand: for one new token ``GPT2Model.forward``
spends more time on its bookkeeping than on the blocks (0.75 ms against 0.41 ms a token; width 64, 2 layers, one CPU
thread), and its cache is changed in place, where a state here is a value.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from supervised.models.parts.attending import KVCache
from supervised.models.parts.checks import check_fits, longest
from supervised.models.parts.hugging_face import (
    ATTENTION,
    HuggingFaceConfig,
    HuggingFaceEncoder,
    HuggingFacePrefix,
    described_model,
    head_weights,
    import_transformers,
)


class GPTPrefix(HuggingFacePrefix):
    """``GPT2Model``'s own ``forward`` on all columns."""

    def features(self, ids: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return self.encoder.gpt2(input_ids=ids, use_cache=False).last_hidden_state, lengths - 1


class GPTEncoder(HuggingFaceEncoder[KVCache]):
    """transformers' ``GPT2Model``. The state is a :class:`KVCache`."""

    types = ("gpt2",)
    lora_targets = ("c_attn", "attn.c_proj")
    form = GPTPrefix

    def __init__(self, config: HuggingFaceConfig, vocab_size: int) -> None:
        super().__init__(config)
        self.gpt2 = _gpt2(config, vocab_size)

    @property
    def pretrained(self) -> Any:
        return self.gpt2

    def forward(self, ids: Tensor, lengths: Tensor | None = None) -> Tensor:
        columns = longest(ids, lengths)
        check_fits(columns, self.max_length)
        # Padding needs no mask: on the right of a row, causal attention never looks at it.
        features = self.gpt2(input_ids=ids[:, :columns], use_cache=False).last_hidden_state
        return functional.pad(features, (0, 0, 0, ids.shape[1] - columns))

    def start(self, ids: Tensor, lengths: Tensor) -> tuple[Tensor, KVCache]:
        columns = longest(ids, lengths)
        positions = torch.arange(columns, device=ids.device).expand(len(ids), -1)
        features, cache = self._run(ids[:, :columns], positions, None)
        return features[torch.arange(len(ids), device=ids.device), lengths - 1], cache.cut(lengths)

    def step(self, token: Tensor, state: KVCache) -> tuple[Tensor, KVCache]:
        features, state = self._run(token[:, None], state.next_position(), state)
        return features[:, 0], state

    def select(self, state: KVCache, rows: Tensor) -> KVCache:
        return state.select(rows)

    def raw_attention(self, ids: Tensor, lengths: Tensor) -> Tensor:
        check_fits(ids.shape[1], self.max_length)
        return head_weights(self.gpt2, ids)

    def _run(self, ids: Tensor, positions: Tensor, past: KVCache | None) -> tuple[Tensor, KVCache]:
        """``ids`` at ``positions``, both ``(B, T)``, after ``past`` (T is 1 then) -> features ``(B, T, width)``."""
        check_fits(int(positions.max()) + 1, self.max_length)
        x = self.gpt2.drop(self.gpt2.wte(ids) + self.gpt2.wpe(positions))
        seen = positions if past is None else torch.cat([past.positions, positions], 1)  # (B, L)
        padded = past is not None and past.padded
        visible = (seen >= 0)[:, None, None] if padded else None  # (B, 1, 1, L)
        keys, values = [], []
        for layer, block in enumerate(self.gpt2.h):
            before = None if past is None else (past.keys[layer], past.values[layer])
            x, key, value = self._block(block, x, visible, before)
            keys.append(key)
            values.append(value)
        return self.gpt2.ln_f(x), KVCache(tuple(keys), tuple(values), seen, padded)

    def _block(
        self, block: Any, x: Tensor, visible: Tensor | None, past: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """One ``GPT2Block``: ``x`` ``(B, T, width)`` -> the same, keys and values ``(B, heads, L, width / heads)``."""
        attention = block.attn
        parts = attention.c_attn(block.ln_1(x)).unflatten(-1, (3, self.heads, -1))
        query, key, value = parts.permute(2, 0, 3, 1, 4)  # each (B, heads, T, width / heads)
        if past is not None:
            key, value = torch.cat([past[0], key], 2), torch.cat([past[1], value], 2)
        dropped = attention.attn_dropout.p if self.training else 0.0
        causal = past is None
        mixed = functional.scaled_dot_product_attention(query, key, value, visible, dropped, is_causal=causal)
        x = x + attention.resid_dropout(attention.c_proj(mixed.transpose(1, 2).flatten(2)))
        return x + block.mlp(block.ln_2(x)), key, value


def _gpt2(config: HuggingFaceConfig, vocab_size: int) -> Any:
    """Raises InputError for the configuration of another type."""
    if config.transformers is not None:
        return described_model(config.transformers, vocab_size, "gpt", GPTEncoder.types)
    transformers = import_transformers()
    return transformers.GPT2Model(
        transformers.GPT2Config(
            vocab_size=vocab_size,
            n_positions=config.max_length,
            n_embd=config.width,
            n_layer=config.layers,
            n_head=config.heads,
            resid_pdrop=config.dropout,
            embd_pdrop=config.dropout,
            attn_pdrop=config.dropout,
            activation_function="gelu_pytorch_tanh",  # GPT-2's own "gelu_new", as one kernel instead of seven
            bos_token_id=None,
            eos_token_id=None,
            attn_implementation=ATTENTION,
        )
    )


ENCODER = GPTEncoder
