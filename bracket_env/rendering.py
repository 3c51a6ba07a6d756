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

Pure functions over NumPy and Pillow; no fonts of the machine are used. Colours: Okabe & Ito, "Color Universal Design"
(2008), without those too dark for a black or too bright for a white terminal and without vermilion, close to the red of
mistakes.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bracket_env.errors import InputError, quote
from bracket_env.language import BracketLanguage

Colour = tuple[int, int, int]
Point = tuple[float, float]

PALETTE: tuple[Colour, ...] = ((86, 180, 233), (230, 159, 0), (0, 158, 115), (204, 121, 167))
RIGHT_END: Colour = (0, 158, 115)
MISTAKE: Colour = (220, 50, 47)
AFTER_MISTAKE: Colour = (128, 136, 150)
TEXT: Colour = (226, 232, 240)
BACKGROUND: Colour = (15, 20, 34)
PREFIX_TILE: Colour = (36, 45, 66)
TILE_EDGE: Colour = (62, 74, 102)

END = "END"
MIN_COLUMNS = 8
ANSI_CELLS_PER_LINE = 36  # two terminal columns each: the line fits 80


class State(Enum):
    """What became of one symbol of the episode."""

    CLOSED = "closed"  # a bracket whose partner is written, or a right END
    OPEN = "open"  # an opener still waiting
    WRONG = "wrong"  # the first mistake
    AFTER = "after"  # written after the first mistake


class Cell(NamedTuple):
    """One symbol as both renderers show it. ``partner`` is the index of the partner's cell, written yet or not."""

    symbol: str
    state: State
    colour: Colour
    partner: int | None = None
    lane: int = 0


def episode_cells(language: BracketLanguage, prefix: str, answer: str, ended: bool) -> list[Cell]:
    """The cells of prefix, answer and, when ``ended``, END.

    Colours and lanes come from the word that the prefix asks for, so they never change while an answer grows. The lane
    of a pair is 1 plus the highest lane inside it: lines drawn at lane height do not cross.

    Raises:
        InputError: ``prefix`` cannot be completed, or ``answer`` holds a symbol outside the language.
    """
    completion = language.completion(prefix)
    for position, symbol in enumerate(answer, 1):
        if symbol not in language.opener_of and symbol not in language.closer_of:
            raise InputError(
                f"answer symbol {quote(symbol)} at position {position} is not in the language "
                f"{' '.join(language.pairs)}"
            )
    word = prefix + completion
    partner, hue, lane = _match(language, word)
    right = len(prefix)
    for written, asked in zip(answer, completion, strict=False):
        if written != asked:
            break
        right += 1
    cells = [
        Cell(word[i], State.CLOSED if partner[i] < right else State.OPEN, PALETTE[hue[i]], partner[i], lane[i])
        for i in range(right)
    ]
    rest: list[str] = [*answer[right - len(prefix) :], *([END] if ended else [])]
    if rest == [END] and answer == completion:
        return [*cells, Cell(END, State.CLOSED, RIGHT_END)]
    cells += [Cell(symbol, State.WRONG, MISTAKE) for symbol in rest[:1]]
    return cells + [Cell(symbol, State.AFTER, AFTER_MISTAKE) for symbol in rest[1:]]


def _match(language: BracketLanguage, word: str) -> tuple[list[int], list[int], list[int]]:
    """For every position of a balanced word: its partner's position, its place in the palette, its lane."""
    partner, hue, lane = [0] * len(word), [0] * len(word), [0] * len(word)
    waiting: list[int] = []
    newest = -1
    for i, symbol in enumerate(word):
        if symbol in language.closer_of:
            # An opener touches nothing but its parent and the sibling before it, so one of three hues is always free.
            taken = {hue[j] for j in (*waiting[-1:], *range(max(i - 1, 0), i))}
            newest = next(h % len(PALETTE) for h in range(newest + 1, newest + 4) if h % len(PALETTE) not in taken)
            hue[i] = newest
            waiting.append(i)
        else:
            opener = waiting.pop()
            partner[opener], partner[i], hue[i] = i, opener, hue[opener]
            lane[opener] = lane[i] = 1 + max(lane[opener + 1 : i], default=0)
    return partner, hue, lane


# ---------------------------------------------------------------------------------------------------- terminal text

_SGR = {State.CLOSED: "", State.OPEN: "1;4;", State.WRONG: "1;7;", State.AFTER: "9;"}
_MARK = {State.CLOSED: "", State.OPEN: "o", State.WRONG: "X", State.AFTER: "~"}


