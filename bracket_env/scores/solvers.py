"""Yardsticks: solvers whose score says what a learned score is worth.

    Oracle          a stack: the perfect answer
    RisingCounters  no stack: counts by type, types ordered by when their count last rose from zero
    Counters        no stack: counts by type, types ordered by when they were last opened
    NGram           the last few tokens
    UniformRandom   nothing

One prefix, ``({()``, and what each writes (the right answer is ``})``):

    Oracle ``})``   RisingCounters ``})``   Counters ``)}``   UniformRandom a run of closers of random length

The column *needs a stack* of every score table is defined by ``Counters``
(:func:`bracket_env.scores.shortcuts.needs_stack`). ``RisingCounters`` is right on some of those cases too; a solver has
shown a stack only when it beats that row as well. Closer probabilities are rows over the language's pairs in order;
where a solver has nothing to say (no open bracket left) its row is uniform. Pure Python and NumPy.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np

from bracket_env.cases import Case
from bracket_env.errors import InputError
from bracket_env.language import BracketLanguage
from bracket_env.random_streams import below, bits, key
from bracket_env.scores.scoring import Solver
from bracket_env.scores.shortcuts import Tally, tally_completion

# Whitespace is never a bracket, so contexts of an n-gram can be plain slices of text.
_SEP, _STOP = " ", "\n"

T = TypeVar("T")


class Oracle:
    """Closes the open brackets in reverse order.

    ``({【】`` leaves ``({`` on the stack, so it writes ``})`` and stops. All of its probability is on that closer.
    """

    def __init__(self, language: BracketLanguage) -> None:
        self.language = language

    def complete(self, prefixes: Sequence[str]) -> list[str]:
        """The unique completion of each prefix. Raises InputError as :meth:`BracketLanguage.open_stack`."""
        return [self.language.completion(prefix) for prefix in prefixes]

    def closer_probabilities(self, words: Sequence[str]) -> list[np.ndarray]:
        """For each word ``(len(word), k)``: one-hot of the innermost open bracket's closer."""
        return [_one_hot(self.language, self._next_closers(word)) for word in words]

    def _next_closers(self, word: str) -> list[str | None]:
        self.language.open_stack(word)
        stack: list[str] = []
        guesses: list[str | None] = []
        for symbol in word:
            guesses.append(stack[-1] if stack else None)
            if symbol in self.language.closer_of:
                stack.append(self.language.closer_of[symbol])
            else:
                stack.pop()
        return guesses


class Counters:
    """No stack: closes all unmatched brackets of the type opened last, then of the type opened before it, ...

    ``(({`` has ``( 2 { 1``, ``{`` opened last: it writes ``}))``, which is right. After ``({()`` the last opened type
    is ``(``, so it writes ``)}`` where ``})`` is right.
    """

    _rising = False

    def __init__(self, language: BracketLanguage) -> None:
        self.language = language

    def complete(self, prefixes: Sequence[str]) -> list[str]:
        """The shortcut's answer to each prefix. Raises InputError as :meth:`BracketLanguage.open_stack`."""
        for prefix in prefixes:
            self.language.open_stack(prefix)
        return [tally_completion(self.language, prefix, rising=self._rising) for prefix in prefixes]

    def closer_probabilities(self, words: Sequence[str]) -> list[np.ndarray]:
        """For each word ``(len(word), k)``: one-hot of the closer that the counts say comes first."""
        return [_one_hot(self.language, self._next_closers(word)) for word in words]

    def _next_closers(self, word: str) -> list[str | None]:
        self.language.open_stack(word)
        tally = Tally(self.language, rising=self._rising)
        guesses: list[str | None] = []
        for symbol in word:
            guesses.append(tally.next_closer())
            tally.read(symbol)
        return guesses


class RisingCounters(Counters):
    """No stack either, a better clock: types ordered by when their count last rose from zero.

    After ``({()`` the count of ``(`` rose before that of ``{`` and never returned to zero: it writes ``})``, which is
    right. It fails where a type is open on both sides of another: ``({(`` becomes ``}))``, right is ``)})``.
    """

    _rising = True


class UniformRandom:
    """At every step END or one of the k closers, each with probability 1 / (k + 1), until END.

    An answer depends on the seed and the prefix alone, not on the order of the prefixes: word t of the stream keyed by
    both is step t. With one pair, ``(`` becomes ``""`` with probability 1/2, ``)`` with 1/4, ``))`` with 1/8 (more is
    never written: a completion is at most as long as its prefix, so len(prefix) + 1 closers are already wrong).
    """

    def __init__(self, language: BracketLanguage, seed: int = 0) -> None:
        self.language, self.seed = language, seed

    def complete(self, prefixes: Sequence[str]) -> list[str]:
        """A random run of closers for each prefix, at most ``len(prefix) + 1`` of them."""
        return [self._answer(prefix) for prefix in prefixes]

    def closer_probabilities(self, words: Sequence[str]) -> list[np.ndarray]:
        """For each word ``(len(word), k)``: 1 / k everywhere."""
        k = len(self.language.pairs)
        return [np.full((len(word), k), 1.0 / k) for word in words]

    def _answer(self, prefix: str) -> str:
        digest = hashlib.blake2b(prefix.encode(), digest_size=8).digest()
        stream = key(self.seed, "solver/uniform-random", int.from_bytes(digest, "little"))
        closers = self.language.closers
        answer = ""
        while len(answer) <= len(prefix):
            action = below(bits(stream, len(answer)), len(closers) + 1)
            if action == len(closers):
                break
            answer += closers[action]
        return answer


class NGram:
    """The most frequent next token of the answer, given the last n - 1 tokens of ``prefix SEP answer``.

    A context never seen falls back to its last n - 2 tokens, and so on down to no context; ties go to the earlier
    pair, END last. Fitted on the one case ``(( -> ))`` a 3-gram answers ``({(`` thus (``_`` is SEP):

        context  (_   seen: next )        ({(_)
        context  _)   seen: next )        ({(_))
        context  ))   seen: next END      -> ``))``

    Its closer probabilities are the frequencies of the closers after the last n - 1 symbols anywhere in the training
    words ``prefix + completion``, with the same fall-back.

    Args:
        language: the brackets.
        n: tokens in a gram, 1 or more; 1 knows frequencies only.

    Raises:
        InputError: n below 1.
    """

    def __init__(self, language: BracketLanguage, n: int) -> None:
        if n < 1:
            raise InputError(f"an n-gram has n of at least 1, not {n}")
        self.language, self.n = language, n
        self._answer_token: dict[str, str] = {}
        self._closer_row: dict[str, np.ndarray] = {}

    def fit(self, cases: Iterable[Case]) -> NGram:
        """Count over ``cases``, forgetting any earlier fit; returns itself.

        Raises:
            InputError: no cases.
        """
        answers: defaultdict[str, Counter[str]] = defaultdict(Counter)
        closings: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for prefix, completion in cases:
            text = prefix + _SEP + completion + _STOP
            self._count(answers, text, range(len(prefix) + 1, len(text)))
            word = prefix + completion
            self._count(closings, word, [t for t, symbol in enumerate(word) if symbol in self.language.opener_of])
        if not answers:
            raise InputError(f"no cases to fit a {self.n}-gram on")
        order = self.language.closers + _STOP
        self._answer_token = {c: max(order, key=counts.__getitem__) for c, counts in answers.items()}
        self._closer_row = {
            c: np.array([counts[closer] for closer in self.language.closers]) / counts.total()
            for c, counts in closings.items()
        }
        return self

    def complete(self, prefixes: Sequence[str]) -> list[str]:
        """Greedy answers of at most ``len(prefix) + 1`` closers.

        Raises:
            InputError: not fitted yet.
        """
        if not self._answer_token:
            raise InputError(f"the {self.n}-gram has not been fitted")
        return [self._answer(prefix) for prefix in prefixes]

    def closer_probabilities(self, words: Sequence[str]) -> list[np.ndarray]:
        """For each word ``(len(word), k)``; uniform when no closer was ever seen.

        Raises:
            InputError: not fitted yet.
        """
        if not self._answer_token:
            raise InputError(f"the {self.n}-gram has not been fitted")
        k = len(self.language.pairs)
        uniform = np.full(k, 1.0 / k)
        rows = [[self._look_up(self._closer_row, word[:t], uniform) for t in range(len(word))] for word in words]
        return [np.array(word_rows).reshape(-1, k) for word_rows in rows]

    def _count(self, table: defaultdict[str, Counter[str]], text: str, positions: Iterable[int]) -> None:
        """Count ``text[t]`` under each of the contexts of 0 to n - 1 tokens that end before t."""
        for t in positions:
            for start in range(max(0, t - self.n + 1), t + 1):
                table[text[start:t]][text[t]] += 1

    def _look_up(self, table: dict[str, T], text: str, default: T) -> T:
        """The entry of the longest context of ``text`` that has one."""
        for start in range(max(0, len(text) - self.n + 1), len(text) + 1):
            if text[start:] in table:
                return table[text[start:]]
        return default

    def _answer(self, prefix: str) -> str:
        text = prefix + _SEP
        longest = len(text) + len(prefix) + 1
        while len(text) < longest and (token := self._look_up(self._answer_token, text, _STOP)) != _STOP:
            text += token
        return text[len(prefix) + 1 :]


def yardsticks(language: BracketLanguage, train_cases: Iterable[Case], seed: int = 0) -> dict[str, Solver]:
    """The standard rows of every score table, best first; the n-grams are fitted on ``train_cases``.

    Raises:
        InputError: no training cases.
    """
    train_cases = list(train_cases)
    return {
        "oracle": Oracle(language),
        "rising counters": RisingCounters(language),
        "counters": Counters(language),
        "5-gram": NGram(language, 5).fit(train_cases),
        "3-gram": NGram(language, 3).fit(train_cases),
        "uniform": UniformRandom(language, seed),
    }


def _one_hot(language: BracketLanguage, closers: Sequence[str | None]) -> np.ndarray:
    """``(len(closers), k)``: 1.0 at each named closer; a row without one is uniform."""
    k = len(language.pairs)
    rows = np.zeros((len(closers), k))
    for row, closer in zip(rows, closers, strict=True):
        if closer is None:
            row[:] = 1.0 / k
        else:
            row[language.closers.index(closer)] = 1.0
    return rows
