"""Durations on the command line: ``90s``, ``10min``, ``1h30min``."""

from __future__ import annotations

import math
import re

from bracket_env import InputError, quote

_SECONDS = {"s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(sec|s|min|m|h|d)")


def parse_duration(text: str) -> float:
    """Seconds.

    Raises:
        InputError: not a positive, finite duration such as 90s, 10min or 1h30min.
    """
    parts = _PART.findall(text)
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if _PART.sub("", text).strip() or not 0 < seconds < math.inf:
        raise InputError(f"not a duration: {quote(text)} (use for example 90s, 10min or 1h30min)")
    return seconds


def format_duration(seconds: float) -> str:
    """``95`` -> ``1:35``; hours only where there are some."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"
