"""What a ``Train`` or ``Pretrain`` configuration must satisfy, checked before any work, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any, TypeVar

from bracket_env.command import is_given
from bracket_env.errors import InputError, quote
from bracket_env.language import BracketLanguage
from bracket_env.settings import INSTRUCT, Setting, get_setting
from supervised.adapt.options import Adapt
from supervised.data.augmentation import AUGMENTATIONS
from supervised.options.architecture import architecture_params, longest_input
from supervised.options.durations import parse_duration
from supervised.options.ranges import flag, require, require_whole
from supervised.pretrain.options import Pretrain
from supervised.runs.config import RunConfig, how_to_resume
from supervised.runs.folder import RunFolder
from supervised.train.options import Train

Config = TypeVar("Config")

# The most of each count; what is far beyond any machine is a slip of the hand.
_MOST = {
    "steps": 10**9, "batch_size": 10**6, "eval_every": 10**9, "eval_cases": 10**7, "threads": 1024,
}  # fmt: skip
_MOST_IF_GIVEN = {"micro_batch": 10**6, "patience": 10**9}
_MOST_CASES = 10**7
# Whose encoders also have the features of a token in the light of what follows it.
READING_BOTH_WAYS = ("bert",)
# Options that have no place beside --conditioned.
_NOT_CONDITIONED = (
    "init_from", "pairs", "dataset_size", "dataset", "augment", "instruction", "ncl_adapter", "replay", "tokenizer",
    "loss",
)  # fmt: skip
# Options that do not change what is computed, so a resumed run may be given new ones.
FREE_ON_RESUME = {"runs_dir", "resume", "target", "time_limit", "json"}


def check(config: Train) -> RunConfig:
    """The run's configuration with every default filled in.

    Raises:
        InputError: the first option that is out of range, or does not fit the others.
    """
    check_ranges(config)
    require("label_smoothing", config.label_smoothing, "from 0 up to but not including 1", lambda v: 0 <= v < 1)
    require("replay_share", config.replay_share, "above 0 and below 1", lambda v: 0 < v < 1)
    if config.replay is not None and config.init_from is None:
        raise InputError("--replay goes with --init-from: there is no old task to keep otherwise")
    if config.dataset is not None and config.dataset_size != "stream":
        raise InputError("--dataset and --dataset-size exclude each other: the folder has its own size")
    streamed = fixed_size(config.dataset_size) is None and config.dataset is None
    if chosen_augmentations(config.augment) and streamed:
        raise InputError("--augment goes with --dataset-size or --dataset: a stream never repeats, so it gains nothing")
    _check_instruction(config)
    if config.conditioned:
        _check_conditioned(config)
    if config.tokenizer is not None and config.init_from is not None:
        raise InputError("--tokenizer and --init-from exclude each other: both say what the embedding starts from")
    setting = INSTRUCT if config.conditioned else get_setting(config.setting)
    language = setting.language(config.pairs)
    if config.replay is not None:
        check_same_pairs(config.replay, language)
    missing = [pair for pair in config.labelled_pairs or () if pair not in language.pairs]
    if missing:
        raise InputError(f"--labelled-pairs has {quote(missing[0])}, which is not among {' '.join(language.pairs)}")
    return _run_config("supervised", config, setting, language)


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
    given = {name: getattr(config, name) for name in _NOT_CONDITIONED}
    defaults = {field.name: field.default for field in fields(Train)}
    for name, value in given.items():
        if value != defaults[name]:
            raise InputError(f"{flag(name)} does not go with --conditioned, which has its own sentences and examples")


def check_pretraining(config: Pretrain) -> RunConfig:
    """The pre-training run's configuration with every default filled in.

    Raises:
        InputError: the first option that is out of range, or does not fit the others.
    """
    if config.objective not in ("clm", "mlm"):
        raise InputError(f"--objective must be clm or mlm, not {quote(config.objective)}")
    check_ranges(config)
    fixed_size(config.words, "words")
    setting = get_setting(config.setting)
    run = _run_config("pretrain", config, setting, setting.language(config.pairs))
    if config.objective == "mlm" and config.arch not in READING_BOTH_WAYS:
        raise InputError(
            f"--objective mlm needs an architecture that reads both ways ({', '.join(READING_BOTH_WAYS)}): "
            f"{config.arch} only reads from left to right"
        )
    return run


def check_ranges(config: Train | Pretrain | Adapt) -> None:
    """What the options of all training commands must satisfy, each by itself."""
    for name, most in _MOST.items():
        require_whole(name, getattr(config, name), 1, most)
    require_whole("seed", config.seed, 0, 2**63 - 1)
    require_whole("warmup_steps", config.warmup_steps, 0, 10**9)
    for name, most in _MOST_IF_GIVEN.items():
        if getattr(config, name) is not None:
            require_whole(name, getattr(config, name), 1, most)
    require("learning_rate", config.learning_rate, "above 0 and at most 100", lambda v: 0 < v <= 100)
    require("max_grad_norm", config.max_grad_norm, "positive", lambda v: v > 0)
    # AdamW multiplies the weights by 1 - learning_rate * weight_decay at every step.
    decay_limit = 1 / config.learning_rate
    require(
        "weight_decay",
        config.weight_decay,
        f"from 0 to 1 / learning rate = {decay_limit:g}",
        lambda v: 0 <= v <= decay_limit,
    )
    if config.target is not None:
        require("target", config.target, "above 0 and at most 1", lambda v: 0 < v <= 1)
    if config.time_limit is not None:
        parse_duration(config.time_limit)


def _run_config(kind: str, config: Train | Pretrain, setting: Setting, language: BracketLanguage) -> RunConfig:
    return RunConfig(
        kind=kind,
        setting=setting.id,
        pairs=language.pairs,
        architecture=config.arch,
        params=architecture_params(config, config.arch, longest_input(setting), inherited_params(config, config.arch)),
        masked=False,
        options=asdict(config),
    )


def inherited_params(config: Any, architecture: str) -> dict[str, Any] | None:
    """The sizes of the run that is gone on with, or of the one that it starts from; ``None`` for fresh ones.

    What a run started from may be gone when it is resumed, or be another one by now.

    Args:
        config: with the fields ``resume``, ``init_from`` and ``runs_dir``.
        architecture: of the run; another one's sizes are not its sizes.

    Raises:
        InputError: there is no such run.
    """
    name = config.resume or config.init_from
    if name is None:
        return None
    source = RunFolder.open(name, root=config.runs_dir).config
    return source.params if source.architecture == architecture else None


def fixed_size(text: str, name: str = "dataset_size") -> int | None:
    """The number in ``--dataset-size`` or another option of this form, ``None`` for stream.

    Raises:
        InputError: neither ``stream`` nor a positive whole number.
    """
    if text == "stream":
        return None
    least = 0 if name == "dataset_size" else 1
    if not text.isascii() or not text.isdigit() or len(text) > 20 or not least <= int(text) <= _MOST_CASES:
        raise InputError(f"{flag(name)} must be stream or a whole number from 1 to {_MOST_CASES}, not {quote(text)}")
    return int(text)


def chosen_augmentations(names: Sequence[str]) -> tuple[str, ...]:
    """The augmentations that ``--augment`` asks for, in the order in which they are done.

    Raises:
        InputError: an unknown name, none at all, or ``all`` or ``none`` beside others.
    """
    for name in names:
        if name not in ("none", "all", *AUGMENTATIONS):
            raise InputError(f"--augment must be none, all or some of {', '.join(AUGMENTATIONS)}, not {quote(name)}")
    if not names or (len(names) > 1 and {"none", "all"} & set(names)):
        shown = " ".join(names) or "nothing"
        raise InputError(f"--augment must be none, all or some of {', '.join(AUGMENTATIONS)}, not {shown}")
    if names[0] == "none":
        return ()
    return tuple(name for name in AUGMENTATIONS if name in names or names[0] == "all")


def check_same_pairs(replay: str, language: BracketLanguage) -> None:
    """The replayed setting must be writable in the language.

    Raises:
        InputError: it has a pair that the language lacks.
    """
    missing = [pair for pair in get_setting(replay).pairs if pair not in language.pairs]
    if missing:
        raise InputError(f"--replay {replay} needs the pair {quote(missing[0])}, which is not among --pairs")


def to_resume(config: Config, kind: str) -> tuple[RunFolder | None, Config]:
    """The run that ``--resume`` names, if any, and the options to go on with.

    Args:
        config: with the fields ``resume`` and ``runs_dir``.
        kind: of the runs that the command makes.

    Raises:
        InputError: no such run, one of another kind, or options that would make it another run.
    """
    given: Any = config
    if given.resume is None:
        return None, config
    folder = RunFolder.open(given.resume, root=given.runs_dir)
    if folder.config.kind != kind:
        raise InputError(f"{folder.path} is a {folder.config.kind} run: {how_to_resume(folder.config.kind)}")
    # Wherever the command is typed: the runs that this one knows lie beside it.
    own: Any = resumed(config, folder.config.options)
    return folder, replace(own, runs_dir=str(folder.path.parent))


def resumed(config: Config, options: Mapping[str, Any]) -> Config:
    """The options of a run to go on with, taken from its folder.

    Args:
        config: what the command says; only options that were typed count, or that differ from the defaults.
        options: as the run's folder keeps them.

    Raises:
        InputError: the command names an option that would make it another run.
    """
    kind = type(config)
    known = fields(kind)  # type: ignore[arg-type]
    odd = sorted({field.name for field in known} ^ set(options))
    if odd:
        raise InputError(f"the run was made by another version: option {odd[0]} is not in both")
    saved = {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}
    # A target or limit of the first command ended that command; it does not end this one.
    changed: dict[str, Any] = {"target": None, "time_limit": None, "json": None}
    for field in known:
        if not is_given(config, field.name):
            continue
        value = getattr(config, field.name)
        if field.name in FREE_ON_RESUME:
            changed[field.name] = value
        elif value != saved[field.name]:
            raise InputError(
                f"{flag(field.name)} {value} would make it another run (it has {saved[field.name]}): leave it out"
            )
    return kind(**{**saved, **changed})


def custom_pairs(pairs: Sequence[str] | None, setting: Setting) -> tuple[str, ...] | None:
    """The pairs to pass on: ``None`` for the setting's own."""
    return None if pairs is None or tuple(pairs) == setting.pairs else tuple(pairs)
