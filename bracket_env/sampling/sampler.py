"""Cases from keys: a shape, types for its openers, and the split of the result.

:class:`PrefixSampler` is a pure function ``(stream key, item index) -> case``. Item i can be drawn alone or in a
batch, in any order and on any machine, and it is the same case; a sampler has no state to save.

    item     = subkey(stream, i)
    attempt  = 0, 1, 2, ... until the prefix lies in the asked split; attempt a reads the words from a * words on
    shape    = distribution.draw(words)                        ( . ) .      ->  codes 0 2 3
    types    = one digit per opener, base k                    0:{  1:(     ->  { ( )
"""

from __future__ import annotations

from functools import partial
from typing import Literal, NamedTuple

import numpy as np

from bracket_env.cases import Case
from bracket_env.errors import InputError
from bracket_env.language import BracketLanguage
from bracket_env.random_streams import GOLDEN, MASK64, below, bits, subkey
from bracket_env.sampling.distributions import CutWalk, ShapeDistribution, Shapes, Words
from bracket_env.sampling.splits import Split, SplitFilter
from bracket_env.tokenizer import BOS, EOS, FIRST_SYMBOL, PAD, SEP, BracketTokenizer

TypeRule = Literal["independent", "alternating"]
MAX_ATTEMPTS = 10_000  # a split that is still empty after this many tries does not exist under the distribution
_TRIES_AT_ONCE = 1024
_CASES_AT_ONCE = 8192
_ADD_BITS = np.uint8(3)  # the special ids, the first opener's and the first closer's are below 8
_ADD_MASK = np.uint8(7)
_PATTERN_LIMIT = 1 << 16  # digits are drawn in groups of at most this many combinations


class SampledBatch(NamedTuple):
    """A batch of n cases as token ids, padded on the right with PAD."""

    prompt: np.ndarray  # (n, max_length + 2): BOS prefix SEP
    prompt_length: np.ndarray  # (n,) int64, BOS and SEP counted
    answer: np.ndarray  # (n, max_depth + 1): completion EOS
    answer_length: np.ndarray  # (n,) int64, EOS counted


