"""What is read from the words of a sentence, since its vector hardly holds it.

"Last opened, first closed" and "first opened, first closed" are made of the same words, and so are "nobody is home" and
"somebody is home": an encoder that looks for what a text is about gives them nearly the same vector. Three tables say
which words are of one kind (:mod:`~ncl_reward.reading.order_table`, :mod:`~ncl_reward.reading.rule_table`,
:mod:`~ncl_reward.reading.presence_table`); here they are found, in the order of the text:

    "The bracket opened last is closed before all the others."      order: O L C E
    「外側の括弧を先に閉じてから、内側の括弧を閉じる。」                   order: E E C B L C
    "Nothing but closing brackets may be written."                  rule: only closer write
    "The house is probably not empty."                              presence: a denied absence, so somebody

Which kinds of order and rule mean which rule is not said here: the head (:mod:`ncl_reward.grounding.head`) learns it
from the book's sentences, as counts in a row of fixed length.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Literal

import numpy as np

from ncl_reward.reading import order_table, presence_table, rule_table

DIMENSIONS = 1024
"""Length of a row of counts."""
MIRRORED, REPEATED = "mirrored", "repeated"

_NAMED = {"en": re.compile(r"(?<!\w)[A-H](?!\w)"), "ja": re.compile(r"(?<![A-Za-z])[A-H](?![A-Za-z])")}
_TURNS = {
    "en": re.compile(r"\b(?:after|follows?)\b", re.IGNORECASE),
    "ja": re.compile(r"(?<=[のるうくを])(?:前|まえ)に"),
}
_LATER = re.compile(r"\s*より(?:も)?(?:後|あと|遅)")  # after the second of two
_DENIES = {
    "en": re.compile(r"\b(?:wrong|forbidden|not|never|incorrect|invalid|illegal|no)\b|n't\b", re.IGNORECASE),
    "ja": re.compile(r"ない|誤|間違|禁|だめ|いけ|違"),
}

_LONGEST = 3  # letters of order that are counted together
_SHOWN = 3  # brackets named in their order say more than any word
_REPEATS = re.compile(r"(.)\1+")
_TURNED = str.maketrans("ELelBAFGUupq", "LEleABGFuUqp")
_PRESENCE = {
    "ja": {kind: re.compile(pattern) for kind, pattern in presence_table.JAPANESE.items()},
    "en": {kind: re.compile(pattern, re.IGNORECASE) for kind, pattern in presence_table.ENGLISH.items()},
}
_KANA = re.compile(r"[\u3041-\u309f\u30a1-\u30fa]")


class Lexicon:
    """Finds kinds of words; of kinds that could begin at the same place the first one of the table is found.

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


ORDER_LEXICON = Lexicon(order_table.ENGLISH, order_table.JAPANESE)
RULE_LEXICON = Lexicon(rule_table.ENGLISH, rule_table.JAPANESE)


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


def order_words(text: str) -> str:
    """One letter for each word of order, in the order of the text.

    The letters are explained in :mod:`ncl_reward.reading.order_table`.
    """
    return "".join(kind[0] for kind in ORDER_LEXICON.kinds(text))


def time_turned(letters: str) -> str:
    """The letters, turned around in time if the first that says early or late says late.

    "Last opened, first closed" and "first opened, last closed" are one rule: opening and closing both run backwards.
    """
    for letter in letters:
        if letter in "EeBFp":
            return letters
        if letter in "LlAGq":
            return letters.translate(_TURNED)
    return letters


def order_counts(texts: Sequence[str]) -> np.ndarray:
    """``(n, DIMENSIONS)`` int8, hashed; zeros where there is no word of order.

    What is counted: runs of up to three letters, with and without O and C, in the sentence's language and in both, as
    they stand and turned in time; whether the first two words of early and late are alike; and the order that named
    brackets show (:func:`shown_order`).
    """
    return hashed_counts(texts, _order_counted, DIMENSIONS)


