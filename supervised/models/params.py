"""The options of the architectures as commands have them: one field each, ``None`` or ``False`` when not given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from bracket_env import InputError, Setting
from supervised.models import check_params, encoder_class
from supervised.options.groups import Sizes
from supervised.options.ranges import require_whole

# The most of each size; what is far beyond any machine is a slip of the hand.
_MOST = {
    "layers": 100, "units": 10**4, "embedding_size": 10**4, "cell_size": 10**4, "width": 10**4, "heads": 10**4,
    "mlp_ratio": 100, "max_length": 10**6,
}  # fmt: skip


def architecture_params(
    sizes: Sizes, arch: str, longest: int, inherited: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Every option of an architecture: those given, and the defaults of the others.

    Learned positions get room for the longest input by themselves when ``max_length`` is not given.

    Args:
        sizes: the options that were given.
        longest: the most tokens that the model will read.
        inherited: the options of the model that this one starts from; they take the place of the defaults.

    Raises:
        InputError: a size out of range, an option that the architecture does not use, or too little room.
    """
    for name, most in _MOST.items():
        if getattr(sizes, name) is not None:
            require_whole(name, getattr(sizes, name), 1, most)
    given = given_sizes(sizes)
    if inherited is not None:
        given = {**_continued(inherited, longest), **given}
    if encoder_class(arch).config_class.needs_max_length(given):
        given.setdefault("max_length", longest)
    params = check_params(arch, given).to_dict()
    if params.get("max_length") is not None and params["max_length"] < longest:
        raise InputError(
            f"--max-length {params['max_length']} is less than the {longest} tokens of the longest prefix and answer"
        )
    return params


def given_sizes(sizes: Sizes) -> dict[str, Any]:
    """The options that were given, by name."""
    found = {field.name: getattr(sizes, field.name) for field in fields(Sizes)}
    return {name: value for name, value in found.items() if value is not None and value is not False}


def _continued(options: Mapping[str, Any], longest: int) -> dict[str, Any]:
    """The options of a model that is to be trained on: with more room if need be, and without dropout.

    A model of transformers comes as it is: its configuration says all of this.
    """
    continued = dict(options)
    if continued.get("transformers") is None:
        continued.pop("dropout", None)
        if continued.get("max_length") is not None:
            continued["max_length"] = max(continued["max_length"], longest)
    return continued


def longest_input(setting: Setting) -> int:
    """The most tokens a model reads: BOS, n symbols, SEP, and n + 1 freely decoded tokens but for the last.

    A whole case is shorter: a prefix of n symbols never asks for more than n closers.
    """
    return 2 * setting.max_length + 2
