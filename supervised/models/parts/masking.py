"""The count mask while decoding: the same rule as the environments' ``action_masks``, on token ids.

EOS is always possible; the closer of a type while that type has an unmatched opener by count; nothing else.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bracket_env.tokenizer import EOS, FIRST_SYMBOL, BracketTokenizer


class CountMask:
    """Unmatched openers of every row of a batch.

    Args:
        ids: int64 ``(B, T)``, prompts.
        tokenizer: the vocabulary.
    """

    def __init__(self, ids: Tensor, tokenizer: BracketTokenizer) -> None:
        self.vocab_size = tokenizer.vocab_size
        tokens = torch.arange(FIRST_SYMBOL, tokenizer.vocab_size, 2, device=ids.device)  # openers; closers are one up
        opened = (ids[:, :, None] == tokens).sum(1)
        closed = (ids[:, :, None] == tokens + 1).sum(1)
        self.unmatched = opened - closed  # (B, k)

    def possible(self, rows: Tensor) -> Tensor:
        """bool ``(len(rows), vocab_size)``: what each of these rows may write next."""
        mask = torch.zeros(len(rows), self.vocab_size, dtype=torch.bool, device=rows.device)
        mask[:, EOS] = True
        mask[:, FIRST_SYMBOL + 1 :: 2] = self.unmatched[rows] > 0
        return mask

    def write(self, rows: Tensor, tokens: Tensor) -> None:
        """These rows wrote these tokens (possible ones)."""
        closer = tokens > FIRST_SYMBOL
        self.unmatched[rows[closer], (tokens[closer] - FIRST_SYMBOL) // 2] -= 1
