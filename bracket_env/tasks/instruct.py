"""The task Instruct: a sentence says what a right answer is.

Episode n of a stream has the prefix of item n, as in Close, and an instruction drawn from the same item under a key of
its own. Every meaning has as many sentences, so a uniform sentence is a uniform meaning.

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
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, ClassVar, Literal, TypeVar, final

import numpy as np
from gymnasium.spaces import Box, Dict

from bracket_env.cases import Case
from bracket_env.errors import InputError, quote
from bracket_env.instructions.catalogue import INSTRUCTIONS, Instruction, Spoken, choose_instructions, find_instruction
from bracket_env.instructions.meanings import Part
from bracket_env.instructions.sentence_vectors import HASH, vectors_of
from bracket_env.random_streams import below, key, subkey
from bracket_env.rendering.cells import Plan
from bracket_env.sampling.settings import INSTRUCT
from bracket_env.sampling.splits import Split
from bracket_env.tasks.task import OnMistake, RewardKind, Rows, Task

Item = TypeVar("Item", int, np.ndarray)
_SENTENCES = key(0, "bracket_env/instructions")


@final
class InstructTask(Task):
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
    - `render_mode`: `"ansi"`, `"human"` or `"rgb_array"`. Frames show the sentence; a picture, whose font knows no
      Japanese, shows the meaning of a Japanese one in words.

    ## Version History

    - v0: initial version.
    """

    options: ClassVar[tuple[str, ...]] = ("prefix", "sentence")
    told_lines: ClassVar[int] = 2

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
    ) -> None:
        super().__init__(
            INSTRUCT,
            pairs=None,
            split=split,
            on_mistake=on_mistake,
            reward=reward,
            penalty=penalty,
            max_answer=max_answer,
        )
        self.instructions: tuple[Instruction, ...] = choose_instructions(sentences, meanings, language)
        self.vectors = vectors_of(encoder, [i.text for i in self.instructions], [i.text for i in INSTRUCTIONS])
        """``(instructions, dim)`` float32."""

    # -- cases --------------------------------------------------------------------------------------------------------

    def draw(self, streams: np.ndarray, items: np.ndarray) -> Rows:
        batch = self.sampler.batch(streams, items)
        row = self.drawn(streams, items).astype(np.int64)
        answer, needed = self.instructed(self.closer_actions(batch.answer), row)
        return self._of(self.rows(batch.prompt, batch.prompt_length, answer, needed), row, batch.answer_length - 1)

    def by_hand(self, given: Mapping[str, Any], drawn: Rows) -> Rows:
        prefix = given["prefix"].prefix if "prefix" in given else self.case(drawn, 0).prefix
        row = given.get("sentence", drawn["row"][0] if drawn else None)
        answered = self.row_of(Case(prefix, self.instructions[row].meaning.answer(prefix)))
        return self._of(answered, np.array([row]), np.array([len(self.sampler.language.open_stack(prefix))]))

    def _of(self, rows: Rows, row: np.ndarray, opened: np.ndarray) -> Rows:
        """Rows with their instruction; every closer can be written as often as brackets are open."""
        rows["unmatched"][:, : self.end] = opened[:, None]
        return {**rows, "row": row}

    def check(self, option: str, value: object) -> Any:
        return self.row(value) if option == "sentence" else super().check(option, value)

    def blank(self, n: int) -> Rows:
        return {**super().blank(n), "row": np.zeros(n, dtype=np.int64)}

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

    # -- what is seen -------------------------------------------------------------------------------------------------

    @cached_property
    def effects(self) -> np.ndarray:
        """Any closer uses up one of all."""
        shared = np.zeros((self.end + 1, self.end + 1), dtype=np.int16)
        shared[: self.end, : self.end] = -1
        return shared

    def observation_space(self) -> Dict:
        """Token ids, and the vector of the sentence."""
        dim = self.vectors.shape[1]
        return Dict({"tokens": super().observation_space(), "instruction": Box(-1.0, 1.0, (dim,), np.float32)})

    def see(self, tokens: np.ndarray, rows: Rows) -> dict[str, np.ndarray]:
        return {"tokens": tokens, "instruction": self.vectors.take(rows["row"], axis=0)}

    def infos(self) -> dict[str, Callable[[Rows, int], Any]]:
        return {**super().infos(), "instruction": self.instruction}

    def instruction(self, rows: Rows, i: int) -> Instruction:
        """The instruction of an episode."""
        return self.instructions[rows["row"][i]]

    def plan(self, rows: Rows, i: int) -> Plan:
        return self.instruction(rows, i).meaning.plan(self.case(rows, i).prefix)

    def told(self, rows: Rows, i: int, render_mode: str) -> str:
        from bracket_env.rendering.captions import can_draw  # needs Pillow

        instruction = self.instruction(rows, i)
        if render_mode != "rgb_array" or can_draw(instruction.text):
            return instruction.text
        return f"(told in Japanese) {instruction.meaning.words()}"  # the font of pictures knows no Japanese
