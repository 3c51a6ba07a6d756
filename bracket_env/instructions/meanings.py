"""What an answer can be asked to be: a meaning gives every prefix its one right answer.

A meaning says which of the open brackets are closed, in which order, and by which closers:

    order     nesting: last opened, first closed; queue: first opened, first closed
    only      the one pair whose brackets are closed (the others stay open); all of them by default
    swapped   two pairs that exchange their closers; none by default

A worked table for the prefix ``({【】{``, whose open brackets are ``(``, ``{``, ``{``:

    nesting                }})
    queue                  )}}
    only {}                }}
    swap () {}             ))}
    queue, swap () {}      }))
    only () as {}          }

Then END. The prefix itself is always an ordinary one, whatever it is to be answered with. Brackets of one pair all get
the same closer, so with ``only`` the order cannot be seen: it is nesting. Pure Python: no randomness, no arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, permutations
from typing import Literal, get_args

from bracket_env.errors import check_choice
from bracket_env.language import DEFAULT_PAIRS, BracketLanguage

Order = Literal["nesting", "queue"]
Part = Literal["train", "unseen", "all"]

LANGUAGE = BracketLanguage(DEFAULT_PAIRS)


@dataclass(frozen=True)
class Meaning:
    """Which open brackets are closed, in which order, by which closers; see the module."""

    order: Order = "nesting"
    only: str | None = None
    swapped: tuple[str, str] | None = None

    def plan(self, prefix: str) -> list[tuple[int, str]]:
        """The right answer, symbol by symbol, each with the position of the opener that it closes.

        Raises:
            InputError: ``prefix`` cannot be completed.
        """
        LANGUAGE.open_stack(prefix)
        waiting: list[int] = []
        for position, symbol in enumerate(prefix):
            if symbol in LANGUAGE.closer_of:
                waiting.append(position)
            else:
                waiting.pop()
        wanted = [position for position in waiting if self.only is None or prefix[position] == self.only[0]]
        if self.order == "nesting":
            wanted.reverse()
        return [(position, self.closer(prefix[position])) for position in wanted]

    def answer(self, prefix: str) -> str:
        """The only right answer. Raises as :meth:`plan`."""
        return "".join(closer for _, closer in self.plan(prefix))

    def closer(self, opener: str) -> str:
        """What closes ``opener``."""
        pair = opener + LANGUAGE.closer_of[opener]
        if self.swapped is not None and pair in self.swapped:
            pair = self.swapped[1 - self.swapped.index(pair)]
        return pair[1]

    @property
    def kind(self) -> str:
        """Which sentences state it: ``nesting``, ``queue``, ``only``, ``swap``, ``queue_swap`` or ``only_swap``."""
        if self.only is not None:
            return "only" if self.swapped is None else "only_swap"
        if self.swapped is not None:
            return "swap" if self.order == "nesting" else "queue_swap"
        return self.order

    def __str__(self) -> str:
        if self.only is not None:
            return f"only {self.only}" if self.swapped is None else f"only {self.only} as {self._partner(self.only)}"
        swap = [] if self.swapped is None else [f"swap {' '.join(self.swapped)}"]
        return ", ".join([self.order] * (self.order == "queue" or not swap) + swap)

    def words(self) -> str:
        """As ``str``, with a word for each pair."""
        text = str(self)
        for pair, word in zip(DEFAULT_PAIRS, ("round", "lenticular", "curly"), strict=True):
            text = text.replace(pair, word)
        return text

    def _partner(self, pair: str) -> str:
        assert self.swapped is not None
        return self.swapped[1 - self.swapped.index(pair)]


MEANINGS: tuple[Meaning, ...] = (
    Meaning(),
    Meaning("queue"),
    *(Meaning(only=pair) for pair in DEFAULT_PAIRS),
    *(Meaning(swapped=pairs) for pairs in combinations(DEFAULT_PAIRS, 2)),
    *(Meaning("queue", swapped=pairs) for pairs in combinations(DEFAULT_PAIRS, 2)),
    *(Meaning(only=pair, swapped=(pair, other)) for pair, other in permutations(DEFAULT_PAIRS, 2)),
)
"""All meanings that there are sentences for; the last nine are combinations."""

UNSEEN_MEANINGS = frozenset(
    {
        Meaning("queue", swapped=("()", "{}")),
        Meaning(only="()", swapped=("()", "{}")),
        Meaning(only="【】", swapped=("【】", "()")),
    }
)
"""Combinations that ``meanings="train"`` leaves out. Each part of them occurs in other combinations."""


def check_part(name: str, part: object) -> Part:
    """``part`` itself.

    Raises:
        InputError: not one of ``train``, ``unseen``, ``all``; ``name`` is the option's.
    """
    return check_choice(name, part, get_args(Part))


def in_part(part: Part, *, unseen: bool) -> bool:
    """Whether what is ``unseen``, or not, belongs to a part."""
    return part == "all" or unseen == (part == "unseen")
