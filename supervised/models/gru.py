"""GRU: gated recurrent units (Cho et al. 2014) over an embedding.

Bracket prefixes overlap: all start with BOS, and few symbols can follow. A recurrent state depends on the prefix alone,
so a batch needs one state for each *distinct* prefix in it (the nodes of a prefix tree) instead of one for each cell
of the padded rectangle. Three rows, 4 states instead of 9:

    BOS ( {        step   nodes: last token   their parents, counted within the step before
    BOS ( )         0     BOS                 0 (the zero state)
    BOS (           1     (                   0
                    2     {  )                0  0

:class:`_TreeGRU` is the recurrence of ``torch.nn.GRU`` on its parameters, with a hand-written gradient instead of a
graph over the steps. Forward plus backward of 1024 prompts like the default Close task's (longest 22 tokens, mean 14;
width 96; one CPU thread) took 49-57 ms, against 114-146 for nn.GRU on the padded batch and 152-233 on a packed one.
With nothing shared and no row short it still gained a tenth; on 32 such rows it lost a third (10 ms against 7.6).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence

from bracket_env.errors import InputError
from supervised.models.base import Encoder, EncoderConfig, check_dropout, check_whole, longest


@dataclass(frozen=True)
class GRUConfig(EncoderConfig):
    """Options of the GRU.

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

    def __post_init__(self) -> None:
        for name in ("embedding_size", "layers", "units"):
            check_whole(name, getattr(self, name))
        check_dropout(self.dropout)


