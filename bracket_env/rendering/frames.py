"""One episode of bracket closing as terminal text and as a picture.

Both renderers show the same things: a bracket and its partner share a colour (touching brackets of different pairs
never do), openers still waiting are marked open, a bar parts the prefix from the answer, and the first wrong symbol
is told apart from what was written after it. Nothing is told by colour alone, so the text without its colour codes
still reads. ``({【`` answered with ``】)}`` and END, note ``1 of 3 closed, return 0.25``:

    ( { 【| 】) } END
    o o   |   X ~ ~
    1 of 3 closed, return 0.25

``o`` is an opener still waiting, ``X`` the first mistake, ``~`` what came after it; a right END is marked ``ok``.
In the picture these are a ring, a cross on a red tile, a strike-through and a tick, and a line above the brackets
joins partners: the dashed ones, which end where the next symbol goes, are the stack.

Pure functions over NumPy and Pillow; the parts are in :mod:`bracket_env.rendering.canvas`, ``cells`` and ``glyphs``.
"""

from __future__ import annotations

import unicodedata

import numpy as np

from bracket_env.errors import InputError
from bracket_env.language import BracketLanguage
from bracket_env.rendering.canvas import CAPTION, MIN_COLUMNS, TEXT, FrameLayout, Pen
from bracket_env.rendering.captions import terminal_width, wrap
from bracket_env.rendering.cells import END, MISTAKE, Colour, Plan, State, episode_cells
from bracket_env.rendering.glyphs import Point, arc

ANSI_CELLS_PER_LINE = 36  # two terminal columns each: the line fits 80
PREFIX_TILE: Colour = (36, 45, 66)
TILE_EDGE: Colour = (62, 74, 102)

_SGR = {State.CLOSED: "", State.OPEN: "1;4;", State.WRONG: "1;7;", State.AFTER: "9;"}
_MARK = {State.CLOSED: "", State.OPEN: "o", State.WRONG: "X", State.AFTER: "~"}

# Under (or, to strike it through, on) a symbol; in cells from the upper left corner of its cell.
_TICK = [[(0.36, 1.2), (0.46, 1.31), (0.66, 1.08)]]
_SIGNS: dict[State, list[list[Point]]] = {
    State.CLOSED: [],
    State.OPEN: [arc(0.5, 1.2, 0.11, 0.11, 0, 360)],
    State.WRONG: [[(0.36, 1.06), (0.64, 1.34)], [(0.36, 1.34), (0.64, 1.06)]],
    State.AFTER: [[(0.12, 0.88), (0.88, 0.12)]],
}


def render_ansi(
    language: BracketLanguage,
    prefix: str,
    answer: str,
    *,
    ended: bool = False,
    note: str = "",
    told: str = "",
    asked: Plan | None = None,
) -> str:
    """The episode as lines of text with ANSI colour codes: symbols, marks below them, and the note if there is one.

    Long episodes wrap, a line of symbols and a line of marks at a time. Combining characters, which a terminal would
    put on top of their neighbour, are written as code points, ``U+0301``.

    Args:
        language: the brackets.
        prefix: what was asked.
        answer: what has been written so far, right or wrong.
        ended: whether END was written after it.
        note: a status line; whitespace in it is collapsed.
        told: a sentence that the episode is to be answered under, on lines of its own above the note.
        asked: the right answer; see :func:`bracket_env.rendering.cells.episode_cells`.

    Raises:
        InputError: as :func:`episode_cells`.
    """
    cells = episode_cells(language, prefix, answer, ended, asked)
    lines = []
    for start in range(0, len(cells) + 1, ANSI_CELLS_PER_LINE):
        symbols, marks = "", ""
        for index in range(start, min(start + ANSI_CELLS_PER_LINE, len(cells) + 1)):
            if index == len(prefix):
                symbols, marks = symbols + "| ", marks + "| "
            if index == len(cells):
                break
            cell = cells[index]
            text = _terminal_text(cell.symbol)
            mark = "ok" if cell.symbol == END and cell.state is State.CLOSED else _MARK[cell.state]
            width = max(2, terminal_width(text) + (len(text) > 1))
            symbols += _styled(text, cell.colour, _SGR[cell.state]) + " " * (width - terminal_width(text))
            marks += _styled(mark, cell.colour) + " " * (width - len(mark))
        if symbols:
            lines += [symbols.rstrip(" "), marks.rstrip(" ")]
    lines += [_styled(line, CAPTION) for line in wrap(told, 2 * ANSI_CELLS_PER_LINE, terminal_width)]
    return "\n".join([*lines, *filter(None, [_one_line(note)])])


def _styled(text: str, colour: Colour, extra: str = "") -> str:
    return f"\x1b[{extra}38;2;{';'.join(map(str, colour))}m{text}\x1b[0m" if text else ""


def _terminal_text(symbol: str) -> str:
    combining = symbol != END and unicodedata.category(symbol)[0] == "M"
    return f"U+{ord(symbol):04X}" if combining else symbol


def _one_line(note: str) -> str:
    return " ".join(note.split())


def render_rgb(
    language: BracketLanguage,
    prefix: str,
    answer: str,
    *,
    ended: bool = False,
    note: str = "",
    columns: int | None = None,
    told: str = "",
    told_lines: int = 0,
    asked: Plan | None = None,
) -> np.ndarray:
    """The episode as a picture.

    Args:
        language: the brackets.
        prefix: what was asked.
        answer: what has been written so far, right or wrong.
        ended: whether END was written after it.
        note: a status line; whitespace in it is collapsed, and it is cut at the frame's width.
        columns: how many cells the frame has room for (END takes one); frames of equal ``columns`` have equal shapes.
            Default: enough for this episode and END, at least 8.
        told: a sentence that the episode is to be answered under, above the note.
        told_lines: how many lines the frame has room for, whether it has a sentence or not.
        asked: the right answer; see :func:`bracket_env.rendering.cells.episode_cells`.

    Returns:
        ``(height, width, 3)`` uint8, height and width even.

    Raises:
        InputError: as :func:`episode_cells`; ``columns`` too small for the episode, ``told_lines`` for the sentence.
    """
    cells = episode_cells(language, prefix, answer, ended, asked)
    needed = len(prefix) + len(answer) + 1
    if columns is None:
        columns = max(needed, MIN_COLUMNS)
    if columns < needed:
        raise InputError(f"columns={columns} has no room for {needed - 1} symbols and END")
    pen = Pen(FrameLayout(columns, told_lines), lanes=max([5, *(cell.lane for cell in cells)]))
    right = sum(cell.symbol != END and cell.state in (State.CLOSED, State.OPEN) for cell in cells)
    if right == len(cells):
        pen.tile(right, None, TILE_EDGE)
    for index, cell in enumerate(cells):
        if cell.state is State.WRONG:
            pen.tile(index, MISTAKE, MISTAKE)
            pen.glyph(index, cell.symbol, (255, 255, 255))
        else:
            pen.tile(index, *((PREFIX_TILE, PREFIX_TILE) if index < len(prefix) else (None, TILE_EDGE)))
            pen.glyph(index, cell.symbol, cell.colour)
        for points in _TICK if cell.symbol == END and cell.state is State.CLOSED else _SIGNS[cell.state]:
            pen.stroke(index, points, cell.colour, 0.065)
        if cell.partner is not None and cell.partner > index:
            pen.bridge(index, min(cell.partner, right), cell.lane, cell.colour, cell.state is State.OPEN)
    pen.stroke(len(prefix), [(0, -0.1), (0, 1.1)], TEXT, 0.07)
    return pen.finish(_one_line(note), told)
