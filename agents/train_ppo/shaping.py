"""What the sentences of ``--instruction`` make of an agent's reward.

There are no labels here, so the weight of a rule is the prior that the sentence's vector gives it
(:mod:`ncl_reward.grounding.stated`). Weights are settled before the first step and kept in the run folder; a resumed
run takes them from there, whatever the encoder would say by then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from gymnasium.vector import VectorEnv
from rich.console import Console

from agents.train_ppo.options import TrainPPO
from bracket_env import BracketLanguage, TaskVectorEnv
from ncl_reward.book import NO_RULE
from ncl_reward.encoders.encoders import make_encoder
from ncl_reward.grounding.stated import state_rules
from ncl_reward.reward.potential import Potential
from ncl_reward.reward.shaping import VectorNCLReward
from ncl_reward.rules.bracket_rules import BRACKET_RULES, BracketRule
from ncl_reward.rules.rule import StatedRule
from supervised.learning.display import print_line
from supervised.runs import RunFolder
from supervised.runs.files.rules_file import read_rules, rules_table, write_rules

Shape = Callable[[TaskVectorEnv], VectorEnv[Any, Any, Any]]
Rules = Sequence[StatedRule[BracketRule]]


def stated(config: TrainPPO, language: BracketLanguage, folder: RunFolder | None) -> Rules:
    """What the sentences state about brackets.

    Args:
        folder: of the run that goes on, which says so itself; ``None`` for a new run.

    Raises:
        InputError: a sentence or an encoder that cannot be used, or a run whose record is missing or damaged.
    """
    if not config.instruction:
        return []
    if folder is not None:
        return read_rules(folder.path, language)
    return state_rules(config.instruction, make_encoder(config.ncl_encoder), language, BRACKET_RULES)


def keep(rules: Rules, folder: RunFolder) -> None:
    """Write them into the folder of a new run that has sentences."""
    if folder.config.options["instruction"]:
        write_rules(folder.path, rules, folder.config.language)


def shaping(config: TrainPPO, language: BracketLanguage, rules: Rules) -> Shape | None:
    """What puts the shaped reward around an environment; ``None`` when the rules are worth nothing."""
    if not rules or config.ncl_weight == 0:
        return None
    potential = Potential(tuple(rules), len(language.pairs), config.ncl_weight, config.ncl_base)
    return partial(VectorNCLReward, potential=potential, gamma=config.gamma)


def show_rules(rules: Rules, language: BracketLanguage, console: Console, *, shaped: bool) -> None:
    """The table of the rules, or one line that there is nothing to shape with."""
    if shaped:
        console.print(rules_table(rules, language))
    else:
        why = "--ncl-weight 0" if rules else f"{NO_RULE} about brackets"
        print_line(console, f"{why}: the reward stays as it is")
