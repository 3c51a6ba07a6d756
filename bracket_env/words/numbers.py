"""Whole numbers as people type them: ``1000``, ``1_000``, ``1,000``, ``1e6``, ``10k``."""

from __future__ import annotations

import re
from decimal import Decimal

_NUMBER = re.compile(
    r"(?P<sign>[+-]?)(?P<digits>[1-9]\d{0,2}(?:,\d{3})+|\d+(?:_\d+)*(?:\.\d+)?)(?:e\+?(?P<power>\d{1,2}))?(?P<unit>[kKM]?)",
    re.IGNORECASE | re.ASCII,
)
_UNITS = {"": 0, "k": 3, "K": 3, "M": 6}
_MOST_DIGITS = 40


def read_whole(text: str) -> int | None:
    """The whole number that a text stands for, ``None`` if it stands for none.

    ``2.5e3`` is one, ``2.5`` and ``1,5`` are none; a comma stands between groups of three digits.
    """
    found = _NUMBER.fullmatch(text.strip())
    if found is None or found["unit"] not in _UNITS or len(found["digits"]) > _MOST_DIGITS:
        return None
    power = int(found["power"] or 0) + _UNITS[found["unit"]]
    value = Decimal(found["digits"].replace(",", "").replace("_", "")).scaleb(power)
    if value != value.to_integral_value():
        return None
    return -int(value) if found["sign"] == "-" else int(value)
