"""Stack-augmented network: it learns when to push, when to pop and what to write (Joulin & Mikolov 2015).

All that it remembers is on a stack. A layer reads inputs x_t and has no other recurrence (the case R = 0 of Joulin &
Mikolov, section 3.2; the superposition stack of DuSell & Chiang 2024, "Stack Attention", which is driven by the inputs
too). One step of it:

    (push, pop, stay) = a_t = shares(A x_t / √size + a)         :func:`.soft_stack.operation_shares`
    c_t = tanh(C x_t + c)
    stack_t = push (c_t on stack) + pop (stack without its top) + stay (stack)          :mod:`...soft_stack`
    h_t = tanh(W x_t + R top_t + b)

x is the embedding of the tokens, or of deeper layers the h of the layer before, so a second layer's operations may
depend on what the first one's stack holds. h of the last layer are the features. A starts at 0: every token begins as
a third of each operation, and which tokens push and which pop is found by gradient descent alone. (Started at random
instead, 4 of 5 seeds settled on wrong operations and stayed there.) Trained on 5 000 words, the layer comes to do this:

    read    operation   stack, top first    features tell the head to write
    BOS     any         -
    (       push        (
    {       push        { (
    }       pop         (
    [       push        [ (
    SEP     stay        [ (                 ]
    ]       pop         (                   )
    )       pop         -                   EOS

Because sure shares are exactly 0 or 1, such a model does the same at any length and depth. A whole sequence is read
with one pass per layer; step by step, a stack is a linked list (:mod:`supervised.models.parts.linked_stack`): a sure
step takes constant time, whatever the length and depth, and no depth is too much.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from supervised.models.parts.base import Encoder, EncoderConfig, Trial
from supervised.models.parts.checks import check_positions, longest
from supervised.models.parts.forms import Form, StateForm
from supervised.models.parts.linked_stack import LinkedStacks
from supervised.models.parts.soft_stack import operation_shares, stack_tops


@dataclass(frozen=True)
class StackConfig(EncoderConfig):
    """Options of the stack-augmented network."""

    embedding_size: int = 64
    """Size of a token's embedding; in small ones tokens are alike and learn their operations less independently."""
    layers: int = 1
    """Number of layers, each with a stack of its own."""
    units: int = 64
    """Units of each layer, which is the size of the features."""
    cell_size: int = 16
    """Size of a cell of the stack."""
    dropout: float = 0.0
    """Share of features dropped between layers and after the last one, in training."""

    @classmethod
    def suggest(cls, trial: Trial, prefix: str = "") -> dict[str, Any]:
        return {
            "layers": trial.suggest_int(f"{prefix}layers", 1, 2),
            "units": trial.suggest_int(f"{prefix}units", 16, 256, log=True),
            "embedding_size": trial.suggest_int(f"{prefix}embedding_size", 16, 128, log=True),
            "cell_size": trial.suggest_int(f"{prefix}cell_size", 4, 64, log=True),
            "dropout": trial.suggest_float(f"{prefix}dropout", 0.0, 0.4),
        }


class StackLayer(nn.Module):
    """One layer: inputs ``(..., input_size)`` drive a stack and meet its top in the units."""

    def __init__(self, input_size: int, config: StackConfig) -> None:
        super().__init__()
        self.scale = 1 / math.sqrt(input_size)
        self.operation = nn.Linear(input_size, 3)
        self.content = nn.Linear(input_size, config.cell_size)
        self.input = nn.Linear(input_size, config.units)
        self.top = nn.Linear(config.cell_size, config.units, bias=False)
        nn.init.zeros_(self.operation.weight)
        nn.init.zeros_(self.operation.bias)

    def drive(self, x: Tensor, reading: Tensor) -> tuple[Tensor, Tensor]:
        """What the inputs do to the stack; it stays where there is no input, ``reading`` ``(...)`` being False.

        Returns:
            Shares ``(..., 3)`` of the operations, contents ``(..., cell_size)`` of the cells that would be pushed.
        """
        shares = operation_shares(self.operation(x * self.scale))
        shares = torch.where(reading[..., None], shares, shares.new_tensor([0.0, 0.0, 1.0]))
        return shares, torch.tanh(self.content(x)).to(shares.dtype)

    def forward(self, x: Tensor, tops: Tensor) -> Tensor:
        """``(..., units)`` for inputs and the tops ``(..., cell_size)`` of their stacks."""
        return torch.tanh(self.input(x) + self.top(tops))


