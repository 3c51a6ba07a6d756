"""The architectures by name.

To add one: its file here, and its name in :data:`supervised.options.groups.ArchitectureName`. The file has the encoder
under the name ``ENCODER``; what the architecture can do stands on that class and on its config's
(:mod:`supervised.models.parts.base`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from importlib import import_module
from typing import Any, get_args

from bracket_env import InputError, quote
from supervised.models.decoding import decode
from supervised.models.parts.base import BidirectionalEncoder, Encoder, EncoderConfig, SequenceModel
from supervised.models.parts.checks import check_whole
from supervised.options.groups import ArchitectureName

__all__ = [
    "ENCODERS",
    "BidirectionalEncoder",
    "Encoder",
    "EncoderConfig",
    "SequenceModel",
    "build_model",
    "check_params",
    "decode",
    "encoder_class",
]

ENCODERS: dict[str, type[Encoder[Any]]] = {
    name: import_module(f"supervised.models.{name}").ENCODER for name in get_args(ArchitectureName)
}
"""Architecture -> its encoder class."""


def encoder_class(arch: str) -> type[Encoder[Any]]:
    """The architecture's encoder, made as ``encoder_class(arch)(config, vocab_size)``.

    Raises:
        InputError: an unknown architecture.
    """
    if not isinstance(arch, str) or arch not in ENCODERS:
        raise InputError(f"architecture {quote(arch)} is unknown: choose one of {', '.join(ENCODERS)}")
    return ENCODERS[arch]


def check_params(arch: str, params: Mapping[str, Any]) -> EncoderConfig:
    """The architecture's config with these options; the others keep their defaults.

    Raises:
        InputError: an unknown architecture, an option that it does not use, a value of the wrong type or range.
    """
    config_class = encoder_class(arch).config_class
    if not isinstance(params, Mapping):
        raise InputError(f"the options of {arch} must be a mapping from name to value, not {quote(params)}")
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
    make: Any = encoder_class(arch)
    return SequenceModel(make(config, vocab_size), vocab_size)
