"""How a duration is written: "4時間以上", "over 90 minutes", 半日, 三時間, "half an hour", and how many hours it is.

Clock times (``22:00``, 23時) and dates are no durations.
"""

from __future__ import annotations

import re

MAX_HOURS = 7 * 24.0

_KANJI = {"〇": 0, "零": 0, "一": 1, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}
_KANJI_TENS = {"十": 10, "百": 100, "千": 1000}
_WORDS = {
    "a": 1, "an": 1, "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50,
    "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_WORDS |= {
    f"{ten}{between}{one}": _WORDS[ten] + _WORDS[one]
    for ten in _TENS
    for between in "- "
    for one in ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
}
_HOURS_OF = {
    "秒": 1 / 3600, "分": 1 / 60, "時間": 1.0, "日": 24.0, "週": 168.0,
    "second": 1 / 3600, "sec": 1 / 3600, "minute": 1 / 60, "min": 1 / 60, "hour": 1.0, "hr": 1.0, "h": 1.0,
    "day": 24.0, "week": 168.0,
}  # fmt: skip

# 1,000; 2.5 and 2,5; 1 1/2
_DIGITS = r"\d{1,3}(?:,\d{3})+(?![\d,])|(?:\d+\s+)?\d+/[1-9]\d*|\d+(?:[.,]\d+)?"
PLAIN_DIGITS = str.maketrans("０１２３４５６７８９．，", "0123456789.,")
JAPANESE = re.compile(
    r"(?P<minus>(?<![0-9A-Za-z])[-−]|マイナス)?\s*(?P<number>" + _DIGITS + r"|[〇零一二三四五六七八九十百千]+)\s*"
    r"(?P<unit>秒|分(?![にな])|時間|日|週)間?(?P<half>半)?"  # 十分に, 十分な: sufficient, not ten minutes
)
ENGLISH = re.compile(
    r"(?:\b(?P<minus>minus|negative)\s+|(?P<sign>(?<![0-9A-Za-z])[-−])\s*)?"
    r"\b(?P<number>" + _DIGITS + r"|(?:" + "|".join(sorted(_WORDS, key=len, reverse=True)) + r")\b)"
    r"(?P<half>\s+and\s+a\s+half)?[\s-]*(?P<unit>hours?|hrs?|h|minutes?|mins?|min|seconds?|secs?|days?|weeks?)\b"
    r"(?P<later>\s+and\s+a\s+half)?",
    re.IGNORECASE,
)
JOINED = re.compile(r"\s*(?:,|、|と|and|,\s*and)?\s*", re.IGNORECASE)
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+")
FIXED = [  # (pattern, hours), tried before the numbers
    (re.compile(r"半日|\bhalf (?:a |the )?day\b", re.IGNORECASE), 12.0),
    (re.compile(r"半時間|\bhalf an hour\b|\bhalf[- ]hour\b", re.IGNORECASE), 0.5),
    (re.compile(r"\bquarter of an hour\b", re.IGNORECASE), 0.25),
    (re.compile(r"丸一日|まる一日|一日中|終日|\b(?:an?|one) (?:whole|full|entire) day\b|\ball day\b", re.I), 24.0),
]


def hours(match: re.Match[str]) -> float:
    """How long a match of ENGLISH or JAPANESE is."""
    groups = match.groupdict()
    unit = groups["unit"].lower()
    unit = unit if unit in _HOURS_OF else unit.rstrip("s")
    number = _number(groups["number"].lower())
    if groups["half"] or groups.get("later"):
        number += 0.5
    sign = -1 if groups["minus"] or groups.get("sign") else 1
    return sign * number * _HOURS_OF[unit]


def _number(text: str) -> float:
    if text in _WORDS:
        return float(_WORDS[text])
    if "/" in text:
        *whole, part = text.split()
        above, below = part.split("/")
        return sum(map(float, whole)) + float(above) / float(below)
    if text[0].isdigit():
        return float(text.replace(",", "") if _THOUSANDS.fullmatch(text) else text.replace(",", "."))
    total, digit = 0, 0
    for symbol in text:
        if symbol in _KANJI_TENS:
            total += (digit or 1) * _KANJI_TENS[symbol]
            digit = 0
        else:
            digit = 10 * digit + _KANJI[symbol]
    return float(total + digit)
