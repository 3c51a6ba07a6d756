"""The native vector environment of instructed episodes; see :mod:`bracket_env.envs.vector` for what it promises.

Which instruction a member has follows from its stream and item alone, so the queue of cases need not carry it.
``infos["final_obs"]`` is a dict of two arrays, ``infos["instruction"]`` a lazy sequence.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from gymnasium.vector import AutoresetMode

from bracket_env.cases import Case
from bracket_env.envs.case_queue import CaseQueue, FreshCases
from bracket_env.envs.instruct import InstructEnv, remark
from bracket_env.envs.vector import CloseVectorEnv
from bracket_env.instructions.catalogue import Instruction, Spoken
from bracket_env.instructions.meanings import Part
from bracket_env.instructions.sentence_vectors import HASH
from bracket_env.rendering.cells import Plan
from bracket_env.sampling.splits import Split
from bracket_env.tasks.close import OnMistake, RewardKind
from bracket_env.tasks.instruct import InstructTask, make_instruct_task


class LazyInstructions(Sequence[Instruction]):
    """The instruction of every member."""

    def __init__(self, instructions: Sequence[Instruction], rows: np.ndarray) -> None:
        self._instructions, self._rows = instructions, rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, i: Any) -> Any:
        rows = self._rows[i]
        return [self._instructions[row] for row in rows] if isinstance(i, slice) else self._instructions[rows]

    def __repr__(self) -> str:
        return f"LazyInstructions({len(self)} instructions)"


class InstructQueue(CaseQueue):
    """The next cases of many streams, with the answers that their instructions ask for."""

    task: InstructTask

    def _draw(self, members: np.ndarray, items: np.ndarray) -> FreshCases:
        fresh = super()._draw(members, items)
        rows = self.task.drawn(self.streams[members], items.astype(np.uint64)).astype(np.int64)
        fresh.unmatched[:, :-1] = fresh.needed[:, None] - 1  # of the completion: all that is open
        answer, needed = self.task.instructed(fresh.answer, rows)
        return fresh._replace(answer=answer, needed=needed)


class InstructVectorEnv(CloseVectorEnv):
    """Many episodes of :class:`~bracket_env.envs.instruct.InstructEnv` at once, with the same spaces and rewards.

    Args:
        num_envs: how many.
        split, sentences, meanings, language, encoder, on_mistake, reward, penalty, max_answer, render_mode: as for
            ``InstructEnv``.
        autoreset_mode: Gymnasium's ``AutoresetMode`` or its name: NextStep (default), SameStep or Disabled.
        max_episode_steps: truncate after this many steps, as Gymnasium's ``TimeLimit`` does.

    Raises:
        InputError: an option out of range (named).
    """

    metadata: dict[str, Any] = {**InstructEnv.metadata, "autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012
    task: InstructTask
    _OPTIONS = ("prefix", "sentence")
    _STATE = (*CloseVectorEnv._STATE, "_row")

    def __init__(
        self,
        num_envs: int = 1,
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
        render_mode: str | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        max_episode_steps: int | None = None,
    ) -> None:
        task = make_instruct_task(
            split=split,
            sentences=sentences,
            meanings=meanings,
            language=language,
            encoder=encoder,
            on_mistake=on_mistake,
            reward=reward,
            penalty=penalty,
            max_answer=max_answer,
        )
        self._set_up(num_envs, task, render_mode, autoreset_mode, max_episode_steps)
        self._row = np.zeros(self.num_envs, dtype=np.int64)

    def _make_queue(self) -> CaseQueue:
        return InstructQueue(self.task, self.num_envs)

    def _begin(self, members: np.ndarray) -> None:
        items = self._queue.next_item[members].astype(np.uint64)
        super()._begin(members)
        self._row[members] = self.task.drawn(self._queue.streams[members], items)

    def _chosen(self, options: dict[str, Any], members: np.ndarray) -> Callable[[], None]:
        if not options:
            return super()._chosen(options, members)
        prefixes = options.get("prefix")
        cases = None if prefixes is None else self._check_prefixes(prefixes, members)
        sentences = options.get("sentence")
        rows = None if sentences is None else [self.task.row(s) for s in self._one_each("sentence", sentences, members)]

        def begin() -> None:
            if cases is None or rows is None:
                self._begin(members)
            self._begin_by_hand(members, cases, rows)

        return begin

    def _begin_by_hand(self, members: np.ndarray, cases: list[Case] | None, rows: list[int] | None) -> None:
        """What is not given stays as it is."""
        self._detach()
        if rows is not None:
            self._row[members] = rows
        present = self._infos(self._all)
        prefixes = [present["case"][i].prefix for i in members] if cases is None else [case.prefix for case in cases]
        meanings = [instruction.meaning for instruction in present["instruction"]]
        self._begin_cases(members, [Case(p, meanings[i].answer(p)) for i, p in zip(members, prefixes, strict=True)])
        for i, prefix in zip(members, prefixes, strict=True):
            self._unmatched[i, :-1] = len(self.task.sampler.language.open_stack(prefix))

    def _detach(self) -> None:
        super()._detach()
        self._row = self._row.copy()

    def _count_down(self, acts: np.ndarray) -> None:
        self._unmatched[:, :-1] -= (acts < self._end)[:, None]

    def _observe(self, tokens: np.ndarray | None = None) -> dict[str, np.ndarray]:
        return {"tokens": super()._observe(tokens), "instruction": self.task.vectors.take(self._row, axis=0)}

    def _infos(
        self, present: np.ndarray, success: np.ndarray | None = None, *, about: np.ndarray | None = None
    ) -> dict[str, Any]:
        infos = super()._infos(present, success, about=about)
        infos["instruction"] = LazyInstructions(self.task.instructions, self._row)
        infos["_instruction"] = present.copy()
        return infos

    def _asked(self, member: int, prefix: str) -> Plan:
        return self.task.instructions[self._row[member]].meaning.plan(prefix)

    def _remark(self, member: int) -> str:
        return remark(self.task.instructions[self._row[member]], self.render_mode)
