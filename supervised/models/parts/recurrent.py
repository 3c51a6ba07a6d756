"""What the GRU and the LSTM share: an embedding, torch's layer, and attention over the prefix if asked for.

    x = embedding(ids)
    s = the layer's states, one after another
    features = dropout(s), or dropout(attend(s)) with :mod:`supervised.models.parts.prefix_attention`

On a CPU the states of a batch are computed once for each *distinct* prefix
(:mod:`supervised.models.parts.prefix_tree`).
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from supervised.models.parts.attending import KVCache
from supervised.models.parts.base import Encoder, EncoderConfig, Groups, Place, Trial
from supervised.models.parts.checks import check_positions, longest
from supervised.models.parts.forms import Form, StateForm
from supervised.models.parts.prefix_attention import PrefixAttention
from supervised.models.parts.prefix_tree import prefix_tree


@dataclass(frozen=True)
class RecurrentConfig(EncoderConfig):
    """Options of a recurrent network."""

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

    @classmethod
    def suggest(cls, trial: Trial, prefix: str = "") -> dict[str, Any]:
        return {
            "layers": trial.suggest_int(f"{prefix}layers", 1, 3),
            "units": trial.suggest_int(f"{prefix}units", 16, 256, log=True),
            "embedding_size": trial.suggest_int(f"{prefix}embedding_size", 8, 64, log=True),
            "attention": trial.suggest_categorical(f"{prefix}attention", [False, True]),
            "dropout": trial.suggest_float(f"{prefix}dropout", 0.0, 0.4),
        }

    def with_fewer_units(self, share: float) -> Self:
        return replace(self, units=max(1, round(self.units * (1 - share))))


@dataclass(frozen=True)
class RecurrentState:
    """What a recurrent network remembers of the prefixes."""

    cells: tuple[Tensor, ...]
    """What the layers carry on, each ``(layers, B, units)``; the first is the hidden state."""
    memory: KVCache | None
    """The last layer's states so far; None without attention."""


