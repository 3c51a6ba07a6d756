"""How often n running answers have broken each rule, kept up to date symbol by symbol.

The fast twin of :meth:`ncl_reward.rules.rule.Rule.violations`, which reads a sequence from its start; the tests hold
the two together. A step is a few dozen array operations whatever the depth and the number of types.

Open brackets are bit sets. For every type, and for all types together, the set holds one bit for each open bracket,
the next one to close at the lowest bit: the last opened bracket for ``nesting``, the first opened one for ``queue``.
So "of this type, the next to close" is ``x & -x``, and a closer is out of turn when that bit of its own type is not
that bit of all. The prefix ``([(`` with the pairs ``() []``, last opened at bit 0:

    written         ( 101   [ 010   all 111
    )   in turn     ( 100   [ 010   all 110
    )   out of it   ( 000   [ 010   all 010
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bracket_env import FIRST_SYMBOL, PAD, SEP, InputError
from ncl_reward.reward.potential import Potential

_MOST_OPEN = 62  # bits of an int64 beside its sign, and one to spare for 2**open - 1


class _Turns:
    """The open brackets of n members as bit sets, the next to close at the lowest bit."""

    def __init__(self, members: int, pairs: int) -> None:
        self._of_type = np.zeros((pairs + 1) * members, dtype=np.int64)  # END is a type of which nothing is ever open
        self._rows = self._of_type.reshape(pairs + 1, members)
        self._all = np.zeros(members, dtype=np.int64)

    def start(self, members: np.ndarray, total: np.ndarray, cells: np.ndarray, place: np.ndarray) -> None:
        """Other brackets for some members: ``total`` of them, each at a cell (type and member) and a place in turn."""
        self._rows[:, members] = 0
        np.add.at(self._of_type, cells, np.left_shift(1, place))
        self._all[members] = np.left_shift(1, total) - 1

    def close(self, cells: np.ndarray) -> Closing:
        """Close the next bracket of one type for every member."""
        mine, everything = self._of_type.take(cells), self._all
        bit = mine & -mine
        self._of_type[cells] = mine ^ bit
        self._all = everything ^ bit
        return Closing(bit, everything)


class Closing(NamedTuple):
    """What a closer of every member found."""

    bit: np.ndarray  # (n,) int64: the bracket that it closed, 0 for none
    open: np.ndarray  # (n,) int64: all brackets that were open

    def of_its_type(self) -> np.ndarray:
        """``(n,)`` bool: a bracket of its type was open."""
        return np.not_equal(self.bit, 0)

    def out_of_turn(self) -> np.ndarray:
        """``(n,)`` bool: something was open, and another bracket was next."""
        return np.not_equal(self.bit, self.open & -self.open)

    def nothing_open(self) -> np.ndarray:
        """``(n,)`` bool."""
        return np.equal(self.open, 0)


class LiveViolations:
    """d_r of the running answers of n members.

    END is not counted: it ends the episode, and Φ of an ended episode is 0 whatever came before.

    Args:
        potential: whose rules are counted.
        members: n.

    Attributes:
        counts: ``(R, n)`` int64, one row for each rule of the potential.
    """

    def __init__(self, potential: Potential, members: int) -> None:
        self.potential = potential
        self.counts = np.zeros((len(potential.rules), members), dtype=np.int64)
        self._members = np.arange(members)
        self._end = potential.pairs
        names = [rule.rule.name for rule in potential.rules]
        self._count = [_COUNT[name] for name in names]
        self._asks = [name == "stop_when_closed" for name in names]
        self._named = [_named(rule.slots.pairs, potential.pairs) for rule in potential.rules]
        self._nesting = _Turns(members, potential.pairs)
        self._queue = _Turns(members, potential.pairs) if "queue" in names else None
        self._seen = np.zeros((potential.pairs + 1) * members, dtype=bool) if "no_unopened" in names else None

    def phi(self) -> np.ndarray:
        """Φ of every member, ``(n,)`` float64."""
        return self.potential.of(self.counts)

    def start(self, members: np.ndarray, prompts: np.ndarray) -> np.ndarray:
        """New episodes.

        Args:
            members: ``(m,)`` numbers of the members that start, at least one.
            prompts: ``(m, L)`` ids, ``BOS prefix SEP`` and PAD on the right.

        Returns:
            Φ of the members that start, ``(m,)`` float64.

        Raises:
            InputError: a prefix with more than 62 brackets open.
        """
        ids = np.ascontiguousarray(prompts.T)  # (L, m)
        symbol = ids >= FIRST_SYMBOL
        opener = symbol & ((ids & 1) == FIRST_SYMBOL & 1)
        height = (opener.view(np.int8) - (symbol ^ opener).view(np.int8)).astype(np.min_scalar_type(-len(ids)))
        # Running sums and minima by doubling (Hillis & Steele 1986): a handful of operations on whole arrays.
        reach = [1 << i for i in range((len(ids) - 1).bit_length())]
        for shift in reach:
            height[shift:] += height[:-shift]
        lowest_later = height.copy()
        for shift in reach:
            lowest_later[:-shift] = np.minimum(lowest_later[:-shift], lowest_later[shift:])
        total = height[-1].astype(np.int64)
        if total.max() > _MOST_OPEN:
            raise InputError(f"a prefix opens {total.max()} brackets at once; the shaped reward goes to {_MOST_OPEN}")
        if self._seen is not None:
            self._seen.reshape(self._end + 1, -1)[:, members] = False
            cells, _ = self._cells(np.flatnonzero(opener), ids, members)
            self._seen[cells] = True
        # An opener is still open when nothing after it comes down to below its height.
        still = np.flatnonzero(opener & (height == lowest_later))
        cells, rows = self._cells(still, ids, members)
        below = height.reshape(-1).take(still).astype(np.int64) - 1
        self._nesting.start(members, total, cells, total[rows] - 1 - below)
        if self._queue is not None:
            self._queue.start(members, total, cells, below)
        for count, named, asks in zip(self.counts, self._named, self._asks, strict=True):
            count[members] = 0
            if asks:
                about = (
                    total
                    if named is None
                    else np.bincount(rows[named[cells // len(self._members)]], minlength=len(members))
                )
                count[members] = about
        return self.potential.of(self.counts.take(members, axis=1))

    def write(self, actions: np.ndarray) -> None:
        """One symbol for every member: ``(n,)`` actions, the closer of a type or END (:attr:`Potential.pairs`)."""
        actions = np.asarray(actions, dtype=np.int64)
        cells = actions * len(self._members) + self._members
        closer = actions != self._end
        last = self._nesting.close(cells)
        first = last if self._queue is None else self._queue.close(cells)
        unseen = None if self._seen is None else ~self._seen.take(cells)
        written = Written(closer, last, first, closer if unseen is None else unseen)
        for count, named, rule in zip(self.counts, self._named, self._count, strict=True):
            rule(count, written, closer if named is None else named.take(actions))

    def resume(self, ids: np.ndarray) -> None:
        """The middle of n episodes: ``(n, L)`` ids, ``BOS prefix SEP answer-so-far`` and PAD on the right."""
        answering = np.cumsum(ids == SEP, axis=1) > 0
        self.start(self._members, np.where(answering, PAD, ids))
        for column, after in zip(ids.T[1:], answering.T[:-1], strict=True):
            closer = after & (column >= FIRST_SYMBOL)
            self.write(np.where(closer, (column.astype(np.int64) - FIRST_SYMBOL) // 2, self._end))

    def _cells(self, places: np.ndarray, ids: np.ndarray, members: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Cells (type and member) of the symbols at flat places of ``ids`` ``(L, m)``, and their columns there."""
        rows = places % len(members)
        types = (ids.reshape(-1).take(places).astype(np.int64) - FIRST_SYMBOL) // 2
        return types * len(self._members) + members.take(rows), rows


