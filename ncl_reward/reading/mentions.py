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
from typing import NamedTuple

from bracket_env.language import BracketLanguage

KNOWN_PAIRS = (
    "()", "[]", "{}", "<>", "（）", "［］", "｛｝", "＜＞", "【】", "「」", "『』", "〈〉", "《》", "〔〕", "〖〗",
    "«»", "‹›", "⟨⟩", "⟪⟫", "⟦⟧", "｢｣", "｟｠", "❨❩", "❪❫", "❬❭", "❰❱", "❲❳", "❴❵",
)  # fmt: skip

_PARTICLE = re.compile(r"[はがにをとのもやで]|から|まで|だけ|and\b|or\b|is\b")
_QUOTES = "「」『』\"'“”‘’`´"


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
