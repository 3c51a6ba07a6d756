"""More labelled cases from few ones, by symmetries of the language (``--augment``).

A labelled case is a balanced word and the place where its answer begins; an augmentation rewrites the word and moves
the place. No label is computed from a prefix: an answer is always that of a labelled case, renamed, taken over or
extended by the same step that changed the prefix. What each one takes for granted is its *prior knowledge*:

    case         【 ( ) { | } 】                                   prior knowledge
    permute      { 【 】 ( | ) }         in any language the pairs could have other names
    wrap         【 【 ( ) { | } 】 】   a bracket put around everything is closed last
    concatenate  ( ) 【 ( ) { | } 】     a balanced word put first changes no answer
    insert       【 ( { } ) { | } 】     a balanced word put anywhere in a prefix changes no answer
    remove       【 { | } 】             nor does one taken away; a stretch is balanced if it opens as often as it
                                         closes and never goes below its start (counting, no types)
    mirror       【 { } ( | ) 】         a balanced word read backwards with openers and closers swapped is balanced;
                                         closers at the end of a balanced word answer what stands before them

All but ``remove`` and ``mirror`` know only which symbols are pairs. The balanced words that are put in are whole
labelled cases, prefix and answer together. An item is a pure function of (seed, its number): nothing has to be saved.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from bracket_env import BOS, EOS, FIRST_SYMBOL, PAD, SEP, BracketTokenizer, Setting
from bracket_env.random_streams import bits, key, subkey
from bracket_env.sampling.splits import SplitFilter
from supervised.data.batches import EncodedCases, Source

TRIES = 4  # one in five prefixes is in another split, so one item in 600 stays as it was
Draw = Callable[[int], np.ndarray]


class Words(NamedTuple):
    """n labelled cases as balanced words of symbol ids, padded on the right with PAD.

    All rewritings keep the width W. A word that outgrows it loses its end, and is too long or too deep anyway.
    """

    ids: np.ndarray  # (n, W) of the tokenizer's dtype: prefix and answer together, no special token
    length: np.ndarray  # (n,) int64: of the word
    cut: np.ndarray  # (n,) int64: of the prefix; the answer follows

    def take(self, rows: np.ndarray) -> Words:
        """Some rows."""
        return Words(self.ids[rows], self.length[rows], self.cut[rows])

    def put(self, rows: np.ndarray, new: Words) -> None:
        """Overwrite some rows."""
        for column, values in zip(self, new, strict=True):
            column[rows] = values

    @property
    def heights(self) -> np.ndarray:
        """int16 ``(n, W + 1)``: how many brackets are open before each symbol, and after the last one."""
        found = np.zeros((len(self.ids), self.ids.shape[1] + 1), dtype=np.int16)
        steps = self.ids.astype(np.int8)
        steps &= 1  # openers have odd ids, closers even ones
        steps <<= 1
        steps -= self.ids >= FIRST_SYMBOL
        np.cumsum(steps, axis=1, out=found[:, 1:])
        return found


class Pool:
    """The labelled cases that augmentations may use, shortest word first.

    Args:
        words: one at least.
        pairs: how many bracket pairs there are.
        max_length: of a prefix; what is put in must leave it this short.
    """

    def __init__(self, words: Words, pairs: int, max_length: int) -> None:
        self.words = words.take(np.argsort(words.length, kind="stable"))
        self.longest_answer = int((words.length - words.cut).max())
        self.pairs, self.max_length = pairs, max_length

    def fitting(self, room: np.ndarray, word: np.ndarray) -> Words:
        """For each row one of the words of at most ``room`` ``(n,)`` symbols, or the empty word if there is none."""
        count = np.searchsorted(self.words.length, room, side="right")
        chosen = self.words.take(_below(word, count))
        return chosen._replace(length=np.where(count, chosen.length, 0))


def permute(words: Words, pool: Pool, draw: Draw) -> Words:
    """Rename the pairs by a uniformly drawn permutation, in prefix and answer alike."""
    ranks = np.argsort(np.stack([draw(j) for j in range(pool.pairs)], axis=1), axis=1)  # (n, k)
    names = np.zeros((len(ranks), FIRST_SYMBOL + 2 * pool.pairs), dtype=words.ids.dtype)
    names[:, FIRST_SYMBOL::2] = FIRST_SYMBOL + 2 * ranks
    names[:, FIRST_SYMBOL + 1 :: 2] = FIRST_SYMBOL + 2 * ranks + 1
    return words._replace(ids=_gather(names, words.ids))


def wrap(words: Words, pool: Pool, draw: Draw) -> Words:
    """An opener of a random type before the prefix, its closer after the answer."""
    opener = (FIRST_SYMBOL + 2 * _below(draw(0), np.array(pool.pairs))).astype(words.ids.dtype)[:, None]
    nowhere, one = np.zeros_like(words.cut), np.ones_like(words.cut)
    opened = splice(words, nowhere, nowhere, opener, one)
    closed = splice(opened, opened.length, opened.length, opener + words.ids.dtype.type(1), one)
    return closed._replace(cut=words.cut + 1)


def concatenate(words: Words, pool: Pool, draw: Draw) -> Words:
    """A labelled case's whole word before the prefix."""
    first = pool.fitting(pool.max_length - words.cut, draw(0))
    nowhere = np.zeros_like(words.cut)
    return splice(words, nowhere, nowhere, first.ids, first.length)


