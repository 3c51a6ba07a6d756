"""What the sentences of ``--instruction`` make of an agent's reward.

There are no labels here, so the weight of a rule is the prior that the sentence's vector gives it
(:mod:`ncl_reward.grounding.grounding`). Weights are settled before the first step and kept in the run folder; a resumed
run takes them from there, whatever the encoder would say by then.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from gymnasium.vector import VectorEnv
from rich.console import Console

from agents.train_ppo.options import TrainPPO
from bracket_env.envs.vector import CloseVectorEnv
from bracket_env.errors import InputError
from ncl_reward.reward.potential import Potential
from ncl_reward.reward.shaping import VectorNCLReward
from supervised.runs.config import RunConfig
from supervised.runs.folder import RunFolder
from supervised.train.options import Train
from supervised.train.stated_rules import (
    INSTRUCTIONS_FILE,
    StatedRule,
    rules_table,
    stated_rules,
    weighted,
    write_rules,
)

Shape = Callable[[CloseVectorEnv], VectorEnv[Any, Any, Any]]


def stated(config: TrainPPO, run: RunConfig, folder: RunFolder | None) -> list[StatedRule]:
    """What the sentences state about brackets.

    Args:
        folder: of the run that goes on, which says so itself; ``None`` for a new run.

    Raises:
        InputError: a sentence or an encoder that cannot be used, or a run whose record is missing or damaged.
    """
    if not config.instruction:
        return []
    if folder is not None:
        return _kept(folder.path / INSTRUCTIONS_FILE)
    return stated_rules(Train(instruction=config.instruction, ncl_encoder=config.ncl_encoder), run.language, None)


def keep(rules: Sequence[StatedRule], folder: RunFolder) -> None:
    """Write them into the folder of a new run that has sentences."""
    if folder.config.options["instruction"]:
        write_rules(folder.path, rules)


def shaping(config: TrainPPO, run: RunConfig, rules: Sequence[StatedRule]) -> Shape | None:
    """What puts the shaped reward around an environment; ``None`` when the rules are worth nothing."""
    worth = weighted(rules, run.language)
    if not worth or config.ncl_weight == 0:
        return None
    potential = Potential(tuple(worth), len(run.language.pairs), config.ncl_weight, config.ncl_base)
    return partial(VectorNCLReward, potential=potential, gamma=config.gamma)


def show_rules(rules: Sequence[StatedRule], console: Console, *, shaped: bool) -> None:
    """The table of the rules, or one line that there is nothing to shape with."""
    if shaped:
        console.print(rules_table(rules))
    else:
        console.print("nothing grounded: the sentences state no rule about brackets, and the reward stays as it is")


def _kept(path: Path) -> list[StatedRule]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return [StatedRule(**{**entry, "pairs": entry["pairs"] and tuple(entry["pairs"])}) for entry in entries]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is missing or damaged: {error}") from None
