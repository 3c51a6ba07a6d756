"""Unlabelled words: balanced, free of cases of other splits, masked by BERT's rule; all of it a pure function."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bracket_env import (
    BOS,
    EOS,
    FIRST_SYMBOL,
    MASK,
    PAD,
    BracketLanguage,
    BracketTokenizer,
    InputError,
    get_setting,
    split_of,
)
from bracket_env.random_streams import key
from bracket_env.sampling.distributions import CountedWalk
from bracket_env.sampling.sampler import PrefixSampler
from supervised.data.batches import Batches, EncodedCases
from supervised.data.words import MaskedBatches, WordSource, mask_words, words_of_batch

SETTINGS = [get_setting(f"bracket/{name}-v0") for name in ("Close", "CloseDeep", "CloseTiny")]
CLOSE = SETTINGS[0]
TOKENIZER = BracketTokenizer(CLOSE.language())


def spelled(words: EncodedCases, tokenizer: BracketTokenizer) -> list[str]:
    rows = [tokenizer.spell(row[:n]) for row, n in zip(words.ids, words.length, strict=True)]
    assert all(row.startswith("<bos>") and row.endswith("<eos>") for row in rows)
    return [row.removeprefix("<bos>").removesuffix("<eos>") for row in rows]


def close_words(count: int, seed: int = 0) -> EncodedCases:
    return WordSource(CLOSE.sampler(split="train"), seed).items(0, count)


@settings(max_examples=20)
@given(st.sampled_from(SETTINGS), st.integers(0, 10**6), st.integers(0, 2))
def test_words_are_balanced_and_hide_no_case_of_another_split(setting: object, first: int, seed: int) -> None:
    assert setting in SETTINGS
    chosen = SETTINGS[SETTINGS.index(setting)]  # type: ignore[arg-type]
    language = chosen.language()
    words = WordSource(chosen.sampler(split="train"), seed).items(first, 40)
    assert (words.prompt_length == 1).all()
    for word in spelled(words, BracketTokenizer(language)):
        assert language.is_balanced(word)
        for cut in range(len(word) + 1):
            prefix = word[: len(word) - cut]
            if language.completion(prefix) == word[len(prefix) :]:
                assert split_of(prefix) == "train"


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(1, 30), st.integers(1, 30))
def test_items_do_not_depend_on_how_they_are_asked_for(first: int, left: int, right: int) -> None:
    def items(first: int, count: int) -> list[str]:
        return spelled(WordSource(CLOSE.sampler(split="train"), 0).items(first, count), TOKENIZER)

    assert items(first, left) + items(first + left, right) == items(first, left + right)


def test_a_sampled_case_becomes_one_word() -> None:
    sampler = CLOSE.sampler(split="train")
    stream, n = key(3, "tests/words"), 50
    batch = sampler.batch(np.full(n, stream, dtype=np.uint64), np.arange(n, dtype=np.uint64))
    expected = [case.prefix + case.completion for case in sampler.cases(stream, n)]
    assert spelled(words_of_batch(batch), TOKENIZER) == expected


def test_a_task_without_such_words_is_refused() -> None:
    language = BracketLanguage(("()",))
    for openers in range(2, 30):  # the only prefix of the distribution is openers alone
        prefix = "(" * openers
        cuts = [prefix + ")" * n for n in range(openers + 1)]
        if split_of(prefix) == "train" and any(split_of(cut) != "train" for cut in cuts):
            break
    walk = CountedWalk(lengths=(openers, openers), max_depth=openers, closers=(openers, openers))
    with pytest.raises(InputError, match="no balanced word lies in the train split with all its cuts"):
        WordSource(PrefixSampler(language, walk, split="train"), 0).items(0, 1)


# Masks


def test_masks_follow_the_rule_of_bert() -> None:
    n = 4000
    words = close_words(n)
    masked = mask_words(words, key(0, "tests/mask"), TOKENIZER.vocab_size)
    symbols = words.ids >= FIRST_SYMBOL
    chosen = masked.targets != PAD
    assert not (chosen & ~symbols).any()
    assert (masked.targets[chosen] == words.ids[chosen]).all()
    assert (masked.ids[~chosen] == words.ids[~chosen]).all()
    per_word = [max(1, round(0.15 * count)) for count in symbols.sum(axis=1).tolist()]
    assert chosen.sum(axis=1).tolist() == per_word
    total = int(chosen.sum())
    hidden = masked.ids[chosen] == MASK
    changed = masked.ids[chosen] != words.ids[chosen]
    k = TOKENIZER.vocab_size - FIRST_SYMBOL
    for found, share in ((hidden, 0.8), (changed & ~hidden, 0.1 * (1 - 1 / k)), (~changed, 0.1 * (1 + 1 / k))):
        assert abs(int(found.sum()) - share * total) < 5 * (share * (1 - share) * total) ** 0.5
    other = masked.ids[chosen][changed & ~hidden]
    assert set(other.tolist()) == set(range(FIRST_SYMBOL, TOKENIZER.vocab_size))


def test_every_place_of_a_word_is_as_likely_to_be_masked() -> None:
    n = 6000
    row = TOKENIZER.encode("({}[])".replace("[", "【").replace("]", "】"))
    words = EncodedCases(np.tile(np.array([BOS, *row, EOS]), (n, 1)), np.ones(n, np.int64), np.full(n, 8))
    counts = (mask_words(words, 7, TOKENIZER.vocab_size).targets != PAD).sum(axis=0)
    assert counts[[0, 7]].tolist() == [0, 0]
    assert counts.sum() == n
    assert (abs(counts[1:7] - n / 6) < 5 * (n * 5 / 36) ** 0.5).all()


@settings(max_examples=20)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=5), st.integers(0, 2))
def test_a_masked_batch_depends_on_seed_and_step_only(steps: list[int], seed: int) -> None:
    def batches() -> MaskedBatches:
        source = WordSource(CLOSE.sampler(split="train"), seed)
        return MaskedBatches(Batches(source, 5, seed), TOKENIZER.vocab_size, seed)

    jumping = batches()
    for step in steps:
        assert all(np.array_equal(a, b) for a, b in zip(jumping[step], batches()[step], strict=True))


def test_the_same_words_are_masked_anew_at_every_step_and_by_every_seed() -> None:
    words = close_words(100)
    masks = [mask_words(words, stream, TOKENIZER.vocab_size).targets != PAD for stream in (1, 2)]
    assert (masks[0] & masks[1]).sum() < 0.5 * masks[0].sum()


@settings(max_examples=20)
@given(st.lists(st.integers(0, 29), min_size=1, max_size=10))
def test_taking_rows_trims_to_the_longest_of_them(rows: list[int]) -> None:
    masked = mask_words(close_words(30), 1, TOKENIZER.vocab_size)
    taken = masked.take(np.array(rows))
    assert taken.ids.shape == taken.targets.shape == (len(rows), taken.length.max())
    for row, ids, targets in zip(rows, taken.ids, taken.targets, strict=True):
        assert np.array_equal(ids, masked.ids[row, : len(ids)])
        assert np.array_equal(targets, masked.targets[row, : len(ids)])
