"""What an ``Adapt`` configuration must satisfy, checked before any work, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from bracket_env import DEFAULT_SETTING, InputError, get_setting, quote
from supervised.adapt.options import Adapt
from supervised.models import check_params
from supervised.models.params import longest_input
from supervised.options.checks import check_loss, check_training, check_training_cases, fixed_size
from supervised.options.ranges import flag, require, require_whole
from supervised.runs import RunConfig, RunFolder
from supervised.runs.sentences import refuse_conditioned
from supervised.transfer.lora import check_adaptable
from supervised.transfer.pretrained import Pretrained, read_pretrained


def check_adaptation(config: Adapt) -> tuple[Adapt, RunConfig]:
    """The options with the setting and the pairs filled in, and the configuration of the run to come.

    Raises:
        InputError: the first option that is out of range, does not fit the others, or that the architecture cannot do.
    """
    if (config.base is None) == (config.pretrained is None):
        raise InputError("name a run to adapt, or a model of transformers with --pretrained: one of the two")
    _check(config)
    base = base_of(config)
    if isinstance(base, RunFolder):
        architecture, params, setting = base.config.architecture, base.config.params, base.config.setting
        if config.tune == "lora":
            check_adaptable(architecture)
        pairs = _together(base.config.pairs, config)
    else:
        architecture, params, setting = base.architecture, base.params, DEFAULT_SETTING
        pairs = get_setting(config.setting or setting).language(config.pairs).pairs
    chosen = get_setting(config.setting or setting)
    chosen.language(pairs)
    run = RunConfig(
        kind="adapt",
        setting=chosen.id,
        pairs=pairs,
        architecture=architecture,
        params=check_params(architecture, _params(params, config.dropout, longest_input(chosen))).to_dict(),
        masked=False,
        options=asdict(config),
    )
    return replace(config, setting=chosen.id, pairs=pairs), run


def base_of(config: Adapt) -> RunFolder | Pretrained:
    """What is adapted.

    Raises:
        InputError: there is no such run or model.
    """
    if config.base is not None:
        base = RunFolder.open(config.base, root=config.runs_dir)
        refuse_conditioned(base.path, base.config.options)
        return base
    assert config.pretrained is not None
    return read_pretrained(config.pretrained, config.dropout)


def _check(config: Adapt) -> None:
    """The options by themselves."""
    check_training(config)
    check_loss(config)
    require("dropout", config.dropout, "from 0 up to but not including 1", lambda v: 0 <= v < 1)
    require_whole("lora_rank", config.lora_rank, 1, 10**4)
    require("lora_alpha", config.lora_alpha, "positive", lambda v: v > 0)
    if config.tune != "lora":
        for name in ("lora_rank", "lora_alpha", "lora_target"):
            if getattr(config, name) != Adapt.__dataclass_fields__[name].default:
                raise InputError(f"{flag(name)} goes with --tune lora, not with --tune {config.tune}")
    if config.lora_target is not None and not config.lora_target:
        raise InputError("--lora-target names no linear map")
    if config.random_weights and config.pretrained is None:
        raise InputError("--random-weights goes with --pretrained: it is the control for it")
    if config.dataset is None and fixed_size(config.dataset_size) == 0:
        raise InputError("--dataset-size must be stream or at least 1, not 0: there is nothing to learn from otherwise")
    check_training_cases(config)


def _together(known: tuple[str, ...], config: Adapt) -> tuple[str, ...]:
    """The pairs that the run knows, then the new ones, so that old ids stay."""
    if config.pairs is None:
        return known
    missing = [pair for pair in known if pair not in config.pairs]
    if missing:
        raise InputError(f"{config.base} knows the pair {quote(missing[0])}, which is not among --pairs")
    new = tuple(pair for pair in config.pairs if pair not in known)
    if new and config.tune == "head":
        raise InputError(
            f"--tune head cannot teach the new pair {quote(new[0])}: its embeddings would stay those of a known pair; "
            "use --tune lora or full"
        )
    return (*known, *new)


def _params(own: Mapping[str, Any], dropout: float, longest: int) -> dict[str, Any]:
    """The base's options, with room for the longest input if its positions can be added to."""
    params = dict(own)
    if params.get("transformers") is not None:
        if params["max_length"] < longest:
            room = params["max_length"]
            raise InputError(f"the model reads {room} tokens, less than the {longest} of the longest prefix and answer")
        return params
    if "dropout" in params:
        params["dropout"] = dropout
    elif dropout:
        raise InputError("--dropout is used by no layer of this architecture")
    if params.get("max_length") is not None:
        params["max_length"] = max(params["max_length"], longest)
    return params
