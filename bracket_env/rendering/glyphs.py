"""The shapes of the symbols, drawn as strokes: no fonts of the machine are used.

Brackets in common use have a shape of their own; other symbols come from Pillow's built-in font, and what that font
lacks is shown as its code point in a box, as browsers do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

from bracket_env.rendering.cells import END, Colour

Point = tuple[float, float]


def arc(x: float, y: float, rx: float, ry: float, start: float, stop: float) -> list[Point]:
    """Points on an ellipse around (x, y); degrees run clockwise from the right, as in Pillow."""
    steps = math.ceil(abs(stop - start) / 12)
    angles = [math.radians(start + (stop - start) * i / steps) for i in range(steps + 1)]
    return [(x + rx * math.cos(a), y + ry * math.sin(a)) for a in angles]


@lru_cache(maxsize=16)
def font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's built-in font."""
    return ImageFont.load_default(size)


def stroke(draw: ImageDraw.ImageDraw, points: Sequence[Point], ink: Colour | int, width: float) -> None:
    """A line with round joints and ends."""
    draw.line(points, ink, max(round(width), 1), joint="curve")
    radius = max(width - 1, 0) / 2
    for x, y in (points[0], points[-1]):
        draw.ellipse([x - radius, y - radius, x + radius, y + radius], ink)


# Openers in cells around the centre of a cell; their closers are the same shapes turned by 180 degrees.
_UPPER_CURL = [*arc(0.14, -0.2, 0.14, 0.14, 270, 180), *arc(-0.14, -0.13, 0.14, 0.13, 0, 90)]
_STROKES: dict[str, list[list[Point]]] = {
    "(": [arc(0.2, 0, 0.3, 0.37, 120, 240)],
    "[": [[(0.09, -0.31), (-0.07, -0.31), (-0.07, 0.31), (0.09, 0.31)]],
    "{": [[*_UPPER_CURL, *((x, -y) for x, y in reversed(_UPPER_CURL))]],
    "<": [[(0.16, -0.2), (-0.16, 0), (0.16, 0.2)]],
    "「": [[(0.2, -0.31), (-0.04, -0.31), (-0.04, 0.19)]],
    "〈": [[(0.08, -0.34), (-0.08, 0), (0.08, 0.34)]],
    "《": [[(0.0, -0.34), (-0.16, 0), (0.0, 0.34)], [(0.18, -0.34), (0.02, 0), (0.18, 0.34)]],
    "『": [[(0.26, -0.35), (-0.12, -0.35), (-0.12, 0.2), (0.06, 0.2), (0.06, -0.17), (0.26, -0.17), (0.26, -0.35)]],
    "【": [[(-0.13, -0.35), (0.15, -0.35), *arc(0.15, 0, 0.18, 0.35, 270, 90), (-0.13, 0.35)]],
}
_FILLED = "【"
_TURNED = dict(zip(")]}>」〉》』】", _STROKES, strict=True))


@lru_cache(maxsize=512)
def glyph_mask(symbol: str, size: int) -> Image.Image:
    """``symbol``, or END, in white on a black square of ``size`` pixels."""
    mask = Image.new("L", (size, size))
    draw = ImageDraw.Draw(mask)
    shape = _TURNED.get(symbol, symbol)
    for points in _STROKES.get(shape, []):
        placed = [((0.5 + x) * size, (0.5 + y) * size) for x, y in points]
        if shape in _FILLED:
            draw.polygon(placed, 255)
        else:
            stroke(draw, placed, 255, 0.08 * size)
    if shape != symbol:
        return mask.transpose(Image.Transpose.ROTATE_180)
    if symbol == END:
        draw.text((size / 2, size / 2), END, 255, font(0.36 * size), anchor="mm")
    elif symbol not in _STROKES and _in_font(symbol):
        draw.text((size / 2, size / 2), symbol, 255, font(0.7 * size), anchor="mm")
    elif symbol not in _STROKES:
        _draw_code_point(draw, f"{ord(symbol):04X}", size)
    return mask


def is_drawn(symbol: str) -> bool:
    """Whether a symbol has a shape of its own or is in the font."""
    return symbol in _STROKES or symbol in _TURNED or _in_font(symbol)


def _draw_code_point(draw: ImageDraw.ImageDraw, digits: str, size: int) -> None:
    """The digits on two lines in a box, as browsers show characters they have no glyph for."""
    draw.rounded_rectangle([0.14 * size, 0.14 * size, 0.86 * size, 0.86 * size], 0.06 * size, None, 255, size // 30)
    half = (len(digits) + 1) // 2
    for line, y in ((digits[:half], 0.35), (digits[half:], 0.66)):
        draw.text((0.5 * size, y * size), line, 255, font(0.32 * size), anchor="mm")


@lru_cache(maxsize=512)
def _in_font(symbol: str) -> bool:
    """Whether Pillow's own font draws ``symbol`` as something else than its sign for a missing glyph."""
    drawn, missing = (font(32).getmask(text) for text in (symbol, "\U0010ffff"))
    return drawn.getbbox() is not None and bytes(drawn) != bytes(missing)
