"""Which bracket pairs a sentence names, and which one it introduces.

A sentence introduces a pair outside the language when it says how a bracket is closed ("『 is closed by 』",
「『は』で閉じる」) or shows a well-known pair whole ("[ and ] match"). A lone bracket outside the language is a
mistake, and so is closing a bracket of the language by another one than its own.
"""

from __future__ import annotations

import re
from itertools import pairwise

from bracket_env.errors import InputError, quote
from bracket_env.language import BracketLanguage
from ncl_reward.reading.mentions import KNOWN_PAIRS, Mention, mentions

_CLOSED_BY = re.compile(
    r"\s*['\"`’”」]?\s*(?:"
    r"(?:is|are|gets?|must be|has to be|should be)?\s*(?:always\s+)?"
    r"(?:closed|matched|shut|ended|paired|completed|closes?|pairs?|matches|ends?)\s+"
    r"(?:off\s+)?(?:by|with|to)\s+(?:an?\s+|the\s+)?"
    r"|[はがを](?:必ず|いつも|常に)?(?=.{1,4}(?:で|によって|により)(?:必ず|いつも|常に)?閉)"
    r"|[はがを](?:必ず|いつも|常に)?(?=.{1,4}(?:と|に)(?:必ず|いつも|常に)?(?:一対一)?(?:で|に)?(?:対|ペア|組))"
    r"|(?:の|に対する)(?:閉じ(?:括弧|記号|る記号)?|相手|ペア|終わり)[はが]\s*"
    r"|と(?=.{1,4}[はが](?:対|ペア|組|一組))"
    r"|\s+and\s+(?=.{1,3}\s*(?:are|form|make)\s+(?:a\s+)?pair)"
    r")\s*['\"`‘“「]?\s*",
    re.IGNORECASE,
)


def named_pairs(text: str, language: BracketLanguage) -> tuple[tuple[str, ...], str | None]:
    """The language's pairs that a sentence names, in the language's order, and the pair that it introduces.

    Raises:
        InputError: a bracket outside the language that the sentence neither shows with its partner nor says how to
            close; a pairing that contradicts the language.
    """
    found = mentions(text, language)
    introduced = _introduced(text, found, language)
    inside = {m.symbol for m in found} - set(introduced or "")
    for symbol in sorted(inside):
        if symbol not in language.closer_of and symbol not in language.opener_of:
            raise InputError(
                f"the bracket {quote(symbol)} is not in the language {' '.join(language.pairs)}, and the sentence "
                f"{quote(text)} does not say how it is closed (such as: 『 is closed by 』)"
            )
    return tuple(pair for pair in language.pairs if inside & set(pair)), introduced


def _introduced(text: str, found: list[Mention], language: BracketLanguage) -> str | None:
    known = language.closer_of
    outside = [m for m in found if m.symbol not in known and m.symbol not in language.opener_of]
    for first, second in pairwise(found):
        says_so = _CLOSED_BY.match(text, first.start + 1)
        if not says_so or says_so.end() != second.start or first.symbol == second.symbol:
            continue
        if first in outside and second in outside:
            return first.symbol + second.symbol
        if known.get(first.symbol, second.symbol) != second.symbol:
            raise InputError(
                f"the sentence {quote(text)} closes {quote(first.symbol)} by {quote(second.symbol)}, "
                f"but the language closes it by {quote(known[first.symbol])}"
            )
    shown = {m.symbol for m in outside}
    return next((pair for pair in KNOWN_PAIRS if set(pair) <= shown), None)
