"""The training loss: cross-entropy of the next token, summed, so that any split of a batch adds up to the same.

Dividing the sum by the tokens of the *whole* batch makes one process with one big batch, several processes and
accumulated micro-batches the same computation.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from supervised.data import EncodedCases
from supervised.models import SequenceModel


class TokenLoss(nn.Module):
    """Summed loss of a model on encoded cases; a module, so that it can be wrapped for several processes.

    Args:
        model: gives the logits.
        everywhere: also predict the prefix, not the answer only (``--loss all``).
        label_smoothing: see :func:`torch.nn.functional.cross_entropy`.
    """

    def __init__(self, model: SequenceModel, *, everywhere: bool, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.model = model
        self.everywhere = everywhere
        self.label_smoothing = label_smoothing

    def forward(self, ids: Tensor, lengths: Tensor, rows: Tensor, positions: Tensor) -> Tensor:
        """Summed nats.

        Args:
            ids: int64 ``(B, T)``, whole cases.
            lengths: int64 ``(B,)``, without the last token, which nothing follows.
            rows, positions: int64 ``(n,)``; the token after each of these positions is predicted.
        """
        targets = ids[rows, positions + 1]
        if self.everywhere:
            features = self.model.encoder(ids[:, :-1], lengths)[rows, positions]
        else:
            features = self.model.encoder.at(ids[:, :-1], lengths, rows, positions)
        logits = self.model.head(features)  # (n, V)
        return functional.cross_entropy(logits.float(), targets, reduction="sum", label_smoothing=self.label_smoothing)


def loss_inputs(cases: EncodedCases, everywhere: bool, device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The arguments of :class:`TokenLoss` for some cases."""
    columns = np.arange(cases.ids.shape[1] - 1)
    first = np.zeros_like(cases.length) if everywhere else cases.prompt_length - 1
    scored = (columns >= first[:, None]) & (columns < cases.length[:, None] - 1)
    rows, positions = np.nonzero(scored)
    return (
        torch.as_tensor(cases.ids.astype(np.int64), device=device),
        torch.as_tensor(cases.length - 1, device=device),
        torch.as_tensor(rows, device=device),
        torch.as_tensor(positions, device=device),
    )
