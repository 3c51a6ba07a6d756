"""Where the units lie that can be taken out of a model together (:mod:`supervised.compress.structured`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Place(NamedTuple):
    """Where a group's units lie in a weight: along ``axis``, as ``blocks`` blocks of units of ``span`` elements."""

    weight: str
    axis: int
    blocks: int = 1
    span: int = 1


Groups = Mapping[str, list[Place]]
"""The places of each group's units, by the group's name. All its places hold the same number of units."""
