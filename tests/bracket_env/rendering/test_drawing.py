"""The parts of a rendering: cells keep colour and lane, frames keep their shape, every symbol has its own look."""

from __future__ import annotations

import numpy as np
import pytest
from episode_strategies import brute_force_partners, episodes, prefixes
from hypothesis import given
from hypothesis import strategies as st

from bracket_env import BracketLanguage, InputError
from bracket_env.rendering import cells as cells_module
from bracket_env.rendering.canvas import FrameLayout
from bracket_env.rendering.cells import State, episode_cells
from bracket_env.rendering.glyphs import glyph_mask

DEFAULT = BracketLanguage()


# Cells


def test_the_example_in_the_docstring_is_what_comes_out() -> None:
    cells = episode_cells(DEFAULT, "({【", "】)}", ended=True)
    table = [row.split() for row in (cells_module.__doc__ or "").split("\n") if row.startswith("    ")]
    assert table == [
        ["symbol", *(cell.symbol for cell in cells)],
        ["state", *(cell.state.name for cell in cells)],
        ["partner", *("-" if cell.partner is None else str(cell.partner) for cell in cells)],
        ["lane", *(str(cell.lane) for cell in cells)],
    ]


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


def test_another_right_answer_than_the_completion() -> None:
    """``(()【{`` asked for ``)`` (which closes the first bracket) and ``】`` (for the last): one bracket stays open."""
    plan = [(0, ")"), (4, "】")]
    cells = episode_cells(DEFAULT, "(()【{", ")】", ended=True, asked=plan)
    assert [cell.symbol for cell in cells] == [*"(()【{)】", "END"]
    assert [cell.partner for cell in cells] == [5, 2, 1, None, 6, 0, 4, None]
    assert [cell.state for cell in cells] == [State.CLOSED] * 3 + [State.OPEN] + [State.CLOSED] * 4
    assert cells[0].colour == cells[5].colour
    assert (cells[4].colour, cells[4].lane) == (cells[6].colour, cells[6].lane)
    before = episode_cells(DEFAULT, "(()【{", "", ended=False, asked=plan)
    assert [cell._replace(state=State.OPEN) for cell in before] == [
        cell._replace(state=State.OPEN) for cell in cells[:5]
    ]
    wrong = episode_cells(DEFAULT, "(()【{", "}】", ended=True, asked=plan)
    assert [cell.state for cell in wrong[5:]] == [State.WRONG, State.AFTER, State.AFTER]


# Frames


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


def test_a_layout_needs_a_column() -> None:
    with pytest.raises(InputError, match="columns must be at least 1, not 0"):
        FrameLayout(0)


# Glyphs


@pytest.mark.parametrize("side", [0, 1])
def test_every_symbol_looks_different(side: int) -> None:
    """Drawn shapes, glyphs of the built-in font, and code points in a box for what it lacks (kanji, emoji, accents)."""
    pairs = ["()", "[]", "{}", "<>", "【】", "『』", "「」", "〈〉", "《》"]
    pairs += ["ab", "«»", "（）", "⟦⟧", "開閉", "😀😁", "\u0301\u0302"]
    looks = {}
    for pair in pairs:
        mask = np.array(glyph_mask(pair[side], 120))
        assert mask.any(), f"{pair[side]!r} is blank"
        looks[mask.tobytes()] = pair
    assert list(looks.values()) == pairs


@pytest.mark.parametrize("pair", ["()", "[]", "{}", "<>", "【】", "『』", "「」", "〈〉", "《》"])
def test_a_closer_is_its_opener_turned_half_way_round(pair: str) -> None:
    opener, closer = (np.array(glyph_mask(symbol, 120)) for symbol in pair)
    assert np.array_equal(opener, closer[::-1, ::-1])
    assert not np.array_equal(opener, closer)