class Written(NamedTuple):
    """What a symbol of every member meant where it was written; END has no meaning in any but the first."""

    closer: np.ndarray  # (n,) bool: not END
    last: Closing  # closing the last opened bracket of the type
    first: Closing  # closing the first opened one
    never_opened: np.ndarray  # (n,) bool: no opener of the type has occurred


Count = Callable[[np.ndarray, Written, np.ndarray], None]


def _one_to_one(count: np.ndarray, written: Written, about: np.ndarray) -> None:
    count += about & ~written.last.of_its_type()


def _nesting(count: np.ndarray, written: Written, about: np.ndarray) -> None:
    count += about & written.last.out_of_turn()


def _queue(count: np.ndarray, written: Written, about: np.ndarray) -> None:
    count += about & written.first.out_of_turn()


def _stop_when_closed(count: np.ndarray, written: Written, about: np.ndarray) -> None:
    count += written.closer & written.last.nothing_open()
    count -= about & written.last.of_its_type()


def _no_unopened(count: np.ndarray, written: Written, about: np.ndarray) -> None:
    count += about & written.never_opened


def _closers_only(count: np.ndarray, written: Written, about: np.ndarray) -> None:
    """Actions open nothing."""


# Adds what a symbol changes; the last argument says whether the symbol is a closer that the rule speaks about.
_COUNT: dict[str, Count] = {
    "one_to_one": _one_to_one,
    "nesting": _nesting,
    "queue": _queue,
    "stop_when_closed": _stop_when_closed,
    "no_unopened": _no_unopened,
    "closers_only": _closers_only,
}


def _named(types: tuple[int, ...] | None, pairs: int) -> np.ndarray | None:
    """``(k + 1,)`` bool: the closers that a rule is about, END not among them; None: all closers."""
    if types is None:
        return None
    named = np.zeros(pairs + 1, dtype=bool)
    named[list(types)] = True
    return named
