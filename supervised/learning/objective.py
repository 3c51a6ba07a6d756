"""What a training step makes smaller: a cross-entropy, summed, so that any split of a batch adds up to the same.

Dividing the sum by the predicted tokens of the *whole* batch makes one process with one big batch, several processes
and accumulated micro-batches the same computation. An :class:`Objective` says which tokens a batch predicts:

    NextToken      ids    BOS ( { SEP } ) EOS          the token after each position of the answer, or of everything
    MaskedTokens   ids    BOS ( MASK } ) EOS           the symbols that were hidden, from both sides
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from bracket_env import PAD
from supervised.data.batches import EncodedCases
from supervised.data.words import MaskedWords
from supervised.models import BidirectionalEncoder, SequenceModel

Examples = TypeVar("Examples")
LossInputs = tuple[Tensor, ...]


class TokenLoss(nn.Module):
    """Summed loss of a model on encoded cases; a module, so that it can be wrapped for several processes.

    Args:
        model: gives the logits.
        everywhere: also predict the prefix, not the answer only (``--loss all``).
        label_smoothing: see :func:`torch.nn.functional.cross_entropy`.
    """

    def __init__(self, model: SequenceModel, *, everywhere: bool, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.model, self.everywhere, self.label_smoothing = model, everywhere, label_smoothing

    def forward(self, ids: Tensor, lengths: Tensor, rows: Tensor, positions: Tensor) -> Tensor:
        """Summed nats; arguments as for :meth:`predict`."""
        logits, targets = self.predict(ids, lengths, rows, positions)
        return functional.cross_entropy(logits.float(), targets, reduction="sum", label_smoothing=self.label_smoothing)

    def predict(self, ids: Tensor, lengths: Tensor, rows: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Logits ``(n, V)`` and the right tokens ``(n,)``.

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
        return self.model.head(features), targets


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


class MaskedLoss(nn.Module):
    """Summed loss of a model that reads both ways on the hidden symbols of masked words (Devlin et al. 2019, 3.1).

    Args:
        model: its encoder is a :class:`~supervised.models.BidirectionalEncoder`.

    Raises:
        TypeError: it is not.
    """

    def __init__(self, model: SequenceModel) -> None:
        super().__init__()
        if not isinstance(model.encoder, BidirectionalEncoder):
            raise TypeError(f"{type(model.encoder).__name__} reads in one direction only")
        self.model = model
        self.read = model.encoder.read

    def forward(self, ids: Tensor, lengths: Tensor, rows: Tensor, positions: Tensor, targets: Tensor) -> Tensor:
        """Summed nats; arguments as for :meth:`predict`."""
        logits, targets = self.predict(ids, lengths, rows, positions, targets)
        return functional.cross_entropy(logits.float(), targets, reduction="sum")

    def predict(
        self, ids: Tensor, lengths: Tensor, rows: Tensor, positions: Tensor, targets: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Logits ``(n, V)`` and the right tokens ``(n,)``.

        Args:
            ids: int64 ``(B, T)``, masked words.
            lengths: int64 ``(B,)``.
            rows, positions, targets: int64 ``(n,)``; what stood at each of these positions.
        """
        return self.model.head(self.read(ids, lengths)[rows, positions]), targets


class Objective(ABC, Generic[Examples]):
    """Which tokens a batch predicts. Abstract.

    ``Examples`` has ``length`` ``(n,)`` and ``take(rows)``, as :class:`~supervised.data.batches.EncodedCases` has.

    Attributes:
        scale: about how many times as large the loss is as that of the next token alone.
    """

    scale: float = 1.0

    @abstractmethod
    def loss(self, model: SequenceModel) -> nn.Module:
        """The module that gives the summed loss."""

    @abstractmethod
    def tokens(self, batch: Examples) -> int:
        """How many tokens the loss is over; at least one."""

    @abstractmethod
    def inputs(self, batch: Examples, device: torch.device) -> LossInputs:
        """The arguments of the module."""


class NextToken(Objective[EncodedCases]):
    """The next token of cases; arguments as for :class:`TokenLoss`."""

    def __init__(self, *, everywhere: bool, label_smoothing: float = 0.0) -> None:
        self.everywhere, self.label_smoothing = everywhere, label_smoothing

    def loss(self, model: SequenceModel) -> TokenLoss:
        return TokenLoss(model, everywhere=self.everywhere, label_smoothing=self.label_smoothing)

    def tokens(self, batch: EncodedCases) -> int:
        return batch.token_count(self.everywhere)

    def inputs(self, batch: EncodedCases, device: torch.device) -> LossInputs:
        return loss_inputs(batch, self.everywhere, device)


class MaskedTokens(Objective[MaskedWords]):
    """The hidden symbols of masked words."""

    def loss(self, model: SequenceModel) -> MaskedLoss:
        return MaskedLoss(model)

    def tokens(self, batch: MaskedWords) -> int:
        return int(np.count_nonzero(batch.targets))

    def inputs(self, batch: MaskedWords, device: torch.device) -> LossInputs:
        rows, positions = np.nonzero(batch.targets != PAD)
        columns: list[Any] = [batch.ids.astype(np.int64), batch.length, rows, positions]
        columns.append(batch.targets[rows, positions].astype(np.int64))
        return tuple(torch.as_tensor(column, device=device) for column in columns)
