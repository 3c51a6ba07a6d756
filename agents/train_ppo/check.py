"""What a ``TrainPPO`` configuration must satisfy, checked before any work, and what follows from it."""

from __future__ import annotations

from typing import Any

from agents.sb3.checks import check_ppo
from agents.train_ppo.options import TrainPPO
from bracket_env import InputError
from bracket_env.tasks.close import CloseTask
from supervised.options.checks import check_stopping
from supervised.options.ranges import refuse_idle, require
from supervised.runs import RunConfig, new_run


def check(config: TrainPPO) -> tuple[RunConfig, CloseTask]:
    """The run's configuration with every default filled in, and its task.

    Raises:
        InputError: the first option that is out of range, or does not fit the others.
    """
    check_ppo(config)
    for name in ("clip_range", "max_grad_norm"):
        require(name, getattr(config, name), "positive", lambda v: v > 0)
    require("vf_coef", config.vf_coef, "at least 0", lambda v: v >= 0)
    for name in ("ncl_weight", "ncl_base"):
        require(name, getattr(config, name), "from 0 to 1000", lambda v: 0 <= v <= 1000)
    for name in ("clip_range_vf", "target_kl"):
        if getattr(config, name) is not None:
            require(name, getattr(config, name), "positive", lambda v: v > 0)
    check_stopping(config)
    refuse_idle(config, ("penalty",), unless=config.on_mistake == "penalty", why="goes with --on-mistake penalty")
    if config.batch_size == 1 and config.normalize_advantage:
        raise InputError("--batch-size 1 cannot normalise advantages: use 2 or more, or --no-normalize-advantage")

    task = CloseTask(config.setting, **task_options(config))
    # An agent may read whole observations, and its model decodes freely.
    longest = task.observation_length
    language = task.sampler.language
    run = new_run("ppo", config, config.arch, task.setting, language, longest=longest, masked=config.mask)
    return run, task


def task_options(config: TrainPPO) -> dict[str, Any]:
    """What the task of a training is made with, and its environment, beside the setting."""
    names = ("pairs", "on_mistake", "reward", "penalty", "max_answer")
    return {"split": "train", **{name: getattr(config, name) for name in names}}
