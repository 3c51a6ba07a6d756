"""An encoder that costs nothing: words hashed into a vector."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np

from ncl_reward.encoders.transformer import unit_rows


class HashedWords:
    """Counts how often it is asked, so that a test sees what a cache saves."""

    name = "hashed"
    version = "1"
    dim = 64
    languages: frozenset[str] | None = frozenset({"ja", "en"})

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, sentences: Sequence[str]) -> np.ndarray:
        self.asked += sentences
        vectors = np.zeros((len(sentences), self.dim))
        for vector, sentence in zip(vectors, sentences, strict=True):
            for word in re.findall(r"[a-z]+|[^a-z\s]", sentence.lower()):
                place = hashlib.blake2b(word.encode(), digest_size=4).digest()
                vector[int.from_bytes(place, "little") % self.dim] += 1
        return unit_rows(vectors)
