"""What a ``Train`` configuration must satisfy, checked before any work, and what follows from it."""

from __future__ import annotations

from dataclasses import fields

from bracket_env import INSTRUCT, BracketLanguage, InputError, get_setting, quote
from supervised.options.checks import check_loss, check_training, check_training_cases, fixed_size
from supervised.options.ranges import flag, require, require_whole
from supervised.runs import RunConfig, new_run
from supervised.train.options import Train

# Options that have no place beside --conditioned.
_NOT_CONDITIONED = (
    "init_from", "pairs", "dataset_size", "dataset", "augment", "instruction", "ncl_adapter", "replay", "tokenizer",
    "loss",
)  # fmt: skip


def check(config: Train) -> RunConfig:
    """The run's configuration with every default filled in.

    Raises:
        InputError: the first option that is out of range, or does not fit the others.
    """
    check_training(config)
    check_loss(config)
    require("replay_share", config.replay_share, "above 0 and below 1", lambda v: 0 < v < 1)
    if config.replay is not None and config.init_from is None:
        raise InputError("--replay goes with --init-from: there is no old task to keep otherwise")
    check_training_cases(config)
    _check_instruction(config)
    if config.conditioned:
        _check_conditioned(config)
    if config.tokenizer is not None and config.init_from is not None:
        raise InputError("--tokenizer and --init-from exclude each other: both say what the embedding starts from")
    setting = INSTRUCT if config.conditioned else get_setting(config.setting)
    language = setting.language(config.pairs)
    if config.replay is not None:
        _check_same_pairs(config.replay, language)
    missing = [pair for pair in config.labelled_pairs or () if pair not in language.pairs]
    if missing:
        raise InputError(f"--labelled-pairs has {quote(missing[0])}, which is not among {' '.join(language.pairs)}")
    return new_run("supervised", config, config.arch, setting, language)


def _check_instruction(config: Train) -> None:
    """What goes with ``--instruction``."""
    require("ncl_weight", config.ncl_weight, "from 0 to 1000", lambda v: 0 <= v <= 1000)
    fixed_size(config.unlabelled, "unlabelled")
    if config.unlabelled_batch is not None:
        require_whole("unlabelled_batch", config.unlabelled_batch, 1, 10**6)
    if config.instruction:
        if config.replay is not None:
            raise InputError("--instruction and --replay exclude each other: the old task has its own labels")
        return
    for name in ("labelled_pairs", "unlabelled_batch"):
        if getattr(config, name) is not None:
            raise InputError(f"{flag(name)} goes with --instruction")
    if config.ncl_adapter != "none":
        raise InputError("--ncl-adapter goes with --instruction")
    if config.dataset_size == "0":
        raise InputError("--dataset-size 0 goes with --instruction: there is nothing to learn from otherwise")


def _check_conditioned(config: Train) -> None:
    """What goes with ``--conditioned``."""
    if config.setting not in (Train.setting, INSTRUCT.id):
        raise InputError(f"--conditioned has its own task, {INSTRUCT.id}, not {config.setting}: leave --setting out")
    defaults = {field.name: field.default for field in fields(Train)}
    for name in _NOT_CONDITIONED:
        if getattr(config, name) != defaults[name]:
            raise InputError(f"{flag(name)} does not go with --conditioned, which has its own sentences and examples")


def _check_same_pairs(replay: str, language: BracketLanguage) -> None:
    """The replayed setting must be writable in the language."""
    missing = [pair for pair in get_setting(replay).pairs if pair not in language.pairs]
    if missing:
        raise InputError(f"--replay {replay} needs the pair {quote(missing[0])}, which is not among --pairs")
