"""The rule book: complete, free of repetitions, and what its patterns stand for."""

from __future__ import annotations

from collections import Counter

import pytest

from bracket_env import BracketLanguage
from ncl_reward import book
from ncl_reward.reading.sentence import parse_sentence
from ncl_reward.rules.bracket_rules import BRACKET_RULES
from ncl_reward.rules.power_rules import POWER_RULES


def test_every_rule_is_in_the_book_with_its_domain() -> None:
    domains = {rule.name: rule.domain for rule in [*BRACKET_RULES.values(), *POWER_RULES.values()]}
    assert {name: domain for name, (domain, _) in book.meanings().items()} == domains


@pytest.mark.parametrize("language", book.LANGUAGES)
def test_every_rule_is_said_in_many_ways(language: str) -> None:
    ways = Counter(entry.rule for entry in book.entries() if entry.language == language)
    assert set(ways) == {*book.meanings(), book.UNRELATED}
    assert min(ways.values()) >= 40


def test_no_sentence_stands_for_two_rules() -> None:
    rules: dict[str, set[str]] = {}
    for entry in book.entries():
        rules.setdefault(entry.text, set()).add(entry.rule)
    assert [text for text, named in rules.items() if len(named) > 1] == []


def test_every_sentence_can_be_read_and_is_in_its_language() -> None:
    language = BracketLanguage()
    assert [e.text for e in book.entries() if parse_sentence(e.text, language).language != e.language] == []


def test_a_pattern_stands_for_some_of_its_sentences() -> None:
    pattern = "<Close|Shut> the <newest|latest> one<| first>."
    all_of_them = {
        f"{a} the {b} one{c}." for a in ("Close", "Shut") for b in ("newest", "latest") for c in ("", " first")
    }
    assert set(book.expansions(pattern, 200)) == all_of_them
    drawn = book.expansions(pattern, 3)
    assert drawn == book.expansions(pattern, 3)
    assert set(drawn) <= all_of_them
    assert len(drawn) <= 3
    assert book.expansions("Close it.") == ["Close it."]


def test_nesting_and_queue_are_said_side_by_side() -> None:
    written = Counter((e.rule, e.language) for e in book.entries() if e.rule in ("nesting", "queue"))
    for language in book.LANGUAGES:
        assert abs(written["nesting", language] - written["queue", language]) <= 10