def insert(words: Words, pool: Pool, draw: Draw) -> Words:
    """A labelled case's whole word at a random place of the prefix, its ends included."""
    put_in = pool.fitting(pool.max_length - words.cut, draw(0))
    place = _below(draw(1), words.cut + 1)
    return splice(words, place, place, put_in.ids, put_in.length)


def remove(words: Words, pool: Pool, draw: Draw) -> Words:
    """Take a random balanced stretch out of the prefix: a random first bracket, then a random one of its ends."""
    columns = np.arange(words.ids.shape[1] + 1)
    # Outside the prefix no height comes back.
    heights = np.where(columns <= words.cut[:, None], words.heights, np.iinfo(np.int16).max)
    lowest_from = np.minimum.accumulate(heights[:, ::-1], axis=1)[:, ::-1]
    closed = (lowest_from[:, 1:] <= heights[:, :-1]) & (words.ids & 1).astype(bool)
    start, found = _choose(closed & (columns[:-1] < words.cut[:, None]), draw(0))
    base = heights[np.arange(len(start)), start][:, None]
    after = columns > start[:, None]
    sunk = np.logical_or.accumulate((heights < base) & after, axis=1)
    stop, _ = _choose((heights == base) & after & ~sunk, draw(1))
    return splice(words, start, np.where(found, stop, start), words.ids[:, :0], np.zeros_like(start))


def mirror(words: Words, pool: Pool, draw: Draw) -> Words:
    """The whole word backwards with openers and closers swapped, cut before a random one of the closers at its end.

    The answer may be empty, and is no longer than the longest labelled one.
    """
    from_end = words.length[:, None] - 1 - np.arange(words.ids.shape[1])
    backwards = _gather(words.ids, np.maximum(from_end, 0))
    swapped = np.where(from_end >= 0, ((backwards - FIRST_SYMBOL) ^ 1) + FIRST_SYMBOL, PAD).astype(words.ids.dtype)
    last_closers = np.argmin(words.ids & 1, axis=1)  # the openers at the start become the closers at the end
    answer = _below(draw(0), np.minimum(last_closers, pool.longest_answer) + 1)
    return Words(swapped, words.length, words.length - answer)


AUGMENTATIONS: dict[str, tuple[Callable[[Words, Pool, Draw], Words], float]] = {
    "remove": (remove, 0.3),
    "mirror": (mirror, 0.3),
    "concatenate": (concatenate, 0.15),
    "insert": (insert, 0.3),
    "wrap": (wrap, 0.15),
    "permute": (permute, 1.0),
}
"""Name -> the rewriting, and the share of items that draw it; in the order in which an item goes through them."""


class AugmentedSource(Source):
    """A source whose items are augmented ones of another.

    An item goes through the chosen augmentations in the order of :data:`AUGMENTATIONS`. A step that would make the
    prefix longer or deeper than the setting's is left out; an item that ends outside the train split is drawn again,
    and stays as it was after :data:`TRIES` times.

    Args:
        source: gives the cases, all of the train split.
        cases: all labelled cases, whose words concatenate and insert put in; one at least.
        names: which augmentations.
        setting: bounds length and depth.
        tokenizer: the language.
        seed: the draws follow from it.
    """

    def __init__(
        self,
        source: Source,
        cases: EncodedCases,
        names: Sequence[str],
        *,
        setting: Setting,
        tokenizer: BracketTokenizer,
        seed: int,
    ) -> None:
        language = tokenizer.language
        self._source = source
        self._names = set(names)
        self._max_length, self._max_depth = setting.max_length, setting.max_depth
        longest = max(setting.max_length, int(cases.prompt_length.max()) - 2)
        # Every word that fits the setting, a bracket more around it, and every case as it is.
        self._width = max(setting.max_length + setting.max_depth + 2, int(cases.length.max()) - 3)
        self._pool = Pool(words_of(cases, self._width), len(language.pairs), setting.max_length)
        symbols = [None] * FIRST_SYMBOL + list("".join(language.pairs))
        self._train = SplitFilter("train", symbols, longest)
        self._stream = np.array([key(seed, "supervised/augmentation")], dtype=np.uint64)

    def items(self, first: int, count: int) -> EncodedCases:
        words = words_of(self._source.items(first, count), self._width)
        items = subkey(self._stream, np.arange(first, first + count, dtype=np.uint64))
        pending = np.arange(count)
        for attempt in range(TRIES):
            found = self._attempt(words.take(pending), items[pending], attempt)
            done = self._in_train(found)
            words.put(pending[done], found.take(done))
            pending = pending[~done]
        return cases_of(words)

    def _attempt(self, words: Words, items: np.ndarray, attempt: int) -> Words:
        for number, (name, (rewrite, share)) in enumerate(AUGMENTATIONS.items()):
            if name not in self._names:
                continue
            keys = subkey(items, np.array([attempt * len(AUGMENTATIONS) + number], dtype=np.uint64))
            rows = np.flatnonzero((bits(keys, 0) >> np.uint64(32)) < round(share * 2.0**32))
            chosen = keys[rows]
            new = rewrite(words.take(rows), self._pool, partial(_later_bits, chosen))
            fits = (new.cut <= self._max_length) & (new.heights.max(axis=1) <= self._max_depth)
            words.put(rows[fits], new.take(fits))
        return words

    def _in_train(self, words: Words) -> np.ndarray:
        columns = np.arange(int(words.cut.max(initial=0)))
        return self._train(np.where(columns < words.cut[:, None], words.ids[:, : len(columns)], PAD))


