"""Shapes of prefixes against twins that walk, count or enumerate what the library tabulates."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from itertools import product
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from bracket_env.random_streams import bits, key, subkey
from bracket_env.sampling.distributions import (
    AliasTable,
    CountedWalk,
    CutWalk,
    ShapeDistribution,
    Shapes,
    open_probabilities,
    shapes_from_steps,
)

Word = Callable[[int], np.ndarray]


def words(purpose: str, n: int) -> Word:
    """``word(j)`` of n independent items, as the samplers hand it to a distribution."""
    items = subkey(np.full(n, key(0, f"test/{purpose}"), dtype=np.uint64), np.arange(n, dtype=np.uint64))
    return lambda j: bits(items, j)


def spell(codes: np.ndarray) -> str:
    """The shape as ``(`` and ``)``: even codes open, odd ones close, -1 is padding."""
    return "".join("()"[code % 2] for code in codes.tolist() if code >= 0)


def drawn(distribution: ShapeDistribution, purpose: str, n: int) -> list[str]:
    return [spell(codes) for codes in distribution.draw(words(purpose, n)).codes]


def same_distribution(observed: Counter[str], expected: dict[str, float]) -> float:
    """p-value of a chi-square test; the rare cells (fewer than 5 expected) are counted as one."""
    assert set(observed) <= set(expected)
    n = observed.total()
    common = [shape for shape, p in expected.items() if n * p >= 5]
    counts = [observed[shape] for shape in common]
    hopes = [n * expected[shape] for shape in common]
    if len(common) < len(expected):
        counts.append(n - sum(counts))
        hopes.append(n - sum(hopes))
    return float(chisquare(counts, hopes).pvalue)


# -- shapes ---------------------------------------------------------------------------------------------------------


def naive_shape(steps: list[int]) -> tuple[list[int], list[int]]:
    """Codes and waiting openers (innermost first) with a plain stack."""
    stack: list[int] = []
    codes = []
    openers = 0
    for step in steps:
        if step > 0:
            stack.append(openers)
            codes.append(2 * openers)
            openers += 1
        else:
            codes.append(2 * stack.pop() + 1)
    return codes, stack[::-1]


def test_shapes_of_the_worked_example() -> None:
    # ( { } 【   opener 1 is closed, openers 2 and 0 wait
    shapes = shapes_from_steps(np.array([[1, 1, -1, 1, 0]], dtype=np.int8), np.array([4]), max_depth=3)
    assert shapes.codes.tolist() == [[0, 2, 3, 4, -1]]
    assert shapes.waiting.tolist() == [[2, 0, -1]]
    assert (shapes.length.tolist(), shapes.closers.tolist()) == ([4], [2])


@given(st.lists(st.lists(st.booleans(), max_size=24), min_size=1, max_size=6), st.integers(1, 6))
def test_shapes_agree_with_a_plain_stack(rows: list[list[bool]], max_depth: int) -> None:
    walks = []
    for row in rows:
        steps: list[int] = []
        for opens in row:  # a step that cannot be taken is turned round
            height = sum(steps)
            steps.append(1 if height == 0 or (opens and height < max_depth) else -1)
        walks.append(steps)
    width = max(map(len, walks)) + 1
    padded = np.array([steps + [0] * (width - len(steps)) for steps in walks], dtype=np.int8)
    shapes = shapes_from_steps(padded, np.array([len(steps) for steps in walks]), max_depth)
    for i, steps in enumerate(walks):
        codes, waiting = naive_shape(steps)
        assert shapes.codes[i].tolist() == codes + [-1] * (width - len(codes))
        assert shapes.waiting[i].tolist() == waiting + [-1] * (max_depth - len(waiting))
        assert shapes.length[i] == len(steps)
        assert shapes.closers[i] == len(waiting)


# -- the alias table ------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(1e-3, 1.0), min_size=1, max_size=30))
def test_alias_table_has_the_asked_frequencies(weights: list[float]) -> None:
    """Every column of the table crossed with an even grid of low halves: shares are exact up to the grid."""
    probabilities = np.array(weights) / sum(weights)
    size, grid = len(weights), 2048
    columns = np.array([(2 * c + 1) * 2**31 // size << 32 for c in range(size)], dtype=np.uint64)
    low = np.arange(grid, dtype=np.uint64) << np.uint64(21)
    found = AliasTable(probabilities).draw((columns[:, None] | low).ravel())
    share = np.bincount(found, minlength=size) / (size * grid)
    assert np.abs(share - probabilities).max() < 1 / grid + 1e-9


def test_alias_draws_of_random_words_pass_a_chi_square() -> None:
    probabilities = np.array([0.5, 0.2, 0.15, 0.1, 0.04, 0.01])
    found = AliasTable(probabilities).draw(words("alias", 60_000)(0))
    assert chisquare(np.bincount(found, minlength=6), 60_000 * probabilities).pvalue > 1e-4


# -- the user's generator -------------------------------------------------------------------------------------------


def walk_of_the_user(rng: random.Random) -> str:
    """The generator as its owner states it, one choice after the other; ``(`` and ``)`` only."""
    while True:
        limit = rng.randint(1, 5)
        word, height = "", 0
        for _ in range(rng.randint(1, 20)):
            if height < limit and rng.random() < 0.7:
                word, height = word + "(", height + 1
            elif height > 0:
                word, height = word + ")", height - 1
        word += ")" * height
        if 5 <= len(word) <= 20:
            return word[: -rng.randint(1, 3)]


def tabulated(walk: CutWalk) -> dict[str, float]:
    numbers, probabilities = walk.probabilities()
    shapes = (format(number, "b")[1:].replace("1", "(").replace("0", ")") for number in numbers.tolist())
    return {shape: p for shape, p in zip(shapes, probabilities.tolist(), strict=True) if p > 0}


def test_the_table_is_the_users_generator() -> None:
    rng = random.Random(20240501)
    observed = Counter(walk_of_the_user(rng) for _ in range(60_000))
    assert same_distribution(observed, tabulated(CutWalk())) > 1e-4


def exact_prefixes(
    max_depth: int, max_steps: int, p_open: Fraction, word_length: tuple[int, int], max_cut: int
) -> dict[str, Fraction]:
    """Every sequence of choices of the generator with its exact probability, summed by the prefix it leads to."""
    words_: Counter[str] = Counter()

    def walk(word: str, height: int, left: int, limit: int, p: Fraction) -> None:
        if left == 0:
            words_[word + ")" * height] += p  # type: ignore[assignment]
            return
        opening = p_open if height < limit else Fraction(0)
        if opening:
            walk(word + "(", height + 1, left - 1, limit, p * opening)
        if height:
            walk(word + ")", height - 1, left - 1, limit, p * (1 - opening))
        else:
            walk(word, height, left - 1, limit, p * (1 - opening))

    for limit, steps in product(range(1, max_depth + 1), range(1, max_steps + 1)):
        walk("", 0, steps, limit, Fraction(1, max_depth * max_steps))
    prefixes: Counter[str] = Counter()
    for word, p in words_.items():
        if word_length[0] <= len(word) <= word_length[1]:
            for cut in range(1, max_cut + 1):
                prefixes[word[:-cut]] += p / max_cut  # type: ignore[assignment]
    total = sum(prefixes.values())
    return {prefix: Fraction(p) / total for prefix, p in prefixes.items()}


@pytest.mark.parametrize(
    ("max_depth", "max_steps", "p_open", "word_length", "max_cut"),
    [
        (2, 4, Fraction(7, 10), (2, 6), 2),
        (2, 4, Fraction(7, 10), (4, 6), 3),
        (3, 7, Fraction(7, 10), (4, 6), 3),
        (1, 6, Fraction(1, 4), (2, 10), 1),
        (4, 8, Fraction(1, 2), (3, 12), 3),
    ],
)
def test_the_table_equals_exact_enumeration(
    max_depth: int, max_steps: int, p_open: Fraction, word_length: tuple[int, int], max_cut: int
) -> None:
    expected = exact_prefixes(max_depth, max_steps, p_open, word_length, max_cut)
    walk = CutWalk(
        max_depth=max_depth, max_steps=max_steps, p_open=float(p_open), word_length=word_length, max_cut=max_cut
    )
    found = tabulated(walk)
    assert found.keys() == expected.keys()
    for prefix, p in expected.items():
        assert found[prefix] == pytest.approx(float(p), rel=1e-12)


def test_draws_of_the_users_walk_follow_the_table() -> None:
    walk = CutWalk()
    observed = Counter(drawn(walk, "cut-walk", 100_000))
    assert same_distribution(observed, tabulated(walk)) > 1e-4
    assert walk.table().codes.shape == (len(tabulated(walk)), walk.max_length)


# -- counted walks --------------------------------------------------------------------------------------------------


@cache
def prefixes_of(n: int, max_depth: int) -> tuple[str, ...]:
    """All prefixes of n symbols no deeper than ``max_depth``, by trying every string."""

    def valid(shape: str) -> bool:
        heights = np.cumsum([1 if symbol == "(" else -1 for symbol in shape])
        return n == 0 or (heights.min() >= 0 and heights.max() <= max_depth)

    return tuple(shape for shape in map("".join, product("()", repeat=n)) if valid(shape))


def height_of(shape: str) -> int:
    return 2 * shape.count("(") - len(shape)


def catalan(n: int) -> int:
    return comb(2 * n, n) // (n + 1)


def ballot(n: int, height: int) -> int:
    """Prefixes of n symbols that end at ``height`` (of the same parity)."""
    return (height + 1) * comb(n + 1, (n - height) // 2) // (n + 1)


@pytest.mark.parametrize(
    ("n", "max_depth", "goal", "how_many"),
    [
        (0, 3, None, 1),
        (1, 3, None, 1),
        (6, 6, None, comb(6, 3)),  # no ceiling in reach: central binomial coefficients
        (7, 7, None, comb(7, 3)),
        (9, 9, None, comb(9, 4)),
        (8, 8, 0, catalan(4)),
        (10, 10, 0, catalan(5)),
        (9, 9, 1, ballot(9, 1)),
        (9, 9, 3, ballot(9, 3)),
        (8, 8, 8, 1),
        (10, 2, None, 2**5),  # below a ceiling of 2: forced at heights 0 and 2, free at 1
        (10, 3, 2, None),  # None: only brute force knows
        (11, 4, None, None),
        (12, 3, 0, None),
    ],
)
def test_counted_walks_are_uniform(n: int, max_depth: int, goal: int | None, how_many: int | None) -> None:
    possible = [shape for shape in prefixes_of(n, max_depth) if goal is None or height_of(shape) == goal]
    assert how_many in (None, len(possible))
    walk = CountedWalk(lengths=(n, n), max_depth=max_depth, closers=None if goal is None else (goal, goal))
    observed = Counter(drawn(walk, f"counted/{n}/{max_depth}/{goal}", 200 * len(possible)))
    assert set(observed) == set(possible)  # 200 each are expected, none is missed
    if len(possible) > 1:
        assert chisquare([observed[shape] for shape in possible]).pvalue > 1e-4


def meet(length: int, closers: int, shortest: int) -> int:
    """The length that is drawn when ``length`` and ``closers`` cannot meet, as the class documents it."""
    length = max(length, closers)
    if (length - closers) % 2:
        length -= 1
    return length if length >= shortest else length + 2


@pytest.mark.parametrize(
    ("lengths", "max_depth", "closers"), [((4, 9), 5, (1, 3)), ((1, 8), 6, (1, 2)), ((8, 40), 10, (4, 8))]
)
def test_lengths_and_closers_are_drawn_uniformly_and_independently(
    lengths: tuple[int, int], max_depth: int, closers: tuple[int, int]
) -> None:
    asked = list(product(range(lengths[0], lengths[1] + 1), range(closers[0], closers[1] + 1)))
    expected = Counter(f"{meet(n, h, lengths[0])} {h}" for n, h in asked)
    shapes = CountedWalk(lengths=lengths, max_depth=max_depth, closers=closers).draw(words("lengths", 40_000))
    observed = Counter(f"{n} {h}" for n, h in zip(shapes.length.tolist(), shapes.closers.tolist(), strict=True))
    assert same_distribution(observed, {cell: count / len(asked) for cell, count in expected.items()}) > 1e-4
    assert shapes.length.min() >= lengths[0]
    assert shapes.length.max() <= lengths[1]


def test_lengths_without_a_height_goal_are_uniform() -> None:
    shapes = CountedWalk(lengths=(3, 12), max_depth=4).draw(words("plain-lengths", 20_000))
    assert chisquare(np.bincount(shapes.length)[3:]).pvalue > 1e-4


DISTRIBUTIONS: dict[str, ShapeDistribution] = {
    "cut walk": CutWalk(),
    "small cut walk": CutWalk(max_depth=2, max_steps=9, p_open=0.9, word_length=(4, 12), max_cut=2),
    "flat counted walk": CountedWalk(lengths=(1, 30), max_depth=3),
    "deep counted walk": CountedWalk(lengths=(8, 40), max_depth=10, closers=(4, 8)),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_draws_keep_the_promised_bounds_and_depend_on_their_own_words_only(name: str) -> None:
    distribution = DISTRIBUTIONS[name]
    word = words("bounds", 3000)
    shapes = distribution.draw(word)
    depth = np.cumsum(np.where(shapes.codes < 0, 0, 1 - 2 * (shapes.codes % 2)), axis=1).max(axis=1)
    assert shapes.codes.shape == (3000, distribution.max_length)
    assert shapes.waiting.shape == (3000, distribution.max_depth)
    assert depth.max() <= distribution.max_depth
    assert shapes.codes.max() // 2 < distribution.max_openers
    assert (shapes.length == (shapes.codes >= 0).sum(axis=1)).all()
    read: set[int] = set()

    def one_item(j: int) -> np.ndarray:
        read.add(j)
        return word(j)[17:18]

    alone: Shapes = distribution.draw(one_item)
    for column, whole in zip(alone, shapes, strict=True):
        assert (column[0] == whole[17]).all()
    assert read <= set(range(distribution.words))


# -- the counting behind them ---------------------------------------------------------------------------------------


@given(st.integers(1, 40), st.integers(1, 8), st.data())
def test_open_probabilities_are_shares_of_exact_counts(max_length: int, max_depth: int, data: st.DataObject) -> None:
    """With N(r, h) walks of r steps from height h, weighted by where they end: p(open) = N(r-1, h+1) / N(r, h)."""
    weights = tuple(data.draw(st.lists(st.sampled_from([0, 1, 3]), min_size=max_depth + 1, max_size=max_depth + 1)))
    if not any(weights):
        weights = (*weights[:-1], 1)
    count = list(weights)
    table = open_probabilities(max_length, max_depth, tuple(float(w) for w in weights))
    for left in range(1, max_length + 1):
        before, count = (
            count,
            [(count[h + 1] if h < max_depth else 0) + (count[h - 1] if h else 0) for h in range(max_depth + 1)],
        )
        for h in range(max_depth + 1):
            if count[h] == 0:
                assert np.isnan(table[left, h])
            else:
                up = before[h + 1] if h < max_depth else 0
                assert table[left, h] == pytest.approx(up / count[h], rel=1e-9)


@given(st.integers(1, 30), st.integers(1, 8), st.integers(0, 8))
def test_walks_never_reach_an_impossible_state(length: int, max_depth: int, goal: int) -> None:
    goal = min(goal, max_depth, length)
    length -= (length - goal) % 2
    table = open_probabilities(30, max_depth, tuple(float(h == goal) for h in range(max_depth + 1)))
    reachable = {0}
    for left in range(length, 0, -1):
        following = set()
        for h in reachable:
            p_open = table[left, h]
            assert 0.0 <= p_open <= 1.0  # not NaN
            following |= {h + 1} if p_open > 0 else set()
            following |= {h - 1} if p_open < 1 else set()
        assert all(0 <= h <= max_depth for h in following)
        reachable = following
    assert reachable == {goal}
