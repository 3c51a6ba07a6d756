"""Attention weights as a shaded table for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich import box
from rich.table import Table
from rich.text import Text

_SHADES = " ░▒▓█"


def attention_map(weights: np.ndarray, *, written: Sequence[str], read: Sequence[str]) -> Table:
    """One row for each token written, one column for each token read before it.

    Shades stand for the weight's quarter of the row's largest; the largest itself is also given in percent.

    Args:
        weights: ``(len(written), len(read))``, rows summing to one; 0 where nothing was looked at.
        written: the tokens that the rows wrote.
        read: the tokens that they could look at.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 0), title="attention", title_justify="left")
    table.add_column(Text("wrote"))
    for token in read:
        table.add_column(Text(token.strip("<>") if len(token) > 1 else token), justify="center", no_wrap=True)
    table.add_column(Text("most"), justify="right")
    for name, row in zip(written, weights, strict=True):
        top = float(row.max())
        shades = [_SHADES[int(np.ceil(4 * value / top))] * 2 if top > 0 else "" for value in row]
        table.add_row(Text(name + " "), *map(Text, shades), Text(f" {top:.0%}"))
    return table