def splice(words: Words, start: np.ndarray, stop: np.ndarray, new: np.ndarray, length: np.ndarray) -> Words:
    """Put the first ``length`` ``(n,)`` of ``new`` ``(n, K)`` in the place of symbols ``start`` to ``stop`` (excluded).

    The cut keeps its distance to the end of the word: what is replaced lies before it, or the caller sets it again.
    """
    n, width = words.ids.shape
    symbols = np.concatenate([words.ids, new, np.full((n, 1), PAD, dtype=words.ids.dtype)], axis=1)
    grown = length - (stop - start)
    columns = np.arange(width)
    from_start = columns - start[:, None]
    at = np.where(from_start < length[:, None], width + from_start, columns - grown[:, None])
    at = np.where(from_start < 0, columns, at)
    at = np.where(columns < (words.length + grown)[:, None], at, symbols.shape[1] - 1)
    return Words(_gather(symbols, at), words.length + grown, words.cut + grown)


def words_of(cases: EncodedCases, width: int) -> Words:
    """Cases without BOS, SEP and EOS, as arrays of their own, ``width`` columns wide (enough for all of them)."""
    cut, length = cases.prompt_length - 2, cases.length - 3
    columns = np.arange(cases.ids.shape[1] - 3)
    ids = np.zeros((len(cut), width), dtype=cases.ids.dtype)
    ids[:, : len(columns)] = _gather(cases.ids, columns + 1 + (columns >= cut[:, None]))
    ids[:, : len(columns)][columns >= length[:, None]] = PAD
    return Words(ids, length, cut)


def cases_of(words: Words) -> EncodedCases:
    """The inverse of :func:`words_of`."""
    n, longest = len(words.cut), int(words.length.max(initial=0))
    ids = np.zeros((n, longest + 3), dtype=words.ids.dtype)
    columns = np.arange(longest + 2)
    # The symbols move one place for BOS, those of the answer one more for SEP.
    ids[:, 1:] = _gather(words.ids, np.clip(columns - (columns > words.cut[:, None]), 0, words.ids.shape[1] - 1))
    rows = np.arange(n)
    ids[rows, 0], ids[rows, words.cut + 1], ids[rows, words.length + 2] = BOS, SEP, EOS
    return EncodedCases(ids, words.cut + 2, words.length + 3)


def _later_bits(keys: np.ndarray, number: int) -> np.ndarray:
    """The words behind the one that decides whether a rewriting is done."""
    return bits(keys, 1 + number)


def _gather(ids: np.ndarray, at: np.ndarray) -> np.ndarray:
    """``ids[i, at[i, j]]`` for every i and j; :func:`numpy.take_along_axis`, faster."""
    return ids.ravel().take(at + np.arange(0, ids.size, ids.shape[1])[:, None])


def _below(word: np.ndarray, n: np.ndarray) -> np.ndarray:
    """A number below each ``n`` (0 for n = 0) from the high half of each word: int64 ``(rows,)``."""
    return (((word >> np.uint64(32)) * n.astype(np.uint64)) >> np.uint64(32)).astype(np.int64)


def _choose(allowed: np.ndarray, word: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A uniformly drawn true column of every row of ``allowed`` ``(n, W)`` (0 where there is none), and if there is."""
    seen = allowed.cumsum(axis=1, dtype=np.int32)
    wanted = _below(word, seen[:, -1]) + 1
    return np.argmax(seen >= wanted[:, None], axis=1) * (seen[:, -1] > 0), seen[:, -1] > 0
