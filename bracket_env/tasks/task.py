"""What a task is: which cases there are, which actions are right, what is seen and what is paid.

A task is a value, validated options and tables; it plays nothing. Episodes are *rows*, a dict of arrays with one row an
episode, which the cores of :mod:`bracket_env.envs` move:

    obs        (n, L)             token ids; the answer is written from ``cursor`` on
    cursor     (n,) int64
    answer     (n, most) int16    the right actions, END repeated as padding
    needed     (n,) int64         how many of them there are, m
    unmatched  (n, actions) int16 an action is possible while its count is above 0

and what else a task wants to remember. An action changes the counts by its row of ``effects``, as the tokens of a Petri
net: closing a bracket uses up one closer, reading a symbol could bring the next ones.

A right action earns 1/m, the last one pays 1 minus what was paid, in float64, so the perfect policy earns exactly 1.0:

    m = 3     1/3, 1/3, 1 - (1/3 + 1/3)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from gymnasium.spaces import Box, Discrete, Space

from bracket_env.cases import Case
from bracket_env.errors import InputError, check_choice, quote, whole_number
from bracket_env.random_streams import key
from bracket_env.rendering.cells import Plan
from bracket_env.sampling.settings import Setting
from bracket_env.sampling.splits import Split, split_of
from bracket_env.tokenizer import FIRST_SYMBOL, BracketTokenizer

OnMistake = Literal["terminate", "penalty", "continue"]
RewardKind = Literal["dense", "sparse"]
Rows = dict[str, np.ndarray]

MOST_ANSWER = 100_000
ENDLESS = np.iinfo(np.int16).max  # the count of an action that can be done at any time


class Task(ABC):
    """The options that all tasks share, validated, and what follows from them.

    A task whose right actions or rewards do not follow from the tables overrides :meth:`is_right`,
    :meth:`a_right_action`, :meth:`pay` or :meth:`write`, array code all of them, and sets ``by_tables`` to False. Where
    several ways are right, ``answer`` is one of them.

    Args:
        setting: where the prefixes come from.
        pairs: other pairs than the setting's.
        split: of the prefixes.
        on_mistake: what a wrong action does: ``terminate``, ``penalty`` or ``continue``.
        reward: ``dense`` or ``sparse``.
        penalty: what a mistake costs, in shares of 1/m.
        max_answer: the most actions of an episode; the setting's depth + 1 by default.

    Raises:
        InputError: an unknown split, ``on_mistake`` or ``reward``; impossible pairs; a penalty that is negative or not
            finite; a ``max_answer`` too short for the longest answer, or absurdly long.
    """

    options: ClassVar[tuple[str, ...]] = ("prefix",)
    """What ``reset(options=...)`` can set by hand."""
    by_tables: ClassVar[bool] = True

    def __init__(
        self,
        setting: Setting,
        *,
        pairs: Sequence[str] | None,
        split: Split,
        on_mistake: OnMistake,
        reward: RewardKind,
        penalty: float,
        max_answer: int | None,
    ) -> None:
        self.on_mistake = check_choice("on_mistake", on_mistake, get_args(OnMistake))
        self.reward = check_choice("reward", reward, get_args(RewardKind))
        number = isinstance(penalty, int | float | np.number) and not isinstance(penalty, bool)
        if not number or not 0 <= penalty < float("inf"):
            raise InputError(f"penalty must be a finite number of at least 0, not {quote(penalty)}")
        self.most = setting.max_depth + 1
        given = self.most if max_answer is None else whole_number(max_answer)
        if given is None or given < self.most:
            raise InputError(
                f"max_answer must be an integer of at least {self.most} ({setting.id}), not {quote(max_answer)}"
            )
        if given > MOST_ANSWER:  # an observation has a column for each, so that a slip would fill the memory
            raise InputError(f"max_answer must be an integer of at most {MOST_ANSWER}, not {quote(max_answer)}")
        self.setting, self.penalty, self.max_answer = setting, float(penalty), given
        self.sampler = setting.sampler(split=split, pairs=pairs)
        self.tokenizer: BracketTokenizer = self.sampler.tokenizer
        self.n_pairs = len(self.sampler.language.pairs)
        self.end = self.n_pairs
        """The first action that ends an episode; by default the last one, END."""
        self.max_prompt = setting.max_length + 2
        self.observation_length = self.max_prompt + self.max_answer

    # -- cases --------------------------------------------------------------------------------------------------------

    @abstractmethod
    def draw(self, streams: np.ndarray, items: np.ndarray) -> Rows:
        """The episodes of items ``(n,)`` of streams ``(n,)``, both uint64."""

    @abstractmethod
    def by_hand(self, given: Mapping[str, Any], drawn: Rows) -> Rows:
        """The one episode that checked options ask for.

        Args:
            given: some of :attr:`options`, as :meth:`check` returned them.
            drawn: the episode that would have come, where something is not given; else empty.
        """

    def check(self, option: str, value: object) -> Any:
        """An option's value, ready for :meth:`by_hand`: here the case of a prefix, which may have spaces.

        Raises:
            InputError: not a string, not completable, longer or deeper than the observation holds, or of another split.
        """
        if not isinstance(value, str):
            raise InputError(f"a prefix is a string, not {quote(value)}")
        language = self.sampler.language
        value = language.reading(value)
        completion = language.completion(value)
        if len(value) > self.setting.max_length:
            raise InputError(
                f"prefix {quote(value)} of {len(value)} symbols is longer than the {self.setting.max_length} "
                f"that an observation of {self.setting.id} holds"
            )
        if language.depth(value) > self.setting.max_depth:
            raise InputError(
                f"prefix {quote(value)} opens {language.depth(value)} brackets at once; "
                f"{self.setting.id} goes to {self.setting.max_depth}"
            )
        if self.sampler.split not in ("all", split_of(value)):
            raise InputError(
                f"prefix {quote(value)} belongs to split {split_of(value)!r}, "
                f"this environment to {self.sampler.split!r}"
            )
        return Case(value, completion)

    def stream(self, seed: int) -> int:
        """The key of a seed's episodes."""
        return key(seed, f"bracket_env/episodes/{self.setting.id}")

    def blank(self, n: int) -> Rows:
        """n rows before their first episode: the shape and type of every array."""
        return {
            "obs": np.zeros((n, self.observation_length), dtype=self.tokenizer.dtype),
            "cursor": np.zeros(n, dtype=np.int64),
            "answer": np.zeros((n, self.most), dtype=np.int16),
            "needed": np.ones(n, dtype=np.int64),
            "unmatched": np.ones((n, len(self.action_ids)), dtype=np.int16),
        }

    def rows(self, prompt: np.ndarray, cursor: np.ndarray, answer: np.ndarray, needed: np.ndarray) -> Rows:
        """Rows from prompts ``(n, any)``, their lengths, right actions and how many; closers are counted by pair."""
        obs = np.zeros((len(prompt), self.observation_length), dtype=self.tokenizer.dtype)
        obs[:, : prompt.shape[1]] = prompt
        unmatched = count_actions(answer, self.end + 1)
        unmatched[:, self.end :] = ENDLESS
        return {"obs": obs, "cursor": cursor, "answer": answer, "needed": needed, "unmatched": unmatched}

    def row_of(self, case: Case) -> Rows:
        """:meth:`rows` of one case that is given by hand."""
        answer = np.full((1, self.most), self.end, dtype=np.int16)
        answer[0, : len(case.completion)] = self.closer_actions(np.array(self.tokenizer.encode(case.completion)))
        return self.rows(*self.tokenizer.encode_prompts([case.prefix]), answer, np.array([len(case.completion) + 1]))

    def closer_actions(self, ids: np.ndarray) -> np.ndarray:
        """The actions that write token ids: closers, and END for EOS and PAD; int16 of any shape."""
        # The closer of pair i is id first + 2i. EOS and PAD are less than the first: they wrap round, beyond END.
        ids = np.ascontiguousarray(ids, dtype=self.tokenizer.dtype)
        pairs = (ids - ids.dtype.type(FIRST_SYMBOL + 1)) >> ids.dtype.type(1)
        return np.minimum(pairs, self.end).astype(np.int16)

    # -- actions and rewards ------------------------------------------------------------------------------------------

    def action_space(self) -> Discrete:
        """``Discrete(actions)``."""
        return Discrete(len(self.action_ids))

    @cached_property
    def action_ids(self) -> np.ndarray:
        """``(actions,)``: the token that each action writes."""
        return self.tokenizer.action_ids

    @cached_property
    def effects(self) -> np.ndarray:
        """``(actions, actions)`` int16: what each action adds to the counts; here it uses up its own."""
        own = -np.eye(len(self.action_ids), dtype=np.int16)
        own[self.end :] = 0
        return own

    @cached_property
    def rewards(self) -> np.ndarray:
        """``(m, t) -> reward`` of the t-th right action when m are needed; ``(most + 1, most)``."""
        table = np.zeros((self.most + 1, self.most))
        for m in range(1, self.most + 1):
            if self.reward == "sparse":
                table[m, m - 1] = 1.0
                continue
            paid = 0.0
            for t in range(m - 1):
                table[m, t] = 1.0 / m
                paid += 1.0 / m
            table[m, m - 1] = 1.0 - paid
        return table

    @cached_property
    def mistake_rewards(self) -> np.ndarray:
        """``(most + 1,)``: what a mistake costs when m actions are needed, ``-penalty / m`` or nothing."""
        if self.on_mistake != "penalty":
            return np.zeros(self.most + 1)
        return np.array([0.0, *(-self.penalty / m for m in range(1, self.most + 1))])

    def is_right(self, rows: Rows, table: np.ndarray, acts: np.ndarray) -> np.ndarray:
        """Which of the actions ``(n,)`` are right, no mistake made before; ``table``: those of the answer table."""
        return acts == table

    def a_right_action(self, rows: Rows, table: np.ndarray) -> np.ndarray:
        """For each episode one action that is right, no mistake made before; ``table`` as in :meth:`is_right`."""
        return table

    def pay(self, rows: Rows, column: np.ndarray, right: np.ndarray) -> np.ndarray:
        """The rewards ``(n,)`` of a step, before it is written.

        Args:
            column: ``(n,)`` of the answer table.
            right: ``(n,)`` bool: no mistake was made, nor is it one.
        """
        rewards: np.ndarray = self.rewards.ravel().take(rows["needed"] * self.most + column) * right
        if self.on_mistake == "penalty":
            rewards += self.mistake_rewards[rows["needed"]] * (rows["right"] & ~right)
        return rewards

    def write(self, rows: Rows, acts: np.ndarray) -> None:
        """Change the rows as the actions do; what follows for ``written``, ``right`` and the rest is the core's."""
        obs = rows["obs"]
        start = np.arange(0, obs.size, obs.shape[1])
        obs.reshape(-1)[start + rows["cursor"] + rows["written"]] = self.action_ids.take(acts)
        rows["unmatched"] += self.effects.take(acts, axis=0)

    # -- what is seen -------------------------------------------------------------------------------------------------

    def observation_space(self) -> Space[Any]:
        """``Box(0, V-1, (L,))`` of the smallest unsigned type."""
        return Box(0, self.tokenizer.vocab_size - 1, (self.observation_length,), self.tokenizer.dtype.type)

    def see(self, tokens: np.ndarray, rows: Rows) -> Any:
        """The observation of ``tokens`` ``(n, L)``, or ``(L,)`` with rows that lack their first axis as well.

        ``tokens`` are the caller's to give away; everything else is copied.
        """
        return tokens

    def infos(self) -> dict[str, Callable[[Rows, int], Any]]:
        """What ``info`` tells of an episode beside the mask: name -> (rows, number) -> value; made when asked for."""
        return {"case": self.case}

    def case(self, rows: Rows, i: int) -> Case:
        """The prefix of an episode and its right answer."""
        prefix = rows["obs"][i].tolist()[1 : rows["cursor"].item(i) - 1]
        answer = rows["answer"][i].tolist()[: rows["needed"].item(i) - 1]
        return Case(self.tokenizer.spell(prefix), "".join(map(self.sampler.language.closers.__getitem__, answer)))

    def plan(self, rows: Rows, i: int) -> Plan | None:
        """The right answer for the renderers; ``None``: the completion."""
        return None

    told_lines: ClassVar[int] = 0
    """Lines that a picture has for what :meth:`told` says."""

    def told(self, rows: Rows, i: int, render_mode: str) -> str:
        """The sentence that an episode is to be answered under, for the renderers; empty: there is none."""
        return ""

    def render(self, rows: Rows, i: int, render_mode: str) -> str | np.ndarray:
        """A frame of an episode: a string, or an RGB array."""
        from bracket_env.rendering.frames import render_ansi, render_rgb  # Pillow is needed by pictures alone

        prefix, start = self.case(rows, i).prefix, rows["cursor"][i]
        written = rows["obs"][i, start : start + rows["written"][i]].tolist()
        answer = self.tokenizer.decode(written)
        shown: dict[str, Any] = {
            "ended": len(answer) < len(written),
            "note": f"return {rows['returns'][i]:.2f}",
            "told": self.told(rows, i, render_mode),
            "asked": self.plan(rows, i),
        }
        if render_mode == "rgb_array":
            shown |= {"columns": self.observation_length - 2, "told_lines": self.told_lines}
            return render_rgb(self.sampler.language, prefix, answer, **shown)
        return render_ansi(self.sampler.language, prefix, answer, **shown)


_LANES = 4
_ONE_IN_LANE = np.eye(_LANES, dtype=np.int16).view(np.int64).ravel()  # action -> 1 in its lane, in either byte order


def count_actions(actions: np.ndarray, width: int) -> np.ndarray:
    """How often each of ``width`` actions is in the rows of ``actions`` ``(n, any)``: ``(n, width)`` int16."""
    n = len(actions)
    if width > _LANES:
        cells = np.arange(0, n * width, width)[:, None] + actions
        return np.bincount(cells.ravel(), minlength=n * width).reshape(n, width).astype(np.int16)
    # All counts of a row in one word of four 16-bit lanes: an addition a column.
    ones = _ONE_IN_LANE.take(np.ascontiguousarray(actions.T))
    return ones.sum(axis=0).view(np.int16).reshape(n, _LANES)[:, :width]
