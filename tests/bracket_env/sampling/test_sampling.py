"""Cases from keys: one item is the same alone, in a batch and in a scalar twin; types and splits as promised."""

from __future__ import annotations

from collections import Counter
from functools import cache
from itertools import count, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from bracket_env import BOS, EOS, SEP, BracketLanguage, Case, InputError
from bracket_env.random_streams import below, bits, key, subkey
from bracket_env.sampling.distributions import CountedWalk, CutWalk, ShapeDistribution
from bracket_env.sampling.sampler import PrefixSampler, TypeRule
from bracket_env.sampling.splits import Split, split_of

THREE = BracketLanguage()
HUNDRED = BracketLanguage([chr(0x4E00 + 2 * i) + chr(0x4E01 + 2 * i) for i in range(100)])
ONE = BracketLanguage(("()",))

SAMPLERS: dict[str, PrefixSampler] = {
    "cut walk": PrefixSampler(THREE, CutWalk()),
    "cut walk, train": PrefixSampler(THREE, CutWalk(), split="train"),
    "cut walk, test": PrefixSampler(THREE, CutWalk(), split="test"),
    "cut walk, alternating": PrefixSampler(THREE, CutWalk(), types="alternating", split="validation"),
    "counted walk": PrefixSampler(THREE, CountedWalk(lengths=(0, 30), max_depth=6)),
    "counted walk, alternating": PrefixSampler(
        THREE, CountedWalk(lengths=(8, 40), max_depth=10, closers=(4, 8)), types="alternating", split="test"
    ),
    "one pair": PrefixSampler(ONE, CutWalk(), split="train"),
    "one pair, alternating": PrefixSampler(ONE, CountedWalk(lengths=(1, 9), max_depth=4), types="alternating"),
    "100 pairs": PrefixSampler(HUNDRED, CutWalk()),
    "100 pairs, alternating": PrefixSampler(
        HUNDRED, CountedWalk(lengths=(1, 30), max_depth=5), types="alternating", split="test"
    ),
}


