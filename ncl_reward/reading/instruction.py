"""A sentence and what it names: brackets, a pair it introduces, a duration, how certain it sounds.

    "【←このトークンには必ず】←このトークンが一対一対応する"  pairs 【】, certain
    "『 is closed by 』"                                    introduces 『』
    "4時間以上、電力が少ないまま一定だったら不在の可能性が高い"  hours 4, probable

What the sentence *means* is left to its vector (:mod:`ncl_reward.grounding.grounding`); this file reads only what a
vector cannot hold: symbols and numbers. Several sentences in one text, or clauses joined by "and" and そして, are
offered as parts, since each may state a rule of its own. Negation is not read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from bracket_env.errors import InputError, quote
from bracket_env.language import BracketLanguage
from ncl_reward.book import english_words
from ncl_reward.reading.lexicon import language_of
from ncl_reward.reading.mentions import KNOWN_PAIRS, Mention, mentions
from ncl_reward.reading.named_pairs import named_pairs
from ncl_reward.reading.spoken_durations import find_duration
from ncl_reward.rules.rule import NOISE, Slots

MAX_CHARACTERS = 1000
ENGLISH_SHARE = 0.25  # this share of a sentence's words must be known for it to count as English

Spoken = Literal["ja", "en", "other"]
Certainty = Literal["certain", "probable"]

_LETTERED = 4  # pairs with letters of their own: A to H, of which none is a word (as I is)
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
class Instruction:
    """A sentence with what it names."""

    text: str
    language: Spoken
    pairs: tuple[str, ...] = ()
    """The pairs of the bracket language that it names, in the language's order; empty: none, so all of them."""
    introduces: str | None = None
    """A pair outside the language that the sentence shows whole."""
    hours: float | None = None
    certainty: Certainty | None = None

    @property
    def noise(self) -> float:
        """The share of exceptions that its certainty leaves (:data:`ncl_reward.rules.rule.NOISE`)."""
        return NOISE[self.certainty]

    def slots(self, language: BracketLanguage) -> Slots:
        """What narrows a rule, with pairs as their numbers in ``language``.

        Raises:
            InputError: it introduces a pair that ``language`` does not hold.
        """
        named = [*self.pairs, *([self.introduces] if self.introduces else [])]
        for pair in named:
            if pair not in language.pairs:
                raise InputError(
                    f"the sentence {quote(self.text)} names the pair {pair}, which is not in the language "
                    f"{' '.join(language.pairs)}"
                )
        numbers = tuple(sorted(language.pairs.index(pair) for pair in named))
        return Slots(pairs=numbers or None, hours=self.hours, noise=self.noise)


def parse_instruction(text: str, language: BracketLanguage) -> Instruction:
    """Read a sentence.

    Args:
        text: what the user wrote, at most 1 000 characters.
        language: the brackets that exist.

    Raises:
        InputError: an empty or overlong sentence, an impossible duration, a bracket outside the language that the
            sentence neither shows with its partner nor says how to close, a pairing that contradicts the language.
    """
    text = " ".join(text.split())
    if not text:
        raise InputError("the sentence is empty")
    if len(text) > MAX_CHARACTERS:
        raise InputError(f"a sentence has at most {MAX_CHARACTERS} characters, not {len(text)}: {quote(text)}")
    if not text.isprintable():
        raise InputError(f"the sentence holds a character that cannot be printed: {quote(text)}")
    pairs, introduced = named_pairs(text, language)
    duration = find_duration(text)
    return Instruction(
        text=text,
        language=spoken_language(text),
        pairs=pairs,
        introduces=introduced,
        hours=duration[0] if duration else None,
        certainty=_certainty(text),
    )


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


def masked(text: str, language: BracketLanguage) -> str:
    """The sentence as it is encoded: letters stand for the brackets it names, arrows are left out.

    The first pair that it names becomes A and B, the second C and D, and so on: symbols that the encoder has seen in
    all sorts of sentences; brackets themselves pull its vector towards the brackets and away from the words.
    """
    japanese = language_of(text) == "ja"
    letters = {m.start: letter for m, letter in _lettered(mentions(text, language), language)}
    shown = "".join(
        (letters[i] if japanese else f" {letters[i]} ") if i in letters else symbol for i, symbol in enumerate(text)
    )
    return " ".join(re.sub(r"[←→⇐⇒]|<-+|-+>", "", shown).split())


def _lettered(named: list[Mention], language: BracketLanguage) -> list[tuple[Mention, str]]:
    partner = {symbol: pair[0] for pair in (*KNOWN_PAIRS, *language.pairs) for symbol in pair}
    openers = list(dict.fromkeys(partner[mention.symbol] for mention in named))
    closers = _closers(language)
    return [
        (m, chr(ord("A") + 2 * min(openers.index(partner[m.symbol]), _LETTERED - 1) + (m.symbol in closers)))
        for m in named
    ]


def _closers(language: BracketLanguage) -> set[str]:
    return set(language.closers) | ({pair[1] for pair in KNOWN_PAIRS} - set(language.openers))


def _certainty(text: str) -> Certainty | None:
    if _PROBABLE.search(text):  # first: "almost certainly", 必ずしも
        return "probable"
    return "certain" if _CERTAIN.search(text) else None
