"""Tree: a recursive network that is *given the structure*; it composes the bracket tree by shift and reduce.

Every token makes one node, composed from the token and up to two nodes before it (Socher et al. 2011), which
:mod:`supervised.models.parts.shift_reduce` finds from the ids alone. What is left to learn is which closer answers
which opener, and when to stop.

    h = a n + b l + c r    l, r: the children's states    n: the candidate    a + b + c = 1

A node is a weighted mean of its children and a new candidate: the gating of Cho et al. 2014 ("On the Properties of
Neural Machine Translation", section 2.2). States stay within [-1, 1], however large the tree.

The features after a token see the top node's state, the embedding of the bracket that opened its level (BOS at the
bottom) and that of the latest special token, which tells the answer from the prefix. The next symbol of an answer
follows from the two embeddings, which do not change with length or depth; the state does, so it comes in smaller.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from supervised.models.parts.base import Encoder, EncoderConfig, Trial
from supervised.models.parts.checks import check_positions
from supervised.models.parts.prefix_tree import prefix_tree
from supervised.models.parts.shift_reduce import Tops, forest, is_opener, shift_reduce

# At full size a state unlike those of training outvotes the embeddings: models trained on CloseDeep then got up to 39 %
# of shallow words of 400 to 1000 symbols wrong, and none at a tenth.
_STATE_SHARE = 0.1


@dataclass(frozen=True)
class TreeConfig(EncoderConfig):
    """Options of the tree."""

    embedding_size: int = 32
    """Size of a token's embedding."""
    units: int = 64
    """Size of a node's state, and of the features."""
    dropout: float = 0.0
    """Share of features dropped in training."""

    @classmethod
    def suggest(cls, trial: Trial, prefix: str = "") -> dict[str, Any]:
        return {
            "units": trial.suggest_int(f"{prefix}units", 16, 256, log=True),
            "embedding_size": trial.suggest_int(f"{prefix}embedding_size", 8, 64, log=True),
            "dropout": trial.suggest_float(f"{prefix}dropout", 0.0, 0.4),
        }


@dataclass(frozen=True)
class TreeState:
    """What the tree remembers of B prefixes. Reading one more token costs the same however long they are."""

    states: Tensor
    """``(B, units)``: the node on top of each row's stack."""
    tops: Tops
    """The B entries on top."""
    stored_states: Tensor
    """``(n, units)``: the nodes below the tops, which all rows share."""
    stored: Tops
    """Their entries, which ``below`` numbers. Number 0 is the bottom before anything was read."""


