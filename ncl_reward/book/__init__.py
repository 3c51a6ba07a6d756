"""The rule book: what each rule is called, what it means and how people say it in English and Japanese.

One JSON file a rule, ``{"rule", "domain", "meaning", "en": [...], "ja": [...], "patterns": {"en": [...], ...}}``.
A pattern such as ``"<Close|Shut> the <newest|latest> bracket first."`` stands for the sentences that its alternatives
make, of which a few are drawn, the same ones everywhere; A and B in it stand for an opener and a closer.
``unrelated.json`` (rule null) holds sentences that state none of the rules, near misses among them. The sentences of
``nesting`` and ``queue`` stand in pairs, line i of one file being line i of the other turned around, because that is
the hard difference.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from bracket_env.random_streams import below, bits, key, subkey

FOLDER = Path(__file__).parent
LANGUAGES = ("en", "ja")
UNRELATED = "unrelated"
DRAWN_PER_PATTERN = 8

NO_RULE = "no rule was recognised in this sentence"

_ALTERNATIVES = re.compile(r"<([^<>]*)>")


class Entry(NamedTuple):
    """One sentence of the book."""

    rule: str  # UNRELATED: none
    language: str  # one of LANGUAGES
    text: str
    family: int  # its place in the list; the sentences of one pattern share it


@cache
def meanings() -> dict[str, tuple[str, str]]:
    """Rule -> (domain, meaning), bracket rules first."""
    chapters = [chapter for chapter in _chapters() if chapter["rule"]]
    return {c["rule"]: (c["domain"], c["meaning"]) for c in sorted(chapters, key=lambda c: c["domain"])}


def explained(rules: Iterable[str]) -> str:
    """One line for each of these rules: what it means."""
    known = meanings()
    return "\n".join(f"{rule}: {known[rule][1]}" for rule in dict.fromkeys(rules) if rule in known)


@cache
def entries() -> tuple[Entry, ...]:
    """Every sentence, in the order of the files; patterns come after the sentences written out."""
    found = []
    for chapter in _chapters():
        rule = chapter["rule"] or UNRELATED
        for language in LANGUAGES:
            texts = [*chapter[language], *chapter.get("patterns", {}).get(language, [])]
            for family, text in enumerate(texts):
                found += [Entry(rule, language, drawn, family) for drawn in expansions(text)]
    return tuple(found)


def expansions(pattern: str, count: int = DRAWN_PER_PATTERN) -> list[str]:
    """At most ``count`` different sentences of a pattern; a sentence without alternatives is its only one."""
    slots = _ALTERNATIVES.findall(pattern)
    if not slots:
        return [pattern]
    stream = key(0, "ncl_reward/book", int.from_bytes(hashlib.blake2b(pattern.encode(), digest_size=8).digest()))
    drawn: dict[str, None] = {}
    for number in range(count):
        words = subkey(stream, number)
        text = pattern
        for slot, choices in enumerate(slots):
            alternatives = choices.split("|")
            chosen = alternatives[below(bits(words, slot), len(alternatives))]
            text = text.replace(f"<{choices}>", chosen, 1)
        drawn[text] = None
    return list(drawn)


@cache
def english_words() -> frozenset[str]:
    """The words of the English sentences, in lower case."""
    return frozenset(
        word for entry in entries() if entry.language == "en" for word in re.findall(r"[^\W\d_]+", entry.text.lower())
    )


@cache
def _chapters() -> tuple[dict[str, Any], ...]:
    return tuple(json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.json")))
