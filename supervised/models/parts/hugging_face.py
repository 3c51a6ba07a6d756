"""What the architectures built from transformers' classes share. Nothing is ever downloaded: weights are drawn here.

A model that was trained elsewhere keeps its own class and sizes: its configuration stands in the option
``transformers``, and its weights are put in by :mod:`supervised.transfer.pretrained`.

transformers takes seconds to import, so it is imported when such an encoder is made and not before.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

from torch import Tensor, nn

from bracket_env import InputError, quote
from supervised.models.parts.attending import AttentionConfig
from supervised.models.parts.base import Encoder, State
from supervised.models.parts.checks import check_heads
from supervised.models.parts.forms import Prefix

ATTENTION = "sdpa"
_COUNT_FROM_PADDING = ("roberta", "xlm-roberta", "camembert")
_WITHOUT_POOLER = ("distilbert", "electra", "gpt2")


@dataclass(frozen=True)
class HuggingFaceConfig(AttentionConfig):
    """Options of an architecture from transformers.

    Raises:
        InputError: an option of the wrong type or out of range, or heads that do not divide the width.
    """

    dropout: float = 0.0
    """Share dropped of the embeddings, the attention weights and what each block adds, in training."""
    max_length: int = 128
    """Longest input, in tokens: each position has a learned vector."""
    transformers: str | None = None
    """The configuration of a pre-trained model as JSON, which the other options then repeat."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_heads(self.heads, self.width)
        if self.transformers is not None:
            _described(self.transformers)

    @classmethod
    def needs_max_length(cls, given: Mapping[str, Any]) -> bool:
        return True


class HuggingFacePrefix(Prefix):
    """The form of such an encoder: only the plain attention of transformers can be exported."""

    @contextmanager
    def exporting(self) -> Iterator[None]:
        with plain_attention(self.encoder.pretrained):
            yield


class HuggingFaceEncoder(Encoder[State]):
    """An encoder around a model of transformers. Abstract."""

    config_class = HuggingFaceConfig
    types: ClassVar[tuple[str, ...]]
    """The types of transformers that it can be made of."""
    extra_positions: ClassVar[int] = 0
    """How many more tokens than it is given the model reads."""

    def __init__(self, config: HuggingFaceConfig) -> None:
        super().__init__()
        self.width = config.width
        self.heads = config.heads
        self.max_length = config.max_length

    @property
    @abstractmethod
    def pretrained(self) -> Any:
        """The model of transformers."""

    def token_embedding(self) -> nn.Module:
        embedding: nn.Module = self.pretrained.get_input_embeddings()
        return embedding


def import_transformers() -> Any:
    """The package.

    Raises:
        InputError: it is not installed.
    """
    try:
        return import_module("transformers")
    except ImportError:
        raise InputError('this architecture needs transformers: pip install "transformers>=5,<6"') from None


def head_weights(model: Any, ids: Tensor, mask: Tensor | None = None) -> Tensor:
    """``(B, L, L)``: the attention of the model's last layer, the mean over its heads.

    The fused attention kernel returns no weights, so the plain one takes its place for this call.

    Args:
        model: a ``PreTrainedModel``.
        ids: int64 ``(B, L)``.
        mask: ``(B, L)``, False where padding stands; None when there is none.
    """
    with plain_attention(model):
        vectors = model.get_input_embeddings()(ids)
        return model(inputs_embeds=vectors, attention_mask=mask, output_attentions=True).attentions[-1].mean(1)


@contextmanager
def plain_attention(model: Any) -> Iterator[None]:
    """A ``PreTrainedModel`` attends without the fused kernel inside the ``with``."""
    model.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.set_attn_implementation(ATTENTION)


def is_conv1d(module: nn.Module) -> bool:
    """Whether it is transformers' ``Conv1D``: GPT-2's linear layer, whose weight is kept as (inputs, outputs)."""
    return type(module).__name__ == "Conv1D"


def described_model(text: str, vocab_size: int, arch: str, types: Sequence[str]) -> Any:
    """A ``PreTrainedModel`` with fresh weights and another vocabulary.

    Args:
        text: its configuration as JSON, with ``model_type``.
        arch: of the encoder that it is for.
        types: that the architecture can be made of.

    Raises:
        InputError: transformers is not installed, or refuses the configuration; or one of another type.
    """
    values = _described(text)
    kind = values.pop("model_type")
    if kind not in types:
        raise InputError(f"{arch} is made of {', '.join(types)}, not of {kind}")
    transformers = import_transformers()
    from huggingface_hub.errors import StrictDataclassError

    # transformers freezes the embedding of padding, which a mask hides here; RoBERTa counts its positions from that id.
    special = dict.fromkeys(("bos_token_id", "eos_token_id", "sep_token_id", "cls_token_id"))
    special["pad_token_id"] = position_offset(kind) - 1 if kind in _COUNT_FROM_PADDING else None
    options = {} if kind in _WITHOUT_POOLER else {"add_pooling_layer": False}
    try:
        config = transformers.AutoConfig.for_model(kind, **values, **special, vocab_size=vocab_size)
        return transformers.AutoModel.from_config(config, attn_implementation=ATTENTION, **options)
    except (ValueError, TypeError, AttributeError, StrictDataclassError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"transformers refuses the configuration of {quote(kind)}: {reason}") from None


def position_offset(kind: str) -> int:
    """How many of a type's learned positions are never used: RoBERTa's start behind the id of its padding."""
    return 2 if kind in _COUNT_FROM_PADDING else 0


def _described(text: object) -> dict[str, Any]:
    try:
        values = json.loads(text) if isinstance(text, str) else None
    except json.JSONDecodeError:
        values = None
    if not isinstance(values, dict) or not isinstance(values.get("model_type"), str):
        raise InputError(f"transformers must be JSON with a model_type, not {quote(text)}")
    return values
