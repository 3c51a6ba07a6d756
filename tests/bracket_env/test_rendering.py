"""Rendering: partners share a colour, mistakes and open brackets show without colour, frames keep their shape."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bracket_env import rendering
from bracket_env.errors import InputError
from bracket_env.language import BracketLanguage
from bracket_env.rendering import (
    BACKGROUND,
    MISTAKE,
    PALETTE,
    TEXT,
    FrameLayout,
    State,
    episode_cells,
    render_ansi,
    render_rgb,
)

DEFAULT = BracketLanguage()
STYLED = re.compile(r"\x1b\[([0-9;]+)m(.+?)\x1b\[0m")


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def styled_symbols(text: str) -> list[tuple[str, str]]:
    """(SGR code, symbol) for each symbol of a rendering without note."""
    return [match for line in text.split("\n")[::2] for match in STYLED.findall(line)]


def brute_force_partners(language: BracketLanguage, word: str) -> list[int]:
    """The partner of each position: the other end of the shortest balanced stretch that starts or stops there."""
    partners = [-1] * len(word)
    for i, j in itertools.combinations(range(len(word)), 2):
        if partners[i] < 0 and word[i] in language.closer_of and language.is_balanced(word[i : j + 1]):
            partners[i], partners[j] = j, i
    return partners


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


@st.composite
def languages(draw: st.DrawFn) -> BracketLanguage:
    printable = st.characters(exclude_categories=["C", "Z"]).filter(str.isprintable)
    symbols = draw(
        st.lists(printable | st.sampled_from("()[]{}<>【】『』「」〈〉《》"), min_size=2, max_size=10, unique=True)
    )
    return BracketLanguage(["".join(pair) for pair in zip(symbols[::2], symbols[1::2], strict=False)])


@st.composite
def prefixes(draw: st.DrawFn, language: BracketLanguage, max_size: int = 30) -> str:
    prefix = ""
    for choice in draw(st.lists(st.integers(0, len(language.pairs)), max_size=max_size)):
        stack = language.open_stack(prefix)
        closes = choice == len(language.pairs) and stack
        prefix += language.closer_of[stack[-1]] if closes else language.openers[choice % len(language.pairs)]
    return prefix


@st.composite
def episodes(draw: st.DrawFn) -> tuple[BracketLanguage, str, str, bool]:
    language = draw(languages())
    prefix = draw(prefixes(language))
    completion = language.completion(prefix)
    right = completion[: draw(st.integers(0, len(completion)))]
    return language, prefix, right + draw(st.text(language.closers, max_size=5)), draw(st.booleans())


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


@given(episodes())
def test_colours_and_lanes_stay_while_the_answer_grows(episode: tuple[BracketLanguage, str, str, bool]) -> None:
    language, prefix, answer, ended = episode
    before, after = (episode_cells(language, prefix, *rest) for rest in (("", False), (answer, ended)))
    assert [cell._replace(state=State.OPEN) for cell in before] == [
        cell._replace(state=State.OPEN) for cell in after[: len(prefix)]
    ]


@given(prefixes(DEFAULT, max_size=14))
def test_the_line_of_a_pair_runs_above_the_lines_inside_it(prefix: str) -> None:
    cells = episode_cells(DEFAULT, prefix, DEFAULT.completion(prefix), ended=False)
    partners = brute_force_partners(DEFAULT, "".join(cell.symbol for cell in cells))
    assert [cell.partner for cell in cells] == partners
    for i, partner in enumerate(partners):
        assert all(cells[j].lane < cells[i].lane for j in range(i + 1, partner))


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
    assert (upper_right == rendering.AFTER_MISTAKE).all(axis=-1).any()


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


@given(st.integers(1, 2000))
def test_sides_are_even_and_every_cell_lies_inside_clear_of_the_others(columns: int) -> None:
    layout = FrameLayout(columns)
    width, height = layout.size
    assert width % 2 == height % 2 == 0
    assert width <= 1320
    corners = [layout.corner(i) for i in range(columns)]
    assert len(set(corners)) == columns
    assert all(0 <= x <= width - layout.cell and layout.cell <= y <= height - 2 * layout.cell for x, y in corners)


def test_up_to_32_columns_stand_in_one_row() -> None:
    assert [FrameLayout(columns).rows for columns in (8, 32, 33, 64, 65)] == [1, 1, 2, 2, 3]


def test_a_long_note_is_cut_and_leaves_the_picture_alone() -> None:
    without, short, long = (render_rgb(DEFAULT, "(", ")", note=note) for note in ("", "right", "very " * 40))
    top = slice(0, FrameLayout(8).corner(0)[1] + 60)
    assert np.array_equal(without[top], short[top])
    assert np.array_equal(without[top], long[top])
    assert not np.array_equal(without, short)
    assert is_blank(long[:, -10:])


# Glyphs


@pytest.mark.parametrize("side", [0, 1])
def test_every_symbol_looks_different(side: int) -> None:
    """Drawn shapes, glyphs of the built-in font, and code points in a box for what it lacks (kanji, emoji, accents)."""
    pairs = [
        "()",
        "[]",
        "{}",
        "<>",
        "【】",
        "『』",
        "「」",
        "〈〉",
        "《》",
        "ab",
        "«»",
        "（）",
        "⟦⟧",
        "開閉",
        "😀😁",
        "\u0301\u0302",
    ]
    layout = FrameLayout(8)
    looks = {}
    for pair in pairs:
        frame = render_rgb(BracketLanguage([pair]), pair[0], pair[1], columns=8)
        x, y = layout.corner(side)
        inside = frame[y + 4 : y + layout.cell - 4, x + 4 : x + layout.cell - 4]
        assert len(np.unique(inside.reshape(-1, 3), axis=0)) > 1, f"{pair[side]!r} is blank"
        looks[inside.tobytes()] = pair
    assert list(looks.values()) == pairs


@pytest.mark.parametrize("pair", ["()", "[]", "{}", "<>", "【】", "『』", "「」", "〈〉", "《》"])
def test_a_closer_is_its_opener_turned_half_way_round(pair: str) -> None:
    language, layout = BracketLanguage([pair]), FrameLayout(8)
    answered = render_rgb(language, pair[0] * 2, pair[1] * 2, columns=8)
    opener, closer = ((cell_pixels(answered, layout, i)[4:-4, 4:-4] == PALETTE[0]).all(axis=-1) for i in (0, 3))
    assert np.array_equal(opener, closer[::-1, ::-1])
    assert not np.array_equal(opener, closer)


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


def test_a_layout_needs_a_column() -> None:
    with pytest.raises(InputError, match="columns must be at least 1, not 0"):
        FrameLayout(0)
