"""What the architectures built from transformers' classes share. Nothing is ever downloaded: weights are drawn here.

A model that was trained elsewhere keeps its own class and sizes: its configuration stands in the option
``transformers``, and its weights are put in by :mod:`supervised.transfer.pretrained`.

transformers takes seconds to import, so it is imported when such an encoder is made and not before.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from torch import Tensor

from bracket_env.errors import InputError, quote
from supervised.models.base import EncoderConfig, check_dropout, check_heads, check_whole

ATTENTION = "sdpa"
BERT_TYPES = ("bert", "roberta", "xlm-roberta", "camembert", "distilbert", "electra")
"""Types of transformers that fill masks with what stands on both sides."""
GPT_TYPES = ("gpt2",)
"""Types of transformers that write from left to right."""
_COUNT_FROM_PADDING = ("roberta", "xlm-roberta", "camembert")
_WITHOUT_POOLER = ("distilbert", "electra", "gpt2")


@dataclass(frozen=True)
class HuggingFaceConfig(EncoderConfig):
    """Options of an architecture from transformers.

    Raises:
        InputError: an option of the wrong type or out of range, or heads that do not divide the width.
    """

    width: int = 64
    """Size of the features, shared out among the heads."""
    layers: int = 2
    """Number of blocks of attention and MLP."""
    heads: int = 4
    """Attention heads; must divide the width."""
    dropout: float = 0.0
    """Share dropped of the embeddings, the attention weights and what each block adds, in training."""
    max_length: int = 128
    """Longest input, in tokens: each position has a learned vector."""
    transformers: str | None = None
    """The configuration of a pre-trained model as JSON, which the other options then repeat."""

    def __post_init__(self) -> None:
        for name in ("width", "layers", "heads", "max_length"):
            check_whole(name, getattr(self, name))
        check_dropout(self.dropout)
        check_heads(self.heads, self.width)
        if self.transformers is not None:
            _described(self.transformers)


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
    model.set_attn_implementation("eager")
    try:
        vectors = model.get_input_embeddings()(ids)
        return model(inputs_embeds=vectors, attention_mask=mask, output_attentions=True).attentions[-1].mean(1)
    finally:
        model.set_attn_implementation(ATTENTION)


def described_model(text: str, vocab_size: int) -> Any:
    """A ``PreTrainedModel`` with fresh weights and another vocabulary.

    Args:
        text: its configuration as JSON, with ``model_type``.

    Raises:
        InputError: transformers is not installed, or refuses the configuration.
    """
    transformers = import_transformers()
    from huggingface_hub.errors import StrictDataclassError

    values = _described(text)
    kind = values.pop("model_type")
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


def check_type(text: str, arch: str, types: Sequence[str]) -> None:
    """Refuses a configuration that another architecture is for.

    Raises:
        InputError: naming its type and the architecture.
    """
    kind = _described(text)["model_type"]
    if kind not in types:
        raise InputError(f"{arch} is made of {', '.join(types)}, not of {kind}")


def position_offset(kind: str) -> int:
    """How many of a type's learned positions are never used: RoBERTa's start behind the id of its padding."""
    return 2 if kind in _COUNT_FROM_PADDING else 0


def _described(text: object) -> dict[str, Any]:
    try:
        values = json.loads(text) if isinstance(text, str) else None
    except json.JSONDecodeError:
        values = None
    if not isinstance(values, dict) or values.get("model_type") not in (*BERT_TYPES, *GPT_TYPES):
        types = ", ".join((*BERT_TYPES, *GPT_TYPES))
        raise InputError(f"transformers must be JSON with a model_type among {types}, not {quote(text)}")
    return values
