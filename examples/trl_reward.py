"""A reward function for language models, in the form that TRL's ``GRPOTrainer`` takes.

    python examples/trl_reward.py

The reward is the share of right symbols before the first mistake, the stop counted:

    prompt   completion   reward
    ``({``   ``})``       1.0
    ``({``   ``}``        1/3
    ``({``   ``)}``       0.0

Prints this table, and three rows of the data set that such a training reads (columns ``prompt`` and ``prefix``). With
TRL installed: ``GRPOTrainer(model, reward_funcs=closing_reward, train_dataset=Dataset.from_list(rows(1000)), ...)``.
"""

from __future__ import annotations

import sys
from typing import Any

from bracket_env import BracketLanguage, get_setting, share_answered
from bracket_env.command import run_script

LANGUAGE = BracketLanguage()
QUESTION = "Close every open bracket in the right order and write nothing else: "


def closing_reward(prompts: list[str], completions: list[str], prefix: list[str], **columns: Any) -> list[float]:
    """One reward in [0, 1] for each completion; ``prefix`` is the data set's column of that name."""
    answers = ("".join(completion.split()) for completion in completions)
    return [share_answered(answer, LANGUAGE.completion(asked)) for answer, asked in zip(answers, prefix, strict=True)]


def rows(n: int) -> list[dict[str, str]]:
    """The first n cases of the training split as rows of a data set."""
    cases = get_setting("bracket/Close-v0").evaluation_cases("train", n)
    return [{"prompt": QUESTION + " ".join(case.prefix), "prefix": case.prefix} for case in cases]


def main(n: int = 3) -> None:
    """Show rewards and rows."""
    completions = ["} )", "}", ") }"]
    prefixes = ["({"] * len(completions)
    rewards = closing_reward([QUESTION + "( {"] * len(completions), completions, prefix=prefixes)
    for prefix, completion, reward in zip(prefixes, completions, rewards, strict=True):
        print(f"{prefix}  {completion:3}  {reward:.3f}")
    for row in rows(n):
        print(row)


if __name__ == "__main__":
    sys.exit(run_script(main))
