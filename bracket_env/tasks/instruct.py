"""What the scalar and the vector instructed environment agree on: which instruction an episode has, and its answer.

Episode n of a stream has the prefix of item n, as in ``CloseEnv``, and an instruction drawn from the same item under a
key of its own. Every meaning has as many sentences, so a uniform sentence is a uniform meaning.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, Literal, TypeVar

import numpy as np
from gymnasium.spaces import Box, Dict

from bracket_env.errors import InputError, quote
from bracket_env.instructions.catalogue import INSTRUCTIONS, Instruction, Spoken, choose_instructions, find_instruction
from bracket_env.instructions.meanings import Part
from bracket_env.instructions.sentence_vectors import HASH, vectors_of
from bracket_env.random_streams import below, key, subkey
from bracket_env.sampling.splits import Split
from bracket_env.settings import INSTRUCT
from bracket_env.tasks.close import CloseTask, OnMistake, RewardKind, make_task

Item = TypeVar("Item", int, np.ndarray)
_SENTENCES = key(0, "bracket_env/instructions")


@dataclass(frozen=True)
class InstructTask(CloseTask):
    """The validated options of an instructed environment; build it with :func:`make_instruct_task`."""

    instructions: tuple[Instruction, ...]
    vectors: np.ndarray = field(compare=False)
    """``(n, dim)`` float32, one row an instruction."""

    def observation_space(self) -> Dict:
        """Token ids, and the vector of the sentence."""
        dim = self.vectors.shape[1]
        return Dict({"tokens": super().observation_space(), "instruction": Box(-1.0, 1.0, (dim,), np.float32)})

    def drawn(self, stream: Item, item: Item) -> Item:
        """The row in ``instructions`` of these items; integers or uint64 arrays ``(n,)``."""
        words: Item = subkey(subkey(stream, item), _SENTENCES)  # type: ignore[arg-type]
        return below(words, len(self.instructions))

    def row(self, sentence: object) -> int:
        """The row of an instruction that is given by hand.

        Raises:
            InputError: no instruction has this sentence, or none of this environment's.
        """
        instruction = find_instruction(sentence)
        if instruction not in self.instructions:
            raise InputError(
                f"the sentence {quote(sentence)} is not among this environment's: see sentences, meanings and language"
            )
        return self.instructions.index(instruction)

    @cached_property
    def _meanings(self) -> tuple[np.ndarray, ...]:
        """Of every instruction: is the oldest bracket first? the one pair, or -1; the closer of each pair."""
        pairs = self.sampler.language.pairs
        meanings = [instruction.meaning for instruction in self.instructions]
        closers = [[self.sampler.language.closers.index(m.closer(pair[0])) for pair in pairs] for m in meanings]
        return (
            np.array([m.order == "queue" for m in meanings]),
            np.array([-1 if m.only is None else pairs.index(m.only) for m in meanings]),
            np.array([[*row, self.end] for row in closers], dtype=np.int16),
        )

    def instructed(self, completions: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The right actions of many prefixes.

        Args:
            completions: ``(n, max_depth + 1)`` int16, the closers of each completion, END repeated as padding.
            rows: ``(n,)`` of the instructions.

        Returns:
            The right actions in the same form, and how many of each row are needed, END counted, int64 ``(n,)``.
        """
        queue, only, closers = (column[rows] for column in self._meanings)
        wanted = (completions < self.end) & ((only[:, None] < 0) | (completions == only[:, None]))
        rank = wanted.cumsum(axis=1)
        count = rank[:, -1]
        place = np.where(queue[:, None], count[:, None] - rank, rank - 1)
        row, column = wanted.nonzero()
        actions = np.full_like(completions, self.end)
        actions[row, place[row, column]] = closers[row, completions[row, column]]
        return actions, count + 1


def make_instruct_task(
    *,
    split: Split = "all",
    sentences: Part = "train",
    meanings: Part = "train",
    language: Spoken | Literal["all"] = "all",
    encoder: str | os.PathLike[str] = HASH,
    on_mistake: OnMistake = "terminate",
    reward: RewardKind = "dense",
    penalty: float = 1.0,
    max_answer: int | None = None,
) -> InstructTask:
    """Validate the options of an instructed environment.

    Raises:
        InputError: an unknown value, or as :func:`bracket_env.tasks.close.make_task` and
            :func:`bracket_env.instructions.sentence_vectors.read_vectors`.
    """
    closing = make_task(
        INSTRUCT, pairs=None, split=split, on_mistake=on_mistake, reward=reward, penalty=penalty, max_answer=max_answer
    )
    instructions = choose_instructions(sentences, meanings, language)
    vectors = vectors_of(encoder, [i.text for i in instructions], [i.text for i in INSTRUCTIONS])
    options: dict[str, Any] = {f.name: getattr(closing, f.name) for f in fields(CloseTask)}
    return InstructTask(**options, instructions=instructions, vectors=vectors)
