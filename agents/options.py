"""What a ``TrainPPO`` configuration must satisfy, checked before any work, and what follows from it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from agents.train_ppo import TrainPPO
from bracket_env.errors import InputError
from bracket_env.settings import get_setting
from bracket_env.task import CloseTask, make_task
from supervised.checks import flag, require, require_whole
from supervised.durations import parse_duration
from supervised.models import check_params
from supervised.runs import RunConfig

ENCODER_OPTIONS = (
    "layers", "units", "embedding_size", "width", "heads", "mlp_ratio", "positions", "max_length", "dropout",
)  # fmt: skip
# The most of each count; what is far beyond any machine is a slip of the hand.
_MOST = {
    "n_envs": 10**6, "n_steps": 10**6, "batch_size": 10**8, "n_epochs": 10**6, "total_timesteps": 10**15,
    "eval_every": 10**15, "eval_cases": 10**7, "threads": 1024,
    "layers": 100, "units": 10**4, "embedding_size": 10**4, "width": 10**4, "heads": 10**4, "mlp_ratio": 100,
    "max_length": 10**6,
}  # fmt: skip
_MOST_TRANSITIONS = 10**8
# Options that do not change what is computed, so a resumed run may be given new ones.
FREE_ON_RESUME = {"name", "runs_dir", "resume", "target", "time_limit", "json"}


def check(config: TrainPPO) -> tuple[RunConfig, CloseTask]:
    """The run's configuration with every default filled in, and its task.

    Raises:
        InputError: the first option that is out of range, or does not fit the others.
    """
    for name, most in _MOST.items():
        if getattr(config, name) is not None or name not in ENCODER_OPTIONS:
            require_whole(name, getattr(config, name), 1, most)
    require_whole("seed", config.seed, 0, 2**32 - 1)
    for name in ("gamma", "gae_lambda"):
        require(name, getattr(config, name), "from 0 to 1", lambda v: 0 <= v <= 1)
    require("learning_rate", config.learning_rate, "above 0 and at most 100", lambda v: 0 < v <= 100)
    for name in ("clip_range", "max_grad_norm"):
        require(name, getattr(config, name), "positive", lambda v: v > 0)
    for name in ("ent_coef", "vf_coef"):
        require(name, getattr(config, name), "at least 0", lambda v: v >= 0)
    for name in ("clip_range_vf", "target_kl"):
        if getattr(config, name) is not None:
            require(name, getattr(config, name), "positive", lambda v: v > 0)
    if config.target is not None:
        require("target", config.target, "above 0 and at most 1", lambda v: 0 < v <= 1)
    if config.time_limit is not None:
        parse_duration(config.time_limit)

    rollout = config.n_envs * config.n_steps
    size = f"the rollout of {rollout} (n_envs {config.n_envs} x n_steps {config.n_steps})"
    if rollout > _MOST_TRANSITIONS:
        raise InputError(f"{size} is more than the {_MOST_TRANSITIONS} transitions that an update may take")
    if config.batch_size > rollout:
        raise InputError(f"--batch-size {config.batch_size} is larger than {size}")
    if rollout % config.batch_size:
        small = [n for n in range(1, math.isqrt(rollout) + 1) if rollout % n == 0]
        divisors = {*small, *(rollout // n for n in small)}
        near = sorted(sorted(divisors, key=lambda n: abs(n - config.batch_size))[:3])
        raise InputError(f"--batch-size {config.batch_size} does not divide {size}: try {', '.join(map(str, near))}")
    if config.batch_size == 1 and config.normalize_advantage:
        raise InputError("--batch-size 1 cannot normalise advantages: use 2 or more, or --no-normalize-advantage")

    task = make_task(
        config.setting,
        pairs=config.pairs,
        split="train",
        on_mistake=config.on_mistake,
        reward=config.reward,
        penalty=config.penalty,
        max_answer=config.max_answer,
    )
    given = {name: getattr(config, name) for name in ENCODER_OPTIONS if getattr(config, name) is not None}
    params = check_params(config.encoder, given).to_dict()
    longest = params.get("max_length")
    # An agent may read whole observations; its model decodes n + 1 tokens freely after BOS, n symbols and SEP.
    needed = max(task.observation_length, 2 * task.setting.max_length + 2)
    if params.get("positions") == "learned" and longest is not None and longest < needed:
        raise InputError(f"--max-length {longest} is less than the {needed} tokens of the longest prefix and answer")
    run = RunConfig(
        kind="ppo",
        setting=config.setting,
        pairs=task.sampler.language.pairs,
        architecture=config.encoder,
        params=params,
        masked=config.mask,
        options=asdict(config),
    )
    return run, task


def resumed(config: TrainPPO, options: Mapping[str, Any]) -> TrainPPO:
    """The options of a run to go on with, taken from its folder.

    Raises:
        InputError: the command names an option that would make it another run.
    """
    names = {field.name for field in fields(TrainPPO)}
    if set(options) != names:
        odd = sorted(names ^ set(options))[0]
        raise InputError(f"the run was made by another version: option {odd} is not in both")
    saved = TrainPPO(**{**options, "pairs": None if options["pairs"] is None else tuple(options["pairs"])})
    changed: dict[str, Any] = {}
    for field in fields(TrainPPO):
        value = getattr(config, field.name)
        if value == field.default:
            continue
        if field.name in FREE_ON_RESUME:
            changed[field.name] = value
        elif value != getattr(saved, field.name):
            has = getattr(saved, field.name)
            raise InputError(f"{flag(field.name)} {value} would make it another run (it has {has}): leave it out")
    # A target or limit of the first command ended that command; it does not end this one.
    return TrainPPO(
        **{**asdict(saved), "pairs": saved.pairs, "target": None, "time_limit": None, "json": None, **changed}
    )


def sampler_pairs(config: TrainPPO) -> tuple[str, ...] | None:
    """The pairs to pass on: ``None`` for the setting's own."""
    return None if config.pairs is None or config.pairs == get_setting(config.setting).pairs else config.pairs
