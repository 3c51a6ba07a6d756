"""Training batches: which cases, in which order, as padded ids.

A batch is a pure function of (seed, step): nothing about the data has to be saved to go on exactly. Cases come from a
stream of fresh ones or from a fixed set that is gone through epoch by epoch in keyed orders. Several batches' worth
of cases are drawn at once, sorted by length and cut, so that a batch pads little; which of the cuts comes first is
drawn too.

    item of a stream    item i of the keyed stream of the training split
    item of a set       epoch e = i // n; case order_e[i mod n]
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from bracket_env import FIRST_SYMBOL, BracketTokenizer, Case, InputError
from bracket_env.random_streams import bits, key, subkey
from bracket_env.sampling.sampler import PrefixSampler

BUCKET_BATCHES = 8  # batches drawn together and sorted by length


class EncodedCases(NamedTuple):
    """n cases ``BOS prefix SEP completion EOS``, padded on the right with PAD."""

    ids: np.ndarray  # (n, T) of the tokenizer's dtype
    prompt_length: np.ndarray  # (n,) int64: BOS, prefix and SEP
    length: np.ndarray  # (n,) int64: the whole case

    def take(self, rows: np.ndarray) -> EncodedCases:
        """Some rows, trimmed to the longest of them."""
        length = self.length[rows]
        return EncodedCases(self.ids[rows, : int(length.max(initial=0))], self.prompt_length[rows], length)

    def followed_by(self, other: EncodedCases) -> EncodedCases:
        """These cases and then others."""
        width = max(self.ids.shape[1], other.ids.shape[1])
        ids = np.concatenate([_widened(cases.ids, width) for cases in (self, other)])
        prompt_length, length = (np.concatenate(parts) for parts in zip(self[1:], other[1:], strict=True))
        return EncodedCases(ids, prompt_length, length)

    def token_count(self, everywhere: bool) -> int:
        """How many tokens the loss is over: the answer's, or every one after BOS."""
        counted = self.length - 1 if everywhere else self.length - self.prompt_length
        return int(counted.sum())


def encode_cases(cases: Sequence[Case], tokenizer: BracketTokenizer) -> EncodedCases:
    """Cases as ids.

    Raises:
        InputError: a symbol outside the language.
    """
    rows = [tokenizer.encode_case(*case) for case in cases]
    length = np.array([len(row) for row in rows], dtype=np.int64)
    ids = np.zeros((len(rows), int(length.max(initial=0))), dtype=tokenizer.dtype)
    for row, encoded in zip(ids, rows, strict=True):
        row[: len(encoded)] = encoded
    return EncodedCases(ids, np.array([len(case.prefix) + 2 for case in cases], dtype=np.int64), length)


class Source(ABC):
    """Where training cases come from: item i for every i."""

    @abstractmethod
    def items(self, first: int, count: int) -> EncodedCases:
        """Items ``first .. first + count - 1``."""


class StreamSource(Source):
    """Fresh cases without end."""

    def __init__(self, sampler: PrefixSampler, seed: int) -> None:
        self._sampler = sampler
        self._stream = np.uint64(key(seed, "supervised/train"))

    def items(self, first: int, count: int) -> EncodedCases:
        indices = np.arange(first, first + count, dtype=np.uint64)
        batch = self._sampler.batch(np.full(count, self._stream), indices)
        length = batch.prompt_length + batch.answer_length
        ids = np.zeros((count, batch.prompt.shape[1] + batch.answer.shape[1]), dtype=batch.prompt.dtype)
        ids[:, : batch.prompt.shape[1]] = batch.prompt
        columns = batch.prompt_length[:, None] + np.arange(batch.answer.shape[1])
        np.put_along_axis(ids, columns, batch.answer, axis=1)
        return EncodedCases(ids[:, : int(length.max())], batch.prompt_length, length)


