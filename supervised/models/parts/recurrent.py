"""What the GRU and the LSTM share: an embedding, torch's layer, and attention over the prefix if asked for.

    x = embedding(ids)
    s = the layer's states, one after another
    features = dropout(s), or dropout(attend(s)) with :mod:`supervised.models.parts.prefix_attention`

On a CPU the states of a batch are computed once for each *distinct* prefix
(:mod:`supervised.models.parts.prefix_tree`).
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from supervised.models.base import (
    Encoder,
    EncoderConfig,
    check_dropout,
    check_flag,
    check_positions,
    check_whole,
    longest,
)
from supervised.models.parts.kv_cache import KVCache
from supervised.models.parts.prefix_attention import PrefixAttention
from supervised.models.parts.prefix_tree import prefix_tree


@dataclass(frozen=True)
class RecurrentConfig(EncoderConfig):
    """Options of a recurrent network.

    Raises:
        InputError: an option of the wrong type or out of range.
    """

    embedding_size: int = 32
    """Size of a token's embedding."""
    layers: int = 1
    """Number of recurrent layers."""
    units: int = 96
    """Units of each layer, which is the size of the features."""
    dropout: float = 0.0
    """Share of features dropped between layers and after the last one, in training."""
    attention: bool = False
    """Whether each state looks back at all states before it."""

    def __post_init__(self) -> None:
        for name in ("embedding_size", "layers", "units"):
            check_whole(name, getattr(self, name))
        check_dropout(self.dropout)
        check_flag("attention", self.attention)


@dataclass(frozen=True)
class RecurrentState:
    """What a recurrent network remembers of the prefixes."""

    cells: tuple[Tensor, ...]
    """What the layers carry on, each ``(layers, B, units)``; the first is the hidden state."""
    memory: KVCache | None
    """The last layer's states so far; None without attention."""


