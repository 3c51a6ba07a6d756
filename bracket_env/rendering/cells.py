"""One episode as cells: which symbol, what became of it, whose partner it is, in which colour.

``({【`` answered with ``】)}`` and END: the first closer is right, ``)`` is the first mistake, the rest came after it.

    symbol    (     {     【      】      )      }      END
    state     OPEN  OPEN  CLOSED  CLOSED  WRONG  AFTER  AFTER
    partner   5     4     3       2       -      -      -
    lane      3     2     1       1       0      0      0

Touching brackets of different pairs never share a colour. Colours: Okabe & Ito, "Color Universal Design" (2008),
without those too dark for a black or too bright for a white terminal and without vermilion, close to the red of
mistakes.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from bracket_env.errors import InputError, quote
from bracket_env.language import BracketLanguage

Colour = tuple[int, int, int]
Plan = Sequence[tuple[int, str]]
"""A right answer: each symbol with the position of the opener that it closes."""

PALETTE: tuple[Colour, ...] = ((86, 180, 233), (230, 159, 0), (0, 158, 115), (204, 121, 167))
RIGHT_END: Colour = (0, 158, 115)
MISTAKE: Colour = (220, 50, 47)
AFTER_MISTAKE: Colour = (128, 136, 150)

END = "END"


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


def episode_cells(
    language: BracketLanguage, prefix: str, answer: str, ended: bool, asked: Plan | None = None
) -> list[Cell]:
    """The cells of prefix, answer and, when ``ended``, END.

    Colours and lanes come from the completed prefix, so they never change while an answer grows. The lane of a pair is
    1 plus the highest lane inside it: lines drawn at lane height do not cross.

    Args:
        asked: the right answer, by default the completion. A closer has the colour and lane of the opener that it
            closes, and an opener that the answer leaves open has no partner.

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
    matched, hue, lane = _match(language, prefix + completion)
    partner: list[int | None] = list(matched)
    if asked is not None:
        completion = "".join(symbol for _, symbol in asked)
        openers = [opener for opener, _ in asked]
        partner = [*(None if i >= len(prefix) else i for i in matched[: len(prefix)]), *openers]
        hue, lane = (row[: len(prefix)] + [row[opener] for opener in openers] for row in (hue, lane))
        for i, opener in enumerate(openers, len(prefix)):
            partner[opener] = i
    word = prefix + completion
    right = len(prefix)
    for written, wanted in zip(answer, completion, strict=False):
        if written != wanted:
            break
        right += 1
    cells = []
    for i in range(right):
        other = partner[i]
        state = State.OPEN if other is None or other >= right else State.CLOSED
        cells.append(Cell(word[i], state, PALETTE[hue[i]], other, lane[i]))
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
