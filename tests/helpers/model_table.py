"""The architectures that every law runs over, and the ragged batch that it runs on."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from supervised.models import SequenceModel, build_model

VOCAB = 11
LENGTHS = torch.tensor([7, 1, 4, 7, 2])
_RECURRENT = {"embedding_size": 5, "units": 7}
_TRANSFORMER = {"width": 12, "layers": 2, "heads": 3}
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "gru": ("gru", _RECURRENT),
    "gru-2": ("gru", {**_RECURRENT, "layers": 2}),
    "gru-attention": ("gru", {**_RECURRENT, "attention": True}),
    "lstm": ("lstm", _RECURRENT),
    "lstm-2": ("lstm", {**_RECURRENT, "layers": 2}),
    "lstm-2-attention": ("lstm", {**_RECURRENT, "layers": 2, "attention": True}),
    "rope": ("transformer", _TRANSFORMER),
    "alibi": ("transformer", {**_TRANSFORMER, "positions": "alibi"}),
    "learned": ("transformer", {**_TRANSFORMER, "positions": "learned", "max_length": 12}),
    "none": ("transformer", {**_TRANSFORMER, "positions": "none"}),
    "gpt": ("gpt", {**_TRANSFORMER, "max_length": 12}),
    "bert": ("bert", {**_TRANSFORMER, "max_length": 12}),
    "stack": ("stack", {**_RECURRENT, "cell_size": 4}),
    "stack-2": ("stack", {**_RECURRENT, "cell_size": 4, "layers": 2}),
    "tree": ("tree", _RECURRENT),
}
every_model = pytest.mark.parametrize("name", MODELS)


def make(name: str, **more: Any) -> SequenceModel:
    """A model of the table, with weights large enough that a wrong position or neighbour shows."""
    torch.manual_seed(0)
    arch, params = MODELS[name]
    model = build_model(arch, {**params, **more}, VOCAB)
    with torch.no_grad():
        for parameter in model.encoder.parameters():
            if parameter.dim() > 1:
                parameter.normal_(std=0.5)
    return model


def batch(columns: int = 7) -> Tensor:
    """Ids ``(5, columns)``; the first three rows begin alike."""
    ids = torch.randint(1, VOCAB, (len(LENGTHS), columns), generator=torch.Generator().manual_seed(3))
    ids[1:3, :3] = ids[0, :3]
    return ids.masked_fill(torch.arange(columns) >= LENGTHS[:, None], 0)


def valid(columns: int = 7) -> Tensor:
    """bool ``(5, columns)``: where :func:`batch` has no padding."""
    return torch.arange(columns) < LENGTHS[:, None]
