"""What is open after each token, for many sequences at once; well-defined after mistakes too.

A sequence is ``BOS prefix SEP answer…``. The state after a token:

    open    how many brackets of each type are open
    seen    whether an opener of the type has occurred
    top     the type of the last opened bracket that is still open
    front   the type of the first opened bracket that is still open

A closer of a type with nothing open changes nothing. Otherwise it closes one bracket of its own type, whatever stands
above it: in the prefix the last opened one; in the answer the last opened one as far as ``top`` goes and the first
opened one as far as ``front`` goes, since each follows the order that the rule asking for it has in mind. The counts
are the same either way. EOS, PAD and MASK change nothing.

    ids       BOS  (  {  SEP  )   }           a mistake for nesting, right for a queue
    top           (  {  {    {   none
    front         (  (  (    {   none

Every type keeps its open brackets as a linked list over positions, so a token costs the same at any depth.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from bracket_env import FIRST_SYMBOL, SEP, InputError

NOTHING = -1


@dataclass(frozen=True)
class BracketState:
    """The state at n places, k bracket types."""

    open: np.ndarray  # (n, k) int32
    seen: np.ndarray  # (n, k) bool
    top: np.ndarray  # (n,) int64, NOTHING where nothing is open
    front: np.ndarray  # (n,) int64, NOTHING where nothing is open

    @cached_property
    def closed(self) -> np.ndarray:
        """``(n,)`` bool: nothing is open."""
        return self.top == NOTHING

    @cached_property
    def types_open(self) -> np.ndarray:
        """``(n,)`` int64: how many types have a bracket open."""
        return np.count_nonzero(self.open, axis=1)


class OpenBrackets:
    """Reads B sequences token by token, as an environment or a decoder writes them.

    Args:
        rows: B.
        pairs: k, the number of bracket types.
        length: the most tokens that will be read.
    """

    def __init__(self, rows: int, pairs: int, length: int) -> None:
        self._rows = np.arange(rows)
        self._time = 0
        self._answering = np.zeros(rows, dtype=bool)
        self._open = np.zeros((rows, pairs), dtype=np.int32)
        self._seen = np.zeros((rows, pairs), dtype=bool)
        # Positions of the ends of each type's list, and links; what is read of them is valid where a count is above 0.
        self._newest = np.zeros((rows, pairs), dtype=np.int64)
        self._oldest = np.zeros((rows, pairs), dtype=np.int64)
        self._tail = np.zeros((rows, pairs), dtype=np.int64)  # the queue's newest
        self._below = np.zeros((rows, length), dtype=np.int64)
        self._above = np.zeros((rows, length), dtype=np.int64)

    def read(self, ids: np.ndarray) -> None:
        """One more token of every sequence, ``(B,)`` ids."""
        ids = ids.astype(np.int64)
        symbol = ids >= FIRST_SYMBOL
        closer = (ids - FIRST_SYMBOL) % 2 == 1
        self._push(np.flatnonzero(symbol & ~closer), ids)
        self._pop(np.flatnonzero(symbol & closer), ids)
        self._answering |= ids == SEP
        self._time += 1

    def _push(self, rows: np.ndarray, ids: np.ndarray) -> None:
        types = (ids[rows] - FIRST_SYMBOL) // 2
        first = self._open[rows, types] == 0
        self._below[rows, self._time] = self._newest[rows, types]
        self._above[rows, self._tail[rows, types]] = self._time
        self._oldest[rows, types] = np.where(first, self._time, self._oldest[rows, types])
        self._newest[rows, types] = self._tail[rows, types] = self._time
        self._open[rows, types] += 1
        self._seen[rows, types] = True

    def _pop(self, rows: np.ndarray, ids: np.ndarray) -> None:
        types = (ids[rows] - FIRST_SYMBOL) // 2
        some = self._open[rows, types] > 0
        rows, types = rows[some], types[some]
        self._newest[rows, types] = self._below[rows, self._newest[rows, types]]
        self._open[rows, types] -= 1
        answering = self._answering[rows]
        oldest, newest = self._oldest[rows, types], self._newest[rows, types]
        self._oldest[rows, types] = np.where(answering, self._above[rows, oldest], oldest)
        self._tail[rows, types] = np.where(answering, self._tail[rows, types], newest)

    def state(self) -> BracketState:
        """The state now, as arrays of its own."""
        held = self._open > 0
        never = np.iinfo(np.int64).max
        nothing = ~held.any(axis=1)
        top = np.where(held, self._newest, NOTHING).argmax(axis=1)
        front = np.where(held, self._oldest, never).argmin(axis=1)
        top[nothing] = front[nothing] = NOTHING
        return BracketState(self._open.copy(), self._seen.copy(), top, front)


@dataclass(frozen=True, eq=False)
class BracketInputs:
    """Sequences and the places in them at which the next token is asked for.

    Position p asks for ``ids[p + 1]``; only positions from SEP on are places of an answer. The state is computed once
    and shared by all rules.

    Raises:
        InputError: arrays of other shapes, or a vocabulary that is not five special tokens and pairs of brackets.
    """

    ids: np.ndarray  # (B, T): BOS prefix SEP answer…, PAD on the right
    rows: np.ndarray  # (n,)
    positions: np.ndarray  # (n,)
    vocab_size: int

    def __post_init__(self) -> None:
        if self.ids.ndim != 2 or self.rows.ndim != 1 or self.rows.shape != self.positions.shape:
            raise InputError(
                f"ids must be (B, T) and rows and positions (n,), "
                f"not {self.ids.shape}, {self.rows.shape} and {self.positions.shape}"
            )
        if self.vocab_size <= FIRST_SYMBOL or (self.vocab_size - FIRST_SYMBOL) % 2:
            raise InputError(f"a vocabulary of {self.vocab_size} is not {FIRST_SYMBOL} special tokens and whole pairs")

    @property
    def pairs(self) -> int:
        """k, the number of bracket types."""
        return (self.vocab_size - FIRST_SYMBOL) // 2

    @cached_property
    def state(self) -> BracketState:
        """The state after each of the places."""
        last = int(self.positions.max(initial=-1)) + 1
        reader = OpenBrackets(len(self.ids), self.pairs, last)
        states = [reader.state()]  # of no place, so that there is always one
        for column in self.ids.T[:last]:
            reader.read(column)
            states.append(reader.state())
        place = (self.positions + 1, self.rows)
        parts = ([getattr(state, field.name) for state in states] for field in fields(BracketState))
        return BracketState(*(np.stack(part)[place] for part in parts))

    @cached_property
    def answers(self) -> BracketInputs:
        """The same sequences, asked for every token that stands after SEP: what has been written so far."""
        after_sep = np.cumsum(self.ids == SEP, axis=1)[:, :-1] > 0
        rows, positions = np.nonzero(after_sep & (self.ids[:, 1:] != 0))
        return BracketInputs(self.ids, rows, positions, self.vocab_size)

    @cached_property
    def final(self) -> BracketState:
        """``B`` places: the state after the whole of each sequence."""
        reader = OpenBrackets(len(self.ids), self.pairs, self.ids.shape[1])
        for column in self.ids.T:
            reader.read(column)
        return reader.state()
