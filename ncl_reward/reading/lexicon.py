"""Kinds of words in a sentence, and counts of a sentence's features in a row of fixed length.

A lexicon is a table kind -> regular expression for each language; of kinds that could begin at the same place the
first one of the table is found. Kinds, and not words, are what the head learns the meaning of.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np

_KANA = re.compile(r"[\u3041-\u309f\u30a1-\u30fa]")


class Lexicon:
    """Finds kinds of words.

    Args:
        english: kind -> regular expression of whole words.
        japanese: kind -> regular expression of anything.
    """

    def __init__(self, english: dict[str, str], japanese: dict[str, str]) -> None:
        self._compiled = {
            "en": re.compile("|".join(rf"(?P<{k}>\b(?:{words})(?!\w))" for k, words in english.items()), re.IGNORECASE),
            "ja": re.compile("|".join(f"(?P<{k}>{words})" for k, words in japanese.items()), re.IGNORECASE),
        }
        self.digest = hashlib.blake2b(repr((english, japanese)).encode(), digest_size=8).hexdigest()
        """Changes when the words change."""

    def kinds(self, text: str) -> list[str]:
        """The kinds of a text's words, in the order of the text."""
        found = self._compiled[language_of(text)].finditer(unicodedata.normalize("NFKC", text))
        return [str(match.lastgroup) for match in found]


def language_of(text: str) -> Literal["en", "ja"]:
    """``ja`` if there is a kana."""
    return "ja" if _KANA.search(text) else "en"


def hashed_counts(texts: Sequence[str], features: Callable[[str], Mapping[str, int]], dimensions: int) -> np.ndarray:
    """``(n, dimensions)`` int8: each text's features, hashed with signs (Weinberger et al. 2009, "Feature Hashing for
    Large Scale Multitask Learning"); zeros where there is none."""
    rows = np.zeros((len(texts), dimensions), dtype=np.int8)
    for row, text in zip(rows, texts, strict=True):
        for name, count in features(text).items():
            place = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")
            row[place // 2 % dimensions] += count if place % 2 else -count
    return rows
