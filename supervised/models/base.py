"""What every architecture offers: features of a prefix, all at once or token by token.

An *encoder* maps token ids to one feature vector a position, looking only backwards. A :class:`SequenceModel` puts a
linear *head* on it that gives next-token logits; PPO agents put their own heads on the same encoders.

    ids        BOS   (     {     SEP   PAD      lengths = 4, so ``last`` is f3
    features   f0    f1    f2    f3    any      f2 depends on BOS ( { and on nothing else

Batches are padded on the right. What stands in the padding changes no feature before it, and the features at padded
positions are finite but mean nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from bracket_env.errors import InputError, quote

State = TypeVar("State")


@dataclass(frozen=True)
class EncoderConfig:
    """Base of the architectures' options: plain numbers and strings, checked when made, fit for JSON."""

    def to_dict(self) -> dict[str, Any]:
        """Option name -> value."""
        return asdict(self)


class Encoder(nn.Module, ABC, Generic[State]):
    """Ids -> causal features, with a cached state for decoding. Abstract.

    ``State`` is whatever the architecture must remember of a prefix. It is a value: no method changes one in place,
    so one state can be continued in several ways.
    """

    width: int
    """Size of a feature vector."""

    @abstractmethod
    def forward(self, ids: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Features at every position.

        Args:
            ids: int64 ``(B, T)``, padded on the right.
            lengths: int64 ``(B,)``, each from 1 to T; None when no row is padded.

        Returns:
            ``(B, T, width)``.

        Raises:
            InputError: a length outside 1 to T, or an input longer than the architecture can take.
        """

    @abstractmethod
    def start(self, ids: Tensor, lengths: Tensor) -> tuple[Tensor, State]:
        """Reads prompts. Returns the features ``(B, width)`` at each row's last token and the state after it."""

    @abstractmethod
    def step(self, token: Tensor, state: State) -> tuple[Tensor, State]:
        """Reads one more token a row, int64 ``(B,)``. Returns its features ``(B, width)`` and the state after it."""

    @abstractmethod
    def select(self, state: State, rows: Tensor) -> State:
        """The state of some rows only, in the order of ``rows`` (int64)."""

    def last(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """``(B, width)``: the features at each row's last token, position ``lengths - 1``."""
        features = self(ids, lengths)  # (B, T, width)
        return features[torch.arange(len(ids), device=ids.device), lengths - 1]

    def at(self, ids: Tensor, lengths: Tensor, rows: Tensor, positions: Tensor) -> Tensor:
        """The features of some tokens only, which costs less than :meth:`forward` in some architectures.

        Args:
            ids, lengths: as for :meth:`forward`.
            rows, positions: int64 ``(n,)``: the token at ``positions[i]`` of row ``rows[i]``, in any order.

        Returns:
            ``(n, width)``.

        Raises:
            InputError: as :meth:`forward`, or a position that is not within its row.
        """
        check_positions(lengths, rows, positions)
        return self(ids, lengths)[rows, positions]

    @torch.inference_mode()
    def attention(self, ids: Tensor, lengths: Tensor) -> Tensor | None:
        """How much each position looks at each token up to it, for display; None if the architecture does not attend.

        Of several layers the last one, of several heads the mean. Dropout is off.

        Returns:
            ``(B, T, T)``: entry ``[b, t, j]`` is the weight of token j in the features at position t. Rows sum to 1;
            those of the padding are 0.

        Raises:
            InputError: as :meth:`forward`.
        """
        columns = longest(ids, lengths)
        was_training = self.training
        self.eval()
        try:
            weights = self._attention(ids[:, :columns], lengths)
        finally:
            self.train(was_training)
        if weights is None:
            return None
        padding = torch.arange(columns, device=ids.device) >= lengths[:, None]  # (B, columns)
        missing = ids.shape[1] - columns
        return functional.pad(weights.masked_fill(padding[:, :, None], 0.0), (0, missing, 0, missing))

    def _attention(self, ids: Tensor, lengths: Tensor) -> Tensor | None:
        """:meth:`attention` of ids ``(B, T)`` as long as the longest row; anything finite in the padding's rows."""
        return None


class SequenceModel(nn.Module):
    """An encoder and a linear head: the parameters are named ``encoder.*`` and ``head.*``."""

    def __init__(self, encoder: Encoder[Any], vocab_size: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(encoder.width, vocab_size)

    def forward(self, ids: Tensor, lengths: Tensor | None = None) -> Tensor:
        """``(B, T, vocab_size)``: at every position the logits of the token that follows it."""
        return self.head(self.encoder(ids, lengths))


def longest(ids: Tensor, lengths: Tensor | None) -> int:
    """The largest length: columns of ``ids`` beyond it are all padding.

    Raises:
        InputError: a length below 1 or above the number of columns.
    """
    columns = ids.shape[1]
    if lengths is None:
        return columns
    low, high = (int(bound) for bound in lengths.aminmax())
    if low < 1 or high > columns:
        raise InputError(f"lengths must lie between 1 and {columns}, not at {low if low < 1 else high}")
    return high


def check_positions(lengths: Tensor, rows: Tensor, positions: Tensor) -> None:
    """Refuses a position that is not within its row.

    Args:
        lengths: int64 ``(B,)``.
        rows, positions: int64 ``(n,)``.

    Raises:
        InputError: naming the first such position, its row and the row's length.
    """
    sizes = lengths[rows]
    outside = (positions < 0) | (positions >= sizes)
    if outside.any():
        i = int(outside.nonzero()[0])
        raise InputError(f"position {int(positions[i])} is outside row {int(rows[i])} of {int(sizes[i])} tokens")


def check_fits(tokens: int, max_length: int) -> None:
    """Refuses an input that learned positions do not reach.

    Raises:
        InputError: naming both lengths.
    """
    if tokens > max_length:
        raise InputError(f"an input of {tokens} tokens is longer than max_length {max_length}")


def check_whole(name: str, value: object) -> None:
    """Refuses everything but an int of at least 1; bool is not an int here.

    Raises:
        InputError: naming the option and the value.
    """
    if type(value) is not int or value < 1:
        raise InputError(f"{name} must be a whole number of at least 1, not {quote(value)}")


def check_dropout(value: object) -> None:
    """Refuses everything but a number in [0, 1).

    Raises:
        InputError: naming the value.
    """
    if type(value) not in (int, float) or not 0 <= value < 1:  # type: ignore[operator]
        raise InputError(f"dropout must be a number from 0 up to but not including 1, not {quote(value)}")


def check_flag(name: str, value: object) -> None:
    """Refuses everything but True and False.

    Raises:
        InputError: naming the option and the value.
    """
    if type(value) is not bool:
        raise InputError(f"{name} must be true or false, not {quote(value)}")


def check_heads(heads: int, width: int) -> None:
    """Refuses a number of heads that does not divide the width.

    Raises:
        InputError: naming both and the numbers that would do.
    """
    if width % heads:
        fitting = ", ".join(str(n) for n in range(1, width + 1) if width % n == 0)
        raise InputError(f"heads must divide width {width}: {fitting}, not {heads}")


def check_choice(name: str, value: object, choices: Sequence[str]) -> None:
    """Refuses everything but one of ``choices``.

    Raises:
        InputError: naming the option, the value and the choices.
    """
    if value not in choices:
        raise InputError(f"{name} must be one of {', '.join(choices)}, not {quote(value)}")