def render_ansi(language: BracketLanguage, prefix: str, answer: str, *, ended: bool = False, note: str = "") -> str:
    """The episode as lines of text with ANSI colour codes: symbols, marks below them, and the note if there is one.

    Long episodes wrap, a line of symbols and a line of marks at a time. Combining characters, which a terminal would
    put on top of their neighbour, are written as code points, ``U+0301``.

    Args:
        language: the brackets.
        prefix: what was asked.
        answer: what has been written so far, right or wrong.
        ended: whether END was written after it.
        note: a status line; whitespace in it is collapsed.

    Raises:
        InputError: as :func:`episode_cells`.
    """
    cells = episode_cells(language, prefix, answer, ended)
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
            width = max(2, _terminal_width(text) + (len(text) > 1))
            symbols += _styled(text, cell.colour, _SGR[cell.state]) + " " * (width - _terminal_width(text))
            marks += _styled(mark, cell.colour) + " " * (width - len(mark))
        if symbols:
            lines += [symbols.rstrip(" "), marks.rstrip(" ")]
    return "\n".join([*lines, *filter(None, [_one_line(note)])])


def _styled(text: str, colour: Colour, extra: str = "") -> str:
    return f"\x1b[{extra}38;2;{';'.join(map(str, colour))}m{text}\x1b[0m" if text else ""


def _terminal_text(symbol: str) -> str:
    combining = symbol != END and unicodedata.category(symbol)[0] == "M"
    return f"U+{ord(symbol):04X}" if combining else symbol


def _terminal_width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _one_line(note: str) -> str:
    return " ".join(note.split())


# ---------------------------------------------------------------------------------------------------------- picture

_SUPERSAMPLING = 3
_MARGIN = 16  # pixels
_NOTE_HEIGHT = 32
_NOTE_SIZE = 17
_LANES = 1.1  # in cells: the height of the lines above a row of cells ...
_MARKS = 0.5  # ... and of the signs below it


@dataclass(frozen=True)
class FrameLayout:
    """Where things stand in a frame of ``columns`` cells; the frame's size follows from ``columns`` alone.

    Up to 32 cells stand in one row of 40-pixel cells; more are spread evenly over rows, and beyond 256 the cells are
    half as large and a row holds 64.

    Raises:
        InputError: fewer than one column.
    """

    columns: int

    def __post_init__(self) -> None:
        if self.columns < 1:
            raise InputError(f"columns must be at least 1, not {self.columns}")

    @property
    def cell(self) -> int:
        """The width and height of a cell in pixels."""
        return 40 if self.columns <= 256 else 20

    @property
    def rows(self) -> int:
        """How many rows of cells there are."""
        return math.ceil(self.columns * self.cell / 1280)

    @property
    def per_row(self) -> int:
        """How many cells a row holds; never fewer than :data:`MIN_COLUMNS`, so that a note has room."""
        return max(math.ceil(self.columns / self.rows), MIN_COLUMNS)

    @property
    def row_height(self) -> int:
        """The height of the lanes, the cells and the marks of one row in pixels."""
        return round((_LANES + 0.2 + 1 + _MARKS) * self.cell)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the frame in pixels, both even."""
        return self.per_row * self.cell + 2 * _MARGIN, self.rows * self.row_height + _NOTE_HEIGHT + _MARGIN

    def corner(self, index: int) -> tuple[int, int]:
        """x and y of the upper left corner of cell ``index`` in pixels."""
        row, column = divmod(index, self.per_row)
        return _MARGIN + column * self.cell, _MARGIN // 2 + row * self.row_height + round((_LANES + 0.2) * self.cell)


def render_rgb(
    language: BracketLanguage,
    prefix: str,
    answer: str,
    *,
    ended: bool = False,
    note: str = "",
    columns: int | None = None,
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

    Returns:
        ``(height, width, 3)`` uint8, height and width even.

    Raises:
        InputError: as :func:`episode_cells`; ``columns`` too small for the episode.
    """
    cells = episode_cells(language, prefix, answer, ended)
    needed = len(prefix) + len(answer) + 1
    if columns is None:
        columns = max(needed, MIN_COLUMNS)
    if columns < needed:
        raise InputError(f"columns={columns} has no room for {needed - 1} symbols and END")
    pen = _Pen(FrameLayout(columns), lanes=max([5, *(cell.lane for cell in cells)]))
    right = sum(cell.partner is not None for cell in cells)
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
    return pen.finish(_one_line(note))


