"""BERT: the bidirectional encoder of transformers' BERT class (Devlin et al. 2019), which fills masks.

It reads whole sentences, so what it is to predict must not be in them. The feature that tells the token after
position t is the one at a MASK put there, with nothing behind it:

    ids          BOS   (     {     SEP          after t = 2 comes SEP
    it reads     BOS   (     {     MASK
    feature 2                      ^

Each position is thus a sentence of its own. An answer is written by appending a MASK, filling it and appending the
next one. In training the token is masked at the same place with the same things visible: what is trained is what is
decoded. ``BertModel``'s modules are driven by hand: over one sentence its ``forward`` spends more time on its
bookkeeping than on the layers.

The price is that n predictions cost n sentences, and ``forward`` reads one for every position of every row: forward
plus backward of 256 prompts like the default Close task's took 1.0 s, against 0.3 s for ``at`` on three positions a
row (one CPU thread).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from bracket_env import MASK, InputError
from supervised.models.parts.base import BidirectionalEncoder
from supervised.models.parts.checks import check_fits, check_positions, longest
from supervised.models.parts.hugging_face import (
    ATTENTION,
    HuggingFaceConfig,
    HuggingFaceEncoder,
    HuggingFacePrefix,
    described_model,
    head_weights,
    import_transformers,
)

_CHUNK = 256  # sentences read at once; sorted by length, each chunk is trimmed to its own longest


@dataclass(frozen=True)
class Written:
    """Everything read so far: BERT reads it all again for the next token."""

    ids: Tensor
    """int64 ``(B, T)``, padded on the right."""
    lengths: Tensor
    """int64 ``(B,)``."""


class BERTPrefix(HuggingFacePrefix):
    """``BertModel``'s own ``forward`` on all columns, with a MASK after each row."""

    def features(self, ids: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        ids = _append(ids, lengths, MASK)
        visible = torch.arange(ids.shape[1], device=ids.device) <= lengths[:, None]
        return self.encoder.bert(input_ids=ids, attention_mask=visible).last_hidden_state, lengths


class BERTEncoder(HuggingFaceEncoder[Written], BidirectionalEncoder[Written]):
    """transformers' ``BertModel`` without its pooler, or a model like it. The state is what has been :class:`Written`.

    Raises:
        InputError: a vocabulary without MASK.
    """

    types = ("bert", "roberta", "xlm-roberta", "camembert", "distilbert", "electra")
    extra_positions = 1  # the MASK behind the input
    lora_targets = ("query", "key", "value", "attention.output.dense", "q_lin", "k_lin", "v_lin", "out_lin")
    form = BERTPrefix

    def __init__(self, config: HuggingFaceConfig, vocab_size: int) -> None:
        super().__init__(config)
        if vocab_size <= MASK:
            raise InputError(f"bert fills <mask>, token id {MASK}: vocab_size must be above it, not {vocab_size}")
        self.bert = _bert(config, vocab_size)
        self.by_hand = isinstance(self.bert, import_transformers().BertModel)

    @property
    def pretrained(self) -> Any:
        return self.bert

    def forward(self, ids: Tensor, lengths: Tensor | None = None) -> Tensor:
        columns = longest(ids, lengths)
        if lengths is None:
            lengths = torch.full((len(ids),), columns, device=ids.device)
        rows, positions = (torch.arange(columns, device=ids.device) < lengths[:, None]).nonzero(as_tuple=True)
        features = self.at(ids, lengths, rows, positions)
        return features.new_zeros(*ids.shape, self.width).index_put((rows, positions), features)

    def read(self, ids: Tensor, lengths: Tensor) -> Tensor:
        check_fits(longest(ids, lengths), self.max_length)
        visible = torch.arange(ids.shape[1], device=ids.device) < lengths[:, None]
        return self._run(ids, visible)

    def last(self, ids: Tensor, lengths: Tensor) -> Tensor:
        return self._fill(ids, lengths)

    def at(self, ids: Tensor, lengths: Tensor, rows: Tensor, positions: Tensor) -> Tensor:
        longest(ids, lengths)
        check_positions(lengths, rows, positions)
        sizes, order = (positions + 1).sort()
        chunks = [self.bert.embeddings.word_embeddings.weight.new_empty(0, self.width)]  # all there is for n = 0
        for low in range(0, len(order), _CHUNK):
            chunk = slice(low, low + _CHUNK)
            chunks.append(self._fill(ids[rows[order[chunk]]], sizes[chunk]))
        return torch.cat(chunks)[order.argsort()]

    def start(self, ids: Tensor, lengths: Tensor) -> tuple[Tensor, Written]:
        return self._fill(ids, lengths), Written(ids, lengths)

    def step(self, token: Tensor, state: Written) -> tuple[Tensor, Written]:
        ids = _append(state.ids, state.lengths, token[:, None])
        return self.start(ids, state.lengths + 1)

    def select(self, state: Written, rows: Tensor) -> Written:
        return Written(state.ids.index_select(0, rows), state.lengths.index_select(0, rows))

    def raw_attention(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Where the MASK after each position looks. What it spends on itself is shared out among the others."""
        positions = torch.arange(ids.shape[1], device=ids.device).expand(len(ids), -1).flatten()
        masked, visible = self._mask(ids.repeat_interleave(ids.shape[1], 0), positions + 1)
        weights = head_weights(self.bert, masked, visible)  # (B * T, T + 1, T + 1)
        weights = weights[torch.arange(len(positions)), positions + 1, :-1]
        weights = weights.masked_fill(torch.arange(ids.shape[1], device=ids.device) > positions[:, None], 0.0)
        total = weights.sum(1, keepdim=True)
        return (weights / total).view(len(ids), ids.shape[1], -1)

    def _fill(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """``(n, width)``: the features at a MASK after the first ``lengths`` ``(n,)`` tokens of ``ids`` ``(n, T)``."""
        columns = longest(ids, lengths)
        masked, visible = self._mask(ids[:, :columns], lengths)
        return self._run(masked, visible)[torch.arange(len(ids), device=ids.device), lengths]

    def _run(self, ids: Tensor, visible: Tensor) -> Tensor:
        """``BertModel``'s own modules on ids ``(n, T)`` of which only the ``visible`` count -> ``(n, T, width)``."""
        if not self.by_hand:  # ids as vectors: RoBERTa would read our ids as its padding
            vectors = self.bert.get_input_embeddings()(ids)
            return self.bert(inputs_embeds=vectors, attention_mask=visible).last_hidden_state
        embeddings, columns = self.bert.embeddings, ids.shape[1]
        x = embeddings.word_embeddings(ids) + embeddings.token_type_embeddings.weight[0]
        x = embeddings.dropout(embeddings.LayerNorm(x + embeddings.position_embeddings.weight[:columns]))
        mask = None if visible.all() else visible[:, None, None]
        for layer in self.bert.encoder.layer:
            attention = layer.attention.self
            parts = (attention.query, attention.key, attention.value)
            query, key, value = (part(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
            dropped = attention.dropout.p if self.training else 0.0
            mixed = functional.scaled_dot_product_attention(query, key, value, mask, dropped)
            x = layer.attention.output(mixed.transpose(1, 2).flatten(2), x)
            x = layer.output(layer.intermediate(x), x)
        return x

    def _mask(self, ids: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """What BERT reads ``(n, T + 1)``, and whether each of its tokens counts."""
        check_fits(ids.shape[1], self.max_length)
        masked = _append(ids, lengths, MASK)
        return masked, torch.arange(masked.shape[1], device=ids.device) <= lengths[:, None]


def _append(ids: Tensor, lengths: Tensor, token: Tensor | int) -> Tensor:
    """``token`` ``(n, 1)``, or one, after the first ``lengths`` ``(n,)`` of ``ids`` ``(n, T)``: ``(n, T + 1)``."""
    return functional.pad(ids, (0, 1)).scatter(1, lengths[:, None], token)


def _bert(config: HuggingFaceConfig, vocab_size: int) -> Any:
    """Raises InputError for the configuration of another type."""
    if config.transformers is not None:
        return described_model(config.transformers, vocab_size, "bert", BERTEncoder.types)
    transformers = import_transformers()
    return transformers.BertModel(
        transformers.BertConfig(
            vocab_size=vocab_size,
            hidden_size=config.width,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            intermediate_size=4 * config.width,
            hidden_dropout_prob=config.dropout,
            attention_probs_dropout_prob=config.dropout,
            max_position_embeddings=config.max_length + BERTEncoder.extra_positions,
            type_vocab_size=1,
            pad_token_id=None,  # transformers would freeze its embedding; a mask hides the padding here
            attn_implementation=ATTENTION,
        ),
        add_pooling_layer=False,
    )


ENCODER = BERTEncoder
