"""The native vector environment, the same for every task: n episodes in step, NumPy only.

Member i behaves as a :class:`~bracket_env.envs.task_env.TaskEnv` seeded ``seed + i``, step by step, bit for bit; the
tests hold it to Gymnasium's ``SyncVectorEnv`` over scalar environments in every mode. Two deliberate differences in
form, both for speed: ``infos["final_obs"]`` is one ``(n, L)`` array, or a dict of arrays (``_final_obs`` says which
rows are meant), instead of an object array, and ``infos["case"]`` is a lazy sequence of cases.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import numpy as np
from gymnasium.error import InvalidAction, ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from bracket_env.envs.case_queue import CaseQueue
from bracket_env.envs.episodes import Episodes, check_state
from bracket_env.envs.task_env import RENDER_MODES, TaskEnv
from bracket_env.errors import InputError, check_choice, quote, whole_number
from bracket_env.tasks.task import Rows, Task

Stepped = tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]


@final
class Lazy(Sequence[Any]):
    """Something of every member, such as its case, made when asked for."""

    def __init__(self, name: str, rows: Rows, entry: Callable[[Rows, int], Any]) -> None:
        self._name, self._rows, self._entry = name, rows, entry

    def __len__(self) -> int:
        return len(self._rows["cursor"])

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, slice):
            return [self[j] for j in range(*i.indices(len(self)))]
        return self._entry(self._rows, i)

    def __repr__(self) -> str:
        return f"Lazy{self._name.capitalize()}s({len(self)} {self._name}s)"


@final
class TaskVectorEnv(VectorEnv[Any, np.ndarray, np.ndarray]):
    """Many episodes of a task at once, with the same spaces, rewards and ends as its scalar environment.

    Args:
        task: what is played.
        num_envs: how many.
        render_mode: as for the scalar environment.
        autoreset_mode: Gymnasium's ``AutoresetMode`` or its name: NextStep (default), SameStep or Disabled.
        max_episode_steps: truncate after this many steps, as Gymnasium's ``TimeLimit`` does.

    Raises:
        InputError: an option out of range (named).
    """

    metadata: dict[str, Any] = {**TaskEnv.metadata, "autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012

    def __init__(
        self,
        task: Task,
        num_envs: int = 1,
        *,
        render_mode: str | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        max_episode_steps: int | None = None,
    ) -> None:
        super().__init__()
        n = _at_least_one("num_envs", num_envs)
        self.max_episode_steps = (
            None if max_episode_steps is None else _at_least_one("max_episode_steps", max_episode_steps)
        )
        self.render_mode = None if render_mode is None else check_choice("render_mode", render_mode, RENDER_MODES)
        self.task, self.num_envs = task, n
        meant = [mode for mode in AutoresetMode if autoreset_mode in (mode, mode.value, mode.name)]
        if not meant:
            check_choice("autoreset_mode", autoreset_mode, [mode.value for mode in AutoresetMode])
        self.autoreset_mode = meant[0]
        self.metadata = {**type(self).metadata, "autoreset_mode": self.autoreset_mode}
        self.single_observation_space = task.observation_space()
        self.single_action_space = task.action_space()
        self.observation_space = batch_space(self.single_observation_space, n)
        self.action_space = batch_space(self.single_action_space, n)
        self._episodes = Episodes(task, n, self.max_episode_steps)
        self._queue = CaseQueue(task, n)
        self._everyone = np.arange(n)
        self._last_action = len(task.action_ids) - 1
        self._all = np.ones(n, dtype=bool)
        self._told = [(name, f"_{name}", entry) for name, entry in task.infos().items()]
        self._seeded = np.zeros(n, dtype=bool)
        self._begun = False  # every member has an episode, perhaps a finished one

    # -- starting -------------------------------------------------------------------------------------------------

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start episodes.

        Args:
            seed: an integer s gives member i the stream of s + i; a sequence gives one (or ``None``) each; ``None``
                goes on with the present streams.
            options: ``{"prefix": "({"}`` or a sequence of n prefixes sets the cases, and so for whatever else the task
                lets be set by hand; ``{"reset_mask": bool (n,)}`` resets only those members.

        Raises:
            InputError: a wrong number of seeds or prefixes, a prefix that does not fit, an unknown option.
            TypeError, ValueError: a ``reset_mask`` of the wrong type, dtype or shape, or without any ``True``.
        """
        asked = dict(options or {})
        mask = asked.pop("reset_mask", None)
        unknown = set(asked) - set(self.task.options)
        if unknown:
            known = ", ".join(self.task.options)
            raise InputError(f"unknown reset option {sorted(unknown)[0]!r}: use {known} or reset_mask")
        present = self._all if mask is None else _check_mask(mask, self.num_envs)
        members = np.flatnonzero(present)
        given = {
            name: self._one_each(name, asked[name], members)
            for name in self.task.options
            if asked.get(name) is not None
        }
        if not self._begun and len(members) < self.num_envs:
            raise ResetNeeded("the first reset() must start every environment: leave reset_mask out")
        self._seed(seed, members)
        self._begin(members, given)
        return self._episodes.observe(), self._infos(present)

    def _one_each(self, name: str, value: object, members: np.ndarray) -> list[Any]:
        """An option that is one string for all or one for each environment: that of each of ``members``, checked."""
        if isinstance(value, str):
            return [self.task.check(name, value)] * len(members)
        if not isinstance(value, Sequence) or len(value) != self.num_envs:
            raise InputError(f"option {name} must be one string or {self.num_envs} of them, not {quote(value)}")
        return [self.task.check(name, value[i]) for i in members]

    def _seed(self, seed: int | Sequence[int | None] | None, members: np.ndarray) -> None:
        first = whole_number(seed)
        if seed is None or first is not None:
            super().reset(seed=first)
            seeds = [None if first is None else first + i for i in range(self.num_envs)]
        else:
            seeds = _checked_seeds(seed, self.num_envs)
            if seeds[0] is not None:
                super().reset(seed=seeds[0])
        for i in members:
            member_seed = seeds[i]
            if member_seed is None and not self._seeded[i]:
                member_seed = int(self.np_random.integers(2**63))
            if member_seed is not None:
                stream = np.uint64(self.task.stream(member_seed))
                self._queue.seek(self._everyone[i : i + 1], np.array([stream]), np.zeros(1, dtype=np.int64))
                self._seeded[i] = True

    def _begin(self, members: np.ndarray, given: Mapping[str, list[Any]]) -> None:
        """The next case of its stream for each of ``members``, or what is ``given`` instead."""
        fresh = {} if given and len(given) == len(self.task.options) else self._queue.take(members)
        if given:
            made = [
                self.task.by_hand(
                    {name: values[j] for name, values in given.items()},
                    {name: column[j : j + 1] for name, column in fresh.items()},
                )
                for j in range(len(members))
            ]
            fresh = {name: np.concatenate([rows[name] for rows in made]) for name in made[0]}
        self._episodes.begin(members, fresh)
        self._begun = True

    # -- stepping -------------------------------------------------------------------------------------------------

    def step(self, actions: np.ndarray) -> Stepped:
        """One action for every member.

        Raises:
            gymnasium.error.ResetNeeded: before ``reset``; in mode ``DISABLED`` for a member whose episode is over.
            gymnasium.error.InvalidAction: actions of the wrong shape, type or range (the first wrong one is named).
        """
        acts = self._check_actions(actions)
        episodes, over = self._episodes, self._episodes.rows["over"]
        if self.autoreset_mode == AutoresetMode.NEXT_STEP and over.any():
            about = ~over
            starting = np.flatnonzero(over)
            self._begin(starting, {})
            outcome = episodes.advance(acts, idle=starting)
            return episodes.observe(), *outcome[:3], self._infos(self._all, outcome.success, about=about)
        outcome = episodes.advance(acts)
        ended = episodes.rows["over"].copy()
        if self.autoreset_mode != AutoresetMode.SAME_STEP or not ended.any():
            return episodes.observe(), *outcome[:3], self._infos(self._all, outcome.success)
        final_obs, final_infos = episodes.observe(last=True), self._infos(ended, outcome.success)
        self._begin(np.flatnonzero(ended), {})
        infos = self._infos(self._all, np.zeros(self.num_envs, dtype=bool), about=~ended)
        infos.update(final_obs=final_obs, _final_obs=ended, final_info=final_infos, _final_info=ended.copy())
        return episodes.observe(), *outcome[:3], infos

    def _check_actions(self, actions: np.ndarray) -> np.ndarray:
        acts = np.asarray(actions)
        if not self._begun:
            raise ResetNeeded("call reset() before step()")
        if acts.shape != (self.num_envs,):
            raise InvalidAction(f"actions must have shape ({self.num_envs},), not {acts.shape}")
        if acts.dtype.kind not in "iu":
            raise InvalidAction(f"actions must be integers, not {acts.dtype}")
        whole = acts.astype(np.int64, copy=False)
        if whole.view(np.uint64).max() > self._last_action:  # negative numbers are large ones then
            i = int(np.flatnonzero((whole < 0) | (whole > self._last_action))[0])
            raise InvalidAction(f"action {acts[i]} of environment {i} is outside 0..{self._last_action}")
        over = self._episodes.rows["over"]
        if self.autoreset_mode == AutoresetMode.DISABLED and over.any():
            i = int(np.flatnonzero(over)[0])
            raise ResetNeeded(f"the episode of environment {i} is over: reset it with options={{'reset_mask': ...}}")
        return whole

    def _infos(
        self, present: np.ndarray, success: np.ndarray | None = None, *, about: np.ndarray | None = None
    ) -> dict[str, Any]:
        """Gymnasium's vector info: every key beside the mask ``_key`` of the members it is about.

        Args:
            present: bool ``(n,)``, whom everything but ``success`` is about.
            success: bool ``(n,)``; resets have none.
            about: bool ``(n,)``, whom ``success`` is about, when not ``present``.
        """
        infos: dict[str, Any] = {
            "action_mask": self._episodes.masks().view(np.int8),
            "_action_mask": present.copy(),
        }
        rows = self._episodes.rows.copy()  # of the dict: begin() leaves the arrays as they are
        for name, key, entry in self._told:
            infos[name], infos[key] = Lazy(name, rows, entry), present.copy()
        if success is not None:
            infos["is_success"] = success
            infos["_is_success"] = present.copy() if about is None else about
        return infos

    # -- beside the Gymnasium interface ---------------------------------------------------------------------------

    def action_masks(self) -> np.ndarray:
        """bool ``(n, actions)``: what is syntactically possible now."""
        return self._episodes.masks()

    def right_actions(self) -> np.ndarray:
        """``(n,)`` int64: the right action of every member, -1 where a mistake was made or the episode is over."""
        return self._episodes.right_actions()

    def get_state(self) -> Rows:
        """Everything needed to go on exactly: the running episodes, and each member's stream and next item.

        Raises:
            gymnasium.error.ResetNeeded: before the first ``reset``.
        """
        if not self._begun:
            raise ResetNeeded("there is no state yet: call reset() first")
        return {**self._episodes.get_state(), **{name: column.copy() for name, column in self._streams().items()}}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on where :meth:`get_state` was called, on an environment of the same options.

        Raises:
            InputError: an array is missing or has another shape.
        """
        check_state(state, self._streams())
        self._episodes.set_state(state)
        self._queue.seek(self._everyone, state["streams"], state["next_item"])
        self._seeded = state["seeded"].astype(bool)
        self._begun = True

    def _streams(self) -> Rows:
        return {"seeded": self._seeded, "streams": self._queue.streams, "next_item": self._queue.next_item}

    def render(self) -> tuple[Any, ...] | None:
        """The frame of every member (see ``TaskEnv.render``)."""
        if self.render_mode is None:
            return None
        frames = tuple(self.task.render(self._episodes.rows, i, self.render_mode) for i in range(self.num_envs))
        if self.render_mode != "human":
            return frames
        print("\n".join(map(str, frames)))
        return None


def _at_least_one(name: str, given: object) -> int:
    number = whole_number(given)
    if number is None or number < 1:
        raise InputError(f"{name} must be an integer of at least 1, not {quote(given)}")
    return number


def _checked_seeds(given: Any, n: int) -> list[int | None]:
    wrong = InputError(f"a seed is an integer, one integer (or None) for each environment, or None: {quote(given)}")
    if isinstance(given, str) or not isinstance(given, Sequence | np.ndarray) or getattr(given, "ndim", 1) != 1:
        raise wrong
    seeds = [None if s is None else whole_number(s) for s in given]
    if any(s is not None and found is None for s, found in zip(given, seeds, strict=True)):
        raise wrong
    if len(seeds) != n:
        raise InputError(f"{len(seeds)} seeds for {n} environments")
    if any(s is not None and s < 0 for s in seeds):
        raise InputError(f"a seed must not be negative: {min(s for s in seeds if s is not None)}")
    return seeds


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
