"""The canvas of a frame: where cells stand, and a pen that draws in units of a cell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from bracket_env.errors import InputError, quote
from bracket_env.rendering.captions import draw_line, drawn_width, wrap
from bracket_env.rendering.cells import Colour
from bracket_env.rendering.glyphs import Point, arc, font, glyph_mask, stroke

TEXT: Colour = (226, 232, 240)
CAPTION: Colour = (147, 197, 253)
BACKGROUND: Colour = (15, 20, 34)

MIN_COLUMNS = 8

_SUPERSAMPLING = 3
_MARGIN = 16  # pixels
_NOTE_HEIGHT = 32
_NOTE_SIZE = 17
_LINE_HEIGHT = 24
_LANES = 1.1  # in cells: the height of the lines above a row of cells ...
_MARKS = 0.5  # ... and of the signs below it


@dataclass(frozen=True)
class FrameLayout:
    """Where things stand in a frame of ``columns`` cells; the frame's size follows from the fields alone.

    Up to 32 cells stand in one row of 40-pixel cells; more are spread evenly over rows, and beyond 256 the cells are
    half as large and a row holds 64.

    Raises:
        InputError: fewer than one column.
    """

    columns: int
    caption_lines: int = 0
    """Room for lines of text between the cells and the note."""

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
        below = self.caption_lines * _LINE_HEIGHT + _NOTE_HEIGHT + _MARGIN
        return self.per_row * self.cell + 2 * _MARGIN, self._caption_top + below

    @property
    def _caption_top(self) -> int:
        return self.rows * self.row_height

    def caption(self, text: str) -> list[tuple[float, float, str]]:
        """The lines of a text, each with the left end of its baseline.

        Raises:
            InputError: it takes more lines than there is room for.
        """
        lines = wrap(text, self.size[0] - 2 * _MARGIN, lambda line: drawn_width(line, _NOTE_SIZE))
        if len(lines) > self.caption_lines:
            raise InputError(f"{quote(text)} takes {len(lines)} lines, and there is room for {self.caption_lines}")
        return [(_MARGIN, self._caption_top + (i + 1) * _LINE_HEIGHT, line) for i, line in enumerate(lines)]

    def corner(self, index: int) -> tuple[int, int]:
        """x and y of the upper left corner of cell ``index`` in pixels."""
        row, column = divmod(index, self.per_row)
        return _MARGIN + column * self.cell, _MARGIN // 2 + row * self.row_height + round((_LANES + 0.2) * self.cell)


class Pen:
    """Draws on a canvas larger than the frame by the supersampling factor.

    Points are in cells, measured from the upper left corner of the cell given with them.

    Args:
        layout: of the frame.
        lanes: how many lanes of bridges share the height above a row of cells.
    """

    def __init__(self, layout: FrameLayout, lanes: int) -> None:
        self.layout = layout
        self.lane_height = _LANES / lanes
        self.cell = layout.cell * _SUPERSAMPLING
        width, height = layout.size
        self.image = Image.new("RGB", (width * _SUPERSAMPLING, height * _SUPERSAMPLING), BACKGROUND)
        self.draw = ImageDraw.Draw(self.image)

    def place(self, index: int, points: Sequence[Point]) -> list[Point]:
        """Points near cell ``index`` in pixels of the canvas."""
        left, top = self.layout.corner(index)
        return [(left * _SUPERSAMPLING + x * self.cell, top * _SUPERSAMPLING + y * self.cell) for x, y in points]

    def stroke(self, index: int, points: Sequence[Point], colour: Colour, width: float) -> None:
        """A line through ``points``, ``width`` cells wide."""
        stroke(self.draw, self.place(index, points), colour, width * self.cell)

    def tile(self, index: int, fill: Colour | None, edge: Colour) -> None:
        """The rounded square behind a symbol."""
        box = self.place(index, [(0.05, 0.05), (0.95, 0.95)])
        self.draw.rounded_rectangle(box, 0.15 * self.cell, fill, edge, _SUPERSAMPLING)

    def glyph(self, index: int, symbol: str, colour: Colour) -> None:
        """The symbol itself."""
        left, top = self.layout.corner(index)
        mask = glyph_mask(symbol, self.cell)
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
                rise = [(left, 0), *arc(left + bend, bend - height, bend, bend, 180, 270)]
            if last == stop:
                right -= 1 if is_open else 0.5
                fall = [*arc(right - bend, bend - height, bend, bend, 270, 360), (right, 0)]
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

    def finish(self, note: str, caption: str = "") -> np.ndarray:
        """The frame with the caption and the note below: ``(height, width, 3)`` uint8."""
        image = self.image.reduce(_SUPERSAMPLING)
        for left, baseline, line in self.layout.caption(caption):
            draw_line(image, left, baseline, line, CAPTION, _NOTE_SIZE)
        letters = font(_NOTE_SIZE)
        width, height = self.layout.size
        while letters.getlength(note) > width - 2 * _MARGIN:
            note = note[:-4] + "..."
        ImageDraw.Draw(image).text((_MARGIN, height - _MARGIN), note, TEXT, letters, anchor="ls")
        return np.array(image)


@lru_cache(maxsize=16)
def _dash_pattern(length: int, thickness: int, period: int) -> Image.Image:
    """A row of dashes as a mask; pieces of one pattern are in step with each other wherever they are pasted."""
    dashes = np.arange(length) % period < period // 2
    return Image.fromarray(np.tile(np.uint8(255) * dashes, (thickness, 1)))
