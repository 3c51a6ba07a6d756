"""Symbols <-> token ids, the same for environments, supervised models and agents.

    0 PAD   1 BOS   2 SEP   3 EOS   4 MASK   5+2i opener of pair i   6+2i closer of pair i

A case is written ``BOS prefix SEP completion EOS``. Actions of the environments are ``0 .. k-1`` for the closers and
``k`` for END; :meth:`BracketTokenizer.action_ids` maps them to the ids they write (END writes EOS).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

import numpy as np

from bracket_env.errors import InputError, quote
from bracket_env.language import BracketLanguage

PAD, BOS, SEP, EOS, MASK = range(5)
SPECIAL_NAMES = ("<pad>", "<bos>", "<sep>", "<eos>", "<mask>")
FIRST_SYMBOL = len(SPECIAL_NAMES)


def opener_id(pair: int) -> int:
    """The id of the opener of pair number ``pair``."""
    return FIRST_SYMBOL + 2 * pair


def closer_id(pair: int) -> int:
    """The id of the closer of pair number ``pair``."""
    return FIRST_SYMBOL + 2 * pair + 1


class BracketTokenizer:
    """Translates between strings of a :class:`BracketLanguage` and token ids."""

    def __init__(self, language: BracketLanguage) -> None:
        self.language = language
        self.vocab_size = FIRST_SYMBOL + 2 * len(language.pairs)
        self.dtype = np.dtype(np.min_scalar_type(self.vocab_size - 1))
        self._id_of = {symbol: FIRST_SYMBOL + i for i, symbol in enumerate("".join(language.pairs))}
        self._symbol_of = (*SPECIAL_NAMES, *"".join(language.pairs))

    def encode(self, text: str) -> list[int]:
        """Ids of a string of brackets (no special tokens are added).

        Raises:
            InputError: a symbol outside the language, named with its 1-based position.
        """
        try:
            return [self._id_of[symbol] for symbol in text]
        except KeyError:
            position, symbol = next((p, s) for p, s in enumerate(text, 1) if s not in self._id_of)
            raise InputError(
                f"symbol {quote(symbol)} at position {position} is not in the language {' '.join(self.language.pairs)}"
            ) from None

    def decode(self, ids: Iterable[int]) -> str:
        """The brackets among ``ids`` as a string; special tokens are left out.

        Raises:
            InputError: an id outside the vocabulary.
        """
        ids = [int(i) for i in ids]
        for i in ids:
            if not 0 <= i < self.vocab_size:
                raise InputError(f"token id {i} is outside the vocabulary of {self.vocab_size}")
        return "".join(self._symbol_of[i] for i in ids if i >= FIRST_SYMBOL)

    def spell(self, ids: Iterable[int]) -> str:
        """Like :meth:`decode`, but special tokens are written out (``<pad>``): a stray one is seen and judged."""
        return "".join(map(self._symbol_of.__getitem__, ids))

    def decode_rows(self, ids: np.ndarray) -> list[str]:
        """:meth:`decode` for every row of an integer array ``(n, length)``, at array speed."""
        # One character per id; special tokens become the one character that no symbol can be.
        alphabet = np.array(["\0"] * FIRST_SYMBOL + list(self._symbol_of[FIRST_SYMBOL:]))
        text = (
            np.ascontiguousarray(alphabet[ids])
            .tobytes()
            .decode("utf-32-le" if sys.byteorder == "little" else "utf-32-be")
        )
        width = ids.shape[1]
        return [text[i : i + width].replace("\0", "") for i in range(0, len(text), width)] if width else [""] * len(ids)

    def encode_case(self, prefix: str, completion: str) -> list[int]:
        """``BOS prefix SEP completion EOS`` as ids."""
        return [BOS, *self.encode(prefix), SEP, *self.encode(completion), EOS]

    def encode_prompts(self, prefixes: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """``BOS prefix SEP`` for many prefixes, padded on the right.

        Returns:
            ids ``(n, longest + 2)`` of :attr:`dtype`, and lengths ``(n,)`` int64 (BOS and SEP counted).
        """
        rows = [[BOS, *self.encode(prefix), SEP] for prefix in prefixes]
        lengths = np.array([len(row) for row in rows], dtype=np.int64)
        ids = np.zeros((len(rows), int(lengths.max(initial=0))), dtype=self.dtype)
        for row, encoded in zip(ids, rows, strict=True):
            row[: len(encoded)] = encoded
        return ids, lengths

    @property
    def action_ids(self) -> np.ndarray:
        """``(k + 1,)``: the id that each action writes, closers in pair order, then EOS for END."""
        closers = [closer_id(i) for i in range(len(self.language.pairs))]
        return np.array([*closers, EOS], dtype=self.dtype)

    def __repr__(self) -> str:
        return f"BracketTokenizer({self.language!r})"
