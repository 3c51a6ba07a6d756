"""Who is at home by the words of a sentence, denials among them, and the rule that this settles."""

from __future__ import annotations

import numpy as np
import pytest

from bracket_env import BracketLanguage
from ncl_reward import book
from ncl_reward.encoders.encoders import make_encoder
from ncl_reward.grounding.head import RULE_NAMES
from ncl_reward.grounding.stated import OPPOSITES, contradictions, ground, settled
from ncl_reward.reading.sentence import parse_sentence
from ncl_reward.reading.words import presence

ABSENT = (
    "Low power for 3 hours means that nobody is there.",
    "The family is away if the load is small and even.",
    "Then the house is not occupied.",
    "A flat curve at base load: they are not at home.",
    "It is not that somebody sleeps: the flat is empty.",
    "電力が三時間低く一定なら留守。",
    "誰も家にいないときは電力が平らだ。",
    "電力が低いままなら在宅していない。",
    "在宅ではなく、不在のしるしである。",
    "家は空だろう。",
    "家に人がいない。",
)
PRESENT = (
    "Low and constant power means somebody *is* home.",
    "A flat curve does not mean absence.",
    "Then the house is probably not empty.",
    "They aren't away, they are reading.",
    "The flat is occupied if the load is small and even.",
    "電力が三時間低く一定なら在宅。",
    "電力が低いのは誰かがいるからだ。",
    "留守ではなく在宅である。",
    "電力が低く一定でも不在とは限らない。",
    "家は空ではない。",
    "その家は無人ではありません。",
)
NEITHER = ("Close the bracket that was opened last.", "開いた順に閉じる。", "The museum is closed on Mondays.")


@pytest.mark.parametrize(
    ("text", "sign"),
    [*((text, -1) for text in ABSENT), *((text, 1) for text in PRESENT), *((text, 0) for text in NEITHER)],
)
def test_the_words_say_who_is_at_home(text: str, sign: int) -> None:
    assert presence(text) == sign


@pytest.mark.parametrize(("rule", "sign"), [*zip(OPPOSITES, (-1, 1), strict=True)])
def test_every_sentence_of_the_book_says_what_its_rule_says(rule: str, sign: int) -> None:
    texts = [entry.text for entry in book.entries() if entry.rule == rule]
    assert len(texts) > 80
    assert [text for text in texts if presence(text) != sign] == []


def test_only_what_the_two_share_is_given_to_one() -> None:
    absent, present, other = (RULE_NAMES.index(name) for name in (*OPPOSITES, "varied_present"))
    shared = np.zeros(len(RULE_NAMES))
    shared[[other, absent, present]] = 0.2, 0.5, 0.3
    for sign, expected in ((-1, (0.2, 0.8, 0.0)), (1, (0.2, 0.0, 0.8)), (0, (0.2, 0.5, 0.3))):
        np.testing.assert_allclose(settled(sign, shared)[[other, absent, present]], expected)


@pytest.mark.parametrize(
    ("absent", "present"),
    [
        ("Low and constant means nobody is home.", "Low and constant means somebody *is* home."),
        (
            "4時間以上、電力が少ないまま一定だったら不在の可能性が高い",
            "4時間以上、電力が少ないまま一定だったら在宅の可能性が高い",
        ),
        (
            "If the load is small and steady for five hours, the family is away.",
            "If the load is small and steady for five hours, the family is probably not away.",
        ),
    ],
)
def test_opposite_sentences_are_grounded_in_opposite_rules(absent: str, present: str) -> None:
    language = BracketLanguage()
    grounded = ground([parse_sentence(text, language) for text in (absent, present)], make_encoder(), language)
    assert [[entry.rule for entry in entries if entry.weight > 0] for entries in grounded] == [[r] for r in OPPOSITES]
    assert [(a.rule, b.rule) for a, b in contradictions(grounded)] == [OPPOSITES]
