"""Attention of a recurrent state over the states before it (Luong et al. 2015), which a recurrent network can add.

With s_t the state after token t, over all tokens j up to t:

    a_tj = softmax_j( (Q s_t + b) · K s_j / sqrt(units) )
    c_t  = Σ_j a_tj s_j
    features_t = tanh( W [s_t ; c_t] + d )

Luong's "general" score with its matrix as a product Qᵀ K, and scaled. K has no bias: it would add the same to every
score of a row, which the softmax takes out again. A state sees itself, so the first token has something to look at.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from supervised.models.parts.attending import KVCache


class PrefixAttention(nn.Module):
    """States ``(B, T, units)`` -> features of the same shape.

    Args:
        units: size of a state.
    """

    def __init__(self, units: int) -> None:
        super().__init__()
        self.query = nn.Linear(units, units)
        self.key = nn.Linear(units, units, bias=False)
        self.combine = nn.Linear(2 * units, units)

    def forward(self, states: Tensor) -> Tensor:
        query, key, value = (x[:, None] for x in (self.query(states), self.key(states), states))  # one head
        context = functional.scaled_dot_product_attention(query, key, value, is_causal=True)[:, 0]
        return self._combine(states, context)

    def remember(self, states: Tensor, lengths: Tensor) -> KVCache:
        """The states ``(B, T, units)`` of rows of these lengths ``(B,)``, ready to be looked at."""
        positions = torch.arange(states.shape[1], device=states.device).expand(len(states), -1)
        return KVCache((self.key(states)[:, None],), (states[:, None],), positions).cut(lengths)

    def extend(self, memory: KVCache, state: Tensor) -> KVCache:
        """``memory`` and one more state ``(B, units)`` a row."""
        key, value = self.key(state)[:, None, None], state[:, None, None]
        return KVCache(
            (torch.cat([memory.keys[0], key], 2),),
            (torch.cat([memory.values[0], value], 2),),
            torch.cat([memory.positions, memory.next_position()], 1),
            memory.padded,
        )

    def look(self, state: Tensor, memory: KVCache) -> Tensor:
        """The features ``(B, units)`` of each row's newest state ``(B, units)``, which is in ``memory`` already."""
        query = self.query(state)[:, None, None]
        key, value = memory.keys[0], memory.values[0]
        context = functional.scaled_dot_product_attention(query, key, value, memory.visible())[:, 0, 0]
        return self._combine(state, context)

    def weights(self, states: Tensor) -> Tensor:
        """``(B, T, T)``: a_tj, 0 for j after t."""
        query, key = self.query(states)[:, None], self.key(states)[:, None]
        return attention_weights(query, key, None)[:, 0]

    def _combine(self, states: Tensor, context: Tensor) -> Tensor:
        return self.combine(torch.cat([states, context], -1)).tanh()


def attention_weights(query: Tensor, key: Tensor, mask: Tensor | None) -> Tensor:
    """``(B, heads, T, T)``: what ``scaled_dot_product_attention`` weighs the values by; plainly causal without a mask.

    Values that are the unit vectors come out as the weights themselves, so this cannot differ from what is computed.
    """
    unit = torch.eye(key.shape[2], dtype=key.dtype, device=key.device).expand(*key.shape[:2], -1, -1)
    return functional.scaled_dot_product_attention(query, key, unit, mask, is_causal=mask is None)
