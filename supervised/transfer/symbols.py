"""Which known symbol a new one starts from: the nearest by what Unicode says of both.

- ``(`` among ``( [ {``: itself.
- ``（`` among ``( [ {``: ``(``, the same symbol but for its width (one compatibility form).
- ``【`` among ``( 「 [``: ``「``, a LEFT ... BRACKET as ``[`` is, and the nearer code point.
- ``【`` among ``( [ {``, beside a ``{`` that stands for itself: ``[``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence


def nearest_symbols(symbols: Sequence[str], known: Iterable[str]) -> dict[str, str]:
    """A known symbol for each new one, no known one twice while there are enough.

    Symbols that are known keep themselves; the others choose in order. Two symbols with one embedding could not be told
    apart at the start, which is why a symbol that is taken comes last.

    Args:
        symbols: single characters.
        known: single characters, at least one.
    """
    candidates = sorted(set(known))
    chosen = {symbol: symbol for symbol in symbols if symbol in candidates}
    for symbol in symbols:
        if symbol not in chosen:
            taken = set(chosen.values())
            chosen[symbol] = max(candidates, key=lambda other: (other not in taken, *likeness(symbol, other)))
    return chosen


def nearest_pairs(pairs: Sequence[str], known: Sequence[str]) -> dict[str, str]:
    """A known pair for each new one, by the openers: what opens and closes together stays together.

    Args:
        pairs, known: pairs of two characters, at least one known.
    """
    openers = nearest_symbols([pair[0] for pair in pairs], [pair[0] for pair in known])
    by_opener = {pair[0]: pair for pair in known}
    return {pair: by_opener[openers[pair[0]]] for pair in pairs}


def likeness(symbol: str, other: str) -> tuple[bool, bool, float, int]:
    """How near two characters are, the larger the nearer.

    Returns:
        Whether their compatibility forms are the same; whether their categories are (openers are ``Ps``, closers
        ``Pe``); the share of words that their names have in common (Jaccard); minus the distance of their code points.
    """
    words, others = (set(unicodedata.name(character, "").split()) for character in (symbol, other))
    return (
        unicodedata.normalize("NFKC", symbol) == unicodedata.normalize("NFKC", other),
        unicodedata.category(symbol) == unicodedata.category(other),
        len(words & others) / max(len(words | others), 1),
        -abs(ord(symbol) - ord(other)),
    )
