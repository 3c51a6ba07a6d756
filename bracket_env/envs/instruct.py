"""The instructed environment: a sentence says what a right answer is.

A worked episode, ``reset(options={"prefix": "({", "sentence": "First opened, first closed."})``:

    action   meaning   tokens                         reward
    (reset)            BOS ( { SEP
    0        )         BOS ( { SEP )                  1/3
    2        }         BOS ( { SEP ) }                1/3
    3        END       BOS ( { SEP ) } EOS            1 - 2/3, terminated, is_success

Under "Last opened, first closed." the first of these actions is the mistake.
"""

from __future__ import annotations

import os
from typing import Any, Literal

import numpy as np

from bracket_env.cases import Case
from bracket_env.envs.scalar import CloseEnv
from bracket_env.instructions.catalogue import Instruction, Spoken
from bracket_env.instructions.meanings import Part
from bracket_env.instructions.sentence_vectors import HASH
from bracket_env.rendering.cells import Plan
from bracket_env.sampling.splits import Split
from bracket_env.tasks.close import OnMistake, RewardKind
from bracket_env.tasks.instruct import InstructTask, make_instruct_task


class InstructEnv(CloseEnv):
    """Answer a prefix as a sentence in Japanese or English asks for, then stop.

    ## Description

    Each episode draws a prefix of 2 to 8 symbols over `()【】{}` that leaves 2 to 4 brackets open, a *meaning*, and a
    sentence for it. A meaning is one of 17: close all open brackets, the last opened first (`nesting`) or the first
    opened first (`queue`); close those of one pair only (`only ()`); let two pairs exchange their closers, so that `(`
    is closed by `】` and `【` by `)` (`swap () 【】`); or a combination, `queue` with a swap or one pair only with
    the closer of another. Every meaning gives every prefix one right answer. Meaning and sentence are data of the
    package; the reward checks the meaning, and nothing ever reads the text.

    ## Action Space

    `Discrete(4)`: actions 0, 1, 2 write `)`, `】`, `}`, action 3 is END. Without knowing the meaning any closer can be
    right as long as fewer closers are written than brackets were open, and END always can: that is the mask. It never
    tells the answer; it is returned in `info["action_mask"]` (int8) and by `action_masks()` (bool).

    ## Observation Space

    `Dict`: `tokens`, a `Box(0, 10, (17,))` of uint8 as in `CloseEnv`, `BOS prefix SEP answer-so-far`; and
    `instruction`, a `Box(-1, 1, (dim,))` of float32, the vector of the sentence, the same all through an episode. `dim`
    is 512 with the built-in encoder and with others as their file says.

    ## Starting State

    Episode n of a seed's stream has the stream's n-th prefix of the asked split and a sentence that is uniform among
    the asked ones (so are the meanings). `reset(options={"prefix": "({", "sentence": "First opened, first closed."})`
    sets either or both by hand; what is left out comes from the stream.

    ## Rewards

    As in `CloseEnv`: with m the number of actions that the right answer needs (closers + END), a right action earns
    1/m, and the last one 1 minus what was paid, so the perfect policy earns exactly 1.0. With `reward="sparse"` only
    a perfect answer pays, 1.0 at its end. A mistake earns 0 and, with `on_mistake="penalty"`, `-penalty / m`.

    ## Episode End

    Terminated by END, and by the first mistake unless `on_mistake="continue"`. In that case the wrong symbol stands and
    the episode goes on to END, or is truncated after `max_answer` actions.

    ## Information

    `action_mask`: int8 `(4,)`. `case`: the `Case(prefix, completion)`, whose completion is here the right answer.
    `instruction`: the `Instruction`, with its text (`surface()`), its meaning and its check (`verify(prefix, answer)`).
    After a step `is_success`: true when this step ended a perfect answer.

    ## Arguments

    - `split`: of the prefixes, `"train"`, `"validation"`, `"test"` or `"all"`.
    - `sentences`: `"train"`, 20 for each meaning and language; `"unseen"`, 5 others; or `"all"`.
    - `meanings`: `"train"`, 14 of them; `"unseen"`, three combinations whose parts occur in others; or `"all"`.
    - `language`: `"en"`, `"ja"` or `"all"`.
    - `encoder`: `"hash"`, a built-in hash of character n-grams; `"none"`, zeros for every sentence, as a control; or an
      `.npz` file of vectors (`bracket_env.instructions.sentence_vectors`), which must have one for every sentence there
      is.
    - `on_mistake`: `"terminate"`, `"penalty"` or `"continue"`.
    - `reward`: `"dense"` or `"sparse"`.
    - `penalty`: see Rewards.
    - `max_answer`: the most actions of an episode; at least 7, its default.
    - `render_mode`: `"ansi"`, `"human"` or `"rgb_array"`.

    ## Version History

    - v0: initial version.
    """

    task: InstructTask
    _OPTIONS = ("prefix", "sentence")

    def __init__(
        self,
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
        self._set_up(task, render_mode)
        self._row = 0

    @property
    def instruction(self) -> Instruction:
        """The instruction of the present episode."""
        return self.task.instructions[self._row]

    def _chosen_case(self, options: dict[str, Any]) -> tuple[Case, np.ndarray]:
        by_hand = {
            "prefix": lambda: self.task.check_case(options["prefix"]),
            "sentence": lambda: self.task.row(options["sentence"]),
        }
        chosen: dict[str, Any] = {name: by_hand[name]() for name in options}
        if len(chosen) < len(self._OPTIONS):
            item = self._next_item
            case, prompt = self._next_case()
            assert self._stream is not None
            chosen.setdefault("sentence", self.task.drawn(self._stream, item))
        if "prefix" in chosen:
            case = chosen["prefix"]
            prompt = self._prompt(case)
        self._row = chosen["sentence"]
        return Case(case.prefix, self.instruction.meaning.answer(case.prefix)), prompt

    def _possible_closers(self, case: Case) -> list[int]:
        return [len(self.task.sampler.language.open_stack(case.prefix))] * self._end

    def _count_down(self, closer: int) -> None:
        left = self._unmatched[0] - 1
        self._unmatched = [left] * self._end
        self._mask[:-1] = left > 0

    def _observe(self) -> dict[str, np.ndarray]:
        return {"tokens": self._obs.copy(), "instruction": self.task.vectors[self._row].copy()}

    def _info(self) -> dict[str, Any]:
        return {**super()._info(), "instruction": self.instruction}

    def _asked(self) -> Plan:
        return self.instruction.meaning.plan(self._case.prefix)

    def _remark(self) -> str:
        return remark(self.instruction, self.render_mode)


def remark(instruction: Instruction, render_mode: str | None) -> str:
    """What stands below a frame: the sentence, or in a picture, whose font knows no Japanese, its meaning."""
    return f", {instruction.meaning.words() if render_mode == 'rgb_array' else instruction.text}"
