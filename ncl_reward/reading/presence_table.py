"""Words that say whether somebody is at home, a denial before the word that it turns around."""

from __future__ import annotations

_AWAY_EN = r"absen\w*|away|vacan\w*|unoccupied|uninhabited|deserted|empty|gone|left|(?<!point )out"
_HOME_EN = r"present|presence|occup\w*|inhabited|home|in|inside|there|around"
_NOT_EN = r"(?:\bnot|\bnever|\bcannot|n't|n’t)\b(?:\s+(?!but\b)[\w-]+){0,3}?\s+"
_AWAY_JA = r"不在|留守|無人|外出|出かけ|出掛け|空き家|空っぽ|空室|空(?=で|だ|の|に|と|$|。|ら)|出払|家を空け"
_HOME_JA = r"在宅|家にい|家に居|人がい|人が居|誰か(?:が|は|家)?"
_NOT_JA = r"[ありしでにいてとはもじゃ中っるう言判限思考えらなけれか]{0,8}?(?:ない|なく|ません|ず(?=、|に))"

SIGNS = (  # 1 somebody, -1 nobody; the first kind that is found decides
    ("denied absence", 1),
    ("absence", -1),
    ("denied presence", -1),
    ("presence", 1),
)
ENGLISH = {
    "denied absence": rf"{_NOT_EN}(?:{_AWAY_EN}|nobody|no[ -]one)\b",
    "absence": rf"\b(?:{_AWAY_EN}|nobody|no[ -]one|none)\b",
    "denied presence": rf"{_NOT_EN}(?:{_HOME_EN}|somebody|someone|anybody|anyone)\b",
    "presence": rf"\b(?:somebody|someone|{_HOME_EN})\b",
}
JAPANESE = {
    "denied absence": rf"(?:{_AWAY_JA}){_NOT_JA}",
    "absence": rf"{_AWAY_JA}|(?:誰|だれ)も(?:家に|中に)?(?:い|お|居)|人(?:は|が|の)(?:家に)?(?:い|お|居)(?:ない|らず)",
    "denied presence": r"在宅(?:して|では|で|じゃ)?(?:い)?(?:は)?な[いく]|(?:家に|人が)(?:い|居)な[いく]",
    "presence": rf"{_HOME_JA}",
}
