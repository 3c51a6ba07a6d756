"""A causal sequence labeller: features of consecutive slots -> logits of ABSENT and PRESENT at each.

The encoders are those that close brackets (:mod:`supervised.models`), with a linear layer in place of the embedding:
they read vectors where they used to read token ids, and still look only backwards.

    (B, T, F) features --linear--> (B, T, width) --GRU or Transformer--> (B, T, width) --head--> (B, T, 2)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bracket_env import InputError, quote
from supervised.models.gru import GRUEncoder
from supervised.models.parts.base import Encoder
from supervised.models.parts.recurrent import RecurrentConfig
from supervised.models.transformer import TransformerConfig, TransformerEncoder

_WIDTH = 32
_DROPOUT = 0.2
_NO_TOKENS = 1  # the embedding that is replaced

_RECURRENT = RecurrentConfig(embedding_size=_WIDTH, units=_WIDTH, dropout=_DROPOUT)
_ATTENDING = TransformerConfig(width=_WIDTH, dropout=_DROPOUT)

ENCODERS: dict[str, Callable[[], Encoder[Any]]] = {
    "gru": lambda: GRUEncoder(_RECURRENT, _NO_TOKENS),
    "transformer": lambda: TransformerEncoder(_ATTENDING, _NO_TOKENS),
}
"""Architecture -> its encoder, freshly initialised from torch's global generator."""


def network_params(arch: str) -> dict[str, Any]:
    """The sizes of an architecture here."""
    return (_RECURRENT if arch == "gru" else _ATTENDING).to_dict()


class Labeller(nn.Module):
    """Encoder and head.

    Args:
        arch: gru or transformer.
        columns: F, features of a slot.

    Raises:
        InputError: an unknown architecture.
    """

    def __init__(self, arch: str, columns: int) -> None:
        super().__init__()
        if arch not in ENCODERS:
            raise InputError(f"architecture {quote(arch)} is unknown: choose one of {', '.join(ENCODERS)}")
        self.encoder = ENCODERS[arch]()
        self.encoder.embedding = nn.Linear(columns, _WIDTH)
        self.head = nn.Linear(self.encoder.width, 2)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, T, F)`` -> logits ``(B, T, 2)``."""
        return self.head(self.encoder(x))


@torch.inference_mode()
def present_odds(model: Labeller, x: np.ndarray, window: int, context: int) -> np.ndarray:
    """Log-odds of PRESENT at every slot, read in windows that each start ``context`` slots early.

    Args:
        model: trained; dropout is off here.
        x: ``(n, F)`` float32 features.
        window: slots answered at once.
        context: slots read before them; the first slot of the record stands in for what was before it.
    """
    model.eval()
    device = next(model.parameters()).device
    count = -(-len(x) // window)
    padded = np.concatenate([np.repeat(x[:1], context, axis=0), x, np.repeat(x[-1:], count * window - len(x), axis=0)])
    starts = window * np.arange(count)
    odds = []
    for some in np.array_split(starts, max(1, count // 64)):
        batch = torch.from_numpy(padded[some[:, None] + np.arange(context + window)]).to(device)
        logits = model(batch)[:, context:]  # (b, window, 2)
        odds.append((logits[..., 1] - logits[..., 0]).flatten().cpu().numpy())
    return np.concatenate(odds)[: len(x)]