class FixedSource(Source):
    """The same cases again and again, each epoch in an order of its own.

    Raises:
        InputError: no cases.
    """

    def __init__(self, cases: EncodedCases, seed: int) -> None:
        if not len(cases.ids):
            raise InputError("the data set is empty")
        self._cases, self._seed = cases, seed
        self._order: tuple[int, np.ndarray] = (-1, np.empty(0))

    def items(self, first: int, count: int) -> EncodedCases:
        size = len(self._cases.ids)
        rows = []
        while count:
            epoch, start = divmod(first, size)
            rows.append(self._epoch(epoch)[start : start + count])
            first, count = first + len(rows[-1]), count - len(rows[-1])
        return self._cases.take(np.concatenate(rows))

    def _epoch(self, epoch: int) -> np.ndarray:
        if self._order[0] != epoch:
            stream = np.array([key(self._seed, "supervised/epoch", epoch)], dtype=np.uint64)
            words = subkey(stream, np.arange(len(self._cases.ids), dtype=np.uint64))
            self._order = (epoch, np.argsort(words, kind="stable"))
        return self._order[1]


class TranslatedSource(Source):
    """Another source's cases with the ids of a language that has all their symbols."""

    def __init__(self, source: Source, spoken: BracketTokenizer, wanted: BracketTokenizer) -> None:
        self._source = source
        self._ids = np.arange(spoken.vocab_size, dtype=wanted.dtype)
        self._ids[FIRST_SYMBOL:] = wanted.encode("".join(spoken.language.pairs))

    def items(self, first: int, count: int) -> EncodedCases:
        cases = self._source.items(first, count)
        return cases._replace(ids=self._ids[cases.ids])


class MixedSource(Source):
    """Two sources; each item comes from the second one with probability ``share``.

    Item i is item i of the source it comes from.
    """

    def __init__(self, first: Source, second: Source, share: float, seed: int) -> None:
        self._sources = (first, second)
        self._threshold = np.uint64(round(share * 2.0**32))
        self._stream = np.array([key(seed, "supervised/mix")], dtype=np.uint64)

    def items(self, first: int, count: int) -> EncodedCases:
        indices = np.arange(first, first + count, dtype=np.uint64)
        words = bits(subkey(self._stream, indices), 0)
        from_second = (words >> np.uint64(32)) < self._threshold
        ours, theirs = (source.items(first, count) for source in self._sources)
        width = max(ours.ids.shape[1], theirs.ids.shape[1])
        ids = np.where(from_second[:, None], _widened(theirs.ids, width), _widened(ours.ids, width))
        prompt_length = np.where(from_second, theirs.prompt_length, ours.prompt_length)
        return EncodedCases(ids, prompt_length, np.where(from_second, theirs.length, ours.length))


def _widened(ids: np.ndarray, width: int) -> np.ndarray:
    return np.pad(ids, ((0, 0), (0, width - ids.shape[1])))


def bucket_order(seed: int, number: int) -> list[int]:
    """Which of a bucket's batches, counted from the shortest, comes when."""
    stream = key(seed, "supervised/bucket", number)
    return sorted(range(BUCKET_BATCHES), key=lambda i: bits(stream, i))


class TrainingBatches(Protocol):
    """Batch number s for every s; what is in it is its objective's business (:mod:`supervised.learning.objective`)."""

    def __getitem__(self, step: int) -> Any: ...


class Batches:
    """Batch number s of a source, bucketed by length.

    Args:
        source: the cases.
        batch_size: cases a batch.
        seed: orders the buckets.
    """

    def __init__(self, source: Source, batch_size: int, seed: int) -> None:
        self._source, self.batch_size, self._seed = source, batch_size, seed
        self._bucket: tuple[int, EncodedCases | None, np.ndarray] = (-1, None, np.empty(0))

    def __getitem__(self, step: int) -> EncodedCases:
        number, position = divmod(step, BUCKET_BATCHES)
        if self._bucket[0] != number:
            drawn = self._source.items(number * BUCKET_BATCHES * self.batch_size, BUCKET_BATCHES * self.batch_size)
            by_length = np.argsort(drawn.length, kind="stable").reshape(BUCKET_BATCHES, self.batch_size)
            self._bucket = (number, drawn, by_length[bucket_order(self._seed, number)])
        _, cases, rows = self._bucket
        assert cases is not None
        return cases.take(rows[position])