class TreeEncoder(Encoder[TreeState]):
    """Embedding, composition along the stack's operations, and a layer that combines what the features see."""

    config_class = TreeConfig
    given_structure = True
    no_int8 = "the composition of tree is no layer that int8 kernels exist for"
    no_form = "finds its structure in Python, which no ONNX file can hold"

    def __init__(self, config: TreeConfig, vocab_size: int) -> None:
        super().__init__()
        units = self.width = config.units
        self.embedding = nn.Embedding(vocab_size, config.embedding_size)
        self.from_token = nn.Linear(config.embedding_size, units + 3)
        self.from_children = nn.Parameter(torch.empty(units + 3, 2 * units))
        self.combine = nn.Linear(2 * config.embedding_size + units, units)
        self.dropout = nn.Dropout(config.dropout)
        nn.init.uniform_(self.from_children, -(units**-0.5), units**-0.5)  # as nn.LSTM does

    def forward(self, ids: Tensor, lengths: Tensor | None = None) -> Tensor:
        states, tops, numbers = self._read(ids, lengths)
        features = self._features(states, tops).index_select(0, numbers.flatten()).view(*numbers.shape, -1)
        return functional.pad(self.dropout(features), (0, 0, 0, ids.shape[1] - numbers.shape[1]))

    def last(self, ids: Tensor, lengths: Tensor) -> Tensor:
        states, tops, numbers = self._read(ids, lengths)
        return self._some_features(states, tops, _newest(numbers, lengths))

    def at(self, ids: Tensor, lengths: Tensor, rows: Tensor, positions: Tensor) -> Tensor:
        states, tops, numbers = self._read(ids, lengths)
        check_positions(lengths, rows, positions)
        return self._some_features(states, tops, numbers[rows, positions])

    def start(self, ids: Tensor, lengths: Tensor) -> tuple[Tensor, TreeState]:
        states, entries, numbers = self._read(ids, lengths)
        newest = _newest(numbers, lengths)
        needed = torch.zeros_like(entries.below, dtype=torch.bool)
        reached = entries.below[newest]
        while len(reached):
            needed[reached] = True
            reached = entries.below[reached].unique()
            reached = reached[~needed[reached]]
        entries = entries._replace(below=(needed.cumsum(0) - 1)[entries.below])
        state = TreeState(states[newest], entries.take(newest), states[needed], entries.take(needed))
        return self._some_features(states, entries, newest), state

    def step(self, token: Tensor, state: TreeState) -> tuple[Tensor, TreeState]:
        pushes = is_opener(token)
        place = len(state.stored.below) - 1 + pushes.cumsum(0)  # where the tops of the rows that push will be stored
        pops, tops = shift_reduce(token, state.tops, place, state.stored)
        own = torch.arange(1, len(token) + 1, device=token.device)
        known = torch.cat([torch.zeros_like(state.states[:1]), state.states, state.stored_states[state.tops.below]])
        left, right = torch.where(pops, own + len(token), own), torch.where(pops, own, 0)
        states = self._compose(known, token, left, right, [0, len(token)])[len(known) :]
        stored_states, stored = state.stored_states, state.stored
        if pushes.any():
            stored_states = torch.cat([stored_states, state.states[pushes]])
            stored = Tops(*map(torch.cat, zip(stored, state.tops.take(pushes), strict=True)))
        return self.dropout(self._features(states, tops)), TreeState(states, tops, stored_states, stored)

    def select(self, state: TreeState, rows: Tensor) -> TreeState:
        return TreeState(state.states[rows], state.tops.take(rows), state.stored_states, state.stored)

    def _read(self, ids: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tops, Tensor]:
        """Every distinct prefix of the batch, once. An entry's number is that of the prefix whose top it is.

        Returns:
            The states ``(n, units)`` and the rest of all entries, number 0 being the bottom before anything was
            read; and the entry on top after each token, ``(B, longest)``.
        """
        if lengths is None:
            lengths = torch.full((len(ids),), ids.shape[1])
        tree = prefix_tree(ids.cpu(), lengths.cpu(), self.embedding.num_embeddings)
        entries, left, right, bounds = forest(tree)
        entries = Tops(*(field.to(ids.device) for field in entries))
        tokens, left, right, nodes = (part.to(ids.device) for part in (tree.tokens, left, right, tree.nodes))
        nothing = self.from_children.new_zeros(1, self.width)
        return self._compose(nothing, tokens, left, right, bounds), entries, nodes + 1

    def _compose(self, known: Tensor, tokens: Tensor, left: Tensor, right: Tensor, bounds: list[int]) -> Tensor:
        """The nodes ``known`` and then the new ones, see :class:`_Compose`; in the precision of the weights."""
        with torch.autocast(tokens.device.type, enabled=False):
            table = self.from_token(self.embedding.weight)  # (vocab_size, units + 3)
            learning = torch.is_grad_enabled()
            states: Tensor = _Compose.apply(known, table, self.from_children, tokens, left, right, bounds, learning)
        return states

    def _some_features(self, states: Tensor, tops: Tops, chosen: Tensor) -> Tensor:
        """The features of the chosen entries, each with a dropout of its own."""
        return self.dropout(self._features(states[chosen], tops.take(chosen)))

    def _features(self, states: Tensor, tops: Tops) -> Tensor:
        seen = [self.embedding(tops.openers), self.embedding(tops.marks), _STATE_SHARE * states]
        return torch.tanh(self.combine(torch.cat(seen, 1)))


