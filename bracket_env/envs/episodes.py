"""The core of the environments: episodes of any task, moved by actions and by nothing else.

No seeds, no resets, no Gymnasium. :class:`Episodes` plays many at once, as arrays; :class:`Episode` plays one, as
Python lists, which for one is ten times as fast. The tests hold the two to each other step by step.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple, final

import numpy as np

from bracket_env.errors import InputError
from bracket_env.tasks.task import Rows, Task


class Outcome(NamedTuple):
    """What a step of n episodes came to, ``(n,)`` each."""

    rewards: np.ndarray  # float64
    terminated: np.ndarray  # bool
    truncated: np.ndarray  # bool
    success: np.ndarray  # bool: a perfect answer ended


@final
class Episodes:
    """n episodes of a task.

    Args:
        task: what is played.
        n: how many.
        limit: truncate after this many steps; ``None``: only where the task does.

    Attributes:
        rows: the state: the task's arrays, and ``written`` (steps so far), ``right`` (no mistake yet), ``returns`` and
            ``over``.
    """

    def __init__(self, task: Task, n: int, limit: int | None = None) -> None:
        self.task, self.limit = task, limit
        self.rows: Rows = {
            **task.blank(n),
            "written": np.zeros(n, dtype=np.int64),
            "right": np.ones(n, dtype=bool),
            "returns": np.zeros(n),
            "over": np.zeros(n, dtype=bool),
        }
        self._answer_start = np.arange(n) * task.most

    def begin(self, members: np.ndarray, fresh: Rows) -> None:
        """Start other episodes: rows ``fresh`` for ``members``. Arrays that were handed out keep what they hold."""
        for name, column in fresh.items():
            self.rows[name] = self.rows[name].copy()
            put_rows(self.rows[name], members, column)
        self.rows["written"][members] = 0
        self.rows["right"][members] = True
        self.rows["returns"][members] = 0.0
        self.rows["over"][members] = False

    def advance(self, acts: np.ndarray, idle: np.ndarray | None = None) -> Outcome:
        """One action ``(n,)`` int64 for every episode; those of members ``idle`` are ignored, and so are their ends."""
        if idle is not None:
            # Everybody advances, which is one array operation each; the idle rows are put back afterwards.
            kept = {name: column.take(idle, axis=0) for name, column in self.rows.items()}
            outcome = self.advance(acts)
            for name, column in kept.items():
                put_rows(self.rows[name], idle, column)
            for result in outcome:
                result[idle] = 0
            return outcome
        task, rows = self.task, self.rows
        column, expected = self._expected()
        right = task.is_right(rows, expected, acts)
        right &= rows["right"]
        rewards = task.pay(rows, column, right)
        task.write(rows, acts)
        written = rows["written"] + 1
        ends = acts >= task.end
        if task.on_mistake == "continue":
            terminated = ends
            truncated = (written >= task.max_answer) & ~ends
        else:
            terminated = ends | ~right
            truncated = np.zeros(len(acts), dtype=bool)
        if self.limit is not None:
            truncated |= written >= self.limit
        rows["right"], rows["written"], rows["over"] = right, written, terminated | truncated
        rows["returns"] += rewards
        return Outcome(rewards, terminated, truncated, right & ends)

    def observe(self, *, last: bool = False) -> Any:
        """What is seen now. ``last``: the arrays themselves, since all that are shown begin anew."""
        tokens = self.rows["obs"]
        return self.task.see(tokens if last else tokens.copy(), self.rows)

    def masks(self) -> np.ndarray:
        """bool ``(n, actions)``: what is possible now."""
        return self.rows["unmatched"] > 0

    def right_actions(self) -> np.ndarray:
        """``(n,)`` int64: a right action, -1 where a mistake was made or the episode is over."""
        right = self.task.a_right_action(self.rows, self._expected()[1])
        return np.where(self.rows["right"] & ~self.rows["over"], right, np.int64(-1))

    def _expected(self) -> tuple[np.ndarray, np.ndarray]:
        """The columns of the answer table that are due, and what stands there."""
        # Past its last right action an answer can only be wrong already, so any column may be compared there.
        column = np.minimum(self.rows["written"], self.task.most - 1)
        return column, self.rows["answer"].reshape(-1).take(self._answer_start + column)

    def get_state(self) -> Rows:
        """The state, copied."""
        return {name: column.copy() for name, column in self.rows.items()}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from a state of episodes of the same task and number.

        Raises:
            InputError: an array is missing or has another shape.
        """
        check_state(state, self.rows)
        self.rows = {name: state[name].astype(column.dtype) for name, column in self.rows.items()}