def naive_case(sampler: PrefixSampler, stream: int, index: int) -> Case:
    """One item by the documented recipe, a symbol at a time: shape, then one digit per opener, then the split.

    Digits are read in groups of g, as many as keep base**g within 65536 (and no more than there are openers), from the
    high half of one word each. An alternating digit is ``free * (k - 1) + offset - 1``.
    """
    distribution: ShapeDistribution = sampler.distribution
    language = sampler.language
    k = len(language.pairs)
    alternating = sampler.types == "alternating" and k > 1
    base = k * (k - 1) if alternating else k
    group = next(g for g in count(1) if g == distribution.max_openers or base ** (g + 1) > 65536)
    words = distribution.words + -(-distribution.max_openers // group)
    item = subkey(stream, index)
    for attempt in count():

        def word(j: int, first: int = attempt * words) -> int:
            return bits(item, first + j)

        codes = distribution.draw(lambda j, word=word: np.array([word(j)], dtype=np.uint64)).codes[0].tolist()
        digits: list[int] = []
        for g in range(words - distribution.words):
            number = below(word(distribution.words + g), base**group)
            digits += [number // base**place % base for place in reversed(range(group))]
        prefix, stack = "", list[int]()
        for code in codes:
            if code < 0:
                break
            if code % 2 == 0:
                digit = digits[code // 2]
                if alternating and stack:
                    digit = (stack[-1] + 1 + digit % (k - 1)) % k
                elif alternating:
                    digit //= k - 1
                stack.append(digit)
                prefix += language.openers[digit]
            else:
                prefix += language.closers[stack.pop()]
        if sampler.split in ("all", split_of(prefix)):
            return Case(prefix, language.completion(prefix))
    raise AssertionError


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_item_is_the_first_accepted_attempt_of_a_naive_loop(name: str) -> None:
    sampler = SAMPLERS[name]
    cases = sampler.cases(stream=key(5, "test/naive"), n=60)
    assert cases == [naive_case(sampler, key(5, "test/naive"), index) for index in range(60)]


@pytest.mark.parametrize("name", SAMPLERS)
@settings(max_examples=8)
@given(data=st.data())
def test_an_item_is_the_same_alone_in_any_batch_and_in_any_order(name: str, data: st.DataObject) -> None:
    sampler = SAMPLERS[name]
    items = st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**40))
    asked = data.draw(st.lists(items, min_size=1, max_size=12))
    streams, indices = (np.array(column, dtype=np.uint64) for column in zip(*asked, strict=True))
    batch = sampler.batch(streams, indices)
    for row, (stream, index) in enumerate(asked):
        alone = sampler.batch(np.array([stream], dtype=np.uint64), np.array([index], dtype=np.uint64))
        for column, whole in zip(alone, batch, strict=True):
            assert np.array_equal(column[0], whole[row])
        prefix, completion = sampler.case(stream, index)
        assert sampler.tokenizer.decode(batch.prompt[row]) == prefix
        assert sampler.tokenizer.decode(batch.answer[row]) == completion


def test_cases_go_on_where_a_start_says() -> None:
    sampler = SAMPLERS["cut walk"]
    whole = sampler.cases(9, 9000)  # more than one internal batch
    assert whole[8000:] == sampler.cases(9, 1000, start=8000)
    assert sampler.cases(9, 0) == []


def test_streams_share_no_sequence() -> None:
    sampler = SAMPLERS["counted walk, alternating"]
    first, second = (sampler.cases(key(seed, "test/streams"), 500) for seed in (0, 1))
    assert sum(a == b for a, b in zip(first, second, strict=True)) < 5


@pytest.mark.parametrize("name", SAMPLERS)
def test_rows_are_well_formed_and_every_completion_is_the_languages_own(name: str) -> None:
    sampler = SAMPLERS[name]
    n = 400
    batch = sampler.batch(np.full(n, key(0, "test/rows"), dtype=np.uint64), np.arange(n, dtype=np.uint64))
    cases = sampler.cases(key(0, "test/rows"), n)
    assert batch.prompt.dtype == batch.answer.dtype == sampler.tokenizer.dtype
    assert batch.prompt.shape == (n, sampler.distribution.max_length + 2)
    assert batch.answer.shape == (n, sampler.distribution.max_depth + 1)
    for row, (prefix, completion) in enumerate(cases):
        assert completion == sampler.language.completion(prefix)
        prompt = [BOS, *sampler.tokenizer.encode(prefix), SEP]
        answer = [*sampler.tokenizer.encode(completion), EOS]
        assert (batch.prompt_length[row], batch.answer_length[row]) == (len(prompt), len(answer))
        assert batch.prompt[row].tolist() == prompt + [0] * (batch.prompt.shape[1] - len(prompt))
        assert batch.answer[row].tolist() == answer + [0] * (batch.answer.shape[1] - len(answer))


# -- types ----------------------------------------------------------------------------------------------------------


def typed_openers(language: BracketLanguage, prefix: str) -> list[tuple[int, int | None]]:
    """(type, type of the bracket around it) of every opener."""
    stack: list[int] = []
    found = []
    for symbol in prefix:
        if symbol in language.closer_of:
            kind = language.openers.index(symbol)
            found.append((kind, stack[-1] if stack else None))
            stack.append(kind)
        else:
            stack.pop()
    return found


def uniform(counts: Counter[tuple[int, ...]], cells: int) -> bool:
    observed = [*counts.values()] + [0] * (cells - len(counts))
    return len(counts) <= cells and chisquare(observed).pvalue > 1e-4


@pytest.mark.parametrize("pairs", [("()", "[]"), THREE.pairs, tuple(HUNDRED.pairs[:7])])
@pytest.mark.parametrize("distribution", [CutWalk(), CountedWalk(lengths=(10, 40), max_depth=8)])
def test_independent_types_are_uniform_and_independent(pairs: tuple[str, ...], distribution: ShapeDistribution) -> None:
    language = BracketLanguage(pairs)
    k = len(pairs)
    by_opener: Counter[tuple[int, ...]] = Counter()
    neighbours: Counter[tuple[int, ...]] = Counter()
    nested: Counter[tuple[int, ...]] = Counter()
    for prefix, _ in PrefixSampler(language, distribution).cases(key(1, "test/types"), 12_000):
        typed = typed_openers(language, prefix)
        by_opener.update((number, kind) for number, (kind, _) in enumerate(typed[:2]))
        first_types = [kind for kind, _ in typed[:4]]
        neighbours.update(list(pairwise(first_types))[::2])  # disjoint pairs: the cells are independent draws
        nested.update([(kind, around) for kind, around in typed if around is not None][:1])
    for number in range(2):
        assert uniform(Counter({cell: n for cell, n in by_opener.items() if cell[0] == number}), k)
    assert uniform(neighbours, k * k)
    assert uniform(nested, k * k)


@pytest.mark.parametrize("pairs", [("()", "[]"), THREE.pairs, tuple(HUNDRED.pairs[:7])])
def test_alternating_types_differ_from_the_bracket_around_and_are_uniform_over_the_rest(pairs: tuple[str, ...]) -> None:
    language = BracketLanguage(pairs)
    k = len(pairs)
    walk = CountedWalk(lengths=(8, 40), max_depth=10, closers=(4, 8))
    outermost: Counter[tuple[int, ...]] = Counter()
    nested: Counter[tuple[int, ...]] = Counter()
    for prefix, _ in PrefixSampler(language, walk, types="alternating").cases(key(2, "test/types"), 12_000):
        typed = typed_openers(language, prefix)
        assert all(kind != around for kind, around in typed)
        outermost.update([(kind,) for kind, around in typed if around is None][:1])
        nested.update([(kind, around) for kind, around in typed if around is not None][-1:])
    assert uniform(outermost, k)
    assert uniform(nested, k * (k - 1))


def test_one_pair_has_no_other_type_to_alternate_with() -> None:
    cases = SAMPLERS["one pair, alternating"].cases(0, 200)
    assert {symbol for prefix, _ in cases for symbol in prefix} == {"(", ")"}
    assert any("((" in prefix for prefix, _ in cases)


def test_a_hundred_pairs_are_all_used() -> None:
    seen = Counter(s for prefix, _ in SAMPLERS["100 pairs"].cases(0, 4000) for s in prefix if s in HUNDRED.closer_of)
    assert set(seen) == set(HUNDRED.openers)
    assert SAMPLERS["100 pairs"].tokenizer.dtype == np.uint8


# -- splits ---------------------------------------------------------------------------------------------------------


@cache
def cases_of_all_splits() -> list[Case]:
    return PrefixSampler(THREE, CutWalk()).cases(key(3, "test/all"), 25_000)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_split_is_the_whole_distribution_seen_through_the_split(split: Split) -> None:
    """Rejection keeps proportions: lengths of a split are distributed as those of all prefixes that lie in it."""
    everything = cases_of_all_splits()
    expected = Counter(len(case.prefix) for case in everything if split_of(case.prefix) == split)
    found = Counter(len(case.prefix) for case in PrefixSampler(THREE, CutWalk(), split=split).cases(0, 3000))
    # Prefixes repeat, so the share of draws that fall into a split varies more than that of prefixes.
    assert abs(expected.total() / len(everything) - (0.8 if split == "train" else 0.1)) < 0.05
    for length, n in expected.items():
        p = n / expected.total()
        assert abs(found[length] / 3000 - p) < 6 * (p / 3000 + p / expected.total()) ** 0.5


def test_a_split_without_any_prefix_is_an_error_and_not_an_endless_loop() -> None:
    only = CountedWalk(lengths=(2, 2), max_depth=1, closers=(0, 0))  # nothing but "()", which is for validation
    assert PrefixSampler(ONE, only, split="validation").case(0, 0) == Case("()", "")
    with pytest.raises(InputError, match=r"no prefix of split 'test' after 10000 attempts"):
        PrefixSampler(ONE, only, split="test").case(0, 0)


@pytest.mark.parametrize(
    ("types", "split", "message"),
    [
        ("nested", "all", r"unknown type rule 'nested': use independent or alternating"),
        ("independent", "dev", r"unknown split 'dev'"),
    ],
)
def test_unknown_rules_are_named(types: TypeRule, split: Split, message: str) -> None:
    with pytest.raises(InputError, match=message):
        PrefixSampler(THREE, CutWalk(), types=types, split=split)
