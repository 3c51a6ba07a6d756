"""What the name of a column of times says: a zone, or that times are the ends of intervals."""

from __future__ import annotations

import re
from collections.abc import Sequence

_ZONE = re.compile(
    r"(?:(?<![a-z])|(?<=time)|(?<=date)|(?<=stamp))(?:utc|gmt)(?!(?:(?!time|date|stamp)[a-z]))"
    r"(?:\s*(?P<sign>[-+±])\s*(?P<hours>\d{1,2})(?::?(?P<minutes>\d{2}))?(?!\d))?"
)
_NOT = re.compile(r"(?<![a-z])(?:not|no|non|nicht|except|bst|ist|local)(?![a-z])")
_END = re.compile(
    r"(?<![a-z])(?:he|end|ends|ended|ending|until|bis|fin)(?![a-z])|終了|(?:time|date|period|interval)end$"
)


def _plain(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", name).lower()


def offset_of(names: Sequence[str]) -> float | None:
    """Seconds east of Greenwich that names say, such as 32400 for ``Time (UTC+9)``; None: they say none.

    UTC beside a word such as ``not`` or ``local`` says nothing, but an offset behind it does.
    """
    for name in map(_plain, names):
        found = list(_ZONE.finditer(name))
        told = next((zone for zone in found if zone["hours"] is not None), None)
        if told is not None:
            seconds = 3600.0 * int(told["hours"]) + 60.0 * int(told["minutes"] or 0)
            return -seconds if told["sign"] == "-" else seconds
        if found and not _NOT.search(name):
            return 0.0
    return None


def says_ends(names: Sequence[str]) -> bool:
    """Whether times are the ends of intervals by the name of their column, the last of a date and a time of day."""
    return bool(_END.search(_plain(names[-1])))