@final
class Episode:
    """One episode of a task that goes by its tables; what :class:`Episodes` does, for one.

    Attributes:
        mask: int8 ``(actions,)``: what is possible now.
        returned: the sum of the rewards.
    """

    def __init__(self, task: Task) -> None:
        self._end, self._max_answer = task.end, task.max_answer
        self._see = None if type(task).see is Task.see else task.see  # a call less for tasks that show the tokens
        self._ids = task.action_ids.tolist()
        self._rewards = task.rewards.tolist()
        self._mistake_rewards = task.mistake_rewards.tolist()
        self._effects = [[(i, change) for i, change in enumerate(row) if change] for row in task.effects.tolist()]
        self._goes_on = task.on_mistake == "continue"
        self._began: tuple[Rows, int] = ({}, 0)
        self.live = False

    def begin(self, rows: Rows, i: int) -> None:
        """Start row ``i``."""
        if rows is not self._began[0]:  # a block of cases is turned into lists at once
            columns = (rows[name].tolist() for name in ("cursor", "answer", "needed", "unmatched"))
            self._lists = (*columns, (rows["unmatched"] > 0).view(np.int8))
        self._began = rows, i
        cursors, answers, needed, unmatched, masks = self._lists
        self._row = {} if self._see is None else {name: column[i] for name, column in rows.items()}
        self._tokens = rows["obs"][i].copy()
        self._cursor = cursors[i]
        self._answer = answers[i][: needed[i]]
        self._unmatched = unmatched[i].copy()
        self.mask = masks[i].copy()
        self._written = 0
        self._right = self.live = True
        self.returned = 0.0

    def advance(self, act: int) -> tuple[float, bool, bool, bool]:
        """Reward, terminated, truncated, and whether a perfect answer ended."""
        answer, written = self._answer, self._written
        right = self._right and act == answer[written]
        if right:
            reward = self._rewards[len(answer)][written]
        else:
            reward = self._mistake_rewards[len(answer)] if self._right else 0.0
        self._tokens[self._cursor + written] = self._ids[act]
        self._right = right
        self._written = written = written + 1
        self.returned += reward
        for i, change in self._effects[act]:
            before = self._unmatched[i]
            self._unmatched[i] = left = before + change
            if (left > 0) != (before > 0):
                self.mask[i] = left > 0
        ends = act >= self._end
        terminated = ends or not (right or self._goes_on)
        truncated = not terminated and written >= self._max_answer
        self.live = not (terminated or truncated)
        return reward, terminated, truncated, right and ends

    def observe(self) -> Any:
        """What is seen now."""
        tokens = self._tokens.copy()
        return tokens if self._see is None else self._see(tokens, self._row)

    @property
    def right_action(self) -> int | None:
        """The right action; ``None`` once a mistake was made or the episode is over."""
        return self._answer[self._written] if self.live and self._right else None

    def rows(self) -> Rows:
        """The episode as rows of one, as far as a renderer asks."""
        rows, i = self._began
        now = {"obs": self._tokens, "written": self._written, "returns": self.returned}
        return {name: column[i : i + 1] for name, column in rows.items()} | {k: np.array([v]) for k, v in now.items()}


@final
class LoneEpisode:
    """What :class:`Episode` does, for a task that has rules of its own: :class:`Episodes` of one."""

    def __init__(self, task: Task) -> None:
        self._episodes = Episodes(task, 1)
        self.live = False

    @property
    def mask(self) -> np.ndarray:
        """int8 ``(actions,)``: what is possible now."""
        return self._episodes.masks()[0].view(np.int8)

    def begin(self, rows: Rows, i: int) -> None:
        """Start row ``i``."""
        self._episodes.begin(np.zeros(1, dtype=np.int64), {name: column[i : i + 1] for name, column in rows.items()})
        self.live = True

    def advance(self, act: int) -> tuple[float, bool, bool, bool]:
        """Reward, terminated, truncated, and whether a perfect answer ended."""
        reward, *flags = (column.tolist()[0] for column in self._episodes.advance(np.array([act])))
        self.live = not self._episodes.rows["over"][0]
        return reward, *flags

    def observe(self) -> Any:
        """What is seen now."""
        row = {name: column[0] for name, column in self._episodes.rows.items()}
        return self._episodes.task.see(row["obs"].copy(), row)

    @property
    def right_action(self) -> int | None:
        """A right action; ``None`` once a mistake was made or the episode is over."""
        act = int(self._episodes.right_actions()[0])
        return act if self.live and act >= 0 else None

    def rows(self) -> Rows:
        """The episode as rows of one."""
        return self._episodes.rows


def check_state(state: Mapping[str, np.ndarray], mine: Mapping[str, np.ndarray]) -> None:
    """Refuse a state in which an array of ``mine`` is missing or has another shape.

    Raises:
        InputError: so it is.
    """
    for name, array in mine.items():
        saved = state.get(name)
        if saved is None or saved.shape != array.shape:
            shape = "missing" if saved is None else f"of shape {saved.shape}, not {array.shape}"
            raise InputError(f"environment state does not fit: {name} is {shape}")


def put_rows(rows: np.ndarray, members: np.ndarray, fresh: np.ndarray) -> None:
    """``rows[members] = fresh``, each row copied as one item, which is several times quicker for short rows."""
    if rows.ndim > 1:
        item = _item(rows.strides[0])
        rows, fresh = rows.view(item), np.ascontiguousarray(fresh, dtype=rows.dtype).view(item)
    rows.put(members, fresh)


@cache
def _item(size: int) -> np.dtype[np.void]:
    return np.dtype((np.void, size))