class RecurrentEncoder(Encoder[RecurrentState]):
    """Embedding, recurrent layer, attention. Abstract: a subclass makes the layer and knows its recurrence."""

    def __init__(self, config: RecurrentConfig, vocab_size: int) -> None:
        super().__init__()
        self.width = config.units
        self.embedding = nn.Embedding(vocab_size, config.embedding_size)
        self.attend = PrefixAttention(config.units) if config.attention else None
        self.dropout = nn.Dropout(config.dropout)

    @property
    @abstractmethod
    def rnn(self) -> nn.RNNBase:
        """The ``nn.GRU`` or ``nn.LSTM`` (or a quantised module in its place)."""

    @abstractmethod
    def _recur(self, x: Tensor, weights: tuple[Tensor, ...], parents: tuple[Tensor, ...]) -> Tensor:
        """One layer over a prefix tree: inputs ``(nodes, I)`` -> hidden states ``(nodes, units)``.

        Args:
            weights: torch's ``weight_ih, weight_hh, bias_ih, bias_hh`` of the layer.
            parents: of every step, see :class:`supervised.models.parts.prefix_tree.PrefixTree`.
        """

    @abstractmethod
    def _cell(self, x: Tensor, carried: tuple[Tensor, ...], weights: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """One step of one layer: input ``(B, I)`` and what it carries, each ``(B, units)`` -> what it carries on.

        Args:
            weights: as for :meth:`_recur`.
        """

    @staticmethod
    def layer_options(config: RecurrentConfig) -> dict[str, Any]:
        """Keyword arguments for ``nn.GRU`` or ``nn.LSTM``."""
        return {
            "input_size": config.embedding_size,
            "hidden_size": config.units,
            "num_layers": config.layers,
            "batch_first": True,
            "dropout": config.dropout if config.layers > 1 else 0.0,  # torch warns if there is nothing between
        }

    def forward(self, ids: Tensor, lengths: Tensor | None = None) -> Tensor:
        states = self._states(ids, lengths)  # (B, longest, units)
        features = states if self.attend is None else self.attend(states)
        return functional.pad(self.dropout(features), (0, 0, 0, ids.shape[1] - features.shape[1]))

    def last(self, ids: Tensor, lengths: Tensor) -> Tensor:
        if not self._shares_prefixes(ids):
            return self.start(ids, lengths)[0]
        states, nodes = self._tree_states(ids, lengths)
        newest = states.index_select(0, nodes.gather(1, lengths[:, None] - 1).squeeze(1))
        if self.attend is not None:
            newest = self.attend.look(newest, self.attend.remember(_rectangle(states, nodes), lengths))
        return self.dropout(newest)

    def at(self, ids: Tensor, lengths: Tensor, rows: Tensor, positions: Tensor) -> Tensor:
        if self.attend is not None:
            return super().at(ids, lengths, rows, positions)
        check_positions(lengths, rows, positions)
        if self._computes_every_cell(ids):
            return self.dropout(self._states(ids, lengths)[rows, positions])
        states, nodes = self._tree_states(ids, lengths)
        return self.dropout(states.index_select(0, nodes[rows, positions]))

    def start(self, ids: Tensor, lengths: Tensor) -> tuple[Tensor, RecurrentState]:
        trimmed = ids[:, : longest(ids, lengths)]
        packed = pack_padded_sequence(self.embedding(trimmed), lengths.cpu(), batch_first=True, enforce_sorted=False)
        packed_states, carried = self.rnn(packed)
        cells = carried if isinstance(carried, tuple) else (carried,)
        newest, memory = cells[0][-1], None
        if self.attend is not None:
            memory = self.attend.remember(pad_packed_sequence(packed_states, batch_first=True)[0], lengths)
            newest = self.attend.look(newest, memory)
        return self.dropout(newest), RecurrentState(cells, memory)

    def step(self, token: Tensor, state: RecurrentState) -> tuple[Tensor, RecurrentState]:
        cells = self._next_cells(self.embedding(token), state.cells)
        newest, memory = cells[0][-1], state.memory
        if self.attend is not None and memory is not None:
            memory = self.attend.extend(memory, newest)
            newest = self.attend.look(newest, memory)
        return self.dropout(newest), RecurrentState(cells, memory)

    def _next_cells(self, x: Tensor, cells: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """What the layers carry on, each ``(layers, B, units)``, after one more input ``(B, I)``."""
        if not self._is_plain():
            carried = self.rnn(x[:, None], cells if len(cells) > 1 else cells[0])[1]
            return carried if isinstance(carried, tuple) else (carried,)
        # torch's layer takes several times as long over a single step as the cell that it is made of.
        layers = []
        for before, weights in zip(zip(*cells, strict=True), self.rnn.all_weights, strict=True):
            layers.append(self._cell(x, before, tuple(weights)))
            x = layers[-1][0]
        return tuple(torch.stack(kind) for kind in zip(*layers, strict=True))

    def select(self, state: RecurrentState, rows: Tensor) -> RecurrentState:
        cells = tuple(cell.index_select(1, rows) for cell in state.cells)
        return RecurrentState(cells, None if state.memory is None else state.memory.select(rows))

    def _attention(self, ids: Tensor, lengths: Tensor) -> Tensor | None:
        return None if self.attend is None else self.attend.weights(self._states(ids, lengths))

    def _states(self, ids: Tensor, lengths: Tensor | None) -> Tensor:
        """The last layer's states ``(B, longest, units)``."""
        if lengths is None or self._computes_every_cell(ids):
            return self.rnn(self.embedding(ids[:, : longest(ids, lengths)]))[0]
        return _rectangle(*self._tree_states(ids, lengths))

    def _shares_prefixes(self, ids: Tensor) -> bool:
        """Whether rows may share states; on other devices torch's layer is one fused kernel."""
        return ids.device.type == "cpu" and self._is_plain()

    def _computes_every_cell(self, ids: Tensor) -> bool:
        """Whether the states of all positions come cheaper from torch's layer, padding and repetitions included."""
        return not self._shares_prefixes(ids)

    def _is_plain(self) -> bool:
        """Whether the layers follow from their weights alone.

        Not when dropout is drawn between them, and a quantised module in torch's layer's place has no float parameters.
        """
        rnn = self.rnn
        return isinstance(rnn, nn.RNNBase) and not (self.training and rnn.dropout > 0)

    def _tree_states(self, ids: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """The last layer's states ``(nodes, units)``, and the node of each cell ``(B, longest)``."""
        tree = prefix_tree(ids, lengths, self.embedding.num_embeddings)
        states = self.embedding(tree.tokens)
        for weights in self.rnn.all_weights:
            states = self._recur(states, tuple(weights), tree.parents)
        return states, tree.nodes


def _rectangle(states: Tensor, nodes: Tensor) -> Tensor:
    """``(nodes, units)`` at ``(B, longest)`` -> ``(B, longest, units)``."""
    return states.index_select(0, nodes.flatten()).view(*nodes.shape, -1)
