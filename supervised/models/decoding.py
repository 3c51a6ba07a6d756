"""Free decoding: the model writes its likeliest token, or a drawn one, until it says EOS or may write no more.

Rows of a batch that have finished are dropped, and each step costs one token a row: the state is cached.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from bracket_env import EOS, FIRST_SYMBOL, BracketTokenizer, InputError
from supervised.models.parts.base import SequenceModel


class TokenMask(Protocol):
    """What may be written, row by row, such as :class:`CountMask`."""

    def possible(self, rows: Tensor) -> Tensor:
        """bool ``(len(rows), vocab_size)`` for these rows of the batch; each has at least one possible token."""

    def write(self, rows: Tensor, tokens: Tensor) -> None:
        """These rows wrote these tokens."""


class CountMask:
    """The same rule as the environments' ``action_masks``, on token ids: unmatched openers of every row of a batch.

    EOS is always possible; the closer of a type while that type has an unmatched opener by count; nothing else.

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


@torch.inference_mode()
def decode(
    model: SequenceModel,
    ids: Tensor,
    lengths: Tensor,
    *,
    max_new: int | Tensor,
    eos: int,
    mask: TokenMask | None = None,
    temperature: float = 0.0,
    generator: torch.Generator | None = None,
) -> list[list[int]]:
    """What the model writes after each prompt.

    Dropout is off while decoding; the model's training mode is restored afterwards.

    Args:
        model: any :class:`SequenceModel`.
        ids: prompts, int64 ``(B, T)``, padded on the right, on the model's device.
        lengths: int64 ``(B,)``, each from 1 to T.
        max_new: the most tokens to write, EOS counted; one number, or int64 ``(B,)``, one for each row.
        eos: the id that ends a row.
        mask: what each row may write, told of everything that is written; None allows all.
        temperature: 0 writes the likeliest token (of equally likely ones the first); otherwise a token is drawn with
            probability proportional to p ** (1 / temperature).
        generator: of the draws, on the model's device; None takes torch's global one.

    Returns:
        One list of ids a row, ending with ``eos`` where the model stopped by itself.

    Raises:
        InputError: a negative ``max_new``, a temperature that is not a finite number of at least 0, or an input that
            the encoder refuses.
    """
    if not 0 <= temperature < float("inf"):
        raise InputError(f"temperature must be a finite number of at least 0, not {temperature}")
    budget = torch.as_tensor(max_new).expand(len(ids)).tolist()
    if min(budget, default=0) < 0:
        raise InputError(f"max_new must be at least 0, not {min(budget)}")
    written: list[list[int]] = [[] for _ in range(len(ids))]
    going = [row for row, most in enumerate(budget) if most]
    if not going:
        return written
    rows = torch.as_tensor(going, device=ids.device)
    was_training = model.training
    model.eval()
    try:
        features, state = model.encoder.start(ids[rows], lengths[rows])
        while True:
            logits = model.head(features)  # (rows, vocab_size)
            if mask is not None:
                logits = logits.masked_fill(~mask.possible(rows), -torch.inf)
            token = _chosen(logits, temperature, generator)
            if mask is not None:
                mask.write(rows, token)
            # Which rows go on is found in Python: for few rows a tensor operation costs more than the whole loop.
            places = []
            for place, (row, symbol) in enumerate(zip(going, token.tolist(), strict=True)):
                written[row].append(symbol)
                if symbol != eos and len(written[row]) < budget[row]:
                    places.append(place)
            if not places:
                return written
            if len(places) < len(going):
                kept = torch.as_tensor(places, device=ids.device)
                going = [going[place] for place in places]
                rows, token, state = rows[kept], token[kept], model.encoder.select(state, kept)
            features, state = model.encoder.step(token, state)
    finally:
        model.train(was_training)


def _chosen(logits: Tensor, temperature: float, generator: torch.Generator | None) -> Tensor:
    """One token a row, ``(rows,)``: the largest logit, after noise that makes it a draw (Gumbel 1954)."""
    if temperature > 0:
        # Single precision: -log of an exponential draw of 0 would be infinite, and it cannot come out so low.
        draws = torch.empty_like(logits, dtype=torch.float32).exponential_(generator=generator)
        logits = logits.float() / temperature - draws.log()
    return logits.argmax(1)