class _Pen:
    """Draws on a canvas larger than the frame by the supersampling factor.

    Points are in cells, measured from the upper left corner of the cell given with them.
    """

    def __init__(self, layout: FrameLayout, lanes: int) -> None:
        self.layout = layout
        self.lane_height = _LANES / lanes
        self.cell = layout.cell * _SUPERSAMPLING
        width, height = layout.size
        self.image = Image.new("RGB", (width * _SUPERSAMPLING, height * _SUPERSAMPLING), BACKGROUND)
        self.draw = ImageDraw.Draw(self.image)

    def place(self, index: int, points: Sequence[Point]) -> list[Point]:
        left, top = self.layout.corner(index)
        return [(left * _SUPERSAMPLING + x * self.cell, top * _SUPERSAMPLING + y * self.cell) for x, y in points]

    def stroke(self, index: int, points: Sequence[Point], colour: Colour, width: float) -> None:
        _stroke(self.draw, self.place(index, points), colour, width * self.cell)

    def tile(self, index: int, fill: Colour | None, edge: Colour) -> None:
        box = self.place(index, [(0.05, 0.05), (0.95, 0.95)])
        self.draw.rounded_rectangle(box, 0.15 * self.cell, fill, edge, _SUPERSAMPLING)

    def glyph(self, index: int, symbol: str, colour: Colour) -> None:
        left, top = self.layout.corner(index)
        mask = _glyph_mask(symbol, self.cell)
        self.image.paste(colour, (left * _SUPERSAMPLING, top * _SUPERSAMPLING), mask)

    def bridge(self, start: int, stop: int, lane: int, colour: Colour, is_open: bool) -> None:
        """A line over the cells from ``start`` to its partner ``stop``; if open, dashed and only as far as ``stop``."""
        per_row, height = self.layout.per_row, lane * self.lane_height
        width = min(0.055, 0.6 * self.lane_height)
        bend = min(0.2, height)
        for row in range(start // per_row, stop // per_row + 1):
            first, last = max(start, row * per_row), min(stop, (row + 1) * per_row - 1)
            left, right = 0.0, last - first + 1.0
            rise, fall = [(left, -height)], [(right, -height)]
            if first == start:
                left = 0.5
                rise = [(left, 0), *_arc(left + bend, bend - height, bend, bend, 180, 270)]
            if last == stop:
                right -= 1 if is_open else 0.5
                fall = [*_arc(right - bend, bend - height, bend, bend, 270, 360), (right, 0)]
            if not is_open:
                self.stroke(first, rise + fall, colour, width)
                continue
            self.stroke(first, rise, colour, width)
            self.dashes(first, rise[-1][0] + 0.1, right, height, colour, width)

    def dashes(self, index: int, left: float, right: float, height: float, colour: Colour, width: float) -> None:
        """A dashed line ``height`` cells above cell ``index``."""
        (x, y), (stop, _) = self.place(index, [(left, -height), (right, -height)])
        if stop > x:
            thickness = max(round(width * self.cell), 1)
            pattern = _dash_pattern(self.image.width, thickness, self.cell // 4)
            piece = pattern.crop((round(x), 0, round(stop), thickness))
            self.image.paste(colour, (round(x), round(y - thickness / 2)), piece)

    def finish(self, note: str) -> np.ndarray:
        """The frame with the note below: ``(height, width, 3)`` uint8."""
        image = self.image.reduce(_SUPERSAMPLING)
        font = _font(_NOTE_SIZE)
        width, height = self.layout.size
        while font.getlength(note) > width - 2 * _MARGIN:
            note = note[:-4] + "..."
        ImageDraw.Draw(image).text((_MARGIN, height - _MARGIN), note, TEXT, font, anchor="ls")
        return np.array(image)


# ----------------------------------------------------------------------------------------------------------- glyphs


def _arc(x: float, y: float, rx: float, ry: float, start: float, stop: float) -> list[Point]:
    """Points on an ellipse around (x, y); degrees run clockwise from the right, as in Pillow."""
    steps = math.ceil(abs(stop - start) / 12)
    angles = [math.radians(start + (stop - start) * i / steps) for i in range(steps + 1)]
    return [(x + rx * math.cos(a), y + ry * math.sin(a)) for a in angles]


_TICK = [[(0.36, 1.2), (0.46, 1.31), (0.66, 1.08)]]
_SIGNS: dict[State, list[list[Point]]] = {
    State.CLOSED: [],
    State.OPEN: [_arc(0.5, 1.2, 0.11, 0.11, 0, 360)],
    State.WRONG: [[(0.36, 1.06), (0.64, 1.34)], [(0.36, 1.34), (0.64, 1.06)]],
    State.AFTER: [[(0.12, 0.88), (0.88, 0.12)]],
}

# Openers in cells around the centre of a cell; their closers are the same shapes turned by 180 degrees.
_UPPER_CURL = [*_arc(0.14, -0.2, 0.14, 0.14, 270, 180), *_arc(-0.14, -0.13, 0.14, 0.13, 0, 90)]
_STROKES: dict[str, list[list[Point]]] = {
    "(": [_arc(0.2, 0, 0.3, 0.37, 120, 240)],
    "[": [[(0.09, -0.31), (-0.07, -0.31), (-0.07, 0.31), (0.09, 0.31)]],
    "{": [[*_UPPER_CURL, *((x, -y) for x, y in reversed(_UPPER_CURL))]],
    "<": [[(0.16, -0.2), (-0.16, 0), (0.16, 0.2)]],
    "「": [[(0.2, -0.31), (-0.04, -0.31), (-0.04, 0.19)]],
    "〈": [[(0.08, -0.34), (-0.08, 0), (0.08, 0.34)]],
    "《": [[(0.0, -0.34), (-0.16, 0), (0.0, 0.34)], [(0.18, -0.34), (0.02, 0), (0.18, 0.34)]],
    "『": [[(0.26, -0.35), (-0.12, -0.35), (-0.12, 0.2), (0.06, 0.2), (0.06, -0.17), (0.26, -0.17), (0.26, -0.35)]],
    "【": [[(-0.13, -0.35), (0.15, -0.35), *_arc(0.15, 0, 0.18, 0.35, 270, 90), (-0.13, 0.35)]],
}
_FILLED = "【"
_TURNED = dict(zip(")]}>」〉》』】", _STROKES, strict=True))


@lru_cache(maxsize=16)
def _dash_pattern(length: int, thickness: int, period: int) -> Image.Image:
    """A row of dashes as a mask; pieces of one pattern are in step with each other wherever they are pasted."""
    dashes = np.arange(length) % period < period // 2
    return Image.fromarray(np.tile(np.uint8(255) * dashes, (thickness, 1)))


@lru_cache(maxsize=512)
def _glyph_mask(symbol: str, size: int) -> Image.Image:
    """``symbol``, or END, in white on a black square of ``size`` pixels."""
    mask = Image.new("L", (size, size))
    draw = ImageDraw.Draw(mask)
    shape = _TURNED.get(symbol, symbol)
    for points in _STROKES.get(shape, []):
        placed = [((0.5 + x) * size, (0.5 + y) * size) for x, y in points]
        if shape in _FILLED:
            draw.polygon(placed, 255)
        else:
            _stroke(draw, placed, 255, 0.08 * size)
    if shape != symbol:
        return mask.transpose(Image.Transpose.ROTATE_180)
    if symbol == END:
        draw.text((size / 2, size / 2), END, 255, _font(0.36 * size), anchor="mm")
    elif symbol not in _STROKES and _in_font(symbol):
        draw.text((size / 2, size / 2), symbol, 255, _font(0.7 * size), anchor="mm")
    elif symbol not in _STROKES:
        _draw_code_point(draw, f"{ord(symbol):04X}", size)
    return mask


def _draw_code_point(draw: ImageDraw.ImageDraw, digits: str, size: int) -> None:
    """The digits on two lines in a box, as browsers show characters they have no glyph for."""
    draw.rounded_rectangle([0.14 * size, 0.14 * size, 0.86 * size, 0.86 * size], 0.06 * size, None, 255, size // 30)
    half = (len(digits) + 1) // 2
    for line, y in ((digits[:half], 0.35), (digits[half:], 0.66)):
        draw.text((0.5 * size, y * size), line, 255, _font(0.32 * size), anchor="mm")


@lru_cache(maxsize=16)
def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _in_font(symbol: str) -> bool:
    """Whether Pillow's own font draws ``symbol`` as something else than its sign for a missing glyph."""
    drawn, missing = (_font(32).getmask(text) for text in (symbol, "\U0010ffff"))
    return drawn.getbbox() is not None and bytes(drawn) != bytes(missing)


def _stroke(draw: ImageDraw.ImageDraw, points: Sequence[Point], ink: Colour | int, width: float) -> None:
    """A line with round joints and ends."""
    draw.line(points, ink, max(round(width), 1), joint="curve")
    radius = max(width - 1, 0) / 2
    for x, y in (points[0], points[-1]):
        draw.ellipse([x - radius, y - radius, x + radius, y + radius], ink)
