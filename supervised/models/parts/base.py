"""What every architecture offers: features of a prefix, all at once or token by token, and what else it can do.

An *encoder* maps token ids to one feature vector a position, looking only backwards. A :class:`SequenceModel` puts a
linear *head* on it that gives next-token logits; PPO agents put their own heads on the same encoders.

    ids        BOS   (     {     SEP   PAD      lengths = 4, so ``last`` is f3
    features   f0    f1    f2    f3    any      f2 depends on BOS ( { and on nothing else

Batches are padded on the right. What stands in the padding changes no feature before it, and the features at padded
positions are finite but mean nothing.

What an architecture can do stands on its encoder's class and on its config's, and nowhere else: the commands ask there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, Self, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from supervised.models.parts.checks import check_flag, check_positions, check_share, check_whole, longest
from supervised.models.parts.forms import Form

State = TypeVar("State")
_CHECKS = {int: check_whole, float: check_share, bool: check_flag}


class Place(NamedTuple):
    """Where units that go together lie in a weight: along ``axis``, as ``blocks`` blocks of units of ``span`` each."""

    weight: str
    axis: int
    blocks: int = 1
    span: int = 1


Groups = Mapping[str, list[Place]]
"""The places of each group's units, by the group's name. All its places hold the same number of units."""


class Trial(Protocol):
    """What draws an architecture's options while tuning: each method one parameter. Optuna's trials do."""

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        """A whole number; ``log``: every doubling is as likely as any other."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """A number."""

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """One of the choices."""


@dataclass(frozen=True)
class EncoderConfig:
    """Base of the architectures' options: plain numbers and strings, checked when made, fit for JSON.

    The type of a default says what an option may be: a whole number of at least 1, a share or a flag.

    Raises:
        InputError: an option of the wrong type or out of range.
    """

    def __post_init__(self) -> None:
        for field in fields(self):
            check = _CHECKS.get(type(field.default))
            if check is not None:
                check(field.name, getattr(self, field.name))

    def to_dict(self) -> dict[str, Any]:
        """Option name -> value."""
        return asdict(self)

    @classmethod
    def needs_max_length(cls, given: Mapping[str, Any]) -> bool:
        """Whether a model with these options has a learned vector for each position, so that its input has an end."""
        return False

    @classmethod
    def suggest(cls, trial: Trial, prefix: str = "") -> dict[str, Any]:
        """The options that tuning draws: its search space. The others keep their defaults.

        Args:
            prefix: is put before the names of the trial's parameters.
        """
        return {}

    @classmethod
    def suggested_defaults(cls) -> dict[str, Any]:
        """The parameters, without a prefix, with which :meth:`suggest` gives the defaults; others may be among them."""
        return {field.name: field.default for field in fields(cls)}

    def with_fewer_units(self, share: float) -> Self:
        """The options of what is left when this share of the units is removed; at least one of each kind stays."""
        return self


class Encoder(nn.Module, ABC, Generic[State]):
    """Ids -> causal features, with a cached state for decoding. Abstract.

    ``State`` is whatever the architecture must remember of a prefix. It is a value: no method changes one in place,
    so one state can be continued in several ways.
    """

    config_class: ClassVar[type[EncoderConfig]]
    """Its options. An encoder is made as ``encoder_class(config, vocab_size)``."""
    given_structure: ClassVar[bool] = False
    """Whether it is told what opens and what closes, which the others must learn."""
    lora_targets: ClassVar[tuple[str, ...]] = ()
    """Ends of the names of the linear maps that an adapter is put on by default; without any it takes no adapter."""
    loses_units: ClassVar[bool] = False
    """Whether units can be removed, see :meth:`unit_groups`."""
    no_int8: ClassVar[str | None] = None
    """Why dynamic int8 layers cannot take the place of its own; None if they can."""
    form: ClassVar[type[Form] | None] = None
    """What it is exported as, a function of tensors alone."""
    no_form: ClassVar[str] = "has no function of tensors alone, which is all that an ONNX file can hold"
    """Why it has none."""

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
            weights = self.raw_attention(ids[:, :columns], lengths)
        finally:
            self.train(was_training)
        if weights is None:
            return None
        padding = torch.arange(columns, device=ids.device) >= lengths[:, None]  # (B, columns)
        missing = ids.shape[1] - columns
        return functional.pad(weights.masked_fill(padding[:, :, None], 0.0), (0, missing, 0, missing))

    def raw_attention(self, ids: Tensor, lengths: Tensor) -> Tensor | None:
        """:meth:`attention` of ids ``(B, T)`` as long as the longest row; anything finite in the padding's rows."""
        return None

    def token_embedding(self) -> nn.Module:
        """The module that turns ids into vectors."""
        return self.get_submodule("embedding")

    def unit_groups(self) -> Groups:
        """What can be removed: where the units of each group lie among the weights of a :class:`SequenceModel`."""
        return {}


class BidirectionalEncoder(Encoder[State]):
    """An encoder that also has the features of a token in the light of what follows it. Abstract."""

    @abstractmethod
    def read(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Features of every token as it stands, in the light of all others before and after it: what fills masks.

        Args:
            ids: int64 ``(B, T)``, padded on the right.
            lengths: int64 ``(B,)``.

        Returns:
            ``(B, T, width)``.

        Raises:
            InputError: as :meth:`forward`.
        """


class SequenceModel(nn.Module):
    """An encoder and a linear head: the parameters are named ``encoder.*`` and ``head.*``."""

    def __init__(self, encoder: Encoder[Any], vocab_size: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(encoder.width, vocab_size)

    def forward(self, ids: Tensor, lengths: Tensor | None = None) -> Tensor:
        """``(B, T, vocab_size)``: at every position the logits of the token that follows it."""
        return self.head(self.encoder(ids, lengths))
