"""Sentences in frames are broken where they may be, and whatever the font lacks is known."""

from __future__ import annotations

import pytest

from bracket_env import BracketLanguage, InputError
from bracket_env.rendering.captions import can_draw, terminal_width, wrap
from bracket_env.rendering.frames import render_rgb


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("", 5, []),
        ("one two three", 7, ["one two", "three"]),
        ("one two three", 100, ["one two three"]),
        ("extraordinary", 5, ["extra", "ordin", "ary"]),
        ("最初に開いた括弧", 6, ["最初に", "開いた", "括弧"]),
        ("a 最初に開いた", 8, ["a 最初に", "開いた"]),
    ],
)
def test_lines_are_no_wider_than_asked_and_nothing_is_lost(text: str, width: int, lines: list[str]) -> None:
    assert wrap(text, width, terminal_width) == lines


def test_brackets_and_latin_letters_can_be_drawn_and_japanese_cannot() -> None:
    assert can_draw("Close 【 with 】, not 「 or }.")
    assert not can_draw("括弧")


def test_a_sentence_needs_room() -> None:
    with pytest.raises(InputError, match="takes 1 lines, and there is room for 0"):
        render_rgb(BracketLanguage(), "(", "", told="Close it.")
    assert render_rgb(BracketLanguage(), "(", "", told="Close it.", told_lines=1).shape[0] % 2 == 0