def _newest(numbers: Tensor, lengths: Tensor) -> Tensor:
    """``(B,)``: the entry on top after each row's last token."""
    return numbers.gather(1, lengths[:, None] - 1).squeeze(1)


class _Compose(torch.autograd.Function):
    """Nodes, level by level, with a hand-written gradient instead of a graph over the levels.

    With x the token's row of the table, l and r the children's states (zeros where there is none):

        z, w = x + U [l; r]        n = tanh(z)        a, b, c = softmax(w)        h = a n + b l + c r

    ``known`` ``(m, units)`` are the first m states; ``left`` and ``right`` count from the first of them, and the nodes
    from ``bounds[j]`` up to ``bounds[j + 1]`` have no children but earlier ones. What the gradient needs is kept only
    when ``learning``.
    """

    @staticmethod
    def forward(
        ctx: Any,
        known: Tensor,
        table: Tensor,
        u: Tensor,
        tokens: Tensor,
        left: Tensor,
        right: Tensor,
        bounds: list[int],
        learning: bool,
    ) -> Tensor:
        size = known.shape[1]
        states = torch.cat([known, known.new_empty(len(tokens), size)])
        gates = table.new_empty(len(tokens) if learning else 0, size + 3)
        for here in map(slice, bounds, bounds[1:]):
            h_left, h_right = states.index_select(0, left[here]), states.index_select(0, right[here])
            x = table.index_select(0, tokens[here])
            level = torch.addmm(x, torch.cat([h_left, h_right], 1), u.t(), out=gates[here] if learning else None)
            n, shares = level[:, :size].tanh_(), level[:, size:]
            shares.copy_(shares.softmax(1))
            a, b, c = shares.split(1, 1)
            own = states[len(known) + here.start : len(known) + here.stop]
            torch.mul(a, n, out=own).addcmul_(b, h_left).addcmul_(c, h_right)
        ctx.save_for_backward(states, gates, u, tokens, left, right)
        ctx.bounds, ctx.rows = bounds, len(table)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_states: Tensor) -> tuple[Tensor | None, ...]:
        with torch.autocast(d_states.device.type, enabled=False):
            return *_Compose._gradients(ctx, d_states), None, None, None, None, None

    @staticmethod
    def _gradients(ctx: Any, d_states: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of ``known``, the table and U."""
        states, gates, u, tokens, left, right = ctx.saved_tensors
        size, m = states.shape[1], len(states) - len(tokens)
        d_states, d_gates = d_states.clone(), torch.empty_like(gates)
        for begin, end in zip(reversed(ctx.bounds[:-1]), reversed(ctx.bounds[1:]), strict=True):
            here, d_h = slice(begin, end), d_states[m + begin : m + end]
            h_left, h_right = states.index_select(0, left[here]), states.index_select(0, right[here])
            n, shares = gates[here].split([size, 3], 1)
            a, b, c = shares.split(1, 1)
            torch.mul(d_h * a, 1 - n * n, out=d_gates[here, :size])
            d_shares = torch.stack([(d_h * part).sum(1) for part in (n, h_left, h_right)], 1)
            d_gates[here, size:] = shares * (d_shares - (shares * d_shares).sum(1, keepdim=True))
            d_left, d_right = (d_gates[here] @ u).split(size, 1)
            d_states.index_add_(0, left[here], d_left.addcmul(b, d_h))
            d_states.index_add_(0, right[here], d_right.addcmul(c, d_h))
        children = torch.cat([states.index_select(0, left), states.index_select(0, right)], 1)
        d_table = d_gates.new_zeros(ctx.rows, size + 3).index_add_(0, tokens, d_gates)
        return d_states[:m], d_table, d_gates.t() @ children


ENCODER = TreeEncoder