class GRUEncoder(Encoder[Tensor]):
    """Embedding and GRU. The state is the hidden state ``(layers, B, units)``."""

    def __init__(self, config: GRUConfig, vocab_size: int) -> None:
        super().__init__()
        self.width = config.units
        self.embedding = nn.Embedding(vocab_size, config.embedding_size)
        between = config.dropout if config.layers > 1 else 0.0  # nn.GRU warns about dropout with nothing between
        self.gru = nn.GRU(config.embedding_size, config.units, config.layers, batch_first=True, dropout=between)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, ids: Tensor, lengths: Tensor | None = None) -> Tensor:
        if lengths is None or not self._shares_prefixes(ids):
            longest(ids, lengths)
            return self.dropout(self.gru(self.embedding(ids))[0])
        features, nodes = self._tree_features(ids, lengths)
        flat = features.index_select(0, nodes.flatten())  # (B * longest, width)
        padding = ids.shape[1] - nodes.shape[1]
        return self.dropout(functional.pad(flat.view(*nodes.shape, self.width), (0, 0, 0, padding)))

    def last(self, ids: Tensor, lengths: Tensor) -> Tensor:
        if not self._shares_prefixes(ids):
            return self.start(ids, lengths)[0]
        features, nodes = self._tree_features(ids, lengths)
        return self.dropout(features.index_select(0, nodes.gather(1, lengths[:, None] - 1).squeeze(1)))

    def start(self, ids: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        trimmed = ids[:, : longest(ids, lengths)]
        packed = pack_padded_sequence(self.embedding(trimmed), lengths.cpu(), batch_first=True, enforce_sorted=False)
        state = self.gru(packed)[1]  # (layers, B, units)
        return self.dropout(state[-1]), state

    def step(self, token: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        features, state = self.gru(self.embedding(token)[:, None], state)
        return self.dropout(features[:, 0]), state

    def select(self, state: Tensor, rows: Tensor) -> Tensor:
        return state.index_select(1, rows)

    def _shares_prefixes(self, ids: Tensor) -> bool:
        """Whether rows may share states: not when each draws its own dropout between layers.

        On other devices nn.GRU is one fused kernel, and a quantised module in its place has no float parameters.
        """
        between = self.training and getattr(self.gru, "dropout", 0.0) > 0
        return ids.device.type == "cpu" and isinstance(self.gru, nn.GRU) and not between

    def _tree_features(self, ids: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """The last layer's states ``(nodes, units)`` and :attr:`PrefixTree.nodes`."""
        tree = prefix_tree(ids, lengths, self.embedding.num_embeddings)
        features = self.embedding(tree.tokens)
        for layer in range(self.gru.num_layers):
            weights = (
                getattr(self.gru, f"{name}_l{layer}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            )
            features = _TreeGRU.apply(features, *weights, *tree.parents)
        return features, tree.nodes


class PrefixTree(NamedTuple):
    """The distinct prefixes of a batch, shortest first: one node for each, numbered step after step."""

    tokens: Tensor
    """``(nodes,)``: the last token of every prefix."""
    parents: tuple[Tensor, ...]
    """For every step the nodes that its own ones extend, counted within the step before; zeros at step 0."""
    nodes: Tensor
    """``(B, longest)``: the node of each row's prefix up to each position; 0 in the padding."""


def prefix_tree(ids: Tensor, lengths: Tensor, vocab_size: int) -> PrefixTree:
    """The tree of the prefixes of ``ids`` ``(B, T)`` up to ``lengths`` ``(B,)``.

    Raises:
        InputError: a length outside 1 to T, or an id outside the vocabulary.
    """
    steps = longest(ids, lengths)
    for bound in ids.aminmax():
        if not 0 <= bound < vocab_size:
            raise InputError(f"token id {int(bound)} is outside the vocabulary of {vocab_size}")
    descending, order = lengths.sort(descending=True, stable=True)
    columns = ids[order, :steps].t().contiguous()  # (steps, B): rows still going are always the first ones
    going = (descending > torch.arange(steps)[:, None]).sum(1).tolist()
    nodes = torch.zeros_like(columns)
    within = torch.zeros_like(lengths)  # each row's node, counted within the step
    tokens, parents, total = [], [], 0
    for column, n, row in zip(columns, going, nodes, strict=True):
        prefixes, within = torch.unique(within[:n] * vocab_size + column[:n], return_inverse=True)
        tokens.append(prefixes % vocab_size)
        parents.append(prefixes // vocab_size)
        row[:n] = within + total
        total += len(prefixes)
    unsorted = torch.empty_like(nodes).index_copy_(1, order, nodes)
    return PrefixTree(torch.cat(tokens), tuple(parents), unsorted.t())


class _TreeGRU(torch.autograd.Function):
    """One layer of nn.GRU over a prefix tree: inputs ``(nodes, I)`` -> states ``(nodes, H)``.

    With h' the parent's state (zeros above the root), and nn.GRU's weights in its order r, z, n:

        r = σ(W_r x + U_r h'),  z = σ(W_z x + U_z h'),  u = U_n h',  n = tanh(W_n x + r u),  h = (1 - z) n + z h'

    (biases beside every product). A node's gates are kept as one row n, r, z, u: W reaches its first three quarters,
    U its last three, so each product is a single call on a slice.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, u: Tensor, bias_w: Tensor, bias_u: Tensor, *parents: Tensor) -> Tensor:
        size = u.shape[1]
        w = w.roll(size, 0)  # r, z, n -> n, r, z
        bias = functional.pad(bias_w.roll(size), (0, size)) + functional.pad(bias_u, (size, 0))
        gates = bias.repeat(len(x), 1)  # (nodes, 4H)
        gates[:, : 3 * size].addmm_(x, w.t())
        states = x.new_empty(len(x), size)
        state, begin = x.new_zeros(1, size), 0
        for parent in parents:
            here = slice(begin, begin + len(parent))
            previous = state.index_select(0, parent)  # (n, H)
            gates[here, size:].addmm_(previous, u.t())
            gates[here, size : 3 * size].sigmoid_()
            n, r, z, from_state = gates[here].chunk(4, 1)
            n.addcmul_(r, from_state).tanh_()
            state = torch.lerp(n, previous, z, out=states[here])
            begin = here.stop
        ctx.save_for_backward(x, w, u, gates, states, *parents)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_states: Tensor) -> tuple[Tensor | None, ...]:
        x, w, u, gates, states, *parents = ctx.saved_tensors
        size = u.shape[1]
        d_x, d_w, d_u, d_bias = torch.empty_like(x), torch.zeros_like(w), torch.zeros_like(u), x.new_zeros(4 * size)
        end = len(x)
        d_later: Tensor | float = 0.0  # what the next step sends back to this one's states
        for parent, above in zip(reversed(parents), [*reversed(parents[:-1]), None], strict=True):
            here = slice(end - len(parent), end)
            end = here.start
            before = x.new_zeros(1, size) if above is None else states[end - len(above) : end]
            previous = before.index_select(0, parent)
            n, r, z, from_state = gates[here].chunk(4, 1)
            d_state = d_states[here] + d_later
            d_previous = d_state * z
            d_gates = torch.empty_like(gates[here])
            d_n, d_r, d_z, d_from_state = d_gates.chunk(4, 1)
            torch.mul(d_state - d_previous, 1 - n * n, out=d_n)
            torch.mul(d_n, r, out=d_from_state)
            torch.mul(d_from_state * from_state, 1 - r, out=d_r)
            torch.mul(d_previous * (previous - n), 1 - z, out=d_z)
            by_input, by_state = d_gates[:, : 3 * size], d_gates[:, size:]
            d_bias += d_gates.sum(0)
            d_w.addmm_(by_input.t(), x[here])
            d_u.addmm_(by_state.t(), previous)
            torch.mm(by_input, w, out=d_x[here])
            d_previous.addmm_(by_state, u)
            d_later = torch.zeros_like(before).index_add_(0, parent, d_previous)
        d_bias_w, d_bias_u = d_bias[: 3 * size].roll(-size), d_bias[size:]
        return d_x, d_w.roll(-size, 0), d_u, d_bias_w, d_bias_u, *(None for _ in parents)
