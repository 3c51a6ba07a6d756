"""A sentence, read once: brackets, a pair it introduces, a duration, how certain it sounds, who it says is at home.

    "【←このトークンには必ず】←このトークンが一対一対応する"  pairs 【】, certain
    "『 is closed by 』"                                    introduces 『』
    "4時間以上、電力が少ないまま一定だったら不在の可能性が高い"  hours 4, probable

What the sentence *means* is left to its vector (:mod:`ncl_reward.grounding.stated`); this file reads only what a
vector cannot hold: symbols and numbers. Several sentences in one text, or clauses joined by "and" and そして, are
offered as parts, since each may state a rule of its own. Negation is not read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from bracket_env import BracketLanguage, InputError, quote
from ncl_reward.book import english_words
from ncl_reward.reading import durations
from ncl_reward.reading.brackets import masked, mentions, named_pairs
from ncl_reward.reading.words import language_of, presence
from ncl_reward.rules.rule import NOISE, Domain, Slots

MAX_CHARACTERS = 1000
ENGLISH_SHARE = 0.25  # this share of a sentence's words must be known for it to count as English

Spoken = Literal["ja", "en", "other"]
Certainty = Literal["certain", "probable"]

_PROBABLE = re.compile(
    r"可能性|たぶん|多分|おそらく|恐らく|だろう|でしょう|かもしれ|ことが多い|場合が多い|普通は|ふつうは|たいてい|大抵|"
    r"ほとんど(?:の場合|いつも)|ほぼ|一般に|らしい|ようだ|必ずしも|思われ|考えられ|傾向|"
    r"\b(?:probabl[ey]|likely|usual(?:ly)?|often|mostly|perhaps|maybe|may|might|possibl[ey]|tends?|typically|generally|"
    r"normally|presumably|almost|nearly|in most cases|as a rule|not always|suggests?|chances are|suspect)\b",
    re.IGNORECASE,
)
_CERTAIN = re.compile(
    r"必ず|かならず|常に|つねに|いつでも|いつも|絶対|確実|間違いなく|例外なく|決して|きっちり|"
    r"\b(?:always|must|certain(?:ly)?|definite(?:ly)?|never|without (?:exception|fail)|invariably|surely|"
    r"guaranteed|in (?:all|every) cases?|has to|have to)\b",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?<=[。！？!?])\s*|(?<=[.])\s+(?=\S)|\n+")
_CLAUSE_END = re.compile(
    r"[、,]?\s*(?:そして|それから|また、|さらに|かつ|なおかつ)[、,]?\s*|"
    r",?\s+\b(?:and then|and also|and|but)\b\s+|[;；]\s*"
)


@dataclass(frozen=True)
class Sentence:
    """A sentence with what it names."""

    text: str
    language: Spoken
    masked: str
    """What is encoded; see :func:`ncl_reward.reading.brackets.masked`."""
    pairs: tuple[str, ...] = ()
    """The pairs of the bracket language that it names, in the language's order; empty: none, so all of them."""
    introduces: str | None = None
    """A pair outside the language that the sentence shows whole."""
    hours: float | None = None
    certainty: Certainty | None = None
    presence: int = 0
    """1 if it says that somebody is at home, -1 nobody, 0 neither."""

    @property
    def noise(self) -> float:
        """The share of exceptions that its certainty leaves (:data:`ncl_reward.rules.rule.NOISE`)."""
        return NOISE[self.certainty]

    def slots(self, language: BracketLanguage, domain: Domain = "brackets") -> Slots:
        """What narrows a rule: of brackets the pairs, as their numbers in ``language``; of power the hours.

        Raises:
            InputError: for brackets, a pair that it introduces and that ``language`` does not hold.
        """
        if domain == "power":
            return Slots(hours=self.hours, noise=self.noise)
        named = [*self.pairs, *([self.introduces] if self.introduces else [])]
        for pair in named:
            if pair not in language.pairs:
                raise InputError(
                    f"the sentence {quote(self.text)} names the pair {pair}, which is not in the language "
                    f"{' '.join(language.pairs)}"
                )
        numbers = tuple(sorted(language.pairs.index(pair) for pair in named))
        return Slots(pairs=numbers or None, noise=self.noise)


def sentence_text(text: str) -> str:
    """A sentence on one line.

    Raises:
        InputError: an empty or overlong sentence, or one that cannot be printed.
    """
    text = " ".join(text.split())
    if not text:
        raise InputError("the sentence is empty")
    if len(text) > MAX_CHARACTERS:
        raise InputError(f"a sentence has at most {MAX_CHARACTERS} characters, not {len(text)}: {quote(text)}")
    if not text.isprintable():
        raise InputError(f"the sentence holds a character that cannot be printed: {quote(text)}")
    return text


