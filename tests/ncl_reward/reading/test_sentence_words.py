"""What is read from the words of a sentence: order, kinds of words, and the order that named brackets show."""

from __future__ import annotations

import numpy as np
import pytest

from bracket_env import BracketLanguage
from ncl_reward.reading import words
from ncl_reward.reading.sentence import parse_sentence
from ncl_reward.reading.words import MIRRORED, REPEATED, Lexicon, hashed_counts, language_of, shown_order

LANGUAGE = BracketLanguage()


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("The bracket opened last is closed before all the others.", "OLCE"),
        ("外側の括弧を先に閉じてから、内側の括弧を閉じる。", "EECBLC"),
        ("内側は外側より先に閉じる。", "LEpC"),
        ("新しい順に閉じる。", "LDC"),
        ("It may be written.", "O"),
        ("紅茶が好きだ。", ""),
    ],
)
def test_words_of_order(text: str, letters: str) -> None:
    assert words.order_words(text) == letters


def test_the_examples_of_the_documentation_are_read_as_it_says() -> None:
    documentation = words.__doc__ or ""
    for line in documentation.splitlines():
        if line.strip().startswith(('"The bracket', "「外側")):
            text, _, letters = line.strip().partition("  order: ")
            assert words.order_words(text.strip()) == letters.replace(" ", "")


def test_one_rule_said_in_two_directions_of_time_is_read_alike() -> None:
    assert words.time_turned("LCE") == words.time_turned("ECL") == "ECL"
    assert words.time_turned("LBE") == words.time_turned("EAL") == "EAL"
    assert words.time_turned("ECE") != words.time_turned("ECL")
    assert words.time_turned("RN") == "RN"


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("After ( and then 【, write 】 first and ) afterwards.", MIRRORED),
        ("After ( and then 【, write ) first and 】 afterwards.", REPEATED),
        ("If 【 comes after (, close 】 before ).", MIRRORED),
        ("( 【 ) 】 is right and ( 【 】 ) is wrong.", REPEATED),
        ("Nested pairs such as ( 【 】 ) are forbidden.", REPEATED),
        ("For ( 【 { the answer is } 】 ).", MIRRORED),
        ("( のあとに 【 を開いたなら、】 を書いてから ) を書く。", MIRRORED),
        ("( のあとに 【 を開いたなら、) を書いてから 】 を書く。", REPEATED),
        ("【 が ( より後に開いたなら、】 は ) より前に来る。", MIRRORED),
        ("A closer follows.", None),
        ("( is closed by ).", None),
        ("Write ), 】 or }.", None),
    ],
)
def test_the_order_that_named_brackets_show(text: str, order: str | None) -> None:
    assert shown_order(parse_sentence(text, LANGUAGE).masked) == order


def test_kinds_of_words() -> None:
    assert words.RULE_LEXICON.kinds("Nothing but closing brackets may be written.") == ["only", "closer", "write"]
    assert words.RULE_LEXICON.kinds("開き括弧の数だけ閉じ括弧を書く。") == ["opener", "as_many", "closer", "write"]
    assert "names_opener" not in words.RULE_LEXICON.kinds("A closer ends.")  # the article
    assert words.RULE_LEXICON.kinds("A B")[0] == "names_opener"


def test_a_lexicon_takes_whole_english_words_and_the_first_kind() -> None:
    lexicon = Lexicon({"x": "open", "y": "open|end"}, {"z": "開"})
    assert lexicon.kinds("Open the opener at the END") == ["x", "y"]
    assert lexicon.kinds("開いて閉じる") == ["z"]
    assert lexicon.digest != Lexicon({"x": "open"}, {"z": "開"}).digest
    assert (language_of("開く"), language_of("open 閉")) == ("ja", "en")


def test_counts_are_hashed_into_rows_of_one_length() -> None:
    rows = hashed_counts(["a", "b", ""], lambda text: {text: 3, "all": 1} if text else {}, 64)
    assert rows.shape == (3, 64)
    assert rows.dtype == np.int8
    assert sorted(np.abs(rows[0][rows[0] != 0])) == [1, 3]
    assert not rows[2].any()
    assert (rows == hashed_counts(["a", "b", ""], lambda text: {text: 3, "all": 1} if text else {}, 64)).all()
    assert not words.order_counts(["紅茶が好きだ。"]).any()
    assert words.word_counts(["Only closers."]).any()
