"""Brackets that a sentence talks about, as opposed to brackets that it is punctuated with.

    "【 is closed by 】"            talks about 【】
    "brackets (of any type) match"  is punctuated with ( )
    「(は必ず)で閉じる」            is punctuated with 「」 and talks about ()

A bracket is punctuation when it touches the words it encloses. In Japanese, where nothing stands between a symbol and
the particle after it, what begins with a particle (は, が, に, …) does not count as enclosed words. Full-width
brackets stand for the plain ones of the language.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from bracket_env import BracketLanguage, InputError, quote
from ncl_reward.reading.words import language_of

KNOWN_PAIRS = (
    "()", "[]", "{}", "<>", "（）", "［］", "｛｝", "＜＞", "【】", "「」", "『』", "〈〉", "《》", "〔〕", "〖〗",
    "«»", "‹›", "⟨⟩", "⟪⟫", "⟦⟧", "｢｣", "｟｠", "❨❩", "❪❫", "❬❭", "❰❱", "❲❳", "❴❵",
)  # fmt: skip

_PARTICLE = re.compile(r"[はがにをとのもやで]|から|まで|だけ|and\b|or\b|is\b")
_QUOTES = "「」『』\"'“”‘’`´"
_LETTERED = 4  # pairs with letters of their own: A to H, of which none is a word (as I is)
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


class Mention(NamedTuple):
    """A bracket that the sentence names."""

    start: int  # its place in the text
    symbol: str  # as the language writes it


def mentions(text: str, language: BracketLanguage) -> list[Mention]:
    """The brackets named in ``text``, from left to right; those that only punctuate it are left out."""
    closer_of = {pair[0]: pair[1] for pair in (*KNOWN_PAIRS, *language.pairs)}
    brackets = {symbol for symbol in (*closer_of, *closer_of.values()) if not symbol.isalnum()}
    punctuation: set[int] = set()
    for start, symbol in enumerate(text):
        if symbol in closer_of and symbol in brackets and start not in punctuation:
            end = text.find(closer_of[symbol], start + 1)
            if end > start + 1 and _encloses_words(text, start, end, brackets):
                punctuation |= {start, end}
    named = [
        Mention(start, _plain(symbol, language))
        for start, symbol in enumerate(text)
        if symbol in brackets and start not in punctuation
    ]
    return [m for m in named if not _is_arrow(text, m)]


def _encloses_words(text: str, start: int, end: int, brackets: set[str]) -> bool:
    """Whether the brackets at ``start`` and ``end`` are quotation marks or parentheses around what is between."""
    inside = text[start + 1 : end]
    if text[start] in _QUOTES and any(symbol in brackets for symbol in inside):
        return not _PARTICLE.match(inside)
    return (
        inside[0].isalnum() and (inside[-1].isalnum() or inside[-1] in ".。!?！？、,…") and not _PARTICLE.match(inside)
    )


def _plain(symbol: str, language: BracketLanguage) -> str:
    """The language's own symbol for a full-width one."""
    known = language.openers + language.closers
    plain = unicodedata.normalize("NFKC", symbol)
    return plain if symbol not in known and plain in known else symbol


def _is_arrow(text: str, mention: Mention) -> bool:
    """``->`` and ``<-``, and comparisons between numbers, are no brackets."""
    before, after = text[: mention.start].rstrip()[-1:], text[mention.start + 1 :].lstrip()[:1]
    if mention.symbol not in "<>":
        return False
    return before in ("-", "=") or after in ("-", "=") or (before.isdigit() and after.isdigit())


def masked(text: str, found: Sequence[Mention], language: BracketLanguage) -> str:
    """The sentence as it is encoded: letters stand for the brackets it names, arrows are left out.

    The first pair that it names becomes A and B, the second C and D, and so on: symbols that the encoder has seen in
    all sorts of sentences; brackets themselves pull its vector towards the brackets and away from the words.

    Args:
        text: the sentence.
        found: its :func:`mentions`.
        language: the brackets that exist.
    """
    japanese = language_of(text) == "ja"
    partner = {symbol: pair[0] for pair in (*KNOWN_PAIRS, *language.pairs) for symbol in pair}
    closers = set(language.closers) | ({pair[1] for pair in KNOWN_PAIRS} - set(language.openers))
    openers = list(dict.fromkeys(partner[mention.symbol] for mention in found))
    letters = {
        m.start: chr(ord("A") + 2 * min(openers.index(partner[m.symbol]), _LETTERED - 1) + (m.symbol in closers))
        for m in found
    }
    shown = "".join(
        (letters[i] if japanese else f" {letters[i]} ") if i in letters else symbol for i, symbol in enumerate(text)
    )
    return " ".join(re.sub(r"[←→⇐⇒]|<-+|-+>", "", shown).split())


def named_pairs(text: str, found: Sequence[Mention], language: BracketLanguage) -> tuple[tuple[str, ...], str | None]:
    """The language's pairs that a sentence names, in the language's order, and the pair that it introduces.

    A sentence introduces a pair outside the language when it says how a bracket is closed ("『 is closed by 』",
    「『は』で閉じる」) or shows a well-known pair whole ("[ and ] match"). A lone bracket outside the language is a
    mistake, and so is closing a bracket of the language by another one than its own.

    Args:
        text: the sentence.
        found: its :func:`mentions`.
        language: the brackets that exist.

    Raises:
        InputError: a bracket outside the language that the sentence neither shows with its partner nor says how to
            close; a pairing that contradicts the language.
    """
    introduced = _introduced(text, found, language)
    inside = {m.symbol for m in found} - set(introduced or "")
    for symbol in sorted(inside):
        if symbol not in language.closer_of and symbol not in language.opener_of:
            raise InputError(
                f"the bracket {quote(symbol)} is not in the language {' '.join(language.pairs)}, and the sentence "
                f"{quote(text)} does not say how it is closed (such as: 『 is closed by 』)"
            )
    return tuple(pair for pair in language.pairs if inside & set(pair)), introduced


def _introduced(text: str, found: Sequence[Mention], language: BracketLanguage) -> str | None:
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