def asked_text(text: str, language: BracketLanguage) -> str:
    """What a model is told that takes a sentence as a vector: on one line, its brackets in the language.

    Such a model may be told to close a bracket by another one than its own, which states no rule of the book.

    Raises:
        InputError: as :func:`sentence_text`, or a bracket outside the language.
    """
    text = sentence_text(text)
    for mention in mentions(text, language):
        if mention.symbol not in language.closer_of and mention.symbol not in language.opener_of:
            raise InputError(
                f"the sentence {quote(text)} names {quote(mention.symbol)}, which is not in the language "
                f"{' '.join(language.pairs)}"
            )
    return text


def parse_sentence(text: str, language: BracketLanguage) -> Sentence:
    """Read a sentence.

    Args:
        text: what the user wrote, at most 1 000 characters.
        language: the brackets that exist.

    Raises:
        InputError: an empty or overlong sentence, an impossible duration, a bracket outside the language that the
            sentence neither shows with its partner nor says how to close, a pairing that contradicts the language.
    """
    text = sentence_text(text)
    found = mentions(text, language)
    pairs, introduced = named_pairs(text, found, language)
    return Sentence(
        text=text,
        language=spoken_language(text),
        masked=masked(text, found, language),
        pairs=pairs,
        introduces=introduced,
        hours=find_duration(text),
        certainty=_certainty(text),
        presence=presence(text),
    )


def introduced_pairs(texts: Sequence[str], language: BracketLanguage) -> tuple[str, ...]:
    """The pairs that sentences introduce, in their order; a later sentence may speak of one that an earlier shows.

    Raises:
        InputError: a sentence that cannot be read, or a pair that the language cannot take.
    """
    pairs = list(language.pairs)
    for text in texts:
        introduced = parse_sentence(text, BracketLanguage(pairs)).introduces
        if introduced is not None:
            pairs.append(introduced)
    return BracketLanguage(pairs).pairs[len(language.pairs) :]


def check_sentences(texts: Sequence[str], language: BracketLanguage) -> None:
    """Before work begins where no sentence may introduce a pair.

    Raises:
        InputError: a sentence that cannot be read, or one about a pair that the language lacks.
    """
    for text in texts:
        parse_sentence(text, language).slots(language)


def spoken_language(text: str) -> Spoken:
    """``ja`` when there is a kana; ``en`` when enough of the words occur in the rule book; else ``other``."""
    if language_of(text) == "ja":
        return "ja"
    words = re.findall(r"[^\W\d_]+", text.lower())
    known = sum(word in english_words() for word in words)
    return "en" if words and known >= ENGLISH_SHARE * len(words) else "other"


def sentences(text: str) -> list[str]:
    """The sentences of a text."""
    return [part.strip() for part in _SENTENCE_END.split(text) if part.strip()]


def clauses(sentence: str) -> list[str]:
    """The clauses that "and", そして and the like join; empty for a sentence of one clause."""
    found = [part.strip() for part in _CLAUSE_END.split(sentence) if part.strip()]
    return found if len(found) > 1 else []


def find_duration(text: str) -> float | None:
    """The first duration in a sentence, in hours; None without one.

    Raises:
        InputError: it is zero, negative or longer than seven days.
    """
    text = text.translate(durations.PLAIN_DIGITS)
    found: list[tuple[int, int, float]] = []
    for pattern, hours in durations.FIXED:
        found += [(*m.span(), hours) for m in pattern.finditer(text)]
    taken = [(start, end) for start, end, _ in found]
    for pattern in (durations.JAPANESE, durations.ENGLISH):
        for m in pattern.finditer(text):
            if not any(start < m.end() and m.start() < end for start, end in taken):
                found.append((*m.span(), durations.hours(m)))
    if not found:
        return None
    found.sort()
    start, end, hours = found[0]
    for (_, before, longer), (begin, after, more) in pairwise(found):  # 2時間30分, "2 hours and 30 minutes"
        if before != end or more >= longer or not durations.JOINED.fullmatch(text, before, begin):
            break
        end, hours = after, hours + more
    if not 0 < hours <= durations.MAX_HOURS:
        raise InputError(f"{quote(text[start:end].strip())} is no duration: it must be above 0 and at most 7 days")
    return hours


def _certainty(text: str) -> Certainty | None:
    if _PROBABLE.search(text):  # first: "almost certainly", 必ずしも
        return "probable"
    return "certain" if _CERTAIN.search(text) else None
