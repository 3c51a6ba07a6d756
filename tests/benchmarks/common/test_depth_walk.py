"""Prefixes of a given depth are uniform, by enumeration, and are what was asked for."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.common.depth_walk import DepthWalk, open_chances
from bracket_env import BracketLanguage, InputError, split_of
from bracket_env.random_streams import key
from bracket_env.sampling.sampler import PrefixSampler

LANGUAGE = BracketLanguage(("()", "[]"))


def walks(length: int, depths: tuple[int, int]) -> list[tuple[int, ...]]:
    """Every walk of this length that never goes below 0 and whose largest height is in the range."""
    found = []
    for steps in itertools.product((1, -1), repeat=length):
        heights = [0, *itertools.accumulate(steps)]
        if min(heights) >= 0 and depths[0] <= max(heights) <= depths[1]:
            found.append(steps)
    return found


@given(st.integers(1, 9), st.integers(1, 5), st.integers(0, 4))
def test_all_walks_of_one_length_are_equally_likely(length: int, least: int, more: int) -> None:
    depths = (min(least, length), min(least, length) + more)
    expected = walks(length, depths)
    chances = open_chances(length, *depths)
    for steps in expected:
        probability, height, deep = 1.0, 0, False
        for t, step in enumerate(steps):
            chance = chances[length - t, int(deep), height]
            probability *= chance if step > 0 else 1 - chance
            height += step
            deep = deep or height >= depths[0]
        assert probability == pytest.approx(1 / len(expected))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 60), st.integers(0, 60), st.integers(1, 30), st.integers(0, 30))
def test_prefixes_have_the_length_depth_and_split_asked_for(
    seed: int, shortest: int, more: int, least: int, deeper: int
) -> None:
    longest = max(shortest + more, least)
    walk = DepthWalk(lengths=(shortest, longest), depths=(least, least + deeper))
    # Among very few prefixes there may be none of the test split.
    split = "test" if longest >= 12 and deeper else "all"
    for case in PrefixSampler(LANGUAGE, walk, split=split).cases(key(seed, "test"), 20):  # type: ignore[arg-type]
        assert max(shortest, least) <= len(case.prefix) <= longest
        assert least <= LANGUAGE.depth(case.prefix) <= least + deeper
        assert LANGUAGE.completion(case.prefix) == case.completion
        assert split in ("all", split_of(case.prefix))


def test_every_length_is_as_frequent() -> None:
    cases = PrefixSampler(LANGUAGE, DepthWalk(lengths=(1, 6), depths=(3, 8))).cases(key(0, "lengths"), 4000)
    counts = Counter(len(case.prefix) for case in cases)
    assert sorted(counts) == [3, 4, 5, 6]  # fewer symbols are not 3 deep
    assert all(abs(count - 1000) < 5 * np.sqrt(1000 * 0.75) for count in counts.values())


@pytest.mark.parametrize(
    ("lengths", "depths"), [((5, 4), (1, 2)), ((0, 4), (1, 2)), ((1, 4), (3, 2)), ((1, 4), (5, 6)), ((1, 4), (0, 2))]
)
def test_ranges_without_a_prefix_are_refused(lengths: tuple[int, int], depths: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="no prefix has a length of"):
        DepthWalk(lengths=lengths, depths=depths)
