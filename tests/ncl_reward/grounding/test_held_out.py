"""Sentences that were written without the rule book at hand: how many are understood."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bracket_env import BracketLanguage, InputError
from ncl_reward import book
from ncl_reward.encoders.encoders import make_encoder
from ncl_reward.grounding.stated import Grounded, contradictions, ground
from ncl_reward.reading.sentence import parse_sentence


def read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((Path(__file__).parent / f"{name}_sentences.json").read_text("utf-8"))
    return content


SENTENCES = read("held_out")
DEVELOPMENT = read("development")  # words and book were chosen with the misread ones in view
FRESH = read("fresh")  # written when all was chosen, and measured once
ORDER = read("order")  # nesting and queue in images and registers of all kinds, by a writer who knew the meanings alone
LANGUAGE = BracketLanguage()
REQUIRED = 0.95
REACHED = 0.92  # what the default encoder and the lexicons are good for so far
FRESH_REACHED = 0.91
DEVELOPMENT_REACHED = 0.97
ORDER_REACHED = 0.77
CONTRADICTIONS_REACHED = 0.7


@cache
def grounded(text: str) -> list[Grounded]:
    return ground([parse_sentence(text, LANGUAGE)], make_encoder(), LANGUAGE)[0]


def comes_first(rule: str, text: str) -> bool:
    try:
        return grounded(text)[0].rule == rule
    except InputError:  # brackets outside the language: not understood
        return False


def share_right(written: dict[str, Any]) -> float:
    """The share of sentences whose own rule comes first, with a weight above 0 or not."""
    first = [
        comes_first(rule, text)
        for rule, languages in written["rules"].items()
        for texts in languages.values()
        for text in texts
    ]
    return sum(first) / len(first)


def test_most_sentences_are_understood() -> None:
    assert share_right(SENTENCES) >= REACHED


@pytest.mark.xfail(strict=True, reason="92.5 % so far; nesting, queue and stop_when_closed lose most")
def test_as_many_sentences_as_required_are_understood() -> None:
    assert share_right(SENTENCES) >= REQUIRED


def test_sentences_written_after_the_last_choice_are_understood() -> None:
    assert share_right(FRESH) >= FRESH_REACHED


def test_sentences_that_helped_to_choose_are_understood() -> None:
    assert share_right(DEVELOPMENT) >= DEVELOPMENT_REACHED


def test_most_images_of_order_are_understood() -> None:
    assert share_right(ORDER) >= ORDER_REACHED


@pytest.mark.parametrize("written", [SENTENCES, DEVELOPMENT, FRESH], ids=["held_out", "development", "fresh"])
def test_every_rule_is_said_in_both_languages_and_no_sentence_twice(written: dict[str, Any]) -> None:
    assert set(written["rules"]) == set(book.meanings())
    texts = [t for languages in written["rules"].values() for said in languages.values() for t in said]
    assert len(texts) == len(set(texts))
    assert min(len(said) for languages in written["rules"].values() for said in languages.values()) >= 5


def test_no_fresh_sentence_is_in_the_book_or_was_seen_while_choosing() -> None:
    seen = {entry.text for entry in book.entries()}
    seen |= {t for languages in DEVELOPMENT["rules"].values() for said in languages.values() for t in said}
    assert not [t for languages in FRESH["rules"].values() for said in languages.values() for t in said if t in seen]


def test_unrelated_sentences_state_nothing() -> None:
    texts = [text for texts in SENTENCES["unrelated"].values() for text in texts]
    quiet = [all(entry.weight == 0 for entry in grounded(text)) for text in texts]
    assert len(texts) >= 40
    assert sum(quiet) / len(quiet) >= REQUIRED


def test_contradicting_sentences_are_named() -> None:
    found = [bool(contradictions([grounded(text) for text in pair])) for pair in SENTENCES["contradictions"]]
    assert sum(found) / len(found) >= CONTRADICTIONS_REACHED


@pytest.mark.parametrize("case", SENTENCES["slots"], ids=lambda case: case["sentence"][:30])
def test_brackets_and_durations_are_read(case: dict[str, Any]) -> None:
    instruction = parse_sentence(case["sentence"], LANGUAGE)
    assert list(instruction.pairs) == case["pairs"]
    assert instruction.introduces == case["introduces"]
    assert instruction.hours == (None if case["hours"] is None else pytest.approx(case["hours"]))


def test_certainty_is_read() -> None:
    cases = SENTENCES["slots"]
    right = [parse_sentence(case["sentence"], LANGUAGE).certainty == case["certainty"] for case in cases]
    assert sum(right) / len(right) >= REQUIRED
