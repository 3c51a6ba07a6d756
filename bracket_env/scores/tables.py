"""Every table that the project prints: one look, and whatever the width of the terminal no number is cut.

    view = table("the runs", ("run", "exact %", "steps"), left=("run",))
    view.add_row("gru-1", "99.7", "401,408")
    console.print(view)

What does not fit is tried in this order: narrower gaps; headings on more lines; words in cells on more lines; at last
blocks of columns below each other, each with the first columns again. Nothing in a cell is markup, for brackets are
the subject here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Literal

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

HEADING = 10  # longer headings of numbers take several lines
NAME = 20  # a name up to this length stays on one line
WORDS = 28  # other text gets at least this width before columns are moved below each other
Aligned = Literal["left", "center", "right"]
_EDGES = 2
_PLAIN_HEAD = box.Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)


def table(
    title: str,
    headings: Sequence[str],
    *,
    left: Collection[str] = (),
    centre: Collection[str] = (),
    keys: int | None = None,
    caption: str | None = None,
) -> FittingTable:
    """An empty table.

    Args:
        title: above it; "" for none.
        headings: one a column.
        left: headings of columns with words, which may be broken into lines; the others have numbers, on the right,
            which never are.
        centre: headings of columns with numbers in the middle.
        keys: how many columns say what a row is about and stand in every block of a table that has to be broken; by
            default those at the beginning that have words.
        caption: below it, such as what the columns mean.
    """
    aligned: tuple[Aligned, ...] = tuple(
        "left" if h in left else "center" if h in centre else "right" for h in headings
    )
    if keys is None:
        keys = next((i for i, name in enumerate(aligned) if name != "left"), 1)
    return FittingTable(title, tuple(headings), aligned, max(keys, 1), caption)


class FittingTable:
    """A table that fits the console that prints it; :func:`table` makes one."""

    def __init__(
        self, title: str, headings: tuple[str, ...], aligned: tuple[Aligned, ...], keys: int, caption: str | None
    ) -> None:
        self.title, self.headings, self.caption = title, headings, caption
        self._aligned, self._keys = aligned, keys
        self._rows: list[list[Text]] = []
        self._sections: list[int] = []

    def add_row(self, *cells: str | Text) -> None:
        """A row.

        Args:
            cells: one a column, the last ones empty where there are fewer; a ``Text`` keeps its style.

        Raises:
            ValueError: more cells than columns.
        """
        if len(cells) > len(self.headings):
            raise ValueError(f"{len(cells)} cells for {len(self.headings)} columns")
        all_cells = [*cells, *[""] * (len(self.headings) - len(cells))]
        self._rows.append([cell if isinstance(cell, Text) else Text(cell) for cell in all_cells])

    def add_section(self) -> None:
        """An empty line between the rows so far and the next ones."""
        self._sections.append(len(self._rows))

    def column(self, heading: str) -> list[str]:
        """The cells of a column, from above."""
        place = self.headings.index(heading)
        return [row[place].plain for row in self._rows]

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(min(options.max_width, 20), options.max_width)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self.title:
            yield Text(self.title, style="bold")
        head = _PLAIN_HEAD if options.ascii_only else box.SIMPLE_HEAD
        for block in self._blocks(options.max_width - _EDGES):
            yield self._drawn(block, head)
        if self.caption:
            yield Text(self.caption, style="dim italic")

    def _drawn(self, block: _Block, head: box.Box) -> Table:
        view = Table(box=head, padding=(0, block.gap - 1, 0, 0), pad_edge=False)
        for place, width in block.columns:
            aligned = self._aligned[place]
            heading = Text("\n".join(_broken(self.headings[place], width)))
            view.add_column(heading, justify=aligned, width=width, no_wrap=aligned != "left", overflow="fold")
        for number, row in enumerate(self._rows, 1):
            view.add_row(*(row[place] for place, _ in block.columns), end_section=number in self._sections)
        return view

    def _blocks(self, width: int) -> Iterator[_Block]:
        """The columns in blocks that fit a width, each column with its own."""
        every = range(len(self.headings))
        for gap, heading in ((2, HEADING), (1, HEADING), (1, 1)):
            natural = [self._widest(place, heading) for place in every]
            if sum(natural) + gap * (len(natural) - 1) <= width:
                yield _Block(list(zip(every, natural, strict=True)), gap)
                return
        keys, least = self._keys, [min(natural[i], self._least(i)) for i in every]
        largest = max(least[keys:], default=-1)
        if sum(least[:keys]) + keys + largest > width:  # the names give way: no number does
            least[:keys] = _shrunk(least[:keys], width - keys - largest)
        for part in _parts(list(every[keys:]), least, width - sum(least[:keys]) - keys):
            places = [*range(keys), *part]
            widest = [self._widest(i, HEADING) for i in places]
            yield _fitted(places, [least[i] for i in places], widest, width)

    def _widest(self, place: int, heading: int) -> int:
        """The width of a column whose heading is broken after so many characters."""
        if self._aligned[place] == "left":
            heading = 1000
        lines = _broken(self.headings[place], heading)
        cells = [cell_len(line) for row in self._rows for line in row[place].plain.split("\n")]
        return max([*map(cell_len, lines), *cells, 1])

    def _least(self, place: int) -> int:
        """The width that a column may shrink to."""
        if self._aligned[place] != "left":
            return self._widest(place, 1)
        words = [word for row in self._rows for word in row[place].plain.split()]
        longest = max([cell_len(word) for word in [*words, *self.headings[place].split()]], default=1)
        names = all(len(row[place].plain) <= WORDS for row in self._rows)
        return max(min(longest, NAME), NAME if names else WORDS)


@dataclass(frozen=True)
class _Block:
    """Some columns that stand beside each other: (place, width) of each, and the gap between them."""

    columns: list[tuple[int, int]]
    gap: int


def _fitted(places: Sequence[int], least: Sequence[int], widest: Sequence[int], width: int) -> _Block:
    """Columns as wide as they like or as there is place, with the larger gap if that costs no number its heading."""
    gaps = len(places) - 1
    gap = 2 if sum(widest) + 2 * gaps <= width else 1
    return _Block(list(zip(places, _grown(least, widest, width - gap * gaps - sum(least)), strict=True)), gap)


def _broken(heading: str, width: int) -> list[str]:
    return wrap(heading, max(width, 1), break_long_words=False, break_on_hyphens=False) or [""]


def _parts(places: list[int], least: Sequence[int], width: int) -> list[list[int]]:
    """Places in as few parts as fit a width, of about the same number."""

    def filled(most: int) -> list[list[int]]:
        parts: list[list[int]] = [[]]
        for place in places:
            used = sum(least[i] + 1 for i in parts[-1])
            if parts[-1] and (used + least[place] > width or len(parts[-1]) >= most):
                parts.append([])
            parts[-1].append(place)
        return parts

    fewest = len(filled(len(places)))
    return next(parts for most in range(1, len(places) + 1) if len(parts := filled(most)) == fewest) if places else [[]]


def _grown(least: Sequence[int], natural: Sequence[int], spare: int) -> list[int]:
    """Columns wider by what is to spare, the narrowest first, none wider than it needs."""
    widths = list(least)
    while spare > 0 and (short := [i for i, width in enumerate(widths) if width < natural[i]]):
        widths[min(short, key=lambda i: widths[i])] += 1
        spare -= 1
    return widths


def _shrunk(widths: Sequence[int], width: int) -> list[int]:
    """Columns of a width in all, the widest ones narrower, each at least 1."""
    found = list(widths)
    while sum(found) > max(width, len(found)):
        found[found.index(max(found))] -= 1
    return found
