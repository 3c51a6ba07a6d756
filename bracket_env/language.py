"""The bracket language: what is balanced, what is open, and what closes it.

A language is an ordered set of pairs such as ``()``, ``【】``, ``{}``: the Dyck language over them. A *prefix* is
any string that can still be completed; its *completion* is the shortest string that balances it, and it is unique:
the open brackets, closed in reverse order.

A worked trace for the prefix ``({【】``:

    symbol   (    {     【     】
    stack    (    ({    ({【   ({        -> completion ``})``, depth 3

Pure Python: no randomness, no arrays, nothing but strings.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate

from bracket_env.errors import InputError, quote

DEFAULT_PAIRS = ("()", "【】", "{}")
MAX_PAIRS = 100


class BracketLanguage:
    """The Dyck language over the given bracket pairs.

    Args:
        pairs: 1 to 100 strings of two different characters each, opener first; no character may occur twice.

    Raises:
        InputError: no pairs, too many pairs, a pair that is not two different characters, a repeated character, or
            whitespace or a control character as a bracket (case files may put spaces between symbols).
    """

    def __init__(self, pairs: Sequence[str] = DEFAULT_PAIRS) -> None:
        if isinstance(pairs, str):
            raise InputError(f"pairs must be a sequence of two-character strings, not one string {quote(pairs)}")
        if not 1 <= len(pairs) <= MAX_PAIRS:
            raise InputError(f"a language has 1 to {MAX_PAIRS} pairs, not {len(pairs)}")
        owner: dict[str, str] = {}
        for pair in pairs:
            if not isinstance(pair, str) or len(pair) != 2 or pair[0] == pair[1]:
                raise InputError(f"a pair is two different characters, not {quote(pair)}")
            for symbol in pair:
                if symbol.isspace() or not symbol.isprintable():
                    raise InputError(f"whitespace and control characters cannot be brackets: {quote(pair)}")
                if symbol in owner:
                    raise InputError(f"{quote(symbol)} occurs in {quote(owner[symbol])} and again in {quote(pair)}")
                owner[symbol] = pair
        self.pairs = tuple(pairs)

    @cached_property
    def openers(self) -> str:
        """The opening symbols, pair by pair."""
        return "".join(pair[0] for pair in self.pairs)

    @cached_property
    def closers(self) -> str:
        """The closing symbols, pair by pair."""
        return "".join(pair[1] for pair in self.pairs)

    @cached_property
    def closer_of(self) -> dict[str, str]:
        """Opener -> its closer."""
        return {pair[0]: pair[1] for pair in self.pairs}

    @cached_property
    def opener_of(self) -> dict[str, str]:
        """Closer -> its opener."""
        return {pair[1]: pair[0] for pair in self.pairs}

    @cached_property
    def _symbols(self) -> frozenset[str]:
        return frozenset(self.openers + self.closers)

    @cached_property
    def _by_width(self) -> dict[str, str]:
        """The form that symbols of several widths have in common -> the one symbol of the language that has it."""
        found: dict[str, str] = {}
        for symbol in "".join(self.pairs):
            found.setdefault(unicodedata.normalize("NFKC", symbol), symbol)
        return {**found, **{symbol: symbol for symbol in "".join(self.pairs)}}

    def reading(self, text: str) -> str:
        """What a person or a program may mean by ``text``: the symbols without spaces, in the language's own width.

        ``（ ｛`` from a Japanese keyboard is ``({``, unless the language has ``（`` itself. White space at the ends and
        a byte order mark go; inside, only spaces do: TAB and line breaks separate more than symbols, so they stay, as
        does whatever else is no symbol.
        """
        known, meant = self._symbols, self._by_width
        if known.issuperset(text):
            return text
        return "".join(
            symbol if symbol in known else meant.get(unicodedata.normalize("NFKC", symbol), symbol)
            for symbol in text.strip().removeprefix("\ufeff").strip()
            if unicodedata.category(symbol) != "Zs"
        )

    def open_stack(self, prefix: str) -> str:
        """The openers still waiting for their closer, outermost first.

        Raises:
            InputError: a symbol outside the language, or a closer that does not match the innermost open bracket
                (such a string can never be completed); the message names the symbol and its 1-based position.
        """
        stack: list[str] = []
        for position, symbol in enumerate(prefix, 1):
            if symbol in self.closer_of:
                stack.append(symbol)
            elif symbol not in self.opener_of:
                raise InputError(
                    f"symbol {quote(symbol)} at position {position} is not in the language {' '.join(self.pairs)}"
                )
            elif not stack:
                raise InputError(f"{quote(symbol)} at position {position} closes nothing, so it cannot be completed")
            elif stack[-1] != self.opener_of[symbol]:
                raise InputError(
                    f"{quote(symbol)} at position {position} meets an open {quote(stack[-1])}, "
                    "so it cannot be completed"
                )
            else:
                stack.pop()
        return "".join(stack)

    def completion(self, prefix: str) -> str:
        """The shortest string that balances ``prefix``; empty when it is balanced. Raises as :meth:`open_stack`."""
        return "".join(self.closer_of[opener] for opener in reversed(self.open_stack(prefix)))

    def is_prefix(self, text: str) -> bool:
        """Whether ``text`` can still be completed."""
        try:
            self.open_stack(text)
        except InputError:
            return False
        return True

    def is_balanced(self, text: str) -> bool:
        """Whether ``text`` is a word of the language: completable with nothing left to close."""
        return self.is_prefix(text) and not self.open_stack(text)

    def depth(self, prefix: str) -> int:
        """The largest number of brackets open at once. Raises as :meth:`open_stack`."""
        self.open_stack(prefix)
        return max(accumulate(1 if symbol in self.closer_of else -1 for symbol in prefix), default=0)

    def closer_distances(self, word: str) -> list[int]:
        """For every closer of ``word``, from left to right, how many symbols back its opener stands.

        ``({})`` gives ``[1, 3]``. Raises as :meth:`open_stack`.
        """
        self.open_stack(word)
        opened_at: list[int] = []
        distances = []
        for position, symbol in enumerate(word):
            if symbol in self.closer_of:
                opened_at.append(position)
            else:
                distances.append(position - opened_at.pop())
        return distances

    def max_distance(self, prefix: str) -> int:
        """The largest opener-closer distance in ``prefix + completion``; 0 for the empty prefix."""
        return max(self.closer_distances(prefix + self.completion(prefix)), default=0)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BracketLanguage) and self.pairs == other.pairs

    def __hash__(self) -> int:
        return hash(self.pairs)

    def __repr__(self) -> str:
        return f"BracketLanguage({self.pairs!r})"
