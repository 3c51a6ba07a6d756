"""Durations on the command line: ``90s``, ``10min``, ``1h30m``, ``2 days``, ``1:30:00``, ``1時間30分``."""

from __future__ import annotations

import math
import re
import unicodedata

from bracket_env import InputError, quote

_UNITS = {
    1.0: "s sec secs second seconds 秒 秒間",
    60.0: "m min mins minute minutes 分 分間",
    3600.0: "h hr hrs hour hours 時間",
    86400.0: "d day days 日 日間",
    604800.0: "w week weeks 週 週間",
}
_SECONDS = {name: seconds for seconds, names in _UNITS.items() for name in names.split()}
_PART = re.compile(rf"(\d+(?:\.\d+)?)\s*({'|'.join(sorted(_SECONDS, key=len, reverse=True))})(?![a-z])\s*(?:,|and)?")
_CLOCK = re.compile(r"(\d{1,4}):([0-5]\d):([0-5]\d)")


def parse_duration(text: str) -> float:
    """Seconds.

    Raises:
        InputError: not a positive, finite duration such as 90s, 10min or 1h30min.
    """
    typed = unicodedata.normalize("NFKC", text).strip().lower()
    clock = _CLOCK.fullmatch(typed)
    if clock is not None:
        hours, minutes, rest = map(int, clock.groups())
        seconds = 3600.0 * hours + 60.0 * minutes + rest
    else:
        parts = _PART.findall(typed)
        seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
        if _PART.sub("", typed).strip():
            seconds = 0.0
    if not 0 < seconds < math.inf:
        raise InputError(f"not a duration: {quote(text)} (use for example 90s, 10min or 1h30min){_meant(typed)}")
    return seconds


def _meant(typed: str) -> str:
    """What a number without a unit could be."""
    if re.fullmatch(r"[1-9]\d{0,7}", typed):
        return f"; did you mean {typed}s or {typed}min?"
    if re.fullmatch(r"\d{1,4}h\d\d", typed):
        return f"; did you mean {typed}min?"
    pair = re.fullmatch(r"(\d{1,4}):(\d\d)", typed)
    return f"; did you mean {pair[1]}h{pair[2]}min or {pair[1]}min{pair[2]}s?" if pair else ""


def format_duration(seconds: float) -> str:
    """``95`` -> ``1:35``; hours only where there are some."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"
