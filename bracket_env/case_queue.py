"""The next cases of many streams, drawn ahead in large batches.

Member i of a vector environment plays item 0, 1, 2, ... of its own stream. Episodes are short, so a member asks for a
case every few steps; drawing the few cases that one step needs would cost more in array calls than in arithmetic.
The queue keeps a ring of ``ahead`` cases for each member and refills what was used, for all members at once, when the
first runs dry. Which cases come is not affected: item n of a stream is a pure function of the stream.
"""

from __future__ import annotations

import numpy as np

from bracket_env.task import CloseTask

_TARGET_SLOTS = 16_384
_MOST_AHEAD = 64


class CaseQueue:
    """Rings of upcoming cases.

    Args:
        task: language, sampler and sizes.
        num_envs: how many members.

    Attributes:
        obs: ``(slots, L)`` the first observations; prompt_length ``(slots,)``.
        answer: ``(slots, max_depth + 1)`` right *actions*, END included and repeated as padding; needed ``(slots,)``
            int64, how many of them there are.
        unmatched: ``(slots, k + 1)`` int16, unmatched openers by type, and 1 for END.
    """

    def __init__(self, task: CloseTask, num_envs: int) -> None:
        self.task = task
        self.ahead = max(4, min(_MOST_AHEAD, _TARGET_SLOTS // num_envs))
        slots = num_envs * self.ahead
        self.obs = np.zeros((slots, task.observation_length), dtype=task.tokenizer.dtype)
        self.prompt_length = np.zeros(slots, dtype=np.int64)
        self.answer = np.zeros((slots, task.setting.max_depth + 1), dtype=np.int16)
        self.needed = np.zeros(slots, dtype=np.int64)
        self.unmatched = np.ones((slots, task.n_pairs + 1), dtype=np.int16)
        self._action_of = np.full(task.tokenizer.vocab_size, task.end, dtype=np.int16)
        self._action_of[task.tokenizer.action_ids] = np.arange(task.n_pairs + 1)
        self.streams = np.zeros(num_envs, dtype=np.uint64)
        self.next_item = np.zeros(num_envs, dtype=np.int64)
        self._filled = np.zeros(num_envs, dtype=np.int64)

    def seek(self, members: np.ndarray, streams: np.ndarray, items: np.ndarray) -> None:
        """Let ``members`` go on with item ``items`` of ``streams``."""
        self.streams[members] = streams
        self.next_item[members] = items
        self._filled[members] = items

    def take(self, members: np.ndarray) -> np.ndarray:
        """The slots that hold the next case of each of ``members`` (no member twice); good until the next call."""
        items = self.next_item[members]
        if (items >= self._filled[members]).any():
            self._refill()
        self.next_item[members] = items + 1
        return members * self.ahead + items % self.ahead

    def _refill(self) -> None:
        used = self.next_item + self.ahead - self._filled
        members = np.repeat(np.arange(len(used)), used)
        first_of = np.repeat(np.cumsum(used) - used, used)
        items = self._filled[members] + np.arange(len(members)) - first_of
        batch = self.task.sampler.batch(self.streams[members], items.astype(np.uint64))
        slots = members * self.ahead + items % self.ahead
        actions = self._action_of[batch.answer]
        self.obs[slots, : self.task.max_prompt] = batch.prompt
        self.prompt_length[slots] = batch.prompt_length
        self.answer[slots] = actions
        self.needed[slots] = batch.answer_length
        k = self.task.n_pairs
        cells = np.arange(len(slots))[:, None] * (k + 1) + actions
        counts = np.bincount(cells.ravel(), minlength=len(slots) * (k + 1)).reshape(-1, k + 1)
        counts[:, k] = 1
        self.unmatched[slots] = counts
        self._filled = self.next_item + self.ahead
