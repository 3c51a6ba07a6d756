"""What a model looks like as an ONNX file: one of two functions that give the logits of the next token.

    step      token (B,), states...         -> logits (B, V), next states...     gru, lstm, stack
    prefix    ids (B, T), lengths (B,)      -> logits (B, V)                     transformer, gpt, bert

The length of a recurrent layer's input is fixed in an exported graph, so such a model is exported as one step, and
whoever runs it feeds token after token, each row its own: the prompt first and then what it writes. The states' first
axis is the batch; what they are at the beginning stands in the file (:class:`StateForm`). A stack, and the memory of a
GRU that attends, gain a row along their second axis at every step.

The other form reads the first ``lengths`` tokens of each row, padded on the right, anew for every token.

``tree`` finds its structure in Python and is not exported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from bracket_env.errors import InputError
from bracket_env.tokenizer import MASK
from supervised.models import SequenceModel
from supervised.models.bert import BERTEncoder
from supervised.models.gpt import GPTEncoder
from supervised.models.parts.hugging_face import ATTENTION
from supervised.models.parts.kv_cache import KVCache
from supervised.models.parts.recurrent import RecurrentEncoder, RecurrentState
from supervised.models.stack import StackEncoder

NOT_EXPORTABLE = frozenset({"tree"})


@dataclass(frozen=True)
class StateForm:
    """One of the states of a ``step``."""

    name: str
    """Of the input; the output is called ``next_NAME``."""
    shape: tuple[int, ...]
    """At the beginning, without the batch."""
    fill: int = 0
    """What every element is at the beginning."""
    dtype: str = "float32"
    grows: bool = False
    """Whether the second axis (the first of ``shape``) is longer by one after every step."""


class Form(nn.Module):
    """A function to export. Abstract: subclasses have ``forward``.

    Attributes:
        kind: ``step`` or ``prefix``.
        states: of a step.
    """

    kind: str
    states: tuple[StateForm, ...] = ()

    def __init__(self, model: SequenceModel) -> None:
        super().__init__()
        self.head = model.head
        self.eval()


def check_exportable(architecture: str) -> None:
    """Raises InputError for an architecture that has no form."""
    if architecture in NOT_EXPORTABLE:
        raise InputError(f"--onnx: {architecture} finds its structure in Python, which no ONNX file can hold")


def form_of(model: SequenceModel) -> Form:
    """The function that a model is exported as. It must compute in floats.

    Raises:
        InputError: as :func:`check_exportable`.
    """
    encoder: Any = model.encoder
    if isinstance(encoder, RecurrentEncoder):
        return RecurrentStep(model, encoder)
    if isinstance(encoder, StackEncoder):
        return StackStep(model, encoder)
    check_exportable(type(encoder).__name__.removesuffix("Encoder").lower())
    return Prefix(model)


class RecurrentStep(Form):
    """One step of a GRU or LSTM: the carried states, each ``(B, layers, units)``, and the memory of the attention.

    The memory has the keys and values ``(B, L, units)`` and the positions ``(B, L)``. It begins with one place of
    position -1, which is never looked at, so that L is never 0.
    """

    kind = "step"

    def __init__(self, model: SequenceModel, encoder: RecurrentEncoder) -> None:
        super().__init__(model)
        self.encoder = encoder
        layers, units = encoder.rnn.num_layers, encoder.rnn.hidden_size
        self.carried = ("hidden", "cell")[: 2 if isinstance(encoder.rnn, nn.LSTM) else 1]
        states = [StateForm(name, (layers, units)) for name in self.carried]
        if encoder.attend is not None:
            states += [StateForm(name, (1, units), grows=True) for name in ("keys", "values")]
            states.append(StateForm("positions", (1,), fill=-1, dtype="int64", grows=True))
        self.states = tuple(states)
        self.eval()

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


class StackStep(Form):
    """One step of a stack network: every layer's cells ``(B, depth, cell_size)``, top first, empty ones being 0."""

    kind = "step"

    def __init__(self, model: SequenceModel, encoder: StackEncoder) -> None:
        super().__init__(model)
        self.embedding, self.layers = encoder.embedding, encoder.layers
        size = encoder.cell_size
        self.states = tuple(StateForm(f"stack_{i}", (1, size), grows=True) for i in range(len(self.layers)))
        self.eval()

    def forward(self, token: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        x = self.embedding(token)
        reading = torch.ones_like(token, dtype=torch.bool)
        following = []
        for layer, before in zip(self.layers, states, strict=True):
            shares, content = layer.drive(x, reading)
            push, pop, stay = shares[:, :, None, None].unbind(1)  # each (B, 1, 1)
            none = torch.zeros_like(before[:, :1])
            lowered, raised = torch.cat([content[:, None], before], 1), torch.cat([before[:, 1:], none, none], 1)
            following.append(push * lowered + pop * raised + stay * torch.cat([before, none], 1))
            x = layer(x, following[-1][:, 0])
        return self.head(x), *following


class Prefix(Form):
    """The logits after the first ``lengths`` tokens of each row."""

    kind = "prefix"

    def __init__(self, model: SequenceModel) -> None:
        super().__init__(model)
        self.encoder: Any = model.encoder
        self.eval()

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        if isinstance(self.encoder, BERTEncoder):
            ids = functional.pad(ids, (0, 1)).scatter(1, lengths[:, None], MASK)
            visible = torch.arange(ids.shape[1], device=ids.device) <= lengths[:, None]
            features, newest = self.encoder.bert(input_ids=ids, attention_mask=visible).last_hidden_state, lengths
        elif isinstance(self.encoder, GPTEncoder):
            features = self.encoder.gpt2(input_ids=ids, use_cache=False).last_hidden_state
            newest = lengths - 1
        else:
            features, newest = self.encoder(ids), lengths - 1
        return self.head(features.gather(1, newest[:, None, None].expand(-1, 1, features.shape[2]))[:, 0])

    @property
    def hugging_face(self) -> Any:
        """transformers' model, or None."""
        return getattr(self.encoder, "gpt2", None) or getattr(self.encoder, "bert", None)

    def attend_with(self, implementation: str = ATTENTION) -> None:
        """Which of transformers' attentions is used; only the ``eager`` one can be exported."""
        if self.hugging_face is not None:
            self.hugging_face.set_attn_implementation(implementation)


def initial(states: Sequence[StateForm], rows: int) -> tuple[Tensor, ...]:
    """What the states are before anything was read."""
    return tuple(torch.full((rows, *s.shape), s.fill, dtype=getattr(torch, s.dtype)) for s in states)
