"""What a model looks like as an ONNX file: one of two functions that give the logits of the next token.

    step      token (B,), states...         -> logits (B, V), next states...     gru, lstm, stack
    prefix    ids (B, T), lengths (B,)      -> logits (B, V)                     transformer, gpt, bert

The length of a recurrent layer's input is fixed in an exported graph, so such a model is exported as one step, and
whoever runs it feeds token after token, each row its own: the prompt first and then what it writes. The states' first
axis is the batch; what they are at the beginning stands in the file (:class:`StateForm`). A stack, and the memory of a
GRU that attends, gain a row along their second axis at every step.

The other form reads the first ``lengths`` tokens of each row, padded on the right, anew for every token.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn


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

    Args:
        encoder: computing in floats.
        head: of the same model.

    Attributes:
        kind: ``step`` or ``prefix``.
        states: of a step.
    """

    kind: Literal["step", "prefix"]
    states: tuple[StateForm, ...] = ()

    def __init__(self, encoder: Any, head: nn.Linear) -> None:
        super().__init__()
        self.head, self.encoder = head, encoder
        self.eval()

    def exporting(self) -> AbstractContextManager[None]:
        """Surrounds the export."""
        return nullcontext()


class Prefix(Form):
    """The logits after the first ``lengths`` tokens of each row."""

    kind = "prefix"

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        features, newest = self.features(ids, lengths)
        return self.head(features.gather(1, newest[:, None, None].expand(-1, 1, features.shape[2]))[:, 0])

    def features(self, ids: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Features ``(B, T, width)``, and in which column of them those of each row's next token stand, ``(B,)``."""
        return self.encoder(ids), lengths - 1


def initial(states: Sequence[StateForm], rows: int) -> tuple[Tensor, ...]:
    """What the states are before anything was read."""
    return tuple(torch.full((rows, *s.shape), s.fill, dtype=getattr(torch, s.dtype)) for s in states)
