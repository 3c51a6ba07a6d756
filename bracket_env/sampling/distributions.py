"""Distributions over prefix *shapes*: where a prefix opens and closes, before its brackets get their types.

A shape is a prefix of the one-pair language. Two families:

- :class:`CutWalk`, the generator of the default task, tabulated exactly: a draw is one look-up in an alias table.
- :class:`CountedWalk`, walks of a given length that end at a given height below a ceiling, uniform by counting.

A distribution reads its randomness through ``word(j)``, the j-th 64-bit word of every item (see
:mod:`bracket_env.random_streams`), so the same definition serves one item and a million.

Shapes are written in *codes*: ``2j`` where opener number j stands and ``2j + 1`` where it is closed. Whatever type
opener j gets then fills both places (:mod:`bracket_env.sampling.sampler`).

    prefix  (    {    }    【          codes  0 2 3 4     (openers 0, 1, 2; opener 1 is closed)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property, lru_cache
from math import comb
from typing import NamedTuple

import numpy as np

from bracket_env.errors import InputError
from bracket_env.random_streams import below

Words = Callable[[int], np.ndarray]


class Shapes(NamedTuple):
    """A batch of n shapes, padded on the right with -1."""

    codes: np.ndarray  # (n, max_length) int16: 2j opener j, 2j + 1 its closer
    length: np.ndarray  # (n,) int64
    waiting: np.ndarray  # (n, max_depth) int16: openers not yet closed, innermost first
    closers: np.ndarray  # (n,) int64: how many are waiting


class ShapeDistribution(ABC):
    """A distribution over shapes of at most ``max_length`` symbols and ``max_depth`` open brackets."""

    max_length: int
    max_depth: int
    words: int  # 64-bit words that one draw reads

    @abstractmethod
    def draw(self, word: Words) -> Shapes:
        """One shape per item; ``word(j)`` for ``j < words`` gives uint64 ``(n,)``."""

    @property
    def max_openers(self) -> int:
        """The most openers a shape can have."""
        return self.max_length


def shapes_from_steps(steps: np.ndarray, length: np.ndarray, max_depth: int) -> Shapes:
    """Match every closer with its opener.

    Args:
        steps: ``(n, max_length)`` int8, +1 open, -1 close, 0 beyond ``length``; never below height 0.
        length: ``(n,)``.
        max_depth: no shape is deeper.
    """
    n, max_length = steps.shape
    width = max_depth + 1  # the last column of the stack takes the writes that mean nothing
    bottom = np.arange(n) * width
    stack = np.full(n * width, -1, dtype=np.int16)
    codes = np.full((max_length, n), -1, dtype=np.int16)
    height = np.zeros(n, dtype=np.int64)
    openers = np.zeros(n, dtype=np.int16)
    for t, step in enumerate(np.ascontiguousarray(steps.T)):
        opens, closes = step > 0, step < 0
        stack[bottom + np.where(opens, height, max_depth)] = openers
        height -= closes
        partner = stack[bottom + height]  # the opener just pushed or the one just popped
        codes[t] = np.where(step, 2 * partner + closes, -1)
        openers += opens
        height += opens
    from_top = height[:, None] - 1 - np.arange(max_depth)
    waiting = np.where(
        from_top >= 0, np.take_along_axis(stack.reshape(n, width), np.maximum(from_top, 0), axis=1), np.int16(-1)
    )
    return Shapes(codes.T, np.asarray(length, dtype=np.int64), waiting, height)


class AliasTable:
    """Draws from fixed probabilities with one word and two look-ups (Walker 1977, Vose 1991).

    Args:
        probabilities: ``(s,)``, positive, summing to one.
    """

    def __init__(self, probabilities: np.ndarray) -> None:
        size = len(probabilities)
        scaled = (np.asarray(probabilities, dtype=np.float64) * size).tolist()
        alias = np.arange(size, dtype=np.uint64)
        small = [i for i, p in enumerate(scaled) if p < 1.0]
        large = [i for i, p in enumerate(scaled) if p >= 1.0]
        keep = np.ones(size)
        while small and large:
            poor, rich = small.pop(), large[-1]
            keep[poor], alias[poor] = scaled[poor], rich
            scaled[rich] -= 1.0 - scaled[poor]
            if scaled[rich] < 1.0:
                small.append(large.pop())
        # A column that keeps everything is its own alias, so cutting its threshold to 32 bits changes nothing.
        threshold = np.minimum(np.round(keep * 2.0**32), 2.0**32 - 1).astype(np.uint64)
        # Side by side in one word, so that a draw waits for the memory once.
        self._columns = threshold << np.uint64(32) | alias

    def draw(self, word: np.ndarray) -> np.ndarray:
        """Indices ``(n,)`` for words ``(n,)``: the high half picks a column, the low half stays or takes its alias."""
        column = below(word, len(self._columns)).astype(np.int64)
        entry = self._columns.take(column)
        stay = word.astype(np.uint32) < (entry >> np.uint64(32))
        return np.where(stay, column, entry.astype(np.uint32))


class CutWalk(ShapeDistribution):
    """The default task: a random closed word of 5-20 symbols with its last 1-3 cut off.

    A depth limit D is drawn from 1 to ``max_depth`` and a number of steps from 1 to ``max_steps``. A step opens with
    probability ``p_open`` below the limit; otherwise it closes if anything is open (a step that can do neither does
    nothing). What is still open is closed. The word is kept when its length lies in ``word_length``; the last 1 to
    ``max_cut`` symbols, uniformly, are cut off.

    Instead of walking, the exact probability of every prefix is tabulated. For a walked part u with o openers,
    c closers of which l at the limit, and z visits to height 0, the n - |u| idle steps fall on those visits, so

        p(u | D, n) = p^o (1-p)^(c-l) * C(n-|u| + z-1, z-1) (1-p)^(n-|u|).
    """

    def __init__(
        self,
        *,
        max_depth: int = 5,
        max_steps: int = 20,
        p_open: float = 0.7,
        word_length: tuple[int, int] = (5, 20),
        max_cut: int = 3,
    ) -> None:
        if not 1 <= max_cut <= word_length[0] <= word_length[1] or not 0 < p_open < 1 or max_depth < 1 or max_steps < 1:
            raise InputError(
                f"no such walk: max_depth {max_depth}, max_steps {max_steps}, p_open {p_open}, "
                f"word_length {word_length}, max_cut {max_cut}"
            )
        self.max_depth, self.max_steps, self.p_open = max_depth, max_steps, p_open
        self.word_length, self.max_cut = word_length, max_cut
        self.max_length = word_length[1] - 1
        self.words = 1

    @property
    def max_openers(self) -> int:
        return self.word_length[1] // 2

    def probabilities(self) -> tuple[np.ndarray, np.ndarray]:
        """Every possible prefix and its probability.

        Returns:
            numbers ``(s,)`` int64, the prefix in binary (1 opens, 0 closes) behind a leading 1; probabilities ``(s,)``.
        """
        shortest, longest = self.word_length
        number, height, probability = self._closed_word_sources()
        length = np.array([int(x).bit_length() - 1 for x in number]) + height
        keep = (length >= shortest) & (length <= longest)
        words, source = np.unique(number[keep] << height[keep], return_inverse=True)
        p_word = np.bincount(source, weights=probability[keep])
        cut = np.concatenate([words >> c for c in range(1, self.max_cut + 1)])
        prefixes, source = np.unique(cut, return_inverse=True)
        p_prefix = np.bincount(source, weights=np.tile(p_word, self.max_cut))
        possible = p_prefix > 0
        return prefixes[possible], p_prefix[possible] / p_prefix.sum()

    def _closed_word_sources(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """All walked parts u that can be closed within the longest word: number, final height, weight."""
        number = np.ones(1, dtype=np.int64)
        height = np.zeros(1, dtype=np.int64)
        deepest, visits, opened = height.copy(), height + 1, height.copy()
        closed_at = np.zeros((1, self.max_depth + 1), dtype=np.int64)  # closers by the height they leave
        found = []
        for length in range(self.word_length[1] + 1):
            weight = self._weights(length, deepest, visits, opened, closed_at)
            found.append((number, height, weight))
            up = (height < self.max_depth) & (length + 1 + height + 1 <= self.word_length[1])
            down = height > 0
            left = closed_at[down].copy()
            left[np.arange(len(left)), height[down]] += 1
            number = np.concatenate([2 * number[up] + 1, 2 * number[down]])
            deepest = np.concatenate([np.maximum(deepest[up], height[up] + 1), deepest[down]])
            visits = np.concatenate([visits[up], visits[down] + (height[down] == 1)])
            opened = np.concatenate([opened[up] + 1, opened[down]])
            closed_at = np.concatenate([closed_at[up], left])
            height = np.concatenate([height[up] + 1, height[down] - 1])
        return tuple(np.concatenate(column) for column in zip(*found, strict=True))  # type: ignore[return-value]

    def _weights(
        self, length: int, deepest: np.ndarray, visits: np.ndarray, opened: np.ndarray, closed_at: np.ndarray
    ) -> np.ndarray:
        p, q = self.p_open, 1.0 - self.p_open
        idle_sum = np.array(
            [
                sum(comb(idle + z - 1, z - 1) * q**idle for idle in range(self.max_steps - length + 1)) if z else 0.0
                for z in range(int(visits.max()) + 1)
            ]
        )
        total = np.zeros(len(visits))
        closed = closed_at.sum(axis=1)
        for limit in range(1, self.max_depth + 1):
            total += np.where(deepest <= limit, p**opened * q ** (closed - closed_at[:, limit]), 0.0)
        return total * idle_sum[visits]

    @cached_property
    def _table(self) -> tuple[AliasTable, Shapes]:
        numbers, probabilities = self.probabilities()
        length = np.array([int(x).bit_length() - 1 for x in numbers])
        shift = length[:, None] - 1 - np.arange(self.max_length)
        opens = (numbers[:, None] >> np.maximum(shift, 0)) & 1
        steps = np.where(shift >= 0, 2 * opens - 1, 0).astype(np.int8)
        return AliasTable(probabilities), shapes_from_steps(steps, length, self.max_depth)

    def table(self) -> Shapes:
        """All shapes, in the order of :meth:`probabilities`."""
        return self._table[1]

    def draw_rows(self, word: Words) -> np.ndarray:
        """Row numbers of :meth:`table` instead of the shapes themselves: all a sampler with its own table needs."""
        return self._table[0].draw(word(0))

    def draw(self, word: Words) -> Shapes:
        rows = self.draw_rows(word)
        return Shapes(*(column[rows] for column in self.table()))


@lru_cache(maxsize=64)
def open_probabilities(max_length: int, max_depth: int, end_weights: tuple[float, ...]) -> np.ndarray:
    """For walks that stay in 0..max_depth: p(open) with r steps left at height h, so that whole walks have the
    probability their final height's weight asks for (counting by backward recursion, rescaled at every step).

    Args:
        end_weights: ``max_depth + 1`` weights of the final heights.

    Returns:
        ``(max_length + 1, max_depth + 1)`` float64; NaN where no walk goes on.
    """
    count = np.asarray(end_weights, dtype=np.float64)
    table = np.full((max_length + 1, max_depth + 1), np.nan)
    for left in range(1, max_length + 1):
        up = np.append(count[1:], 0.0)
        down = np.append(0.0, count[:-1])
        count = up + down
        with np.errstate(invalid="ignore"):
            table[left] = up / count
        count = count / count.max()
    return table


class CountedWalk(ShapeDistribution):
    """Prefixes of a drawn length, uniform by counting among those that end at a drawn height.

    The length n is uniform in ``lengths`` and the number of closers asked for is uniform in ``closers``, or, with
    ``closers=None``, the prefix is uniform among *all* prefixes of n symbols no deeper than ``max_depth``
    (ballot numbers: there are C(n, n // 2) of them without a ceiling). A length and a height of different parity
    cannot meet: the length is then one less (or one more at the short end).

    Raises:
        InputError: lengths or closers that no walk can have.
    """

    def __init__(self, *, lengths: tuple[int, int], max_depth: int, closers: tuple[int, int] | None = None) -> None:
        low, high = lengths
        if not 0 <= low <= high:
            raise InputError(f"lengths must go from a number of at least 0 upwards, not {lengths}")
        if closers is not None and not 0 <= closers[0] <= closers[1] <= min(max_depth, high):
            raise InputError(f"closers must lie between 0 and {min(max_depth, high)}, not {closers}")
        if closers is not None and low == high and (closers[0] != closers[1] or (low - closers[0]) % 2):
            raise InputError(f"a prefix of {low} symbols cannot leave {closers} open: both are even or both odd")
        self.lengths, self.max_depth, self.closers = lengths, max_depth, closers
        self.max_length = lengths[1]
        self.words = 2 + self.max_length

    def draw(self, word: Words) -> Shapes:
        low, high = self.lengths
        length = low + below(word(0), high - low + 1).astype(np.int64)
        n = len(length)
        if self.closers is None:
            tables = open_probabilities(self.max_length, self.max_depth, (1.0,) * (self.max_depth + 1))[None]
            goal = np.zeros(n, dtype=np.int64)
        else:
            fewest, most = self.closers
            closers = fewest + below(word(1), most - fewest + 1).astype(np.int64)
            length = np.maximum(length, closers)
            length -= (length - closers) % 2
            length += 2 * (length < low)
            goal = closers - fewest
            tables = np.stack(
                [
                    open_probabilities(
                        self.max_length, self.max_depth, tuple(float(h == c) for h in range(self.max_depth + 1))
                    )
                    for c in range(fewest, most + 1)
                ]
            )
        chances = tables.ravel()
        row = (goal * (self.max_length + 1) + length) * (self.max_depth + 1)
        steps = np.zeros((self.max_length, n), dtype=np.int8)
        height = np.zeros(n, dtype=np.int64)
        for t in range(int(length.max(initial=0))):
            live = t < length
            chance = chances[np.where(live, row + height, 0)]
            uniform = (word(2 + t) >> np.uint64(11)).astype(np.float64) * 2.0**-53
            steps[t] = np.where(uniform < chance, np.int8(1), np.int8(-1)) * live
            height += steps[t]
            row -= self.max_depth + 1
        return shapes_from_steps(steps.T, length, self.max_depth)
