"""What a ``TrainInstruct`` configuration must satisfy, checked before any work, and what follows from it."""

from __future__ import annotations

from dataclasses import asdict

from agents.sb3.checks import check_ppo
from agents.train_instruct.options import TrainInstruct
from bracket_env import INSTRUCT, InputError
from supervised.models import check_params
from supervised.options.checks import check_stopping
from supervised.options.ranges import require, require_whole
from supervised.runs import RunConfig


def check(config: TrainInstruct) -> RunConfig:
    """The configuration as a run folder keeps it.

    Raises:
        InputError: the first option that is out of range.
    """
    check_ppo(config)
    check_stopping(config)
    for name, most in (("sentence_units", 10**4), ("blocks", 10**3)):
        require_whole(name, getattr(config, name), 1, most)
    require("sentence_dropout", config.sentence_dropout, "from 0 up to but not including 1", lambda v: 0 <= v < 1)
    require("weight_decay", config.weight_decay, "at least 0", lambda v: v >= 0)
    if config.batch_size == 1:
        raise InputError("--batch-size 1 cannot normalise advantages: use 2 or more")
    return RunConfig(
        kind="instruct",
        setting=INSTRUCT.id,
        pairs=INSTRUCT.pairs,
        architecture=config.arch,
        params=check_params(config.arch, {}).to_dict(),
        masked=False,
        options=asdict(config),
    )
