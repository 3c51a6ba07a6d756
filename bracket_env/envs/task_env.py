"""The scalar Gymnasium environment, the same for every task."""

from __future__ import annotations

from operator import index
from typing import Any, final

import gymnasium as gym
import numpy as np
from gymnasium.error import InvalidAction, ResetNeeded

from bracket_env.envs.episodes import Episode, LoneEpisode
from bracket_env.errors import InputError, check_choice
from bracket_env.tasks.task import Rows, Task

_BLOCK = 64  # cases drawn ahead; item i of a stream is the same however many are drawn at once
RENDER_MODES = ["ansi", "human", "rgb_array"]


@final
class TaskEnv(gym.Env[Any, np.int64]):
    """One episode of a task at a time; the task's own page says what is seen, done and paid.

    Args:
        task: what is played.
        render_mode: ``ansi``, ``human`` or ``rgb_array``.

    Raises:
        InputError: an unknown render mode.
    """

    metadata: dict[str, Any] = {"render_modes": RENDER_MODES, "render_fps": 4}  # noqa: RUF012 - Gymnasium declares it so

    def __init__(self, task: Task, *, render_mode: str | None = None) -> None:
        self.task = task
        self.render_mode = None if render_mode is None else check_choice("render_mode", render_mode, RENDER_MODES)
        self.observation_space = task.observation_space()
        self.action_space = task.action_space()
        self._episode = Episode(task) if task.by_tables else LoneEpisode(task)
        self._last_action = len(task.action_ids) - 1
        self._told = task.infos()
        self._stream: int | None = None
        self._next_item = 0
        self._block: Rows = {}
        self._about: dict[str, Any] | None = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start the next episode of the stream.

        Args:
            seed: starts the stream of this seed from its first case; ``None`` goes on with the present one.
            options: what the task lets be set by hand, such as ``{"prefix": "({"}``.

        Raises:
            InputError: an option that is unknown, or whose value the task refuses (a prefix that cannot be completed,
                does not fit the observation or lies in another split).
        """
        super().reset(seed=seed)
        if seed is None and self._stream is None:
            seed = int(self.np_random.integers(2**63))
        if seed is not None:
            self._stream = self.task.stream(seed)
            self._next_item = 0
        rows, i = self._asked_for(options) if options else self._next_case()
        self._episode.begin(rows, i)
        self._about = {name: entry(rows, i) for name, entry in self._told.items()}
        if self.render_mode == "human":
            self.render()
        return self._episode.observe(), {"action_mask": self._episode.mask.copy(), **self._about}

    def _asked_for(self, options: dict[str, Any]) -> tuple[Rows, int]:
        known = self.task.options
        unknown = set(options) - set(known)
        if unknown:
            raise InputError(f"unknown reset option {sorted(unknown)[0]!r}: use {' or '.join(known)}")
        given = {name: self.task.check(name, value) for name, value in options.items()}
        rows, i = ({}, 0) if len(given) == len(known) else self._next_case()
        return self.task.by_hand(given, {name: column[i : i + 1] for name, column in rows.items()}), 0

    def _next_case(self) -> tuple[Rows, int]:
        offset = self._next_item % _BLOCK
        if offset == 0:
            streams = np.full(_BLOCK, self._stream, dtype=np.uint64)
            self._block = self.task.draw(streams, np.arange(_BLOCK, dtype=np.uint64) + np.uint64(self._next_item))
        self._next_item += 1
        return self._block, offset

    def step(self, action: np.int64 | int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Do one action.

        Raises:
            gymnasium.error.ResetNeeded: before ``reset`` or after the end of the episode.
            gymnasium.error.InvalidAction: not an integer from 0 to the last action.
        """
        episode = self._episode
        if not episode.live:
            raise ResetNeeded("the episode has not begun or is over: call reset() before step()")
        try:
            act = index(action)
        except TypeError:
            raise InvalidAction(f"an action is an integer, not {action!r}") from None
        if not 0 <= act <= self._last_action:
            raise InvalidAction(f"action {act} is outside 0..{self._last_action}")
        reward, terminated, truncated, success = episode.advance(act)
        info = {"action_mask": episode.mask.copy(), **self._about, "is_success": success}  # type: ignore[dict-item]
        if self.render_mode == "human":
            self.render()
        return episode.observe(), reward, terminated, truncated, info

    def action_masks(self) -> np.ndarray:
        """bool ``(actions,)``: what is syntactically possible now (the name MaskablePPO asks for).

        Raises:
            gymnasium.error.ResetNeeded: before the first ``reset``.
        """
        self._need_episode()
        return self._episode.mask.astype(bool)

    @property
    def right_action(self) -> int | None:
        """The right action now; ``None`` once a mistake was made or the episode is over."""
        return self._episode.right_action

    def render(self) -> str | np.ndarray | None:
        """The frame of the render mode: a string, an RGB array, or ``None`` (``human`` prints the string)."""
        if self.render_mode is None:
            gym.logger.warn("render() needs a render_mode: gym.make(..., render_mode='ansi')")
            return None
        self._need_episode()
        frame = self.task.render(self._episode.rows(), 0, self.render_mode)
        if self.render_mode != "human":
            return frame
        print(frame)
        return None

    def _need_episode(self) -> None:
        if self._about is None:
            raise ResetNeeded("no episode yet: call reset() first")
