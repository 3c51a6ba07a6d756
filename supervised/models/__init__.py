"""The architectures by name. To add one: a file with its config and encoder, and a line in :data:`ENCODERS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from bracket_env.errors import InputError, quote
from supervised.models.base import Encoder, EncoderConfig, SequenceModel, check_whole
from supervised.models.bert import BERTConfig, BERTEncoder
from supervised.models.decoding import decode
from supervised.models.gpt import GPTConfig, GPTEncoder
from supervised.models.gru import GRUConfig, GRUEncoder
from supervised.models.lstm import LSTMConfig, LSTMEncoder
from supervised.models.stack import StackConfig, StackEncoder
from supervised.models.transformer import TransformerConfig, TransformerEncoder
from supervised.models.tree import TreeConfig, TreeEncoder

__all__ = [
    "ENCODERS",
    "GIVEN_STRUCTURE",
    "Encoder",
    "EncoderConfig",
    "SequenceModel",
    "build_model",
    "check_params",
    "decode",
]

ENCODERS: dict[str, tuple[type[EncoderConfig], Callable[[Any, int], Encoder[Any]]]] = {
    "gru": (GRUConfig, GRUEncoder),
    "lstm": (LSTMConfig, LSTMEncoder),
    "transformer": (TransformerConfig, TransformerEncoder),
    "gpt": (GPTConfig, GPTEncoder),
    "bert": (BERTConfig, BERTEncoder),
    "stack": (StackConfig, StackEncoder),
    "tree": (TreeConfig, TreeEncoder),
}
"""Architecture -> its config class, and its encoder class, made as ``encoder_class(config, vocab_size)``."""

GIVEN_STRUCTURE = frozenset({"tree"})
"""The architectures that are told what opens and what closes, which the others must learn."""


def check_params(arch: str, params: Mapping[str, Any]) -> EncoderConfig:
    """The architecture's config with these options; the others keep their defaults.

    Raises:
        InputError: an unknown architecture, an option that it does not use, a value of the wrong type or range.
    """
    if not isinstance(arch, str) or arch not in ENCODERS:
        raise InputError(f"architecture {quote(arch)} is unknown: choose one of {', '.join(ENCODERS)}")
    if not isinstance(params, Mapping):
        raise InputError(f"the options of {arch} must be a mapping from name to value, not {quote(params)}")
    config_class, _ = ENCODERS[arch]
    used = [field.name for field in fields(config_class)]
    for name in params:
        if name not in used:
            raise InputError(f"{arch} does not use the option {quote(name)}: it uses {', '.join(used)}")
    try:
        return config_class(**params)
    except InputError as error:
        raise InputError(f"{arch}: {error}") from None


def build_model(arch: str, params: Mapping[str, Any], vocab_size: int) -> SequenceModel:
    """A freshly initialised model; its weights are drawn from torch's global generator.

    Raises:
        InputError: as :func:`check_params`, a vocabulary that is not a whole number of at least 1, or a package that
            the architecture needs and that is not installed.
    """
    config = check_params(arch, params)
    check_whole("vocab_size", vocab_size)
    return SequenceModel(ENCODERS[arch][1](config, vocab_size), vocab_size)
