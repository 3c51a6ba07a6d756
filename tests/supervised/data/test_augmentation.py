"""Augmentation: every item is a right case of the train split, and each rewriting does all that it says and no more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from itertools import permutations
from pathlib import Path
from typing import get_args, get_type_hints

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from bracket_env import BracketLanguage, BracketTokenizer, Case, InputError, Setting, get_setting, make_case, split_of
from bracket_env.random_streams import bits, key, subkey
from supervised.data.augmentation import AUGMENTATIONS, AugmentedSource, Pool, Words, cases_of, words_of
from supervised.data.batches import EncodedCases, FixedSource, encode_cases
from supervised.learning import session
from supervised.options.checks import chosen_augmentations
from supervised.runs.files import checkpoint
from supervised.train.check import check
from supervised.train.options import Train
from supervised.train.run import train

SETTINGS = [get_setting(f"bracket/{name}-v0") for name in ("Close", "CloseDeep", "CloseTiny")]
LANGUAGE = BracketLanguage(("()", "[]", "{}"))
TOKENIZER = BracketTokenizer(LANGUAGE)
LABELLED = [make_case(LANGUAGE, prefix) for prefix in ("[]", "(", "({}", "[[(){", "(((([")]


def labelled(setting: Setting, n: int, seed: int = 0) -> list[Case]:
    return setting.sampler(split="train").cases(key(seed, "tests/labels"), n)


def augmented(setting: Setting, cases: list[Case], names: tuple[str, ...], seed: int = 0) -> AugmentedSource:
    tokenizer = BracketTokenizer(setting.language())
    encoded = encode_cases(cases, tokenizer)
    return AugmentedSource(FixedSource(encoded, seed), encoded, names, setting=setting, tokenizer=tokenizer, seed=seed)


def strings(cases: EncodedCases, tokenizer: BracketTokenizer) -> list[Case]:
    """The cases, special tokens checked."""
    found = []
    for row, prompt, length in zip(cases.ids, cases.prompt_length, cases.length, strict=True):
        text = tokenizer.spell(row[:length])
        prefix, completion = tokenizer.decode(row[:prompt]), tokenizer.decode(row[prompt:length])
        assert text == f"<bos>{prefix}<sep>{completion}<eos>"
        assert not row[length:].any()
        found.append(Case(prefix, completion))
    return found


CHOICES = [*((name,) for name in AUGMENTATIONS), tuple(AUGMENTATIONS)]


@pytest.mark.parametrize("names", CHOICES, ids="+".join)
@settings(max_examples=15)
@given(st.sampled_from(SETTINGS), st.integers(1, 40), st.integers(0, 10**6), st.integers(0, 3))
def test_every_item_is_a_right_case_within_bounds(
    names: tuple[str, ...], setting: Setting, n: int, first: int, seed: int
) -> None:
    language = setting.language()
    for prefix, completion in strings(
        augmented(setting, labelled(setting, n, seed), names, seed).items(first, 60), BracketTokenizer(language)
    ):
        assert language.completion(prefix) == completion
        assert split_of(prefix) == "train"
        assert len(prefix) <= setting.max_length
        assert language.depth(prefix) <= setting.max_depth


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(1, 30), st.integers(1, 30), st.sampled_from(CHOICES))
def test_items_do_not_depend_on_how_they_are_asked_for(
    first: int, left: int, right: int, names: tuple[str, ...]
) -> None:
    setting = SETTINGS[0]
    tokenizer = BracketTokenizer(setting.language())

    def items(first: int, count: int) -> list[Case]:
        return strings(augmented(setting, labelled(setting, 20), names).items(first, count), tokenizer)

    assert items(first, left) + items(first + left, right) == items(first, left + right)


def test_seeds_augment_differently_and_most_items_are_new() -> None:
    setting = SETTINGS[0]
    cases = labelled(setting, 30)
    tokenizer = BracketTokenizer(setting.language())
    first, second = (
        strings(augmented(setting, cases, tuple(AUGMENTATIONS), seed).items(0, 2000), tokenizer) for seed in (0, 1)
    )
    assert len({*first} & {*second}) < 600
    assert len({*first}) > 1000
    assert sum(case in cases for case in first) < 200


@settings(max_examples=25)
@given(st.integers(1, 30), st.integers(0, 5))
def test_words_are_cases_without_special_tokens(n: int, more: int) -> None:
    encoded = encode_cases(labelled(SETTINGS[1], n), BracketTokenizer(SETTINGS[1].language()))
    words = words_of(encoded, encoded.ids.shape[1] - 3 + more)
    assert all(np.array_equal(a, b) for a, b in zip(cases_of(words), encoded, strict=True))


# Naive twins: everything that a rewriting may make of a case, by strings.


def word(case: Case) -> str:
    return case.prefix + case.completion


def permuted(case: Case) -> Iterator[Case]:
    for names in permutations(LANGUAGE.pairs):
        table = str.maketrans("".join(LANGUAGE.pairs), "".join(names))
        yield Case(case.prefix.translate(table), case.completion.translate(table))


def wrapped(case: Case) -> Iterator[Case]:
    for opener, closer in LANGUAGE.pairs:
        yield Case(opener + case.prefix, case.completion + closer)


def fitting(case: Case) -> list[str]:
    return [word(other) for other in LABELLED if len(case.prefix) + len(word(other)) <= MAX_LENGTH] or [""]


def concatenated(case: Case) -> Iterator[Case]:
    for other in fitting(case):
        yield Case(other + case.prefix, case.completion)


def inserted(case: Case) -> Iterator[Case]:
    for other in fitting(case):
        for place in range(len(case.prefix) + 1):
            yield Case(case.prefix[:place] + other + case.prefix[place:], case.completion)


def removed(case: Case) -> Iterator[Case]:
    n = len(case.prefix)
    stretches = [(a, b) for a in range(n) for b in range(a + 1, n + 1) if LANGUAGE.is_balanced(case.prefix[a:b])]
    for a, b in stretches or [(0, 0)]:
        yield Case(case.prefix[:a] + case.prefix[b:], case.completion)


def mirrored(case: Case) -> Iterator[Case]:
    swap = str.maketrans(LANGUAGE.openers + LANGUAGE.closers, LANGUAGE.closers + LANGUAGE.openers)
    text = word(case)[::-1].translate(swap)
    last_run = len(text) - len(text.rstrip(LANGUAGE.closers))
    for closers in range(min(last_run, max(len(other.completion) for other in LABELLED)) + 1):
        yield Case(text[: len(text) - closers], text[len(text) - closers :])


MAX_LENGTH = 12
TWINS = {
    "permute": permuted, "wrap": wrapped, "concatenate": concatenated, "insert": inserted, "remove": removed,
    "mirror": mirrored,
}  # fmt: skip


@pytest.mark.parametrize("name", AUGMENTATIONS)
@pytest.mark.parametrize("prefix", ["", "(", "([]", "()[]{}", "([]{()[]}()", "((([", "{}(([]({}", "[[]]", "(()[]){"])
def test_a_rewriting_reaches_all_that_its_naive_twin_lists_and_nothing_else(name: str, prefix: str) -> None:
    case, draws = make_case(LANGUAGE, prefix), 3000
    width = 40
    pool = Pool(words_of(encode_cases(LABELLED, TOKENIZER), width), len(LANGUAGE.pairs), MAX_LENGTH)
    words = words_of(encode_cases([case] * draws, TOKENIZER), width)
    keys = subkey(np.array([key(0, "tests/draws")], dtype=np.uint64), np.arange(draws, dtype=np.uint64))
    found: Words = AUGMENTATIONS[name][0](words, pool, lambda j: bits(keys, j))
    assert set(strings(cases_of(found), TOKENIZER)) == set(TWINS[name](case))


def test_the_permutations_are_equally_likely() -> None:
    setting, cases = SETTINGS[2], [make_case(SETTINGS[2].language(), "(")]
    found = strings(augmented(setting, cases, ("permute",)).items(0, 4000), BracketTokenizer(setting.language()))
    assert abs(sum(case.prefix == "(" for case in found) - 2000) < 5 * (4000 / 4) ** 0.5


def test_what_would_be_too_long_or_too_deep_is_left_as_it_was() -> None:
    setting = replace(SETTINGS[2], id="full")
    language = setting.language()
    for prefix in ("((((((", "()()()"):
        case = make_case(language, prefix)
        for name in ("wrap", "concatenate", "insert"):
            found = strings(augmented(setting, [case], (name,)).items(0, 50), BracketTokenizer(language))
            assert set(found) == {case}


def test_a_case_longer_than_the_setting_stays_or_gets_short_enough() -> None:
    setting = SETTINGS[2]
    language = setting.language()
    long = next(
        c for c in (make_case(language, "()[]" * 3 + "(" * n) for n in range(9)) if split_of(c.prefix) == "train"
    )
    found = strings(augmented(setting, [long], tuple(AUGMENTATIONS)).items(0, 300), BracketTokenizer(language))
    assert all(len(case.prefix) <= setting.max_length or case == long for case in found)
    assert all(language.completion(case.prefix) == case.completion for case in found)
    assert len(set(found)) > 1


# The option


def test_the_options_choices_are_the_augmentations() -> None:
    [literal, _] = get_args(get_type_hints(Train)["augment"])
    assert set(get_args(literal)) == {"none", "all", *AUGMENTATIONS}


def test_the_chosen_augmentations() -> None:
    assert chosen_augmentations(("none",)) == ()
    assert chosen_augmentations(("all",)) == tuple(AUGMENTATIONS)
    assert set(chosen_augmentations(("permute", "wrap"))) == {"permute", "wrap"}


@pytest.mark.parametrize(
    ("names", "size", "message"),
    [
        (("all",), "stream", "--augment goes with --dataset-size or --dataset"),
        (("rotate",), "30", "not 'rotate'"),
        (("all", "wrap"), "30", "not all wrap"),
        (("wrap", "none"), "30", "not wrap none"),
        ((), "30", "not nothing"),
    ],
)
def test_bad_choices_are_refused(names: tuple[str, ...], size: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check(Train(augment=names, dataset_size=size))  # type: ignore[arg-type]


def test_an_augmented_run_goes_on_exactly(tmp_path: Path) -> None:
    config = Train(
        name="run", setting="bracket/CloseTiny-v0", dataset_size="30", augment=("all",), units=6, embedding_size=4,
        batch_size=8, steps=60, warmup_steps=5, eval_every=30, eval_cases=20,
    )  # fmt: skip

    def weights(root: Path, *configs: Train) -> dict[str, torch.Tensor]:
        for each in configs:
            folder = train(replace(each, runs_dir=str(root)), ["train"], Console(file=StringIO()), report=False)
        assert folder is not None
        return checkpoint.read(folder.checkpoint / session.CHECKPOINT).tensors

    whole = weights(tmp_path / "whole", config)
    in_parts = weights(tmp_path / "parts", replace(config, time_limit="0.001s"), Train(resume="run"))
    plain = weights(tmp_path / "plain", replace(config, augment=("none",)))
    assert all(torch.equal(whole[name], in_parts[name]) for name in whole)
    assert not all(torch.equal(whole[name], plain[name]) for name in whole)
