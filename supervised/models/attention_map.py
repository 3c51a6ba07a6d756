"""Attention weights as a shaded table for the terminal, and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bracket_env.scores.tables import FittingTable, table

_SHADES = " ░▒▓█"
_ALIKE = dict(zip("【】「」『』（）｛｝［］〔〕〖〗《》〈〉", "⟦⟧⌈⌋⌈⌋(){}[]❲❳⟦⟧⟪⟫⟨⟩", strict=True))


def attention_map(weights: np.ndarray, *, written: Sequence[str], read: Sequence[str]) -> FittingTable:
    """One row for each token written, one column for each token read before it; long prefixes take several blocks.

    Shades stand for the weight's quarter of the row's largest; the largest itself is also given in percent.

    Args:
        weights: ``(len(written), len(read))``, rows summing to one; 0 where nothing was looked at.
        written: the tokens that the rows wrote.
        read: the tokens that they could look at.
    """
    headings = [_plain(token) for token in read]
    view = table("attention", ("wrote", "most", *headings), left=("wrote",), centre=headings, keys=2)
    for name, row in zip(written, weights, strict=True):
        top = float(row.max())
        shades = [_SHADES[int(np.ceil(4 * value / top))] * 2 if top > 0 else "" for value in row]
        view.add_row(name, f"{top:.0%}", *shades)
    return view


def _plain(token: str) -> str:
    return token.strip("<>") if len(token) > 1 else token


def attention_json(weights: np.ndarray, *, written: Sequence[str], read: Sequence[str]) -> dict[str, Any]:
    """The same for a program: ``weights[i][j]`` is how much the i-th written token looked at the j-th read one."""
    rounded = [[round(float(value), 6) for value in row] for row in weights]
    return {"written": list(written), "read": list(read), "weights": rounded}


def drawable(text: str) -> str:
    """A text in characters that matplotlib's own font has: brackets as those most like them, others as their code."""
    from matplotlib.font_manager import findfont, get_font

    known = get_font(findfont("DejaVu Sans")).get_charmap()
    return "".join(c if ord(c) in known else _ALIKE.get(c) or f"{ord(c):x}" for c in text)


def draw_attention(axis: Any, weights: np.ndarray, *, title: str, written: Sequence[str], read: Sequence[str]) -> None:
    """The same on an axis of matplotlib: rows write, columns are read, dark is much."""
    axis.imshow(weights, cmap="Blues", vmin=0, vmax=max(float(weights.max()), 1e-9), aspect="auto")
    axis.set_xticks(range(len(read)), [drawable(_plain(token)) for token in read], fontsize=7)
    axis.set_yticks(range(len(written)), [drawable(token) for token in written], fontsize=8)
    axis.set(title=drawable(title), xlabel="read", ylabel="wrote")
