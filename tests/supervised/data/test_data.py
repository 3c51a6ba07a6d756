"""Training data: a batch is a pure function of (seed, step), whatever was asked for before."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bracket_env import BracketTokenizer, Case, InputError, get_setting, split_of
from bracket_env.random_streams import key
from supervised.data.batches import (
    BUCKET_BATCHES,
    Batches,
    EncodedCases,
    FixedSource,
    MixedSource,
    StreamSource,
    encode_cases,
)

SETTING = get_setting("bracket/CloseTiny-v0")
SAMPLER = SETTING.sampler(split="train")
TOKENIZER = BracketTokenizer(SETTING.language())


def rows(cases: EncodedCases) -> list[list[int]]:
    return [row[:n].tolist() for row, n in zip(cases.ids, cases.length, strict=True)]


def stream(seed: int = 0) -> StreamSource:
    return StreamSource(SAMPLER, seed)


def numbered(n: int, seed: int = 0) -> FixedSource:
    """n cases that can be told apart: case i is i + 1 openers."""
    return FixedSource(encode_cases([Case("(" * (i + 1), ")" * (i + 1)) for i in range(n)], TOKENIZER), seed)


def numbers(cases: EncodedCases) -> list[int]:
    return (cases.prompt_length - 3).tolist()


@settings(max_examples=25)
@given(st.integers(0, 2**40), st.integers(1, 40))
def test_rows_of_a_stream_are_the_samplers_cases(first: int, count: int) -> None:
    expected = SAMPLER.cases(key(5, "supervised/train"), count, start=first)
    found = stream(5).items(first, count)
    assert rows(found) == [TOKENIZER.encode_case(*case) for case in expected]
    assert found.prompt_length.tolist() == [len(case.prefix) + 2 for case in expected]
    assert all(split_of(case.prefix) == "train" for case in expected)


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(1, 30), st.integers(1, 30))
def test_items_do_not_depend_on_how_they_are_asked_for(first: int, left: int, right: int) -> None:
    for source in (stream(), numbered(7), MixedSource(stream(), numbered(7), 0.4, 3)):
        parts = rows(source.items(first, left)) + rows(source.items(first + left, right))
        assert rows(source.items(first, left + right)) == parts


@settings(max_examples=25)
@given(st.integers(1, 25), st.integers(0, 5))
def test_each_epoch_visits_every_case_once(n: int, epoch: int) -> None:
    assert sorted(numbers(numbered(n).items(epoch * n, n))) == list(range(n))


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    orders = [tuple(numbers(numbered(30, seed).items(epoch * 30, 30))) for seed in (0, 1) for epoch in (0, 1)]
    assert len(set(orders)) == 4


def test_an_empty_set_is_refused() -> None:
    with pytest.raises(InputError, match="the data set is empty"):
        FixedSource(encode_cases([], TOKENIZER), 0)


@settings(max_examples=25)
@given(st.integers(1, 9), st.integers(0, 50), st.integers(0, 3))
def test_batches_of_a_bucket_are_what_was_drawn(batch_size: int, bucket: int, seed: int) -> None:
    batches, drawn = Batches(stream(seed), batch_size, seed), BUCKET_BATCHES * batch_size
    found = [row for i in range(BUCKET_BATCHES) for row in rows(batches[bucket * BUCKET_BATCHES + i])]
    assert Counter(map(tuple, found)) == Counter(map(tuple, rows(stream(seed).items(bucket * drawn, drawn))))


@settings(max_examples=25)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=6), st.integers(0, 2))
def test_a_batch_depends_on_seed_and_step_only(steps: list[int], seed: int) -> None:
    jumping = Batches(stream(seed), 5, seed)
    for step in steps:
        alone = Batches(stream(seed), 5, seed)[step]
        assert all(np.array_equal(a, b) for a, b in zip(jumping[step], alone, strict=True))


def test_buckets_pad_less_than_unsorted_batches_and_are_shuffled() -> None:
    source = StreamSource(get_setting("bracket/Close-v0").sampler(split="train"), 0)
    batches = [Batches(source, 64, 0)[i] for i in range(4 * BUCKET_BATCHES)]
    cells = sum(batch.ids.size for batch in batches)
    unsorted = sum(source.items(i * 64, 64).ids.size for i in range(4 * BUCKET_BATCHES))
    assert cells < 0.8 * unsorted
    longest = [batch.ids.shape[1] for batch in batches]
    assert longest[:BUCKET_BATCHES] != sorted(longest[:BUCKET_BATCHES])


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_mix_keeps_its_share(share: float) -> None:
    n = 20_000
    mixed = MixedSource(numbered(1), numbered(2), share, 0).items(0, n)
    # Half of the second source's items are like the first source's.
    from_second = 2 * sum(number == 1 for number in numbers(mixed)) / n
    assert abs(from_second - share) < 5 * (4 * 0.25 / n) ** 0.5


def test_item_i_of_a_mix_is_item_i_of_one_of_the_sources() -> None:
    ours, theirs = numbered(3).items(0, 200), numbered(11, seed=1).items(0, 200)
    for i, number in enumerate(numbers(MixedSource(numbered(3), numbered(11, seed=1), 0.5, 0).items(0, 200))):
        assert number in (numbers(ours)[i], numbers(theirs)[i])


@settings(max_examples=25)
@given(st.lists(st.integers(0, 49), min_size=1, max_size=10))
def test_taking_rows_trims_to_the_longest_of_them(chosen: list[int]) -> None:
    all_rows = stream().items(0, 50)
    taken = all_rows.take(np.array(chosen))
    assert rows(taken) == [rows(all_rows)[i] for i in chosen]
    assert taken.ids.shape[1] == taken.length.max()


def test_tokens_of_the_loss_are_counted() -> None:
    cases = encode_cases([Case("((", "))"), Case("()", "")], TOKENIZER)
    assert cases.token_count(everywhere=False) == 3 + 1
    assert cases.token_count(everywhere=True) == 6 + 4
