"""Keys and counters: published values, bijections undone, scalars and arrays alike, no two streams that touch."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from bracket_env.random_streams import GOLDEN, MASK64, below, bits, key, keyed_seeds, mix64, subkey

words64 = st.integers(0, MASK64)
counters = st.integers(0, 2**40)


def undo_xorshift(word: int, shift: int) -> int:
    """The x with ``x ^ (x >> shift) == word``: every round makes ``shift`` more high bits right."""
    x = word
    for _ in range(64 // shift + 1):
        x = word ^ (x >> shift)
    return x


def undo_mix64(word: int) -> int:
    """The published mixing steps, backwards."""
    word = undo_xorshift(word, 31) * pow(0x94D049BB133111EB, -1, 2**64) & MASK64
    word = undo_xorshift(word, 27) * pow(0xBF58476D1CE4E5B9, -1, 2**64) & MASK64
    return undo_xorshift(word, 30)


# The first outputs of splitmix64 from state 1234567, as its public implementations list them.
PUBLISHED = [
    6457827717110365317,
    3203168211198807973,
    9817491932198370423,
    4593380528125082431,
    16408922859458223821,
]


def test_the_words_of_a_stream_are_splitmix64s() -> None:
    assert [bits(1234567, counter) for counter in range(5)] == PUBLISHED


def test_key_of_the_docstring_is_frozen() -> None:
    assert key(0, "demo") == 0x602C374BD8C7BC20


@given(words64)
def test_mix64_can_be_undone_so_it_is_a_bijection(word: int) -> None:
    assert undo_mix64(mix64(word)) == word


@given(st.lists(words64, min_size=1, max_size=8), counters)
def test_arrays_and_scalars_give_the_same_words(streams: list[int], counter: int) -> None:
    array = np.array(streams, dtype=np.uint64)
    assert mix64(array).tolist() == [mix64(word) for word in streams]
    assert bits(array, counter).tolist() == [bits(word, counter) for word in streams]
    assert array.tolist() == streams  # the argument is left alone


@given(words64, st.lists(words64, min_size=1, max_size=8))
def test_subkeys_of_arrays_and_scalars_are_the_same(stream: int, items: list[int]) -> None:
    expected = [subkey(stream, item) for item in items]
    indices = np.array(items, dtype=np.uint64)
    assert subkey(np.full(len(items), stream, dtype=np.uint64), indices).tolist() == expected
    assert subkey(np.array([stream], dtype=np.uint64), indices).tolist() == expected


@given(st.lists(words64, min_size=1, max_size=8), st.integers(1, 2**32))
def test_below_is_the_same_for_arrays_and_stays_in_range(words: list[int], n: int) -> None:
    expected = [below(word, n) for word in words]
    assert below(np.array(words, dtype=np.uint64), n).tolist() == expected
    assert all(0 <= value < n for value in expected)


def test_below_is_uniform() -> None:
    words = bits(np.full(1, key(0, "test/below"), dtype=np.uint64) + np.arange(70_000, dtype=np.uint64), 0)
    assert chisquare(np.bincount(below(words, 7).astype(int), minlength=7)).pvalue > 1e-4


def test_every_input_bit_flips_every_output_bit_about_half_the_time() -> None:
    samples = 4000
    words = np.array([bits(key(0, "test/avalanche"), i) for i in range(samples)], dtype=np.uint64)
    mixed = mix64(words)
    positions = np.arange(64, dtype=np.uint64)
    for position in positions:
        changed = mixed ^ mix64(words ^ (np.uint64(1) << position))
        share = ((changed[:, None] >> positions) & np.uint64(1)).mean(axis=0)
        assert np.abs(share - 0.5).max() < 6 * 0.5 / samples**0.5  # 6 sigma of a fair coin, 4096 coins


def test_no_two_streams_of_a_grid_share_a_word() -> None:
    """Word c of key k is mix64(k + (c+1) GOLDEN): two streams meet where their keys differ by few GOLDENs."""
    purposes = ["bracket_env/episodes", "bracket_env/split", "demo", "", "a", "b"]
    keys = [key(seed, purpose, index) for seed, purpose, index in product(range(60), purposes, range(60))]
    assert len(set(keys)) == len(keys)
    steps = sorted(k * pow(GOLDEN, -1, 2**64) & MASK64 for k in keys)
    gaps = [b - a for a, b in zip(steps, [*steps[1:], steps[0] + 2**64], strict=True)]
    assert min(gaps) > 2**24


def test_a_key_is_a_mix_and_never_a_sum() -> None:
    assert key(0, "p", 1) != key(1, "p", 0)
    by_sum: dict[int, set[int]] = {}
    for seed, index in product(range(20), range(20)):
        by_sum.setdefault(seed + index, set()).add(key(seed, "p", index))
    assert all(len(found) == min(total, 38 - total) + 1 for total, found in by_sum.items())


def test_all_bits_of_a_wide_seed_count() -> None:
    seeds = [5, 5 + 2**64, 5 + 2**65, 5 + 2**128, 5 + (1 << 400), 2**64, 2**128, 0]
    assert len({key(seed, "p") for seed in seeds}) == len(seeds)


@given(st.integers(0, 2**200), st.text(max_size=10), st.integers(0, MASK64))
def test_a_key_is_a_64_bit_word_and_repeats(seed: int, purpose: str, index: int) -> None:
    assert 0 <= key(seed, purpose, index) <= MASK64
    assert key(seed, purpose, index) == key(seed, purpose, index)


@pytest.mark.parametrize(("seed", "index"), [(-1, 0), (0, -1), (-(2**70), 3)])
def test_negative_parts_are_refused_by_value(seed: int, index: int) -> None:
    with pytest.raises(ValueError, match=rf"seed {seed}, index {index}"):
        key(seed, "p", index)


def test_run_seeds_share_no_environment() -> None:
    lists = [keyed_seeds(run, "test/envs", 500) for run in range(20)]
    assert len({seed for seeds in lists for seed in seeds}) == 20 * 500
    assert all(0 <= seed < 2**63 for seeds in lists for seed in seeds)
    # SeedSequence or seed + i would put neighbours next to each other.
    assert min(np.diff(np.sort(np.array(lists, dtype=np.uint64).ravel()))) > 512


def test_asking_for_more_seeds_keeps_the_first_ones() -> None:
    assert keyed_seeds(3, "test/envs", 10) == keyed_seeds(3, "test/envs", 40)[:10]
    assert keyed_seeds(3, "test/envs", 10) != keyed_seeds(3, "test/other", 10)
