"""How often an agent does what a sentence asks for: whole episodes, played greedily.

An answer counts when every action was right, END too, which is what ``is_success`` says. The first episode of every
member of a vector environment is played, so an evaluation has the same prefixes and sentences for every agent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from bracket_env import Estimate, TaskVectorEnv
from bracket_env.instructions.catalogue import Instruction
from bracket_env.instructions.meanings import Meaning
from bracket_env.random_streams import below, bits, key, keyed_seeds
from bracket_env.tasks.instruct import InstructTask

Act = Callable[[dict[str, np.ndarray]], np.ndarray]
VectorSeen = Literal["own", "shuffled", "nothing"]


@dataclass(frozen=True)
class Episodes:
    """Episodes that were played, one entry each."""

    instructions: Sequence[Instruction]
    prefixes: Sequence[str]
    success: np.ndarray
    """bool ``(n,)``."""

    def scores(self) -> dict[str, Any]:
        """Share of perfect answers, in total, by language and by kind of meaning; with n and a 95 % interval each."""
        languages = np.array([instruction.language for instruction in self.instructions])
        kinds = np.array([instruction.meaning.kind for instruction in self.instructions])
        return {
            "exact": self._share(np.ones(len(kinds), dtype=bool)),
            "by_language": {str(name): self._share(languages == name) for name in np.unique(languages)},
            "by_kind": {str(name): self._share(kinds == name) for name in np.unique(kinds)},
        }

    def _share(self, which: np.ndarray) -> dict[str, Any]:
        return asdict(Estimate.of(float(self.success[which].sum()), int(which.sum())))


def play(act: Act, env: TaskVectorEnv, seed: int, seen_vector: VectorSeen = "own") -> Episodes:
    """Play the first episode of every member.

    Args:
        act: observations of all members -> actions ``(n,)``.
        env: in a mode that resets by itself.
        seed: of the evaluation.
        seen_vector: of the episode's own sentence, of a sentence of another meaning, or zeros.
    """
    obs, infos = env.reset(seed=keyed_seeds(seed, "agents/instruct_scores", env.num_envs))
    instructions, prefixes = list(infos["instruction"]), [case.prefix for case in infos["case"]]
    seen = obs["instruction"]
    if seen_vector == "nothing":
        seen = np.zeros_like(seen)
    elif seen_vector == "shuffled":
        assert isinstance(env.task, InstructTask)
        seen = env.task.vectors[[_other(env.task.instructions, i, seed, n) for n, i in enumerate(instructions)]]
    success, over = np.zeros((2, env.num_envs), dtype=bool)
    while not over.all():
        right, actions = env.right_actions(), act({"tokens": obs["tokens"], "instruction": seen})
        obs, _, terminated, truncated, _ = env.step(np.where(over, env.task.end, actions))
        success |= terminated & ~over & (actions == right)
        over |= terminated | truncated
    return Episodes(instructions, prefixes, success)


def _other(instructions: Sequence[Instruction], own: Instruction, seed: int, episode: int) -> int:
    """The row of a sentence of another meaning."""
    rows = [row for row, instruction in enumerate(instructions) if instruction.meaning != own.meaning]
    return rows[below(bits(key(seed, "agents/instruct_scores/shuffled"), episode), len(rows))]


def best_without_sentence(prefixes: Sequence[str], meanings: Sequence[Meaning]) -> float:
    """The chance of the meanings: how often the best agent is right that knows all but which meaning is meant.

    For each prefix it gives the answer that most of the equally likely meanings share.
    """
    shares = []
    for prefix in prefixes:
        answers = [meaning.answer(prefix) for meaning in meanings]
        shares.append(max(map(answers.count, answers)) / len(answers))
    return float(np.mean(shares))
