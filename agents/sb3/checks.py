"""What the options of every PPO training must satisfy."""

from __future__ import annotations

import math

from agents.sb3.options import PPOOptions
from bracket_env import InputError
from supervised.options.checks import refuse_never_reached
from supervised.options.ranges import check_output, require, require_whole

# The most of each count; what is far beyond any machine is a slip of the hand.
_MOST = {
    "n_envs": 10**6, "n_steps": 10**6, "batch_size": 10**8, "n_epochs": 10**6, "total_timesteps": 10**15,
    "eval_every": 10**15, "eval_cases": 10**7, "threads": 1024,
}  # fmt: skip
_MOST_TRANSITIONS = 10**8


def check_ppo(options: PPOOptions) -> None:
    """Each option by itself, and the minibatches that a rollout is cut into.

    Raises:
        InputError: the first option that is out of range, or does not fit the others.
    """
    for name, most in _MOST.items():
        require_whole(name, getattr(options, name), 1, most)
    require_whole("seed", options.seed, 0, 2**32 - 1)
    for name in ("gamma", "gae_lambda"):
        require(name, getattr(options, name), "from 0 to 1", lambda v: 0 <= v <= 1)
    require("learning_rate", options.learning_rate, "above 0 and at most 100", lambda v: 0 < v <= 100)
    require("ent_coef", options.ent_coef, "at least 0", lambda v: v >= 0)
    check_output("json", options.json)
    total = f"--total-timesteps {options.total_timesteps}"
    refuse_never_reached(options, "eval_every", options.total_timesteps, total)
    rollout = options.n_envs * options.n_steps
    size = f"the rollout of {rollout} (n_envs {options.n_envs} x n_steps {options.n_steps})"
    if rollout > _MOST_TRANSITIONS:
        raise InputError(f"{size} is more than the {_MOST_TRANSITIONS} transitions that an update may take")
    if options.batch_size > rollout:
        raise InputError(f"--batch-size {options.batch_size} is larger than {size}")
    if rollout % options.batch_size:
        small = [n for n in range(1, math.isqrt(rollout) + 1) if rollout % n == 0]
        divisors = {*small, *(rollout // n for n in small)}
        near = sorted(sorted(divisors, key=lambda n: abs(n - options.batch_size))[:3])
        raise InputError(f"--batch-size {options.batch_size} does not divide {size}: try {', '.join(map(str, near))}")
