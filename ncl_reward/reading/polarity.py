"""Does a sentence say that somebody is at home, or nobody? What its vector hardly holds.

"Low and constant power means nobody is home" and "... means somebody is home" are made of nearly the same words, and
an encoder that looks for what a text is about takes the one for the other. The words that tell them apart are read from
the text, a denial before the word that it turns around:

    "The house is probably not empty."            a denied absence: PRESENT
    「電力が低く一定なら留守である。」                 an absence: ABSENT
    「在宅していない」                              a denied presence: ABSENT

:func:`settled` then gives all of the probability that a head divides between two opposite rules to the one that the
sentence states. What either of them is against any third rule stays with the vector.
"""

from __future__ import annotations

import re
import unicodedata

import numpy as np

OPPOSITES = ("low_constant_absent", "low_constant_present")
"""The rule that says nobody is at home and the rule that says somebody is, at the same hours."""

_AWAY_EN = r"absen\w*|away|vacan\w*|unoccupied|uninhabited|deserted|empty|gone|left|(?<!point )out"
_HOME_EN = r"present|presence|occup\w*|inhabited|home|in|inside|there|around"
_NOT_EN = r"(?:\bnot|\bnever|\bcannot|n't|n’t)\b(?:\s+(?!but\b)[\w-]+){0,3}?\s+"
_AWAY_JA = r"不在|留守|無人|外出|出かけ|出掛け|空き家|空っぽ|空室|空(?=で|だ|の|に|と|$|。|ら)|出払|家を空け"
_HOME_JA = r"在宅|家にい|家に居|人がい|人が居|誰か(?:が|は|家)?"
_NOT_JA = r"[ありしでにいてとはもじゃ中っるう言判限思考えらなけれか]{0,8}?(?:ない|なく|ません|ず(?=、|に))"

_KANA = re.compile(r"[\u3041-\u309f\u30a1-\u30fa]")
_ORDER = (  # the first that is found decides
    ("denied absence", 1),
    ("absence", -1),
    ("denied presence", -1),
    ("presence", 1),
)
_ENGLISH = {
    "denied absence": rf"{_NOT_EN}(?:{_AWAY_EN}|nobody|no[ -]one)\b",
    "absence": rf"\b(?:{_AWAY_EN}|nobody|no[ -]one|none)\b",
    "denied presence": rf"{_NOT_EN}(?:{_HOME_EN}|somebody|someone|anybody|anyone)\b",
    "presence": rf"\b(?:somebody|someone|{_HOME_EN})\b",
}
_JAPANESE = {
    "denied absence": rf"(?:{_AWAY_JA}){_NOT_JA}",
    "absence": rf"{_AWAY_JA}|(?:誰|だれ)も(?:家に|中に)?(?:い|お|居)|人(?:は|が|の)(?:家に)?(?:い|お|居)(?:ない|らず)",
    "denied presence": r"在宅(?:して|では|で|じゃ)?(?:い)?(?:は)?な[いく]|(?:家に|人が)(?:い|居)な[いく]",
    "presence": rf"{_HOME_JA}",
}
_KINDS = {
    True: {name: re.compile(pattern) for name, pattern in _JAPANESE.items()},
    False: {name: re.compile(pattern, re.IGNORECASE) for name, pattern in _ENGLISH.items()},
}


def polarity(text: str) -> int:
    """1 for a sentence that says that somebody is at home, -1 for nobody, 0 for one that says neither."""
    text = unicodedata.normalize("NFKC", text)
    kinds = _KINDS[bool(_KANA.search(text))]
    return next((sign for name, sign in _ORDER if kinds[name].search(text)), 0)


def settled(text: str, names: tuple[str, ...], probability: np.ndarray) -> np.ndarray:
    """The probabilities of rules with what two opposite ones share given to the one that the sentence states.

    Args:
        text: the sentence.
        names: of the rules, K.
        probability: ``(K,)``.
    """
    sign = polarity(text)
    if not sign or not set(OPPOSITES) <= set(names):
        return probability
    absent, present = (names.index(name) for name in OPPOSITES)
    found = probability.copy()
    found[[absent, present]] = 0.0
    found[present if sign > 0 else absent] = probability[absent] + probability[present]
    return found
