"""Words of order in a sentence, as a string of letters: what a sentence's vector hardly holds.

"Last opened, first closed" and "first opened, first closed" are made of the same words, and an encoder that looks for
what a text is about gives them nearly the same vector. What tells them apart is read from the text:

    "The bracket opened last is closed before all the others."      O L C E
    「外側の括弧を先に閉じてから、内側の括弧を閉じる。」                   E E C U L C

Which string means which rule is not said here; the head (:mod:`ncl_reward.head`) learns it from the book's sentences,
as it learns what vectors mean.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence

import numpy as np

DIMENSIONS = 512
_LONGEST = 3

_ENGLISH = {
    "R": r"(?:in |by )?(?:the |their )?(?:reverse\w*|opposite|backwards?|invers\w*|invert\w*)(?: order| sequence)?"
    r"(?: (?:of|to|in) (?:the |which )?(?:order|sequence)?)?|mirror\w*|stack\w*|lifo|undo\w*|unwind\w*|pop(?:ped|s)?|"
    r"palindrom\w*|turned around|contrary|inside[- ]out|last[- ]in[- ,]*first[- ]out|nest(?:ed|ing|s)?",
    "K": r"cross\w*|overlap\w*|interleav\w*|intersect\w*|interlock\w*",
    "S": r"same (?:order|sequence|way round)|(?:in|by|of|following|keeping|to|the) (?:the|their|its)? ?(?:\w+ )?"
    r"(?:order|sequence)|order (?:of|in)|fifo|queue\w*|forwards?|first[- ]in[- ,]*first[- ]out|first[- ]come|"
    r"cop(?:y|ies)|repeat\w*|replay\w*|parallel|outside[- ]in|arriv\w*|seniority|in turn|line[ds]?|"
    r"as (?:they|it) (?:were|was|came)",
    "N": r"not|never|no|none|cannot|nothing|without|\w+n't|forbidden|instead|wrong",
    "L": r"after (?:all|everything|every|the)(?: the)? ?(?:others?|rest|else|other ones)|at the (?:very )?end|last|"
    r"lat(?:e|est)|new\w*|(?:most )?recent\w*|young\w*|final\w*|inner\w*|inside|inward\w*|enclosed|deep\w*|depth|core|"
    r"shortest|rightmost|right to left|furthest to the right|back|top|near\w*|latter|within|contain\w*|just|"
    r"directly before",
    "E": r"before (?:all|everything|any|the)(?: the)? ?(?:others?|rest|else|other ones)|"
    r"at the (?:very )?(?:start|beginning)|first|earliest|old\w*|initial\w*|beginning|outer\w*|outside|enclosing|"
    r"surround\w*|around|shell|longest|leftmost|left to right|furthest to the left|front|former|bottom|"
    r"least recent\w*|next|immediately|priority|begin|start with",
    "U": r"until|till|once|while",
    "B": r"before|prior to|ahead(?: of)?|sooner(?: than)?|preced\w*|earlier than",
    "A": r"after\w*|behind|later than|follow\w*",
    "e": r"earlier|previous\w*|before it|preceding",
    "l": r"later|subsequent\w*|after it",
    "T": r"than",
    "F": r"from",
    "G": r"to(?: the)?(?= \w+(?:most|side|wards?|est|er|re|l|t|k)?\b)|towards",
    "C": r"clos\w*|shut\w*|match\w*|finish\w*|complet\w*|answered|out|end\w*",
    "O": r"open\w*|started|appear\w*|came|entered|written|in",
}
_JAPANESE = {
    "R": r"逆|反対|さかのぼ|遡|裏返|鏡|スタック|lifo|入れ子|ネスト|後入れ先出し|あと入れ先出し|後ろから|積|"
    r"マトリョーシカ|プッシュ|ポップ",
    "K": r"交差|またが|食い違|重な",
    "S": r"同じ順|同じ並び|(?:順番|順序|順)(?:の)?(?:どお|通|とお)|そのまま|キュー|fifo|先入れ先出し|待ち行列|先着|列|"
    r"到着|早い者",
    "N": r"ない|なく|ず(?!つ)|禁|ぬ|だめ|いけ|誤|間違",
    "B": r"より(?:も)?(?:先|前|早)|する前に|前に",
    "A": r"より(?:も)?(?:後|あと|遅)",
    "U": r"てから|まで",
    "L": r"後回し|最後|最近|直近|最新|すぐ前|直前|深|若|末|後|あと|新|内|中|奥|遅|右|上|終わり|近|芯|短",
    "E": r"最初|先頭|先|初め|はじめ|始め|早|古|昔|外|浅|以前|前|左|まず|真っ先|優先|次|第一|殻|長",
    "F": r"から",
    "G": r"へ",
    "C": r"閉|終|片づけ",
    "O": r"開|現れ|出て|始ま|来",
}


def _compiled(kinds: dict[str, str], whole_words: bool) -> re.Pattern[str]:
    edge, end = (r"\b", r"(?!\w)") if whole_words else ("", "")
    return re.compile("|".join(f"(?P<{kind}>{edge}(?:{words}){end})" for kind, words in kinds.items()), re.IGNORECASE)


_KINDS = {True: _compiled(_JAPANESE, False), False: _compiled(_ENGLISH, True)}
_KANA = re.compile(r"[\u3041-\u309f\u30a1-\u30fa]")


def order_words(text: str) -> str:
    """One letter for each word of order, in the order of the text.

    E early, first, outer; L late, last, inner; e, l the same of two; B before; A after; U until; T than; F from; G to;
    R reverse, stack; S same order, queue; K crossing; N not; O opens; C closes.
    """
    japanese = bool(_KANA.search(text))
    return "".join(str(found.lastgroup) for found in _KINDS[japanese].finditer(unicodedata.normalize("NFKC", text)))


def order_counts(texts: Sequence[str]) -> np.ndarray:
    """``(n, DIMENSIONS)`` int8, hashed with signs (Weinberger et al. 2009, "Feature Hashing for Large Scale Multitask
    Learning"); zeros where there is no word of order.

    What is counted: runs of up to three letters, with and without O and C, in the sentence's language and in both; and
    whether the first two words of early and late are alike.
    """
    rows = np.zeros((len(texts), DIMENSIONS), dtype=np.int8)
    for row, text in zip(rows, texts, strict=True):
        for name, count in _counted(text).items():
            place = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")
            row[place // 2 % DIMENSIONS] += count if place % 2 else -count
    return rows


def lexicon_digest() -> str:
    """Changes when the words change, for what is kept of counts."""
    return hashlib.blake2b(repr((_ENGLISH, _JAPANESE, DIMENSIONS, _LONGEST)).encode(), digest_size=8).hexdigest()


def _counted(text: str) -> dict[str, int]:
    letters = order_words(text)
    language = "ja" if _KANA.search(text) else "en"
    order = letters.replace("O", "").replace("C", "")
    found: dict[str, int] = {}
    for size in range(1, _LONGEST + 1):
        runs = [order[i : i + size] for i in range(len(order) - size + 1)]
        found |= dict.fromkeys([*runs, *(f"{language} {run}" for run in runs)], 1)
        found |= {f"{language} all {letters[i : i + size]}": 1 for i in range(len(letters) - size + 1)}
    if order:
        found[f"{language} whole {order}"] = 1
    ends = [letter in "Ee" for letter in order if letter in "ELel"]
    if len(ends) > 1:
        found |= {f"alike {ends[0] == ends[1]}": 2, f"{language} alike {ends[0] == ends[1]}": 1}
        found[f"around {ends[0] == ends[-1]}"] = 1
    if "R" in letters or "S" in letters:
        found["reverse" if "R" in letters else "same"] = 2
    return found
