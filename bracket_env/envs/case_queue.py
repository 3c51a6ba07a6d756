"""The next cases of many streams, drawn in batches.

Member i of a vector environment plays item 0, 1, 2, ... of its own stream. Episodes are short, so a member asks for a
case every few steps. With thousands of members a step needs enough cases for one efficient draw; with few, drawing
those would cost more in array calls than in arithmetic, so each member has a ring of cases drawn ahead, refilled for
all members at once when the first runs dry. Which cases come is not affected: item n of a stream is a pure function
of the stream.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bracket_env.tasks.close import CloseTask
from bracket_env.tokenizer import FIRST_SYMBOL

_RING_SLOTS = 4096
_MOST_AHEAD = 64
_LANES = 4
_ONE_IN_LANE = np.eye(_LANES, dtype=np.int16).view(np.int64).ravel()  # action -> 1 in its lane, in either byte order
_DIRECT_FROM = 4096  # members; from here on a step's own cases fill a batch


ENDLESS = np.iinfo(np.int16).max  # END can be written at any time: its count never runs out


class FreshCases(NamedTuple):
    """n cases as an environment starts them."""

    obs: np.ndarray  # (n, observation_length) ids: BOS prefix SEP, padded
    prompt_length: np.ndarray  # (n,) int64
    answer: np.ndarray  # (n, max_depth + 1) int16: the right actions, END repeated as padding
    needed: np.ndarray  # (n,) int64: how many of them there are
    unmatched: np.ndarray  # (n, k + 1) int16: unmatched openers by type, and ENDLESS for END


class CaseQueue:
    """Streams and how far they were read.

    Args:
        task: language, sampler and sizes.
        num_envs: how many members.

    Attributes:
        streams: uint64 ``(num_envs,)``.
        next_item: int64 ``(num_envs,)``, the item each member gets next.
    """

    def __init__(self, task: CloseTask, num_envs: int) -> None:
        self.task = task
        self.streams = np.zeros(num_envs, dtype=np.uint64)
        self.next_item = np.zeros(num_envs, dtype=np.int64)
        self._ahead = 0 if num_envs >= _DIRECT_FROM else max(4, min(_MOST_AHEAD, _RING_SLOTS // num_envs))
        self._filled = np.zeros(num_envs, dtype=np.int64)
        self._ring: FreshCases | None = None

    def seek(self, members: np.ndarray, streams: np.ndarray, items: np.ndarray) -> None:
        """Let ``members`` go on with item ``items`` of ``streams``."""
        self.streams[members] = streams
        self.next_item[members] = items
        self._filled[members] = items

    def take(self, members: np.ndarray) -> FreshCases:
        """The next case of each of ``members`` (no member twice)."""
        items = self.next_item[members]
        self.next_item[members] = items + 1
        if not self._ahead:
            return self._draw(members, items)
        if (items >= self._filled[members]).any():
            self._refill()
        assert self._ring is not None
        slots = members * self._ahead + items % self._ahead
        return FreshCases(*(column.take(slots, axis=0) for column in self._ring))

    def _draw(self, members: np.ndarray, items: np.ndarray) -> FreshCases:
        batch = self.task.sampler.batch(self.streams[members], items.astype(np.uint64))
        # The closer of pair i is id first + 2i. EOS and PAD are less than the first: they wrap round, beyond END.
        first_closer = batch.answer.dtype.type(FIRST_SYMBOL + 1)
        pairs = (np.ascontiguousarray(batch.answer) - first_closer) >> batch.answer.dtype.type(1)
        actions = np.minimum(pairs, self.task.end).astype(np.int16)
        obs = np.zeros((len(members), self.task.observation_length), dtype=batch.prompt.dtype)
        obs[:, : self.task.max_prompt] = batch.prompt
        return FreshCases(obs, batch.prompt_length, actions, batch.answer_length, self._count(actions))

    def _count(self, actions: np.ndarray) -> np.ndarray:
        """How often each closer is in ``actions`` ``(n, max_depth + 1)``, and ENDLESS for END: ``(n, k + 1)`` int16."""
        n, width = len(actions), self.task.n_pairs + 1
        if width > _LANES:
            cells = np.arange(0, n * width, width)[:, None] + actions
            counts = np.bincount(cells.ravel(), minlength=n * width).reshape(n, width).astype(np.int16)
        else:
            # All counts of a row in one word of four 16-bit lanes: an addition a column.
            ones = _ONE_IN_LANE.take(np.ascontiguousarray(actions.T))
            counts = ones.sum(axis=0).view(np.int16).reshape(n, _LANES)[:, :width]
        counts[:, -1] = ENDLESS
        return counts

    def _refill(self) -> None:
        """Draw whatever was used, for every member; the items being taken right now among them."""
        upto = np.maximum(self._filled, self.next_item - 1 + self._ahead)
        used = upto - self._filled
        members = np.repeat(np.arange(len(used)), used)
        first_of = np.repeat(np.cumsum(used) - used, used)
        items = self._filled[members] + np.arange(len(members)) - first_of
        fresh = self._draw(members, items)
        if self._ring is None:
            slots = len(used) * self._ahead
            self._ring = FreshCases(*(np.zeros((slots, *column.shape[1:]), dtype=column.dtype) for column in fresh))
        slots_used = members * self._ahead + items % self._ahead
        for column, new in zip(self._ring, fresh, strict=True):
            put_rows(column, slots_used, new)
        self._filled = upto


def put_rows(rows: np.ndarray, members: np.ndarray, fresh: np.ndarray) -> None:
    """``rows[members] = fresh``, each row copied as one item, which is several times quicker for short rows."""
    item = np.dtype((np.void, rows[0].nbytes))
    rows.view(item).put(members, np.ascontiguousarray(fresh, dtype=rows.dtype).view(item))
