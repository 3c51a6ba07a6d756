"""What the groups of options must satisfy, whichever command has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from bracket_env import InputError, Setting, quote
from bracket_env.words.numbers import read_whole
from supervised.options.durations import parse_duration
from supervised.options.groups import AugmentationName, Loss, Optimiser, Stopping, Training, TrainingCases
from supervised.options.ranges import flag, refuse_idle, require, require_whole

AUGMENTATION_NAMES: tuple[str, ...] = get_args(AugmentationName)[2:]  # the first two are none and all
# The most of each count; what is far beyond any machine is a slip of the hand.
_MOST = {
    "steps": 10**9, "batch_size": 10**6, "eval_every": 10**9, "eval_cases": 10**7, "threads": 1024,
}  # fmt: skip
_MOST_CASES = 10**7
_ANSWERS_IN_PREFIXES = ("mirror", "concatenate", "insert")


def check_training(options: Training) -> None:
    """What every supervised training must satisfy, each option by itself.

    Raises:
        InputError: the first option that is out of range.
    """
    for name, most in _MOST.items():
        require_whole(name, getattr(options, name), 1, most)
    require_whole("seed", options.seed, 0, 2**63 - 1)
    require_whole("warmup_steps", options.warmup_steps, 0, 10**9)
    for name, most in (("micro_batch", 10**6), ("patience", 10**9)):
        if getattr(options, name) is not None:
            require_whole(name, getattr(options, name), 1, most)
    check_learning_rate(options)
    require("max_grad_norm", options.max_grad_norm, "positive", lambda v: v > 0)
    check_stopping(options)
    _check_idle(options)


def _check_idle(options: Training) -> None:
    """Options that were typed and that the others leave without any effect."""
    steps = f"--steps {options.steps}"
    refuse_never_reached(options, "eval_every", options.steps, steps)
    why = f"{options.warmup_steps} leaves nothing of {steps}: the learning rate would never be --learning-rate"
    refuse_idle(options, ("warmup_steps",), unless=options.warmup_steps < options.steps, why=why)
    why = f"{options.micro_batch} is more than --batch-size {options.batch_size}, so it cuts nothing"
    refuse_idle(options, ("micro_batch",), unless=(options.micro_batch or 1) <= options.batch_size, why=why)
    waited = (options.patience or 0) * options.eval_every
    why = f"{options.patience} never stops anything: so many evaluations take {waited} of {steps}"
    refuse_idle(options, ("patience",), unless=waited < options.steps, why=why)


def refuse_never_reached(options: Any, name: str, last: int, steps: str) -> None:
    """Refuse an interval that was typed and is longer than the whole work.

    Args:
        name: of the option.
        last: the last step.
        steps: the option that says so, and its value.

    Raises:
        InputError: so it is.
    """
    every = getattr(options, name)
    refuse_idle(
        options,
        (name,),
        unless=every <= last,
        why=f"{every} is more than {steps}: nothing would be measured before the end",
    )


def check_learning_rate(options: Optimiser) -> None:
    """The step size, and what AdamW does to the weights with it.

    Raises:
        InputError: one of the two is out of range.
    """
    require("learning_rate", options.learning_rate, "above 0 and at most 100", lambda v: 0 < v <= 100)
    # AdamW multiplies the weights by 1 - learning_rate * weight_decay at every step.
    most = 1 / options.learning_rate
    what = f"from 0 to 1 / learning rate = {most:g}"
    require("weight_decay", options.weight_decay, what, lambda v: 0 <= v <= most)


def check_stopping(options: Stopping) -> None:
    """When to stop early.

    Raises:
        InputError: a target that is no share, or a time limit that is no duration.
    """
    if options.target is not None:
        require("target", options.target, "above 0 and at most 1", lambda v: 0 < v <= 1)
    if options.time_limit is not None:
        parse_duration(options.time_limit)


def check_loss(options: Loss) -> None:
    """Raises InputError for a smoothing that leaves nothing of the label."""
    require("label_smoothing", options.label_smoothing, "from 0 up to but not including 1", lambda v: 0 <= v < 1)


def check_training_cases(options: TrainingCases) -> None:
    """The data set options together.

    Raises:
        InputError: two sizes, an augmented stream, an unknown augmentation, options of a case file without one, or an
            augmentation that would build prefixes out of wrong targets.
    """
    refuse_idle(options, ("format", "wrong_targets"), unless=options.dataset is not None, why="goes with --dataset")
    if options.dataset is not None and options.dataset_size != "stream":
        raise InputError("--dataset and --dataset-size exclude each other: the file has its own size")
    streamed = fixed_size(options.dataset_size) is None and options.dataset is None
    chosen = chosen_augmentations(options.augment)
    building = [name for name in chosen if name in _ANSWERS_IN_PREFIXES]
    if building and options.wrong_targets == "keep":
        raise InputError(
            f"--augment {building[0]} puts answers into prefixes, so it does not go with --wrong-targets keep: use "
            "drop or correct, or --augment permute wrap remove"
        )
    if chosen and streamed:
        raise InputError("--augment goes with --dataset-size or --dataset: a stream never repeats, so it gains nothing")


def fixed_size(text: str, name: str = "dataset_size") -> int | None:
    """The number in ``--dataset-size`` or another option of this form, ``None`` for stream.

    Raises:
        InputError: neither ``stream`` nor a positive whole number.
    """
    if text == "stream":
        return None
    least = 0 if name == "dataset_size" else 1
    number = read_whole(text)
    if number is None or not least <= number <= _MOST_CASES:
        raise InputError(f"{flag(name)} must be stream or a whole number from 1 to {_MOST_CASES}, not {quote(text)}")
    return number


def chosen_augmentations(names: Sequence[str]) -> tuple[str, ...]:
    """The augmentations that ``--augment`` asks for.

    Raises:
        InputError: an unknown name, none at all, or ``all`` or ``none`` beside others.
    """
    known = ", ".join(AUGMENTATION_NAMES)
    for name in names:
        if name not in ("none", "all", *AUGMENTATION_NAMES):
            raise InputError(f"--augment must be none, all or some of {known}, not {quote(name)}")
    if not names or (len(names) > 1 and {"none", "all"} & set(names)):
        shown = " ".join(names) or "nothing"
        raise InputError(f"--augment must be none, all or some of {known}, not {shown}")
    if names[0] == "none":
        return ()
    return tuple(name for name in AUGMENTATION_NAMES if name in names or names[0] == "all")


def custom_pairs(pairs: Sequence[str] | None, setting: Setting) -> tuple[str, ...] | None:
    """The pairs to pass on: ``None`` for the setting's own."""
    return None if pairs is None or tuple(pairs) == setting.pairs else tuple(pairs)
