"""What a sentence names: brackets, a pair it introduces, durations, certainty, language, parts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bracket_env import BracketLanguage, InputError
from ncl_reward.reading.sentence import (
    MAX_CHARACTERS,
    clauses,
    parse_sentence,
    sentences,
    spoken_language,
)
from ncl_reward.rules.rule import NOISE, Slots

LANGUAGE = BracketLanguage()


@pytest.mark.parametrize(
    ("text", "pairs", "introduces"),
    [
        ("【←このトークンには必ず】←このトークンが一対一対応する", ("【】",), None),
        ("( and } come in equal numbers", ("()", "{}"), None),
        ("every { needs one closer", ("{}",), None),
        ("Brackets (of any type) match.", (), None),
        ("括弧(かっこ)は一対一に対応する", (), None),
        ("(は必ず)で閉じる", ("()",), None),
        ("「(」は「)」で閉じる", ("()",), None),
        ("（は）で閉じる", ("()",), None),
        ("「入れ子」にする", (), None),
        ("『は』で閉じる", (), "『』"),
        ("『 is closed by 』", (), "『』"),
        ("『 and 』 are a pair", (), "『』"),
        ("『の相手は』である", (), "『』"),
        ("⟦ is matched with ⟩ here", (), "⟦⟩"),
        ("[ and ] come in equal numbers, ( too", ("()",), "[]"),
        ("prefix -> answer", (), None),
        ("if 3 < 4 then stop", (), None),
    ],
)
def test_brackets(text: str, pairs: tuple[str, ...], introduces: str | None) -> None:
    sentence = parse_sentence(text, LANGUAGE)
    assert (sentence.pairs, sentence.introduces) == (pairs, introduces)


def test_a_pair_of_the_language_is_named_and_not_introduced() -> None:
    sentence = parse_sentence("『は』で閉じる", BracketLanguage(["()", "『』"]))
    assert (sentence.pairs, sentence.introduces) == (("『』",), None)


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("4時間以上、電力が少ない", 4),
        ("４時間", 4),
        ("三時間", 3),
        ("十二時間", 12),
        ("1時間半", 1.5),
        ("2.5時間", 2.5),
        ("90分以上", 1.5),
        ("三十分", 0.5),
        ("半日", 12),
        ("二日間", 48),
        ("over 90 minutes", 1.5),
        ("for four hours", 4),
        ("an hour and a half", 1.5),
        ("half an hour", 0.5),
        ("half a day", 12),
        ("2h of low power", 2),
        ("4-6 hours", 6),
        ("a twenty-minute pause", 1 / 3),
        ("one week", 168),
        ("2時間30分以上", 2.5),
        ("2 hours and 30 minutes", 2.5),
        ("2日と3時間", 51),
        ("1,000 minutes", 1000 / 60),
        ("2,5 hours", 2.5),
        ("twenty five minutes", 25 / 60),
        ("1 1/2 hours", 1.5),
        ("from 2 hours to 30 minutes", 2),
        ("30 minutes, 2 hours", 0.5),
        ("十分に低い", None),
        ("at 22:00", None),
        ("夜10時", None),
        ("three brackets", None),
    ],
)
def test_durations(text: str, hours: float | None) -> None:
    found = parse_sentence(text, LANGUAGE).hours
    assert found == (None if hours is None else pytest.approx(hours))


@pytest.mark.parametrize(
    ("text", "certainty"),
    [
        ("必ず閉じる", "certain"),
        ("Always close it", "certain"),
        ("You must stop", "certain"),
        ("不在の可能性が高い", "probable"),
        ("Probably nobody is there", "probable"),
        ("It is almost always closed", "probable"),
        ("必ずしも閉じない", "probable"),
        ("Close it", None),
        ("閉じる", None),
    ],
)
def test_certainty(text: str, certainty: str | None) -> None:
    sentence = parse_sentence(text, LANGUAGE)
    assert sentence.certainty == certainty
    assert sentence.noise == NOISE[certainty]


def test_less_certain_means_more_noise() -> None:
    assert 0 < NOISE["certain"] < NOISE[None] < NOISE["probable"] < 0.5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the sentence is empty"),
        (" \n ", "the sentence is empty"),
        ("x" * 100_000, "at most 1000 characters, not 100000"),
        ("close\0it", "cannot be printed"),
        ("0時間", "'0時間' is no duration"),
        ("for zero hours", "'zero hours' is no duration"),
        ("minus 3 hours", "'minus 3 hours' is no duration"),
        ("電力が-3時間低い", "'-3時間' is no duration"),
        ("over 8 days", "'8 days' is no duration: it must be above 0 and at most 7 days"),
        ("[ has to be closed", r"the bracket '\[' is not in the language \(\) 【】 {}"),
        ("⟦ is nice", "the bracket '⟦' is not in the language"),
        ("( is closed by 】", r"closes '\(' by '】', but the language closes it by '\)'"),
    ],
)
def test_bad_sentences_are_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        parse_sentence(text, LANGUAGE)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_the_longest_sentence() -> None:
    assert len(parse_sentence("x" * MAX_CHARACTERS, LANGUAGE).text) == MAX_CHARACTERS


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        sentence = parse_sentence(text, LANGUAGE)
    except InputError:
        return
    assert parse_sentence(sentence.text, LANGUAGE) == sentence
    assert sentence.masked == sentence.masked.strip()


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Close the newest bracket first", "en"),
        ("新しい括弧から閉じる", "ja"),
        ("Die Klammer, die zuletzt geöffnet wurde, wird zuerst geschlossen", "other"),
        ("最后打开的括号最先关闭", "other"),
        ("Последняя скобка", "other"),
        ("12345", "other"),
    ],
)
def test_languages(text: str, language: str) -> None:
    assert spoken_language(text) == language


def test_slots_are_numbers_of_pairs() -> None:
    sentence = parse_sentence("必ず 】 と } を 2時間", LANGUAGE)
    assert sentence.slots(LANGUAGE) == Slots(pairs=(1, 2), noise=NOISE["certain"])
    assert sentence.slots(LANGUAGE, "power") == Slots(hours=2.0, noise=NOISE["certain"])
    assert parse_sentence("閉じる", LANGUAGE).slots(LANGUAGE) == Slots()


def test_an_introduced_pair_needs_a_language_that_holds_it() -> None:
    sentence = parse_sentence("『 is closed by 』", LANGUAGE)
    with pytest.raises(InputError, match="names the pair 『』, which is not in the language"):
        sentence.slots(LANGUAGE)
    assert sentence.slots(BracketLanguage(["()", "『』"])).pairs == (1,)


def test_brackets_and_arrows_are_masked() -> None:
    assert parse_sentence("【←これには】←これ", LANGUAGE).masked == "AこれにはBこれ"
    assert parse_sentence("( is closed by )", LANGUAGE).masked == "A is closed by B"
    assert parse_sentence("After ( and 【, 】 and )", LANGUAGE).masked == "After A and C , D and B"
    assert parse_sentence("Brackets (all of them) match", LANGUAGE).masked == "Brackets (all of them) match"


def test_sentences_and_clauses() -> None:
    assert sentences("閉じる。止まる。") == ["閉じる。", "止まる。"]
    assert sentences("Close it. Then stop!") == ["Close it.", "Then stop!"]
    assert sentences("after 2.5 hours") == ["after 2.5 hours"]
    assert clauses("last opened first closed, and stop when all are closed") == [
        "last opened first closed",
        "stop when all are closed",
    ]
    assert clauses("内側から閉じ、そして全部閉じたら終わる") == ["内側から閉じ", "全部閉じたら終わる"]
    assert clauses("Close it") == []
