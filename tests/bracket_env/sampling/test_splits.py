"""Splits: a frozen fact about the string, in the right shares, the same for scalars, batches and languages."""

from __future__ import annotations

import hashlib
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bracket_env import DEFAULT_PAIRS, FIRST_SYMBOL, SETTINGS, BracketLanguage, BracketTokenizer, InputError
from bracket_env.random_streams import below, bits
from bracket_env.sampling.splits import SPLITS, SplitFilter, check_split, split_of

# Another hash would move prefixes between splits and make every earlier "unseen" a lie.
FROZEN = {
    "": "train",
    "(": "train",
    "【": "train",
    "({": "train",
    "({【": "train",
    "({【】": "validation",
    "()": "validation",
    "()(": "train",
    "((((": "test",
    "((【": "validation",
    "[(<": "test",
    "[]{}<>(": "train",
    "α": "validation",
    "((){}【": "train",
}


def extended_prefixes(language: BracketLanguage, length: int) -> list[str]:
    """Every prefix of exactly ``length`` symbols."""
    found = [("", "")]
    for _ in range(length):
        found = [
            *((text + o, stack + language.closer_of[o]) for text, stack in found for o in language.openers),
            *((text + stack[-1], stack[:-1]) for text, stack in found if stack),
        ]
    return [text for text, _ in found]


def split_filter(split: str, language: BracketLanguage, max_length: int) -> SplitFilter:
    symbols = [*[None] * FIRST_SYMBOL, *"".join(language.pairs)]
    return SplitFilter(check_split(split), symbols, max_length)


def id_rows(language: BracketLanguage, prefixes: list[str], width: int) -> np.ndarray:
    tokenizer = BracketTokenizer(language)
    return np.array([tokenizer.encode(prefix) + [0] * (width - len(prefix)) for prefix in prefixes], dtype=int)


@pytest.mark.parametrize(("prefix", "split"), FROZEN.items())
def test_the_split_of_a_prefix_never_changes(prefix: str, split: str) -> None:
    assert split_of(prefix) == split


def test_no_short_prefix_ever_moves() -> None:
    short = [prefix for length in range(6) for prefix in extended_prefixes(BracketLanguage(), length)]
    letters = "".join(split_of(prefix)[0] for prefix in short)
    assert hashlib.sha256(letters.encode()).hexdigest()[:16] == "7055efa1645e2dfd"


@given(st.lists(st.text("()【】{}", max_size=12), min_size=1, max_size=20), st.sampled_from(SPLITS), st.integers(0, 5))
def test_batches_agree_with_the_scalar_function(texts: list[str], split: str, spare: int) -> None:
    language = BracketLanguage()
    width = max(map(len, texts)) + spare
    accepted = split_filter(split, language, width)(id_rows(language, texts, width))
    assert accepted.tolist() == [split in ("all", split_of(text)) for text in texts]


def test_the_order_of_the_pairs_plays_no_part() -> None:
    prefixes = extended_prefixes(BracketLanguage(), 4)
    for order in permutations(DEFAULT_PAIRS):
        language = BracketLanguage([*order, "<>"])
        accepted = split_filter("test", language, 4)(id_rows(language, prefixes, 4))
        assert accepted.tolist() == [split_of(prefix) == "test" for prefix in prefixes]


@pytest.mark.parametrize("length", [6, 7])
def test_shares_of_all_prefixes_are_80_10_10(length: int) -> None:
    assert_shares([split_of(prefix) for prefix in extended_prefixes(BracketLanguage(), length)])


def test_shares_of_long_strings_are_80_10_10() -> None:
    """300 000 random strings of 30 symbols: the share of each split is known to 0.3 %."""
    words = bits(np.arange(300_000 * 30, dtype=np.uint64), 0)
    rows = (FIRST_SYMBOL + below(words, 6)).astype(np.intp).reshape(-1, 30)
    names = np.full(len(rows), "", dtype="<U10")
    for split in ("train", "validation", "test"):
        names[split_filter(split, BracketLanguage(), 30)(rows)] = split
    assert_shares(names.tolist())


def assert_shares(splits: list[str]) -> None:
    for split, share in (("train", 0.8), ("validation", 0.1), ("test", 0.1)):
        sigma = (len(splits) * share * (1 - share)) ** 0.5
        assert abs(splits.count(split) - share * len(splits)) < 4 * sigma, split


def test_no_prefix_lies_in_two_splits_and_none_is_lost() -> None:
    language = BracketLanguage(("()", "[]"))
    prefixes = [prefix for length in range(8) for prefix in extended_prefixes(language, length)]
    rows = id_rows(language, prefixes, 7)
    members = sum(split_filter(split, language, 7)(rows).astype(int) for split in ("train", "validation", "test"))
    assert (members == 1).all()
    assert split_filter("all", language, 7)(rows).all()


@pytest.mark.parametrize("setting", ["bracket/Close-v0", "bracket/CloseDeep-v0", "bracket/CloseTiny-v0"])
def test_samplers_of_different_splits_share_no_prefix(setting: str) -> None:
    drawn = {
        split: {case.prefix for case in SETTINGS[setting].sampler(split=split).cases(stream=1, n=2000)}
        for split in ("train", "validation", "test")
    }
    assert all(split_of(prefix) == split for split, prefixes in drawn.items() for prefix in prefixes)
    assert sum(map(len, drawn.values())) == len(set.union(*drawn.values()))


def test_neighbouring_strings_fall_independently() -> None:
    """Appending a symbol tells nothing: the split of the longer string is as 80/10/10 as ever."""
    longer = [p for p in extended_prefixes(BracketLanguage(), 7) if split_of(p[:-1]) == "test"]
    in_test = sum(split_of(prefix) == "test" for prefix in longer)
    assert abs(in_test - 0.1 * len(longer)) < 4 * (0.09 * len(longer)) ** 0.5


def test_unknown_split_is_named() -> None:
    with pytest.raises(InputError, match=r"unknown split 'tset': use one of train, validation, test, all"):
        check_split("tset")
