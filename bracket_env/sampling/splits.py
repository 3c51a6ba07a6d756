"""Which split a prefix belongs to: a fact about the string, the same in every run, language and setting.

80 % of all prefixes are for training, 10 % for validation, 10 % for the test. The decision is a keyed Zobrist hash
(Zobrist 1970): every (position, character) has a word, the words of a prefix are added and mixed. Because the
words are looked up, a whole batch is hashed with one gather.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from bracket_env.errors import check_choice
from bracket_env.random_streams import MASK64, bits, key, mix64, subkey

Split = Literal["train", "validation", "test", "all"]
SPLITS: tuple[Split, ...] = get_args(Split)
_SPLIT_KEY = key(0, "bracket_env/split")
_TRAIN_BELOW = round(0.8 * 2**32)
_VALIDATION_BELOW = round(0.9 * 2**32)


def check_split(split: str) -> Split:
    """``split`` itself.

    Raises:
        InputError: not one of ``train``, ``validation``, ``test``, ``all``.
    """
    return check_choice("split", split, SPLITS)


def split_of(prefix: str) -> Split:
    """``"train"``, ``"validation"`` or ``"test"``."""
    total = sum(subkey(bits(_SPLIT_KEY, position), ord(symbol)) for position, symbol in enumerate(prefix))
    share = mix64(total & MASK64) >> 32
    if share < _TRAIN_BELOW:
        return "train"
    return "validation" if share < _VALIDATION_BELOW else "test"


class SplitFilter:
    """Tests batches of prefixes for membership in one split, as :func:`split_of` would.

    Args:
        split: one of :data:`SPLITS`; ``"all"`` accepts everything.
        symbols: the character of every token id, ``None`` for special tokens (they add nothing to the hash).
        max_length: the longest prefix.
    """

    def __init__(self, split: Split, symbols: list[str | None], max_length: int) -> None:
        self.split = check_split(split)
        self._words = np.array(
            [
                [0 if symbol is None else subkey(bits(_SPLIT_KEY, position), ord(symbol)) for symbol in symbols]
                for position in range(max_length)
            ],
            dtype=np.uint64,
        ).reshape(max_length, len(symbols))

    def __call__(self, ids: np.ndarray) -> np.ndarray:
        """Which rows of ``ids`` ``(n, max_length)`` belong: bool ``(n,)``."""
        if self.split == "all":
            return np.ones(len(ids), dtype=bool)
        total = self._words[np.arange(ids.shape[1]), ids].sum(axis=1, dtype=np.uint64)
        share = mix64(total) >> np.uint64(32)
        if self.split == "train":
            return share < _TRAIN_BELOW
        if self.split == "validation":
            return (share >= _TRAIN_BELOW) & (share < _VALIDATION_BELOW)
        return share >= _VALIDATION_BELOW