class RecurrentStep(Form):
    """One step of a GRU or LSTM: the carried states, each ``(B, layers, units)``, and the memory of the attention.

    The memory has the keys and values ``(B, L, units)`` and the positions ``(B, L)``. It begins with one place of
    position -1, which is never looked at, so that L is never 0.
    """

    kind = "step"

    def __init__(self, encoder: RecurrentEncoder, head: nn.Linear) -> None:
        super().__init__(encoder, head)
        layers, units = encoder.rnn.num_layers, encoder.rnn.hidden_size
        self.carried = ("hidden", "cell")[: 2 if isinstance(encoder.rnn, nn.LSTM) else 1]
        states = [StateForm(name, (layers, units)) for name in self.carried]
        if encoder.attend is not None:
            states += [StateForm(name, (1, units), grows=True) for name in ("keys", "values")]
            states.append(StateForm("positions", (1,), fill=-1, dtype="int64", grows=True))
        self.states = tuple(states)

    def forward(self, token: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        cells = tuple(state.transpose(0, 1) for state in states[: len(self.carried)])
        memory = None
        if self.encoder.attend is not None:
            keys, values, positions = states[len(self.carried) :]
            memory = KVCache((keys[:, None],), (values[:, None],), positions, padded=True)
        features, state = self.encoder.step(token, RecurrentState(cells, memory))
        following = [cell.transpose(0, 1) for cell in state.cells]
        if state.memory is not None:
            following += [state.memory.keys[0][:, 0], state.memory.values[0][:, 0], state.memory.positions]
        return self.head(features), *following


class RecurrentEncoder(Encoder[RecurrentState]):
    """Embedding, recurrent layer, attention. Abstract: a subclass names the layer and knows its recurrence."""

    config_class = RecurrentConfig
    loses_units = True
    form = RecurrentStep
    layer: ClassVar[type[nn.GRU | nn.LSTM]]
    """torch's layer, which the encoder has under its name in lower case."""
    tree_layer: ClassVar[type[torch.autograd.Function]]
    """One layer over a prefix tree: inputs ``(nodes, I)``, torch's ``weight_ih, weight_hh, bias_ih, bias_hh`` and the
    parents of every step (:class:`supervised.models.parts.prefix_tree.PrefixTree`) -> hidden states ``(nodes, units)``.
    """
    fused: ClassVar[bool] = False
    """Whether torch computes a whole layer in one call on this CPU, faster than the tree does."""

    def __init__(self, config: RecurrentConfig, vocab_size: int) -> None:
        super().__init__()
        self.width = config.units
        self.embedding = nn.Embedding(vocab_size, config.embedding_size)
        self.attend = PrefixAttention(config.units) if config.attention else None
        self.dropout = nn.Dropout(config.dropout)
        dropout = config.dropout if config.layers > 1 else 0.0  # torch warns if there is nothing between
        layer = self.layer(config.embedding_size, config.units, config.layers, batch_first=True, dropout=dropout)
        self.add_module(self._name(), layer)

    @classmethod
    def _name(cls) -> str:
        return cls.layer.__name__.lower()

    @property
    def rnn(self) -> nn.GRU | nn.LSTM:
        """torch's layer, or a quantised module in its place."""
        rnn: nn.GRU | nn.LSTM = getattr(self, self._name())
        return rnn

    @staticmethod
    @abstractmethod
    def cell(x: Tensor, carried: tuple[Tensor, ...], weights: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """One step of one layer: input ``(B, I)`` and what it carries, each ``(B, units)`` -> what it carries on.

        Args:
            weights: as for :attr:`tree_layer`.
        """

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
            layers.append(self.cell(x, before, tuple(weights)))
            x = layers[-1][0]
        return tuple(torch.stack(kind) for kind in zip(*layers, strict=True))

    def select(self, state: RecurrentState, rows: Tensor) -> RecurrentState:
        cells = tuple(cell.index_select(1, rows) for cell in state.cells)
        return RecurrentState(cells, None if state.memory is None else state.memory.select(rows))

    def raw_attention(self, ids: Tensor, lengths: Tensor) -> Tensor | None:
        return None if self.attend is None else self.attend.weights(self._states(ids, lengths))

    def unit_groups(self) -> Groups:
        """``units L``: unit i of a layer is a row of each gate's matrices and biases, and a column of what reads it."""
        rnn, name = self.rnn, f"encoder.{self._name()}"
        gates = len(rnn.all_weights[0][1]) // rnn.hidden_size
        groups: dict[str, list[Place]] = {}
        for layer in range(rnn.num_layers):
            inner = [f"{name}.{kind}_l{layer}" for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
            groups[f"units {layer}"] = [*(Place(weight, 0, gates) for weight in inner), Place(inner[1], 1)]
            if layer + 1 < rnn.num_layers:
                groups[f"units {layer}"].append(Place(f"{name}.weight_ih_l{layer + 1}", 1))
        last = groups[f"units {rnn.num_layers - 1}"]
        if self.attend is None:
            last.append(Place("head.weight", 1))
            return groups
        last += [Place("encoder.attend.query.weight", 1), Place("encoder.attend.key.weight", 1)]
        last.append(Place("encoder.attend.combine.weight", 1, blocks=2))  # the state and the context
        scores = ("encoder.attend.query.weight", "encoder.attend.query.bias", "encoder.attend.key.weight")
        groups["scores"] = [Place(weight, 0) for weight in scores]
        features = ("encoder.attend.combine.weight", "encoder.attend.combine.bias")
        groups["features"] = [*(Place(weight, 0) for weight in features), Place("head.weight", 1)]
        return groups

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
        return self.fused or not self._shares_prefixes(ids)

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
            states = self.tree_layer.apply(states, *weights, *tree.parents)
        return states, tree.nodes


def _rectangle(states: Tensor, nodes: Tensor) -> Tensor:
    """``(nodes, units)`` at ``(B, longest)`` -> ``(B, longest, units)``."""
    return states.index_select(0, nodes.flatten()).view(*nodes.shape, -1)