class PrefixSampler:
    """Draws cases of one language, distribution and split.

    Args:
        language: the pairs.
        distribution: of the shapes.
        types: ``"independent"``, every opener's type uniform; or ``"alternating"``, uniform among the types other
            than that of the bracket around it (so a run of nested equal brackets never occurs; one pair has no other).
        split: which prefixes are let through.

    Raises:
        InputError: an unknown split or type rule.
    """

    def __init__(
        self,
        language: BracketLanguage,
        distribution: ShapeDistribution,
        *,
        types: TypeRule = "independent",
        split: Split = "all",
    ) -> None:
        if types not in ("independent", "alternating"):
            raise InputError(f"unknown type rule {types!r}: use independent or alternating")
        self.tokenizer = BracketTokenizer(language)
        self.language, self.distribution, self.types = language, distribution, types
        self._split = SplitFilter(split, [None] * FIRST_SYMBOL + list("".join(language.pairs)), distribution.max_length)
        self._dress = _Dresser(distribution, len(language.pairs), types, self.tokenizer.dtype)
        self._words = distribution.words + self._dress.words

    @property
    def split(self) -> Split:
        """The split this sampler draws from."""
        return self._split.split

    def batch(self, streams: np.ndarray, indices: np.ndarray) -> SampledBatch:
        """Item ``indices[j]`` of stream ``streams[j]`` for every j.

        Args:
            streams, indices: uint64 ``(n,)``.

        Raises:
            InputError: the distribution has no prefix in this split (after many attempts).
        """
        items = subkey(streams, indices)
        found = self._attempt(items, 0)
        if self.split == "all":
            return found
        pending = np.flatnonzero(~self._accepts(found))
        first = 1
        while len(pending):
            if first >= MAX_ATTEMPTS:
                raise InputError(f"no prefix of split {self.split!r} after {MAX_ATTEMPTS} attempts")
            # Several attempts of the few rows left cost no more than one: the first accepted one counts.
            tries = min(max(_TRIES_AT_ONCE // len(pending), 1), 64)
            again = self._attempt(
                np.repeat(items[pending], tries), np.tile(np.arange(first, first + tries), len(pending))
            )
            accepted = self._accepts(again).reshape(len(pending), tries)
            done = accepted.any(axis=1)
            chosen = (np.arange(len(pending)) * tries + accepted.argmax(axis=1))[done]
            for column, new in zip(found, again, strict=True):
                column[pending[done]] = new[chosen]
            pending = pending[~done]
            first += tries
        return found

    def case(self, stream: int, index: int) -> Case:
        """Item ``index`` of a stream as a :class:`Case`."""
        return self.cases(stream, 1, start=index)[0]

    def cases(self, stream: int, n: int, *, start: int = 0) -> list[Case]:
        """Items ``start .. start + n - 1`` of a stream as cases."""
        cases: list[Case] = []
        for low in range(start, start + n, _CASES_AT_ONCE):
            indices = np.arange(low, min(low + _CASES_AT_ONCE, start + n), dtype=np.uint64)
            batch = self.batch(np.full(len(indices), stream, dtype=np.uint64), indices)
            cases += map(Case, self.tokenizer.decode_rows(batch.prompt), self.tokenizer.decode_rows(batch.answer))
        return cases

    def _attempt(self, items: np.ndarray, attempt: int | np.ndarray) -> SampledBatch:
        # Attempt a reads the words from a * words on: an offset of the item's key.
        step = np.uint64(self._words * GOLDEN & MASK64)
        offset = np.asarray(attempt, dtype=np.uint64) * step
        return self._dress(partial(bits, items + offset))

    def _accepts(self, batch: SampledBatch) -> np.ndarray:
        # Past BOS the prefix starts at position 0 of the hash; SEP and PAD carry no word.
        return self._split(batch.prompt[:, 1:-1])


class _Dresser:
    """Turns shapes into token ids.

    Every row has one template, ``BOS codes SEP | codes of the completion EOS``, whose entries are columns of a small
    palette ``opener 0, closer 0, opener 1, ..., PAD, BOS, SEP, EOS``. The palette of an item follows from its types
    alone, and a batch is dressed with one gather. Types are digits base k of few words: g digits a word.

    Where the shapes are tabulated and the types fit into 32 bits (the default task), gathers would be most of the
    work: the tables are larger than the fast caches, and every look-up waits for the memory. There an item's types
    are packed into one integer, and a shape is one short row of bytes, found with one look-up: for every place the
    shift that brings its opener's type down, and what to add, ``id = add + 2 * (types >> shift & mask)``; the two
    lengths stand behind. The result is the same.
    """

    def __init__(self, distribution: ShapeDistribution, k: int, types: TypeRule, dtype: np.dtype) -> None:
        self.distribution, self.k = distribution, k
        self.alternating = types == "alternating" and k > 1
        self.dtype = dtype
        self.base = k * (k - 1) if self.alternating else k
        self.max_openers = distribution.max_openers
        group = 1
        while group < self.max_openers and self.base ** (group + 1) <= _PATTERN_LIMIT:
            group += 1
        self.group = group
        self.words = -(-self.max_openers // group)
        digits = np.arange(self.base**group)[:, None] // self.base ** np.arange(group)[::-1] % self.base
        self._digits = digits.astype(np.int16)
        self._specials = np.array([PAD, BOS, SEP, EOS], dtype=dtype)
        self._pad, self._bos, self._sep, self._eos = range(2 * self.max_openers, 2 * self.max_openers + 4)
        self.palette_width = 2 * self.max_openers + 4
        self._tabulated: tuple[np.ndarray, ...] | None = None
        self._packed: tuple[np.ndarray, np.ndarray] | None = None
        if isinstance(distribution, CutWalk):
            self._tabulated = self._templates(distribution.table())
            self._bits = max((k - 1).bit_length(), 1)
            if self.words == 1 and not self.alternating and self._bits * self.max_openers < 32:
                self._packed = self._pack(*self._tabulated)

    def __call__(self, word: Words) -> SampledBatch:
        distribution = self.distribution
        if self._tabulated is None or not isinstance(distribution, CutWalk):
            templates, prompt_length, answer_length = self._templates(distribution.draw(word))
            tokens = self._dress(templates, word)
        elif self._packed is not None:
            tokens, prompt_length, answer_length = self._dress_packed(distribution.draw_rows(word), word)
        else:
            rows = distribution.draw_rows(word)
            templates, prompt_length, answer_length = (column.take(rows, axis=0) for column in self._tabulated)
            tokens = self._dress(templates, word)
        width = distribution.max_length + 2
        return SampledBatch(tokens[:, :width], prompt_length, tokens[:, width:], answer_length)

    def _dress(self, templates: np.ndarray, word: Words) -> np.ndarray:
        palettes = self._palettes(self._draw_types(word, templates))
        templates += np.arange(0, palettes.size, self.palette_width)[:, None]
        return palettes.ravel().take(templates, mode="clip")  # every index is in range; "clip" skips a buffered check

    def _dress_packed(self, rows: np.ndarray, word: Words) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        assert self._packed is not None
        patterns, table = self._packed
        drawn = below(word(self.distribution.words), self.base**self.group).astype(np.int64)
        coded = table.take(rows, axis=0)
        # Whole rows, the columns of the lengths too: slices would make each of these operations several times slower.
        tokens = (patterns.take(drawn)[:, None] >> (coded >> _ADD_BITS)).astype(self.dtype)
        tokens &= self.dtype.type((1 << self._bits) - 1)
        tokens += tokens
        tokens += coded & _ADD_MASK
        return tokens[:, :-2], coded[:, -2].astype(np.int64), coded[:, -1].astype(np.int64)

    def _pack(self, templates: np.ndarray, *lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Types of every pattern ``(base**group,)`` uint32; shapes ``(s, places + 2)`` uint8 with their two lengths.

        A place is ``shift << 3 | add``. Special symbols add their id to the type of an opener that is never drawn.
        """
        digits = self._digits[:, : self.max_openers].astype(np.uint32)
        patterns = (digits << (self._bits * np.arange(self.max_openers, dtype=np.uint32))).sum(axis=1, dtype=np.uint32)
        symbol = templates < self._pad
        shift = self._bits * np.where(symbol, templates // 2, self.max_openers)
        special = self._specials[np.maximum(templates - self._pad, 0)]
        places = shift << _ADD_BITS | np.where(symbol, FIRST_SYMBOL + templates % 2, special)
        return patterns, np.column_stack([places, *lengths]).astype(np.uint8)

    def _templates(self, shapes: Shapes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Palette columns ``(n, max_length + 2 + max_depth + 1)`` and the two lengths."""
        n, max_length = shapes.codes.shape
        rows = np.arange(n)
        prompt = np.full((n, max_length + 2), self._pad, dtype=np.intp)
        prompt[:, 1:-1] = np.where(shapes.codes >= 0, shapes.codes, self._pad)
        prompt[:, 0] = self._bos
        prompt[rows, shapes.length + 1] = self._sep
        answer = np.full((n, shapes.waiting.shape[1] + 1), self._pad, dtype=np.intp)
        answer[:, :-1] = np.where(shapes.waiting >= 0, 2 * shapes.waiting + 1, self._pad)
        answer[rows, shapes.closers] = self._eos
        return np.concatenate([prompt, answer], axis=1), shapes.length + 2, shapes.closers + 1

    def _draw_types(self, word: Words, templates: np.ndarray) -> np.ndarray:
        """The type of every opener: ``(n, max_openers)`` int64."""
        first = self.distribution.words
        groups = [
            self._digits[below(word(first + g), self.base**self.group).astype(np.int64)] for g in range(self.words)
        ]
        digits = np.concatenate(groups, axis=1)[:, : self.max_openers].astype(np.int64)
        return self._alternate(digits, templates) if self.alternating else digits

    def _alternate(self, digits: np.ndarray, templates: np.ndarray) -> np.ndarray:
        """A digit base k(k-1) holds a free type (for outermost brackets) and an offset 1..k-1 from the type around."""
        n = len(digits)
        rows = np.arange(n)
        free, offset = digits // (self.k - 1), 1 + digits % (self.k - 1)
        types = np.zeros_like(digits)
        stack = np.zeros((n, self.distribution.max_depth + 1), dtype=np.int64)
        height = np.zeros(n, dtype=np.int64)
        for t in range(self.distribution.max_length):
            code = templates[:, 1 + t]
            opens = (code < self._pad) & (code % 2 == 0)
            closes = (code < self._pad) & (code % 2 == 1)
            opener = np.where(opens, code // 2, 0)
            around = stack[rows, np.maximum(height - 1, 0)]
            drawn = np.where(height > 0, (around + offset[rows, opener]) % self.k, free[rows, opener])
            types[rows[opens], opener[opens]] = drawn[opens]
            stack[rows[opens], height[opens]] = drawn[opens]
            height += opens
            height -= closes
        return types

    def _palettes(self, types: np.ndarray) -> np.ndarray:
        """``(n, palette_width)`` token ids of every palette column, for types ``(n, max_openers)``."""
        palettes = np.empty((len(types), self.palette_width), dtype=self.dtype)
        palettes[:, 0 : self._pad : 2] = FIRST_SYMBOL + 2 * types
        palettes[:, 1 : self._pad : 2] = FIRST_SYMBOL + 2 * types + 1
        palettes[:, self._pad :] = self._specials
        return palettes