class StackStep(Form):
    """One step of a stack network: every layer's cells ``(B, depth, cell_size)``, top first, empty ones being 0."""

    kind = "step"

    def __init__(self, encoder: StackEncoder, head: nn.Linear) -> None:
        super().__init__(encoder, head)
        size = encoder.cell_size
        self.states = tuple(StateForm(f"stack_{i}", (1, size), grows=True) for i in range(len(encoder.layers)))

    def forward(self, token: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        x = self.encoder.embedding(token)
        reading = torch.ones_like(token, dtype=torch.bool)
        following = []
        for layer, before in zip(self.encoder.layers, states, strict=True):
            shares, content = layer.drive(x, reading)
            push, pop, stay = shares[:, :, None, None].unbind(1)  # each (B, 1, 1)
            none = torch.zeros_like(before[:, :1])
            lowered, raised = torch.cat([content[:, None], before], 1), torch.cat([before[:, 1:], none, none], 1)
            following.append(push * lowered + pop * raised + stay * torch.cat([before, none], 1))
            x = layer(x, following[-1][:, 0])
        return self.head(x), *following


class StackEncoder(Encoder[tuple[LinkedStacks, ...]]):
    """Embedding and layers with stacks. Its state is every layer's stacks."""

    config_class = StackConfig
    form = StackStep

    def __init__(self, config: StackConfig, vocab_size: int) -> None:
        super().__init__()
        self.width = config.units
        self.cell_size = config.cell_size
        self.embedding = nn.Embedding(vocab_size, config.embedding_size)
        sizes = [config.embedding_size, *[config.units] * (config.layers - 1)]
        self.layers: Any = nn.ModuleList(StackLayer(size, config) for size in sizes)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, ids: Tensor, lengths: Tensor | None = None) -> Tensor:
        features = self.dropout(self.layers[-1](*self._read(ids, lengths)))
        return functional.pad(features, (0, 0, 0, ids.shape[1] - features.shape[1]))

    def last(self, ids: Tensor, lengths: Tensor) -> Tensor:
        return self.at(ids, lengths, torch.arange(len(ids), device=ids.device), lengths - 1)

    def at(self, ids: Tensor, lengths: Tensor, rows: Tensor, positions: Tensor) -> Tensor:
        x, tops = self._read(ids, lengths)
        check_positions(lengths, rows, positions)
        return self.dropout(self.layers[-1](x[rows, positions], tops[rows, positions]))

    @torch.no_grad()
    def start(self, ids: Tensor, lengths: Tensor) -> tuple[Tensor, tuple[LinkedStacks, ...]]:
        weight = self.embedding.weight
        state = tuple(LinkedStacks.empty(weight.new_zeros(len(ids), self.cell_size)) for _ in self.layers)
        newest = weight.new_zeros(len(ids), self.width)
        for t in range(longest(ids, lengths)):
            reading = t < lengths
            features, state = self._step(ids[:, t], reading, state)
            newest = torch.where(reading[:, None], features, newest)
        return newest, state

    @torch.no_grad()
    def step(self, token: Tensor, state: tuple[LinkedStacks, ...]) -> tuple[Tensor, tuple[LinkedStacks, ...]]:
        return self._step(token, torch.ones_like(token, dtype=torch.bool), state)

    def select(self, state: tuple[LinkedStacks, ...], rows: Tensor) -> tuple[LinkedStacks, ...]:
        return tuple(stacks.select(rows) for stacks in state)

    def _step(
        self, token: Tensor, reading: Tensor, state: tuple[LinkedStacks, ...]
    ) -> tuple[Tensor, tuple[LinkedStacks, ...]]:
        """:meth:`step` of the rows that are ``reading`` (bool); the features of the others mean nothing."""
        x, further = self.embedding(token), []
        for layer, stacks in zip(self.layers, state, strict=True):
            further.append(stacks.after(*layer.drive(x, reading)))
            x = self.dropout(layer(x, further[-1].read()))
        return x, tuple(further)

    def _read(self, ids: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
        """The last layer's inputs ``(B, longest, size)`` and the tops of its stacks ``(B, longest, cell_size)``."""
        columns = longest(ids, lengths)
        x = self.embedding(ids[:, :columns])
        reading = torch.ones_like(ids[:, :columns], dtype=torch.bool)
        if lengths is not None:
            reading = torch.arange(columns, device=ids.device) < lengths[:, None]
        *lower, last = self.layers
        for layer in lower:
            x = self.dropout(layer(x, stack_tops(*layer.drive(x, reading))))
        return x, stack_tops(*last.drive(x, reading))


ENCODER = StackEncoder
