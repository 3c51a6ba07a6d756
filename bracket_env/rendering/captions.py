"""Sentences in frames: broken into lines, and drawn with the symbols that the font lacks."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

from PIL import Image, ImageDraw

from bracket_env.rendering.cells import Colour
from bracket_env.rendering.glyphs import font, glyph_mask, is_drawn


def wrap(text: str, width: float, measure: Callable[[str], float]) -> list[str]:
    """Lines no wider than ``width``, broken at blanks, and within what has none where it is too wide.

    Args:
        measure: the width of a text.
    """
    lines, line = [], ""
    for word in text.split():
        while word:
            longer = f"{line} {word}" if line else word
            if measure(longer) <= width:
                line, word = longer, ""
            elif line and (measure(word) <= width or word.isascii()):
                lines.append(line)
                line = ""
            else:
                room = longer
                while len(room) > 1 and measure(room) > width:
                    room = room[:-1]
                lines.append(room)
                line, word = "", longer[len(room) :]
    return [*lines, line] if line else lines


def terminal_width(text: str) -> int:
    """Columns that a text takes on a terminal."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def can_draw(text: str) -> bool:
    """Whether every character has a shape; Japanese letters have none."""
    return all(symbol == " " or is_drawn(symbol) for symbol in text)


def drawn_width(text: str, size: int) -> float:
    """Pixels that a line takes."""
    return sum(_width(symbol, size) for symbol in text)


def draw_line(image: Image.Image, left: float, baseline: float, text: str, colour: Colour, size: int) -> None:
    """A line of text; brackets that the font lacks are drawn as in the cells of a frame."""
    draw, letters = ImageDraw.Draw(image), font(size)
    for symbol in text:
        if symbol.isascii():
            draw.text((left, baseline), symbol, colour, letters, anchor="ls")
        else:
            image.paste(colour, (round(left), round(baseline - 0.85 * size)), glyph_mask(symbol, size))
        left += _width(symbol, size)


def _width(symbol: str, size: int) -> float:
    return font(size).getlength(symbol) if symbol.isascii() else float(size)
