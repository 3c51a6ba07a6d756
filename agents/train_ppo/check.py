"""What a ``TrainPPO`` configuration must satisfy, checked before any work, and what follows from it."""

from __future__ import annotations

import math

from agents.train_ppo.options import TrainPPO
from bracket_env.errors import InputError
from bracket_env.tasks.close import CloseTask
from supervised.options.checks import check_stopping
from supervised.options.ranges import check_output, require, require_whole
from supervised.runs.config import RunConfig
from supervised.runs.resuming import new_run

# The most of each count; what is far beyond any machine is a slip of the hand.
MOST = {
    "n_envs": 10**6, "n_steps": 10**6, "batch_size": 10**8, "n_epochs": 10**6, "total_timesteps": 10**15,
    "eval_every": 10**15, "eval_cases": 10**7, "threads": 1024,
}  # fmt: skip
_MOST_TRANSITIONS = 10**8


def check(config: TrainPPO) -> tuple[RunConfig, CloseTask]:
    """The run's configuration with every default filled in, and its task.

    Raises:
        InputError: the first option that is out of range, or does not fit the others.
    """
    for name, most in MOST.items():
        require_whole(name, getattr(config, name), 1, most)
    require_whole("seed", config.seed, 0, 2**32 - 1)
    for name in ("gamma", "gae_lambda"):
        require(name, getattr(config, name), "from 0 to 1", lambda v: 0 <= v <= 1)
    require("learning_rate", config.learning_rate, "above 0 and at most 100", lambda v: 0 < v <= 100)
    for name in ("clip_range", "max_grad_norm"):
        require(name, getattr(config, name), "positive", lambda v: v > 0)
    for name in ("ent_coef", "vf_coef"):
        require(name, getattr(config, name), "at least 0", lambda v: v >= 0)
    for name in ("ncl_weight", "ncl_base"):
        require(name, getattr(config, name), "from 0 to 1000", lambda v: 0 <= v <= 1000)
    for name in ("clip_range_vf", "target_kl"):
        if getattr(config, name) is not None:
            require(name, getattr(config, name), "positive", lambda v: v > 0)
    check_stopping(config)
    check_output("json", config.json)

    rollout, size = checked_rollout(config.n_envs, config.n_steps)
    if config.batch_size > rollout:
        raise InputError(f"--batch-size {config.batch_size} is larger than {size}")
    if rollout % config.batch_size:
        small = [n for n in range(1, math.isqrt(rollout) + 1) if rollout % n == 0]
        divisors = {*small, *(rollout // n for n in small)}
        near = sorted(sorted(divisors, key=lambda n: abs(n - config.batch_size))[:3])
        raise InputError(f"--batch-size {config.batch_size} does not divide {size}: try {', '.join(map(str, near))}")
    if config.batch_size == 1 and config.normalize_advantage:
        raise InputError("--batch-size 1 cannot normalise advantages: use 2 or more, or --no-normalize-advantage")

    task = CloseTask(
        config.setting,
        pairs=config.pairs,
        split="train",
        on_mistake=config.on_mistake,
        reward=config.reward,
        penalty=config.penalty,
        max_answer=config.max_answer,
    )
    # An agent may read whole observations, and its model decodes freely.
    longest = task.observation_length
    language = task.sampler.language
    run = new_run("ppo", config, config.arch, task.setting, language, longest=longest, masked=config.mask)
    return run, task


def checked_rollout(n_envs: int, n_steps: int) -> tuple[int, str]:
    """The transitions of an update, and how an error speaks of them.

    Raises:
        InputError: they are more than an update may take.
    """
    rollout = n_envs * n_steps
    size = f"the rollout of {rollout} (n_envs {n_envs} x n_steps {n_steps})"
    if rollout > _MOST_TRANSITIONS:
        raise InputError(f"{size} is more than the {_MOST_TRANSITIONS} transitions that an update may take")
    return rollout, size
