"""Your own solver beside the yardsticks, in one score table.

    python examples/custom_solver.py --n 1000 --memory 2

Anything with ``complete(prefixes) -> answers`` is a solver. This one has a stack that holds only the last few open
brackets. On the default task, which asks for at most three closers, it is perfect with 3. With 2 it gets 84 % right,
less than counting without any stack, but 45 % of the cases that need a stack, where counting gets none. Prints the
table that ``python -m agents.evaluate`` prints for trained runs.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.console import Console

from bracket_env import BracketLanguage, Solver, get_setting, score, yardsticks
from bracket_env.command import run_script
from bracket_env.scores.report import score_table


class ShortStack:
    """Closes the innermost ``memory`` open brackets and forgets the others."""

    def __init__(self, language: BracketLanguage, memory: int) -> None:
        self.language = language
        self.memory = memory

    def complete(self, prefixes: Sequence[str]) -> list[str]:
        """One answer for each prefix."""
        return [self.language.completion(prefix)[: self.memory] for prefix in prefixes]


def main(n: int = 1000, memory: int = 2, setting: str = "bracket/Close-v0") -> None:
    """Score on n cases of the test split; the n-grams among the yardsticks learn from the training split."""
    task = get_setting(setting)
    language = task.language()
    cases = task.evaluation_cases("test", n)
    solvers: dict[str, Solver] = {f"stack of {memory}": ShortStack(language, memory)}
    solvers |= yardsticks(language, task.evaluation_cases("train", 5000))
    scores = [score(solver, cases, language, name=name) for name, solver in solvers.items()]
    Console().print(score_table(scores, f"{setting}, test split"))


if __name__ == "__main__":
    sys.exit(run_script(main))