def _order_counted(text: str) -> dict[str, int]:
    letters, language = order_words(text), language_of(text)
    order = letters.replace("O", "").replace("C", "")
    found: dict[str, int] = {}
    for run in _runs(order):
        found |= {run: 1, f"{language} {run}": 1}
    found |= {f"{language} all {run}": 1 for run in _runs(letters)}
    if order:
        found[f"{language} whole {order}"] = 1
    ends = [letter in "Ee" for letter in order if letter in "ELel"]
    if len(ends) > 1:
        found |= {f"alike {ends[0] == ends[1]}": 2, f"{language} alike {ends[0] == ends[1]}": 1}
        found[f"around {ends[0] == ends[-1]}"] = 1
    if "R" in letters or "S" in letters:
        found["reverse" if "R" in letters else "same"] = 2
    shown = shown_order(text)
    return found | _turned_counted(letters, order, language) | ({f"shown {shown}": _SHOWN} if shown else {})


def _turned_counted(letters: str, order: str, language: str) -> dict[str, int]:
    bare, full = (time_turned(_REPEATS.sub(r"\1", s.replace("e", "E").replace("l", "L"))) for s in (order, letters))
    found: dict[str, int] = {}
    for run in _runs(bare):
        found |= {f"turned {run}": 1, f"{language} turned {run}": 1}
    if bare:
        found[f"{language} turned whole {bare}"] = 1
    return found | {f"{language} turned all {run}": 1 for run in _runs(full)}


def _runs(letters: str) -> set[str]:
    return {letters[i : i + size] for size in range(1, _LONGEST + 1) for i in range(len(letters) - size + 1)}


def word_counts(texts: Sequence[str]) -> np.ndarray:
    """``(n, DIMENSIONS)`` int8, hashed; zeros where there is no such word.

    What is counted: kinds, in the sentence's language and in both; neighbours, in the sentence's language, where their
    order matters; and any two kinds of one sentence, in either order and in both languages, at half the weight.
    """
    return hashed_counts(texts, _rule_counted, DIMENSIONS)


def _rule_counted(text: str) -> dict[str, int]:
    kinds, language = RULE_LEXICON.kinds(text), language_of(text)
    found: dict[str, int] = {}
    for place, kind in enumerate(kinds):
        found |= {kind: 2, f"{language} {kind}": 2}
        found |= {" & ".join(sorted((kind, later))): 1 for later in kinds[place + 1 :]}
    return found | {f"{language} {first} > {second}": 2 for first, second in pairwise(kinds)}


def shown_order(text: str) -> str | None:
    """The order that a sentence shows by naming brackets: closers mirror the openers, or repeat their order.

        "After A and then C, write D first and B afterwards."       MIRRORED
        "AのあとにCを開いたなら、Bを書いてからDを書く。"             REPEATED
        "Nested pairs such as A C D B are forbidden."               REPEATED, since the other order is denied

    Args:
        text: a masked sentence (:attr:`ncl_reward.reading.sentence.Sentence.masked`): A and B are the first pair, C and
            D the second. The first namings of the pairs are the order of opening, the second ones that of closing;
            "after" between two namings turns them around.

    Returns:
        None if the sentence does not name two pairs, each of them twice.
    """
    language = language_of(text)
    named = list(_NAMED[language].finditer(text))
    if language == "en" and named and named[0].span() == (0, 1) and "B" not in [m.group() for m in named]:
        named = named[1:]  # the article
    pairs = [(ord(match.group()) - ord("A")) // 2 for match in named]
    count = len(set(pairs))
    opened, closed = pairs[:count], pairs[count : 2 * count]
    if count < 2 or len(set(opened)) < count or len(closed) < 2:
        return None
    if closed != opened and (closed[0], closed[-1]) != (opened[-1], opened[0]):
        return None
    turned = closed != opened
    for first in (0, count):
        turned ^= bool(_TURNS[language].search(text[named[first].end() : named[first + 1].start()]))
        turned ^= bool(language == "ja" and _LATER.match(text, named[first + 1].end()))
    last = min(2 * count, len(named)) - 1
    until = named[2 * count].start() if len(named) > 2 * count else len(text)
    around = [text[named[last].end() : until], text[: named[0].start()] if language == "en" else ""]
    return MIRRORED if turned ^ any(_DENIES[language].search(part) for part in around) else REPEATED


def presence(text: str) -> int:
    """1 for a sentence that says that somebody is at home, -1 for nobody, 0 for one that says neither."""
    text = unicodedata.normalize("NFKC", text)
    kinds = _PRESENCE[language_of(text)]
    return next((sign for kind, sign in presence_table.SIGNS if kinds[kind].search(text)), 0)
