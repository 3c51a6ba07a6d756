"""The next cases of many streams, drawn in batches.

Member i of a vector environment plays item 0, 1, 2, ... of its own stream. Episodes are short, so a member asks for a
case every few steps. With thousands of members a step needs enough cases for one efficient draw; with few, drawing
those would cost more in array calls than in arithmetic, so each member has a ring of cases drawn ahead, refilled for
all members at once when the first runs dry. Which cases come is not affected: item n of a stream is a pure function
of the stream.
"""

from __future__ import annotations

from typing import final

import numpy as np

from bracket_env.envs.episodes import put_rows
from bracket_env.tasks.task import Rows, Task

_RING_SLOTS = 4096
_MOST_AHEAD = 64
_DIRECT_FROM = 4096  # members; from here on a step's own cases fill a batch


@final
class CaseQueue:
    """Streams and how far they were read.

    Args:
        task: draws the cases.
        num_envs: how many members.

    Attributes:
        streams: uint64 ``(num_envs,)``.
        next_item: int64 ``(num_envs,)``, the item each member gets next.
    """

    def __init__(self, task: Task, num_envs: int) -> None:
        self.task = task
        self.streams = np.zeros(num_envs, dtype=np.uint64)
        self.next_item = np.zeros(num_envs, dtype=np.int64)
        self._ahead = 0 if num_envs >= _DIRECT_FROM else max(4, min(_MOST_AHEAD, _RING_SLOTS // num_envs))
        self._filled = np.zeros(num_envs, dtype=np.int64)
        self._ring: Rows = {}

    def seek(self, members: np.ndarray, streams: np.ndarray, items: np.ndarray) -> None:
        """Let ``members`` go on with item ``items`` of ``streams``."""
        self.streams[members] = streams
        self.next_item[members] = items
        self._filled[members] = items

    def take(self, members: np.ndarray) -> Rows:
        """The next case of each of ``members`` (no member twice)."""
        items = self.next_item[members]
        self.next_item[members] = items + 1
        if not self._ahead:
            return self._draw(members, items)
        if (items >= self._filled[members]).any():
            self._refill()
        slots = members * self._ahead + items % self._ahead
        return {name: column.take(slots, axis=0) for name, column in self._ring.items()}

    def _draw(self, members: np.ndarray, items: np.ndarray) -> Rows:
        return self.task.draw(self.streams[members], items.astype(np.uint64))

    def _refill(self) -> None:
        """Draw whatever was used, for every member; the items being taken right now among them."""
        upto = np.maximum(self._filled, self.next_item - 1 + self._ahead)
        used = upto - self._filled
        members = np.repeat(np.arange(len(used)), used)
        first_of = np.repeat(np.cumsum(used) - used, used)
        items = self._filled[members] + np.arange(len(members)) - first_of
        self._ring = self._ring or self.task.blank(len(used) * self._ahead)
        slots_used = members * self._ahead + items % self._ahead
        for name, column in self._draw(members, items).items():
            put_rows(self._ring[name], slots_used, column)
        self._filled = upto
