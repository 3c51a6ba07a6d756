"""Unlabelled balanced words for pre-training: nothing in them says where an answer begins.

    case    ( { | } )         word    BOS ( { } ) EOS         masked    BOS ( MASK } ) EOS        hidden: {

A word is a case of the train split, prefix and completion together. Cut before any of the closers at its end, it would
be a case again, and that one might be of another split; so a word counts only if every such cut leaves a prefix of the
train split. No case of the validation or test split is thus hidden in the words. (It leaves out more of the words that
end in many closers.)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bracket_env import FIRST_SYMBOL, MASK, PAD, InputError
from bracket_env.random_streams import below, bits, key, subkey
from bracket_env.sampling.sampler import PrefixSampler, SampledBatch
from bracket_env.sampling.splits import SplitFilter
from supervised.data.batches import Batches, EncodedCases, Source

MAX_ATTEMPTS = 10_000
_TRIES_AT_ONCE = 1024
MASKED_SHARE = 0.15  # of a word's symbols, at least one
_HIDDEN, _CHANGED = round(0.8 * 2**32), round(0.9 * 2**32)  # of the masked ones: 80 % MASK, 10 % random, 10 % kept


class WordSource(Source):
    """Fresh balanced words without end, as ``BOS word EOS``; the prompt is BOS alone.

    Args:
        sampler: draws the cases, from the train split.
        seed: other seeds give other words.
    """

    def __init__(self, sampler: PrefixSampler, seed: int) -> None:
        self._sampler, self._seed = sampler, seed
        self._most = sampler.distribution.max_length + sampler.distribution.max_depth
        symbols = [None] * FIRST_SYMBOL + list("".join(sampler.language.pairs))
        self._train = SplitFilter("train", symbols, self._most)
        self._stream = np.array([key(seed, "supervised/words")], dtype=np.uint64)

    def items(self, first: int, count: int) -> EncodedCases:
        """Items ``first .. first + count - 1``.

        Raises:
            InputError: the distribution has no such word (after many attempts).
        """
        ids = np.zeros((count, self._most + 2), dtype=self._sampler.tokenizer.dtype)
        length = np.zeros(count, dtype=np.int64)
        pending, attempt = np.arange(count), 0
        while len(pending):
            if attempt >= MAX_ATTEMPTS:
                raise InputError(f"no balanced word lies in the train split with all its cuts ({attempt} attempts)")
            # Several attempts of the few rows left cost no more than one: the first accepted one counts.
            tries = min(max(_TRIES_AT_ONCE // len(pending), 1), 64)
            streams = subkey(self._stream, np.arange(attempt, attempt + tries, dtype=np.uint64))
            indices = (first + np.repeat(pending, tries)).astype(np.uint64)
            found = words_of_batch(self._sampler.batch(np.tile(streams, len(pending)), indices))
            accepted = self._accepts(found).reshape(len(pending), tries)
            done = accepted.any(axis=1)
            chosen = (np.arange(len(pending)) * tries + accepted.argmax(axis=1))[done]
            ids[pending[done], : found.ids.shape[1]] = found.ids[chosen]
            length[pending[done]] = found.length[chosen]
            pending, attempt = pending[~done], attempt + tries
        return EncodedCases(ids[:, : int(length.max(initial=0))], np.ones_like(length), length)

    def _accepts(self, words: EncodedCases) -> np.ndarray:
        """Which words are in the train split however many of the closers at their end are cut off: bool ``(n,)``."""
        symbols = words.ids[:, 1:-1]
        length = words.length - 2
        columns = np.arange(symbols.shape[1])
        accepted = np.ones(len(symbols), dtype=bool)
        cuttable = accepted.copy()
        for cut in range(int(length.max(initial=0)) + 1):
            inside = columns < (length - cut)[:, None]
            accepted &= ~cuttable | self._train(np.where(inside, symbols, PAD))
            last = symbols[np.arange(len(symbols)), np.maximum(length - cut - 1, 0)]
            cuttable &= (length > cut) & (last % 2 == 0)  # closers have even ids
            if not (cuttable & accepted).any():
                break
        return accepted


def words_of_batch(batch: SampledBatch) -> EncodedCases:
    """Prefix and completion of sampled cases as one word each."""
    n, width = batch.prompt.shape
    ids = np.zeros((n, width - 1 + batch.answer.shape[1]), dtype=batch.prompt.dtype)
    ids[:, : width - 1] = batch.prompt[:, : width - 1]
    start = batch.prompt_length - 1  # where SEP stands
    np.put_along_axis(ids, start[:, None] + np.arange(batch.answer.shape[1]), batch.answer, axis=1)
    return EncodedCases(ids, np.ones_like(start), start + batch.answer_length)


class MaskedWords(NamedTuple):
    """n words with some symbols hidden, padded on the right with PAD."""

    ids: np.ndarray  # (n, T): what is read
    targets: np.ndarray  # (n, T): what stood at the chosen places, PAD elsewhere
    length: np.ndarray  # (n,) int64: BOS and EOS counted

    def take(self, rows: np.ndarray) -> MaskedWords:
        """Some rows, trimmed to the longest of them."""
        length = self.length[rows]
        longest = int(length.max(initial=0))
        return MaskedWords(self.ids[rows, :longest], self.targets[rows, :longest], length)


def mask_words(words: EncodedCases, stream: int, vocab_size: int) -> MaskedWords:
    """Hide 15 % of the symbols of each word, at least one (BERT's rule: Devlin et al. 2019, section 3.1).

    Of the chosen symbols 80 % become MASK, 10 % a random symbol of the language and 10 % stay. Special tokens are
    never chosen.

    Args:
        words: ``BOS word EOS``, no empty word among them.
        stream: a key; the same one hides the same symbols.
        vocab_size: of the tokenizer.
    """
    n, width = words.ids.shape
    cells = subkey(np.array([stream], dtype=np.uint64), np.arange(n * width, dtype=np.uint64)).reshape(n, width)
    symbols = words.ids >= FIRST_SYMBOL
    # A random order of the symbols of each word, other tokens behind them; the first ones are chosen.
    order = np.argsort(np.where(symbols, bits(cells, 0) >> np.uint64(1), np.iinfo(np.uint64).max), axis=1)
    count = np.maximum(np.rint(MASKED_SHARE * symbols.sum(axis=1)), 1)
    chosen = np.zeros_like(symbols)
    np.put_along_axis(chosen, order, np.arange(width) < count[:, None], axis=1)
    rule = bits(cells, 1) >> np.uint64(32)
    other = FIRST_SYMBOL + below(bits(cells, 2), vocab_size - FIRST_SYMBOL)
    shown = np.where(rule < _HIDDEN, MASK, np.where(rule < _CHANGED, other, words.ids)).astype(words.ids.dtype)
    return MaskedWords(np.where(chosen, shown, words.ids), np.where(chosen, words.ids, PAD), words.length)


class MaskedBatches:
    """Batch number s of words, masked anew for every s.

    Args:
        batches: the words.
        vocab_size: of the tokenizer.
        seed: the masks follow from it.
    """

    def __init__(self, batches: Batches, vocab_size: int, seed: int) -> None:
        self._batches, self._vocab_size, self._seed = batches, vocab_size, seed

    def __getitem__(self, step: int) -> MaskedWords:
        return mask_words(self._batches[step], key(self._seed, "supervised/mask", step), self._vocab_size)
