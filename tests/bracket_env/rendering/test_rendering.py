"""Rendering: partners share a colour, mistakes and open brackets show without colour, frames keep their shape."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from episode_strategies import brute_force_partners, episodes, prefixes
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bracket_env import BracketLanguage, InputError
from bracket_env.rendering import frames as rendering
from bracket_env.rendering.canvas import BACKGROUND, TEXT, FrameLayout
from bracket_env.rendering.cells import AFTER_MISTAKE, MISTAKE, PALETTE
from bracket_env.rendering.frames import render_ansi, render_rgb

DEFAULT = BracketLanguage()
STYLED = re.compile(r"\x1b\[([0-9;]+)m(.+?)\x1b\[0m")


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def styled_symbols(text: str) -> list[tuple[str, str]]:
    """(SGR code, symbol) for each symbol of a rendering without note."""
    return [match for line in text.split("\n")[::2] for match in STYLED.findall(line)]


def cell_pixels(frame: np.ndarray, layout: FrameLayout, index: int) -> np.ndarray:
    x, y = layout.corner(index)
    return frame[y : y + layout.cell, x : x + layout.cell]


def sign_pixels(frame: np.ndarray, layout: FrameLayout, index: int) -> np.ndarray:
    """The place of the sign under a cell, clear of the boundary bar at its left edge."""
    x, y = layout.corner(index)
    margin = layout.cell // 8
    return frame[y + layout.cell + 1 : y + layout.cell * 3 // 2, x + margin : x + layout.cell - margin]


def has_colour(pixels: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool((pixels == colour).all(axis=-1).any())


def is_blank(pixels: np.ndarray) -> bool:
    return bool((pixels == BACKGROUND).all())


# What a person reads


@pytest.mark.parametrize(
    ("prefix", "answer", "ended", "lines"),
    [
        ("({【", "", False, ["( { 【|", "o o o |"]),
        ("({【", "】}", False, ["( { 【| 】}", "o     |"]),
        ("({【", "】})", False, ["( { 【| 】} )", "      |"]),
        ("({【", "】})", True, ["( { 【| 】} ) END", "      |       ok"]),
        ("({【", "】)}", True, ["( { 【| 】) } END", "o o   |   X ~ ~"]),
        ("({【", "】", True, ["( { 【| 】END", "o o   |   X"]),
        ("()", ")", True, ["( ) | ) END", "    | X ~"]),
        ("()", "", True, ["( ) | END", "    | ok"]),
        ("", "", False, ["|", "|"]),
        ("", "", True, ["| END", "| ok"]),
        ("(", "{", False, ["( | {", "o | X"]),
    ],
)
def test_ansi_reads_well_without_its_codes(prefix: str, answer: str, ended: bool, lines: list[str]) -> None:
    assert plain(render_ansi(DEFAULT, prefix, answer, ended=ended)).split("\n") == lines


def test_the_example_in_the_docstring_is_what_comes_out() -> None:
    text = plain(render_ansi(DEFAULT, "({【", "】)}", ended=True, note="1 of 3 closed, return 0.25"))
    assert "\n".join(f"    {line}" for line in text.split("\n")) in (rendering.__doc__ or "")


def test_the_note_is_one_line() -> None:
    assert render_ansi(DEFAULT, "", "", note="1 of 3\n closed ").split("\n")[2:] == ["1 of 3 closed"]


def test_combining_symbols_do_not_land_on_their_neighbour() -> None:
    language = BracketLanguage(["\u0301\u0302", "()"])
    assert plain(render_ansi(language, "(\u0301", "\u0302")).split("\n") == ["( U+0301 | U+0302", "o        |"]


def test_long_episodes_wrap_within_80_terminal_columns() -> None:
    lines = plain(render_ansi(DEFAULT, "{}" * 35 + "(", ")", ended=True)).split("\n")
    assert [len(line) for line in lines[::2]] == [71, 73, 3]  # 36 cells; 36 cells and the bar; END
    assert lines[-1] == "ok"


# Colours


# As many siblings as there are colours: the last one must not take the colour of the bracket around them.
@example("(" + "{}" * len(PALETTE), 1)
@given(prefixes(DEFAULT, max_size=14), st.integers(0, 14))
def test_ansi_partners_share_a_colour_and_neighbours_do_not(prefix: str, closed: int) -> None:
    word = prefix + DEFAULT.completion(prefix)
    cut = min(len(prefix) + closed, len(word))
    codes = [
        code.partition("38;2;")[2] for code, _ in styled_symbols(render_ansi(DEFAULT, prefix, word[len(prefix) : cut]))
    ]
    assert len(codes) == cut
    partners = brute_force_partners(DEFAULT, word)
    for i in range(cut):
        assert partners[i] >= cut or codes[i] == codes[partners[i]]
        assert i == 0 or partners[i] == i - 1 or codes[i] != codes[i - 1]


@example("(" + "{}" * len(PALETTE))
@settings(max_examples=25, deadline=None)
@given(prefixes(DEFAULT, max_size=14))
def test_rgb_partners_share_a_colour_and_neighbours_do_not(prefix: str) -> None:
    completion = DEFAULT.completion(prefix)
    word = prefix + completion
    columns = len(word) + 1
    frame, layout = render_rgb(DEFAULT, prefix, completion, columns=columns), FrameLayout(columns)
    hues = [[has_colour(cell_pixels(frame, layout, i), colour) for colour in PALETTE] for i in range(len(word))]
    assert all(sum(hue) == 1 for hue in hues)
    partners = brute_force_partners(DEFAULT, word)
    for i in range(len(word)):
        assert hues[i] == hues[partners[i]]
        assert i == 0 or partners[i] == i - 1 or hues[i] != hues[i - 1]


# Mistakes, waiting openers and the boundary, without colour


@given(episodes())
def test_ansi_marks_exactly_the_first_mistake(episode: tuple[BracketLanguage, str, str, bool]) -> None:
    language, prefix, answer, ended = episode
    completion = language.completion(prefix)
    asked, written = [*completion, "END"], [*answer, *(["END"] if ended else [])]
    agree = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(asked, written, strict=False)))
    codes = [code for code, _ in styled_symbols(render_ansi(language, prefix, answer, ended=ended))]
    reversed_at = [i for i, code in enumerate(codes) if code.startswith("1;7;")]
    assert reversed_at == ([len(prefix) + agree] if agree < len(written) else [])
    assert sum(code.startswith("9;") for code in codes) == max(len(written) - agree - 1, 0)
    assert sum(code.startswith("1;4;") for code in codes) == len(completion) - min(agree, len(completion))


@pytest.mark.parametrize(
    ("prefix", "answer", "ended", "signs"),
    [
        ("({【", "", False, "ooo"),
        ("({【", "】}", False, "o    "),
        ("({【", "】)}", False, "oo  X "),
        ("({【", "】", True, "oo  X"),
        ("()", ")", True, "  X "),
        ("({【", "】})", True, "      v"),
    ],
)
def test_rgb_signs_show_without_colour(prefix: str, answer: str, ended: bool, signs: str) -> None:
    layout = FrameLayout(8)
    grey = render_rgb(DEFAULT, prefix, answer, ended=ended, columns=8).mean(axis=-1).round()
    shapes: dict[str, set[bytes]] = {}
    for index, sign in enumerate(signs):
        pixels = sign_pixels(grey, layout, index)
        shape = pixels > (pixels.min() + pixels.max()) / 2
        assert shape.any() == (sign != " "), f"sign {sign!r} of cell {index}"
        shapes.setdefault(sign, set()).add(shape.tobytes())
    assert len(set.union(*shapes.values())) == sum(map(len, shapes.values())), "two signs look the same"


def test_only_the_first_wrong_symbol_stands_on_red() -> None:
    frame, layout = render_rgb(DEFAULT, "({", ")})", ended=True), FrameLayout(8)
    red = [(cell_pixels(frame, layout, i) == MISTAKE).all(axis=-1).mean() > 0.4 for i in range(6)]
    assert red == [False, False, True, False, False, False]


def test_symbols_after_a_mistake_are_struck_through() -> None:
    layout = FrameLayout(8)
    struck = cell_pixels(render_rgb(DEFAULT, "((", "})"), layout, 3)
    upper_right = struck[5:10, 30:35]
    assert (upper_right == AFTER_MISTAKE).all(axis=-1).any()


@pytest.mark.parametrize("length", [0, 1, 5, 20, 21, 40])
def test_the_bar_stands_between_prefix_and_answer(length: int) -> None:
    columns = 42
    frame, layout = render_rgb(DEFAULT, "(" * length, "", columns=columns), FrameLayout(columns)
    for index in range(columns):
        x, y = layout.corner(index)
        assert has_colour(frame[y : y + layout.cell, x : x + 2], TEXT) == (index == length)


def test_the_lines_of_waiting_openers_reach_the_next_free_cell() -> None:
    layout = FrameLayout(8)
    x, y = layout.corner(4)
    above = (slice(y - layout.cell, y - 2), slice(x, x + layout.cell))
    waiting = render_rgb(DEFAULT, "({【()", "】", columns=8)[above]
    assert [has_colour(waiting, PALETTE[i]) for i in (0, 1)] == [True, True]
    closed = render_rgb(DEFAULT, "()()()", "", columns=8)
    x, y = layout.corner(6)
    assert is_blank(closed[y - layout.cell : y - 6, x + 2 : x + layout.cell])


# Frames


@settings(max_examples=25, deadline=None)
@given(episodes(), st.text(max_size=60))
def test_any_episode_renders(episode: tuple[BracketLanguage, str, str, bool], note: str) -> None:
    language, prefix, answer, ended = episode
    columns = len(prefix) + len(answer) + 1
    width, height = FrameLayout(max(columns, 8)).size
    frame = render_rgb(language, prefix, answer, ended=ended)
    assert (frame.shape, frame.dtype) == ((height, width, 3), np.uint8)
    assert np.array_equal(frame, render_rgb(language, prefix, answer, ended=ended))
    render_rgb(language, prefix, answer, ended=ended, note=note, columns=columns)
    assert render_ansi(language, prefix, answer, ended=ended, note=note).count("\x1b[0m") >= len(prefix + answer)


@settings(max_examples=20, deadline=None)
@given(st.sampled_from([32, 33, 41]), prefixes(DEFAULT, max_size=15), st.text(")】}", max_size=15), st.booleans())
def test_equal_columns_give_equal_shapes(columns: int, prefix: str, answer: str, ended: bool) -> None:
    shape = render_rgb(DEFAULT, prefix, answer, ended=ended, note="x" * len(answer), columns=columns).shape
    assert shape == render_rgb(DEFAULT, "", "", columns=columns).shape


def test_a_long_note_is_cut_and_leaves_the_picture_alone() -> None:
    without, short, long = (render_rgb(DEFAULT, "(", ")", note=note) for note in ("", "right", "very " * 40))
    top = slice(0, FrameLayout(8).corner(0)[1] + 60)
    assert np.array_equal(without[top], short[top])
    assert np.array_equal(without[top], long[top])
    assert not np.array_equal(without, short)
    assert is_blank(long[:, -10:])


# Bad input


@pytest.mark.parametrize(
    ("prefix", "answer", "columns", "message"),
    [
        ("(}", "", None, "'}' at position 2 meets an open '('"),
        ("(", ")x", None, "answer symbol 'x' at position 2 is not in the language"),
        ("((", "))", 4, "columns=4 has no room for 4 symbols and END"),
    ],
)
def test_bad_input_is_named(prefix: str, answer: str, columns: int | None, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        render_rgb(DEFAULT, prefix, answer, columns=columns)
