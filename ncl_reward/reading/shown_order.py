"""The order that a sentence shows by naming brackets: closers that mirror the openers, or that repeat their order.

    "After ( and then 【, write 】 first and ) afterwards."     mirrored
    "( のあとに 【 を開いたなら、) を書いてから 】 を書く。"     repeated
    "Nested pairs such as ( 【 】 ) are forbidden."               repeated, since mirrored is denied

Read from masked sentences (:func:`ncl_reward.reading.instruction.masked`): A and B are the first pair, C and D the
second. The first namings of the pairs are the order of opening, the second ones that of closing; "after" between two
namings turns them around.
"""

from __future__ import annotations

import re

from ncl_reward.reading.lexicon import language_of

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


def shown_order(text: str) -> str | None:
    """MIRRORED or REPEATED; None if the sentence does not name two pairs, each of them twice."""
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
    said = [text[named[last].end() : until], text[: named[0].start()] if language == "en" else ""]
    return MIRRORED if turned ^ any(_DENIES[language].search(part) for part in said) else REPEATED
