"""Prefixes of a given length *and* depth, so that what a model makes of either can be measured apart from the other.

Long prefixes drawn uniformly are deep ones: of 1 000 symbols, about 40 levels. :class:`DepthWalk` draws uniformly among
the prefixes of n symbols whose largest depth lies in a range, by counting. Of 3 symbols with depth 2:

    steps      + + +    + + -    + - +    + - -        + opens, - closes; the last one is no prefix
    depth        3        2        1                   so + + - has probability 1
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from bracket_env import InputError
from bracket_env.random_streams import below
from bracket_env.sampling.distributions import ShapeDistribution, Shapes, Words, shapes_from_steps


class DepthWalk(ShapeDistribution):
    """Walks of a drawn length, uniform among those whose largest height lies in a range.

    The length is uniform in ``lengths``, as far as it reaches the least depth: n symbols are at most n deep.

    Args:
        lengths: shortest and longest prefix.
        depths: least and greatest depth.

    Raises:
        InputError: ranges that are empty or do not begin at 1 or above, or a depth that no such length reaches.
    """

    def __init__(self, *, lengths: tuple[int, int], depths: tuple[int, int]) -> None:
        if not 1 <= lengths[0] <= lengths[1] or not 1 <= depths[0] <= depths[1] or depths[0] > lengths[1]:
            raise InputError(f"no prefix has a length of {lengths} symbols and a depth of {depths}")
        self.lengths = (max(lengths[0], depths[0]), lengths[1])
        self.depths = depths
        self.max_length = lengths[1]
        self.max_depth = depths[1]
        self.words = 1 + self.max_length

    def draw(self, word: Words) -> Shapes:
        shortest, longest = self.lengths
        length = shortest + below(word(0), longest - shortest + 1).astype(np.int64)
        chances = open_chances(self.max_length, *self.depths)
        steps = np.zeros((self.max_length, len(length)), dtype=np.int8)
        height = np.zeros_like(length)
        deep = np.zeros(len(length), dtype=bool)
        for t in range(int(length.max(initial=0))):
            live = t < length
            chance = chances[np.where(live, length - t, 1), deep.astype(np.int64), height]
            uniform = (word(1 + t) >> np.uint64(11)).astype(np.float64) * 2.0**-53
            steps[t] = np.where(uniform < chance, np.int8(1), np.int8(-1)) * live
            height += steps[t]
            deep |= height >= self.depths[0]
        return shapes_from_steps(steps.T, length, self.max_depth)


@lru_cache(maxsize=64)
def open_chances(max_length: int, least: int, greatest: int) -> np.ndarray:
    """For walks that stay in 0..greatest and reach ``least``: p(open), so that all of one length are equally likely.

    Counts walks backwards from their end, apart for those that have been ``least`` high already and those that have
    not; counts are rescaled at every step.

    Returns:
        ``(max_length + 1, 2, greatest + 1)`` float64: by steps left, whether it has been high enough, and height; NaN
        where no walk goes on.
    """
    heights = np.arange(greatest + 1)
    counts = np.stack([np.zeros(greatest + 1), np.ones(greatest + 1)])  # walks that go on from here, (2, heights)
    table = np.full((max_length + 1, 2, greatest + 1), np.nan)
    for left in range(1, max_length + 1):
        up, down = np.zeros_like(counts), np.zeros_like(counts)
        up[:, :-1] = np.where(heights[1:] >= least, counts[1, 1:], counts[:, 1:])
        down[:, 1:] = counts[:, :-1]
        counts = up + down
        with np.errstate(invalid="ignore"):
            table[left] = up / counts
        counts /= counts.max()
    return table
