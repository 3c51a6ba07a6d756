"""The native vector environment: n episodes in step, NumPy only.

Member i behaves as a :class:`~bracket_env.envs.scalar.CloseEnv` seeded ``seed + i``, step by step, bit for bit; the
tests hold it to Gymnasium's ``SyncVectorEnv`` over scalar environments in every mode. Two deliberate differences in
form, both for speed: ``infos["final_obs"]`` is one ``(n, L)`` array (``_final_obs`` says which rows are meant) instead
of an object array, and ``infos["case"]`` is a lazy sequence of cases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from gymnasium.error import InvalidAction, ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from bracket_env.cases import Case
from bracket_env.envs.case_queue import ENDLESS, CaseQueue, put_rows
from bracket_env.envs.scalar import EPISODES, CloseEnv
from bracket_env.errors import InputError, quote, whole_number
from bracket_env.random_streams import key
from bracket_env.rendering.cells import Plan
from bracket_env.rendering.frames import render_ansi, render_rgb
from bracket_env.sampling.splits import Split
from bracket_env.settings import DEFAULT_SETTING
from bracket_env.tasks.close import CloseTask, OnMistake, RewardKind, make_task
from bracket_env.tokenizer import BracketTokenizer


class LazyCases(Sequence[Case]):
    """The case of every member, decoded when asked for."""

    def __init__(self, tokenizer: BracketTokenizer, obs: np.ndarray, cursor: np.ndarray, answer: np.ndarray) -> None:
        self._tokenizer, self._obs, self._cursor, self._answer = tokenizer, obs, cursor, answer

    def __len__(self) -> int:
        return len(self._obs)

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, slice):
            return [self[j] for j in range(*i.indices(len(self)))]
        tokenizer = self._tokenizer
        prefix = tokenizer.decode(self._obs[i, : self._cursor[i]].tolist())
        return Case(prefix, tokenizer.decode(tokenizer.action_ids[self._answer[i]].tolist()))

    def __iter__(self) -> Iterator[Case]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        return f"LazyCases({len(self)} cases)"


class CloseVectorEnv(VectorEnv[Any, np.ndarray, np.ndarray]):
    """Many episodes of :class:`~bracket_env.envs.scalar.CloseEnv` at once, with the same spaces, rewards and ends.

    Args:
        num_envs: how many.
        setting, pairs, split, on_mistake, reward, penalty, max_answer, render_mode: as for ``CloseEnv``.
        autoreset_mode: Gymnasium's ``AutoresetMode`` or its name: NextStep (default), SameStep or Disabled.
        max_episode_steps: truncate after this many steps, as Gymnasium's ``TimeLimit`` does.

    Raises:
        InputError: an option out of range (named).
    """

    metadata: dict[str, Any] = {**CloseEnv.metadata, "autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012

    def __init__(
        self,
        num_envs: int = 1,
        setting: str = DEFAULT_SETTING,
        *,
        pairs: Sequence[str] | None = None,
        split: Split = "all",
        on_mistake: OnMistake = "terminate",
        reward: RewardKind = "dense",
        penalty: float = 1.0,
        max_answer: int | None = None,
        render_mode: str | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        max_episode_steps: int | None = None,
    ) -> None:
        task = make_task(
            setting,
            pairs=pairs,
            split=split,
            on_mistake=on_mistake,
            reward=reward,
            penalty=penalty,
            max_answer=max_answer,
        )
        self._set_up(num_envs, task, render_mode, autoreset_mode, max_episode_steps)

    def _set_up(
        self,
        num_envs: int,
        task: CloseTask,
        render_mode: str | None,
        autoreset_mode: AutoresetMode | str,
        max_episode_steps: int | None,
    ) -> None:
        super().__init__()
        n = whole_number(num_envs)
        if n is None or n < 1:
            raise InputError(f"num_envs must be an integer of at least 1, not {quote(num_envs)}")
        most_steps = whole_number(max_episode_steps)
        if max_episode_steps is not None and (most_steps is None or most_steps < 1):
            raise InputError(f"max_episode_steps must be an integer of at least 1, not {quote(max_episode_steps)}")
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            modes = ", ".join(self.metadata["render_modes"])
            raise InputError(f"unknown render_mode {render_mode!r}: use one of {modes}")
        self.task = task
        self.num_envs = n
        self.autoreset_mode = _autoreset_mode(autoreset_mode)
        self.metadata = {**type(self).metadata, "autoreset_mode": self.autoreset_mode}
        self.render_mode = render_mode
        self.max_episode_steps = most_steps
        self.single_observation_space = self.task.observation_space()
        self.single_action_space = self.task.action_space()
        self.observation_space = batch_space(self.single_observation_space, n)
        self.action_space = batch_space(self.single_action_space, n)

        self._queue = self._make_queue()
        self._ids = self.task.tokenizer.action_ids
        self._end = self.task.end
        self._rewards = self.task.rewards.ravel()
        self._everyone = np.arange(n)
        self._all = np.ones(n, dtype=bool)
        self._obs_start = self._everyone * self.task.observation_length
        self._answer_start = self._everyone * (self.task.setting.max_depth + 1)
        self._mask_start = self._everyone * (self.task.n_pairs + 1)
        self._seeded = np.zeros(n, dtype=bool)
        self._begun = False  # every member has an episode, perhaps a finished one
        self._over = np.zeros(n, dtype=bool)  # finished and not yet reset
        self._obs = np.zeros((n, self.task.observation_length), dtype=self.task.tokenizer.dtype)
        self._cursor = np.zeros(n, dtype=np.int64)  # where the answer starts
        self._answer = np.zeros((n, self.task.setting.max_depth + 1), dtype=np.int16)
        self._needed = np.ones(n, dtype=np.int64)
        self._unmatched = np.ones((n, self.task.n_pairs + 1), dtype=np.int16)
        self._written = np.zeros(n, dtype=np.int64)
        self._right = np.ones(n, dtype=bool)
        self._returns = np.zeros(n)

    def _make_queue(self) -> CaseQueue:
        return CaseQueue(self.task, self.num_envs)

    # -- starting -------------------------------------------------------------------------------------------------

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start episodes.

        Args:
            seed: an integer s gives member i the stream of s + i; a sequence gives one (or ``None``) each; ``None``
                goes on with the present streams.
            options: ``{"prefix": "({"}`` or a sequence of n prefixes sets the cases; ``{"reset_mask": bool (n,)}``
                resets only those members.

        Raises:
            InputError: a wrong number of seeds or prefixes, a prefix that does not fit, an unknown option.
            TypeError, ValueError: a ``reset_mask`` of the wrong type, dtype or shape, or without any ``True``.
        """
        options = dict(options or {})
        mask = options.pop("reset_mask", None)
        unknown = set(options) - set(self._OPTIONS)
        if unknown:
            raise InputError(
                f"unknown reset option {sorted(unknown)[0]!r}: use {', '.join(self._OPTIONS)} or reset_mask"
            )
        members = self._everyone if mask is None else np.flatnonzero(_check_mask(mask, self.num_envs))
        begin = self._chosen(options, members)
        if not self._begun and len(members) < self.num_envs:
            raise ResetNeeded("the first reset() must start every environment: leave reset_mask out")

        self._seed(seed, members)
        begin()
        present = np.zeros(self.num_envs, dtype=bool)
        present[members] = True
        return self._observe(), self._infos(present)

    _OPTIONS: tuple[str, ...] = ("prefix",)

    def _chosen(self, options: dict[str, Any], members: np.ndarray) -> Callable[[], None]:
        """Checks the options; what it returns starts the episodes that they ask for."""
        prefixes = options.get("prefix")
        if prefixes is None:
            return partial(self._begin, members)
        return partial(self._begin_cases, members, self._check_prefixes(prefixes, members))

    def _seed(self, seed: int | Sequence[int | None] | None, members: np.ndarray) -> None:
        wrong = InputError(f"a seed is an integer, one integer (or None) for each environment, or None: {quote(seed)}")
        first = whole_number(seed)
        if seed is None or first is not None:
            super().reset(seed=first)
            seeds = [None if first is None else first + i for i in range(self.num_envs)]
        else:
            if isinstance(seed, str) or not isinstance(seed, Sequence | np.ndarray) or getattr(seed, "ndim", 1) != 1:
                raise wrong
            seeds = [None if s is None else whole_number(s) for s in seed]
            if any(s is not None and found is None for s, found in zip(seed, seeds, strict=True)):
                raise wrong
            if len(seeds) != self.num_envs:
                raise InputError(f"{len(seeds)} seeds for {self.num_envs} environments")
            if any(s is not None and s < 0 for s in seeds):
                raise InputError(f"a seed must not be negative: {min(s for s in seeds if s is not None)}")
            if seeds[0] is not None:
                super().reset(seed=seeds[0])
        for i in members:
            member_seed = seeds[i]
            if member_seed is None and not self._seeded[i]:
                member_seed = int(self.np_random.integers(2**63))
            if member_seed is not None:
                stream = np.uint64(key(member_seed, f"{EPISODES}/{self.task.setting.id}"))
                self._queue.seek(self._everyone[i : i + 1], np.array([stream]), np.zeros(1, dtype=np.int64))
                self._seeded[i] = True

    def _begin(self, members: np.ndarray) -> None:
        """The next case of its stream for each of ``members``."""
        fresh = self._queue.take(members)
        self._detach()
        put_rows(self._obs, members, fresh.obs)
        put_rows(self._answer, members, fresh.answer)
        put_rows(self._unmatched, members, fresh.unmatched)
        self._cursor[members] = fresh.prompt_length
        self._needed[members] = fresh.needed
        self._start(members)

    def _begin_cases(self, members: np.ndarray, cases: Sequence[Case]) -> None:
        tokenizer, end = self.task.tokenizer, self.task.end
        action_of = {int(i): action for action, i in enumerate(tokenizer.action_ids)}
        self._detach()
        for i, case in zip(members, cases, strict=True):
            row = tokenizer.encode_case(*case)
            cursor = len(case.prefix) + 2
            self._obs[i] = 0
            self._obs[i, :cursor] = row[:cursor]
            self._cursor[i] = cursor
            actions = [action_of[token] for token in row[cursor:]]
            self._answer[i] = end
            self._answer[i, : len(actions)] = actions
            self._needed[i] = len(actions)
            self._unmatched[i] = [*(actions.count(pair) for pair in range(end)), ENDLESS]
        self._start(members)

    def _detach(self) -> None:
        """Cases handed out lazily (and final observations) keep the arrays they were made from."""
        self._obs, self._cursor, self._answer = self._obs.copy(), self._cursor.copy(), self._answer.copy()

    def _start(self, members: np.ndarray) -> None:
        self._written[members] = 0
        self._right[members] = True
        self._returns[members] = 0.0
        self._begun = True
        self._over[members] = False

    def _check_prefixes(self, prefixes: object, members: np.ndarray) -> list[Case]:
        return [self.task.check_case(prefix) for prefix in self._one_each("prefix", prefixes, members)]

    def _one_each(self, name: str, given: object, members: np.ndarray) -> list[Any]:
        """An option that is one string for all or one for each environment: that of each of ``members``."""
        if isinstance(given, str):
            return [given] * len(members)
        if not isinstance(given, Sequence) or len(given) != self.num_envs:
            raise InputError(f"option {name} must be one string or {self.num_envs} of them, not {quote(given)}")
        return [given[i] for i in members]

    # -- stepping -------------------------------------------------------------------------------------------------

    def step(self, actions: np.ndarray) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """One action for every member.

        Raises:
            gymnasium.error.ResetNeeded: before ``reset``; in mode ``DISABLED`` for a member whose episode is over.
            gymnasium.error.InvalidAction: actions of the wrong shape, type or range (the first wrong one is named).
        """
        acts = self._check_actions(actions)
        if self.autoreset_mode == AutoresetMode.NEXT_STEP and self._over.any():
            return self._step_with_resets(acts, self._over.copy())
        rewards, terminated, truncated, success = self._advance(acts)
        ended = terminated | truncated
        self._over = ended.copy()
        if self.autoreset_mode != AutoresetMode.SAME_STEP or not ended.any():
            return self._observe(), rewards, terminated, truncated, self._infos(self._all, success)
        final_obs, final_infos = self._observe(self._obs), self._infos(ended, success)  # _begin goes on with copies
        self._begin(np.flatnonzero(ended))
        infos = self._infos(self._all, np.zeros(self.num_envs, dtype=bool), about=~ended)
        infos.update(final_obs=final_obs, _final_obs=ended.copy(), final_info=final_infos, _final_info=ended.copy())
        return self._observe(), rewards, terminated, truncated, infos

    def _step_with_resets(
        self, acts: np.ndarray, starting: np.ndarray
    ) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Mode NEXT_STEP: members that ended in the last step ignore their action and start anew."""
        self._begin(np.flatnonzero(starting))
        # Everybody advances, which is one array operation each; the new episodes are put back afterwards.
        kept = [rows[starting] for rows in self._progress()]
        rewards, terminated, truncated, success = self._advance(acts)
        for rows, fresh in zip(self._progress(), kept, strict=True):
            rows[starting] = fresh
        for result in (rewards, terminated, truncated, success):
            result[starting] = 0
        self._over = terminated | truncated
        return self._observe(), rewards, terminated, truncated, self._infos(self._all, success, about=~starting)

    def _observe(self, tokens: np.ndarray | None = None) -> Any:
        """What the members see; ``tokens`` are passed on as they are, by default a copy of the present ones."""
        return self._obs.copy() if tokens is None else tokens

    def _progress(self) -> tuple[np.ndarray, ...]:
        """What a step changes, one row for each member in every array."""
        return self._obs, self._unmatched, self._written, self._right, self._returns

    def _advance(self, acts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Write one symbol for every member; rewards, terminated, truncated and success, each ``(n,)``."""
        task = self.task
        written = self._written
        is_end = acts == self._end
        # Past its last right action an answer can only be wrong already, so any column may be compared there.
        most = self._answer.shape[1]
        column = np.minimum(written, most - 1)
        right = acts == self._answer.reshape(-1).take(self._answer_start + column)
        right &= self._right
        rewards = self._rewards.take(self._needed * most + column) * right
        if task.on_mistake == "penalty":
            rewards += task.mistake_rewards[self._needed] * (self._right & ~right)
        self._obs.reshape(-1)[self._obs_start + self._cursor + written] = self._ids.take(acts)
        self._count_down(acts)
        self._right = right
        self._written = written = written + 1
        self._returns += rewards
        success = right & is_end
        if task.on_mistake == "continue":
            terminated = is_end
            truncated = (written >= task.max_answer) & ~is_end
        else:
            terminated = is_end | ~right
            truncated = np.zeros(self.num_envs, dtype=bool)
        if self.max_episode_steps is not None:
            truncated |= written >= self.max_episode_steps
        return rewards, terminated, truncated, success

    def _count_down(self, acts: np.ndarray) -> None:
        """These actions were written: what can still be, as far as counting tells?"""
        unmatched = self._unmatched.reshape(-1)
        unmatched[self._mask_start + acts] -= 1

    def _check_actions(self, actions: np.ndarray) -> np.ndarray:
        acts = np.asarray(actions)
        if not self._begun:
            raise ResetNeeded("call reset() before step()")
        if acts.shape != (self.num_envs,):
            raise InvalidAction(f"actions must have shape ({self.num_envs},), not {acts.shape}")
        if acts.dtype.kind not in "iu":
            raise InvalidAction(f"actions must be integers, not {acts.dtype}")
        whole = acts.astype(np.int64, copy=False)
        if whole.view(np.uint64).max() > self._end:  # negative numbers are large ones then
            i = int(np.flatnonzero((whole < 0) | (whole > self._end))[0])
            raise InvalidAction(f"action {acts[i]} of environment {i} is outside 0..{self._end}")
        if self.autoreset_mode == AutoresetMode.DISABLED and self._over.any():
            i = int(np.flatnonzero(self._over)[0])
            raise ResetNeeded(f"the episode of environment {i} is over: reset it with options={{'reset_mask': ...}}")
        return whole

    def _infos(
        self, present: np.ndarray, success: np.ndarray | None = None, *, about: np.ndarray | None = None
    ) -> dict[str, Any]:
        """Gymnasium's vector info: every key beside the mask ``_key`` of the members it is about.

        Args:
            present: bool ``(n,)``, whom mask and case are about.
            success: bool ``(n,)``; resets have none.
            about: bool ``(n,)``, whom ``success`` is about, when not ``present``.
        """
        infos: dict[str, Any] = {
            "action_mask": (self._unmatched > 0).view(np.int8),
            "_action_mask": present.copy(),
            "case": LazyCases(self.task.tokenizer, self._obs, self._cursor, self._answer),
            "_case": present.copy(),
        }
        if success is not None:
            infos["is_success"] = success
            infos["_is_success"] = present.copy() if about is None else about
        return infos

    # -- beside the Gymnasium interface ---------------------------------------------------------------------------

    def action_masks(self) -> np.ndarray:
        """bool ``(n, k + 1)``: what is syntactically possible now."""
        return self._unmatched > 0

    def right_actions(self) -> np.ndarray:
        """``(n,)`` int64: the right action of every member, -1 where a mistake was made or the episode is over."""
        column = np.minimum(self._written, self._answer.shape[1] - 1)
        right = self._answer.reshape(-1).take(self._answer_start + column)
        return np.where(self._right & ~self._over, right, np.int64(-1))

    _STATE: tuple[str, ...] = (
        "_seeded",
        "_over",
        "_obs",
        "_cursor",
        "_answer",
        "_needed",
        "_unmatched",
        "_written",
        "_right",
    )

    def get_state(self) -> dict[str, np.ndarray]:
        """Everything needed to go on exactly: the running episodes, and each member's stream and next item.

        Raises:
            gymnasium.error.ResetNeeded: before the first ``reset``.
        """
        if not self._begun:
            raise ResetNeeded("there is no state yet: call reset() first")
        state = {name.strip("_"): getattr(self, name).copy() for name in (*self._STATE, "_returns")}
        return {**state, "streams": self._queue.streams.copy(), "next_item": self._queue.next_item.copy()}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on where :meth:`get_state` was called, on an environment of the same options.

        Raises:
            InputError: an array is missing or has another shape.
        """
        arrays = {name: getattr(self, name) for name in (*self._STATE, "_returns")}
        for name, mine in {**arrays, "streams": self._queue.streams, "next_item": self._queue.next_item}.items():
            saved = state.get(name.strip("_"))
            if saved is None or saved.shape != mine.shape:
                shape = "missing" if saved is None else f"of shape {saved.shape}, not {mine.shape}"
                raise InputError(f"environment state does not fit: {name.strip('_')} is {shape}")
        for name, mine in arrays.items():
            setattr(self, name, state[name.strip("_")].astype(mine.dtype))
        self._queue.seek(self._everyone, state["streams"], state["next_item"])
        self._begun = True

    def render(self) -> tuple[Any, ...] | None:
        """The frame of every member (see ``CloseEnv.render``)."""
        if self.render_mode is None:
            return None
        frames: list[Any] = []
        language = self.task.sampler.language
        for i, case in enumerate(LazyCases(self.task.tokenizer, self._obs, self._cursor, self._answer)):
            start = self._cursor[i]
            written = self._obs[i, start : start + self._written[i]].tolist()
            answer = self.task.tokenizer.decode(written)
            ended, note = len(answer) < len(written), f"return {self._returns[i]:.2f}{self._remark(i)}"
            asked = self._asked(i, case.prefix)
            if self.render_mode == "rgb_array":
                columns = self.task.observation_length - 2
                frames.append(
                    render_rgb(language, case.prefix, answer, ended=ended, note=note, columns=columns, asked=asked)
                )
            else:
                frames.append(render_ansi(language, case.prefix, answer, ended=ended, note=note, asked=asked))
        if self.render_mode == "human":
            print("\n".join(frames))
            return None
        return tuple(frames)

    def _asked(self, member: int, prefix: str) -> Plan | None:
        """The right answer for the renderers; ``None``: the completion."""
        return None

    def _remark(self, member: int) -> str:
        """What a frame's note ends with."""
        return ""


def _autoreset_mode(mode: AutoresetMode | str) -> AutoresetMode:
    if isinstance(mode, AutoresetMode):
        return mode
    for member in AutoresetMode:
        if mode in (member.name, member.value):
            return member
    names = ", ".join(member.value for member in AutoresetMode)
    raise InputError(f"unknown autoreset_mode {quote(mode)}: use one of {names}")


def _check_mask(mask: object, n: int) -> np.ndarray:
    if not isinstance(mask, np.ndarray):
        raise TypeError(f"options['reset_mask'] must be a NumPy array, not {type(mask).__name__}")
    if mask.shape != (n,):
        raise ValueError(f"options['reset_mask'] must have shape ({n},), not {mask.shape}")
    if mask.dtype != np.bool_:
        raise TypeError(f"options['reset_mask'] must be of dtype bool, not {mask.dtype}")
    if not mask.any():
        raise ValueError("options['reset_mask'] must name at least one environment")
    return mask
