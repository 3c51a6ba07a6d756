"""How answers are scored: one measure for agents, supervised models and yardsticks.

A solver reads prefixes and writes finished answers (it decided itself where to stop). For a case with completion c
and answer a, with m = len(c) + 1 the number of right actions (the closers, then END):

    exact    1 when a equals c, else 0
    share    right actions before the first mistake / m

    completion  answer   right actions   share
    ``})``      ``})``   } ) END         3/3
    ``})``      ``})}``  } )             2/3   a closer where END was due
    ``})``      ``}``    }               1/3   END where a closer was due
    ``})``      ``)}``   none            0/3
    (empty)     (empty)  END             1/1
    (empty)     ``)``    none            0/1

``closing`` is the measure of Hewitt et al., "RNNs can generate bounded hierarchical languages with optimal memory",
EMNLP 2020: at every position of the balanced word prefix + completion whose next symbol is a closer, whether the right
closer gets more than 0.8 of all closers' probability.

Intervals are 95 % Wilson score intervals (E. B. Wilson, J. Am. Stat. Assoc. 22, 1927). ``share`` is a mean of
fractions, not of zeros and ones; its interval takes the mean as the proportion, and since no variable in [0, 1] varies
more than a coin with the same mean, that interval is too wide rather than too narrow. The positions of ``closing`` are
counted as if independent although those of one word are not, so its interval is somewhat too narrow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import takewhile
from math import sqrt
from typing import Any, NamedTuple, Protocol

import numpy as np

from bracket_env.cases import Case
from bracket_env.errors import InputError, quote
from bracket_env.language import BracketLanguage
from bracket_env.scores.shortcuts import tally_completion

COLUMNS = ("closers", "depth", "length", "distance")
MEASURES = ("exact", "share", "closing")
CLOSING_THRESHOLD = 0.8
Z95 = 1.959963984540054  # the normal quantile of 0.975

_WORDS_AT_ONCE = 512  # closer probabilities of long words are large: this bounds what is held
_SUM_TOLERANCE = 1e-2  # half-precision rows sum to 1 only this well


class Solver(Protocol):
    """Anything that answers prefixes.

    A solver may also have ``closer_probabilities(words: Sequence[str]) -> list[np.ndarray]``: for each word an array
    ``(len(word), k)`` whose row t holds the probabilities of the k closers (in the order of ``language.pairs``, summing
    to 1) for the symbol at t, given ``word[:t]`` alone. Leave it out, or set it to None, and ``closing`` is null.
    """

    def complete(self, prefixes: Sequence[str]) -> list[str]:
        """One finished answer for each prefix, in order."""
        ...


@dataclass(frozen=True)
class Estimate:
    """A mean of values in [0, 1] over n observations, with its 95 % Wilson interval."""

    value: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, total: float, n: int) -> Estimate:
        """From the sum of n observations, n at least 1."""
        mean = total / n
        scale = 1 + Z95**2 / n
        centre = (mean + Z95**2 / (2 * n)) / scale
        half = Z95 / scale * sqrt(mean * (1 - mean) / n + Z95**2 / (4 * n**2))
        # At a mean of 0 or 1 rounding could leave the mean outside of its own interval.
        return cls(mean, max(0.0, min(mean, centre - half)), min(1.0, max(mean, centre + half)), n)

    @classmethod
    def pooled(cls, parts: Sequence[Estimate]) -> Estimate | None:
        """The estimate over the union of disjoint sets of observations; None when there are none."""
        n = sum(part.n for part in parts)
        return cls.of(min(sum(part.value * part.n for part in parts), n), n) if n else None


@dataclass(frozen=True)
class Measures:
    """The three measures on one slice of the cases; None where the slice has no observation."""

    exact: Estimate | None
    share: Estimate | None
    closing: Estimate | None


@dataclass(frozen=True)
class Scores:
    """What one solver scored on a set of cases.

    Attributes:
        name: of the solver.
        exact, share: over all cases.
        closing: over all closer positions; None for a solver without closer probabilities.
        needs_stack: ``exact`` on the cases that need a stack; None when there are none.
        by: for each of ``COLUMNS``, value -> measures, in ascending order. ``exact`` and ``share`` are keyed by the
            case's value. So is ``closing``, except under ``distance``: there it is keyed by each closer's own
            distance to its opener, as Hewitt et al. report it (``exact`` and ``share`` by the case's largest).
        answers: what the solver wrote, case by case; not part of the JSON.
    """

    name: str
    exact: Estimate
    share: Estimate
    closing: Estimate | None
    needs_stack: Estimate | None
    by: Mapping[str, Mapping[int, Measures]]
    answers: tuple[str, ...] = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """The solver's entry in the JSON of ``evaluate``: estimates as objects or None, values of ``by`` as strings."""
        entry = asdict(self)
        del entry["answers"]
        entry["by"] = {
            column: {str(value): asdict(measures) for value, measures in table.items()}
            for column, table in self.by.items()
        }
        return entry


class Facts(NamedTuple):
    """What follows from a prefix alone."""

    closers: int
    depth: int
    length: int
    distance: int
    needs_stack: bool
    closer_distances: list[int]  # one for each closer of prefix + completion, from left to right


def case_facts(case: Case, language: BracketLanguage) -> Facts:
    """The columns of one case.

    Raises:
        InputError: a prefix that cannot be completed, or a completion that is not its completion.
    """
    prefix, completion = case
    expected = language.completion(prefix)
    if completion != expected:
        raise InputError(f"the completion of {quote(prefix)} is {quote(expected)}, not {quote(completion)}")
    distances = language.closer_distances(prefix + completion)
    return Facts(
        closers=len(completion),
        depth=language.depth(prefix),
        length=len(prefix),
        distance=max(distances, default=0),
        needs_stack=tally_completion(language, prefix) != completion,
        closer_distances=distances,
    )


def share_answered(answer: str, completion: str) -> float:
    """Right actions before the first mistake over all right actions, END counted; 1.0 exactly for the right answer."""
    if answer == completion:
        return 1.0
    right = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(answer, completion, strict=False)))
    return right / (len(completion) + 1)


def score(
    solver: Solver,
    cases: Sequence[Case],
    language: BracketLanguage,
    *,
    name: str,
    targets: Sequence[str] | None = None,
) -> Scores:
    """Let ``solver`` answer the prefixes of ``cases`` and measure the answers.

    Spaces in an answer, and symbols in another width, are no mistakes (:meth:`BracketLanguage.reading`).

    Args:
        targets: what ``exact`` and ``share`` count as right, case by case, if not the completions: those of a file
            whose targets are wrong. ``closing`` and the columns follow from the prefixes.

    Raises:
        InputError: no cases, a case that is not one (see :func:`case_facts`), or a solver whose answers or closer
            probabilities do not have the promised form; the message names the solver.
    """
    if not cases:
        raise InputError(f"no cases to score {name} on")
    facts = [case_facts(case, language) for case in cases]
    answers = _answers(solver, [case.prefix for case in cases], name, language)
    right = [case.completion for case in cases] if targets is None else targets
    exact = np.array([answer == target for answer, target in zip(answers, right, strict=True)], dtype=float)
    share = np.array([share_answered(answer, target) for answer, target in zip(answers, right, strict=True)])
    closing = _closing(solver, cases, language, name)
    closers_in_word = [len(f.closer_distances) for f in facts]

    by = {}
    for column in COLUMNS:
        keys = np.array([getattr(f, column) for f in facts])
        if column == "distance":
            closer_keys = np.array([distance for f in facts for distance in f.closer_distances], dtype=int)
        else:
            closer_keys = np.repeat(keys, closers_in_word)
        by[column] = _by_value(
            exact=_grouped(exact, keys),
            share=_grouped(share, keys),
            closing={} if closing is None else _grouped(closing, closer_keys),
        )
    return Scores(
        name=name,
        exact=Estimate.of(float(exact.sum()), len(cases)),
        share=Estimate.of(float(share.sum()), len(cases)),
        closing=None if closing is None else _total(closing),
        needs_stack=_total(exact[[f.needs_stack for f in facts]]),
        by=by,
        answers=tuple(answers),
    )


def _answers(solver: Solver, prefixes: list[str], name: str, language: BracketLanguage) -> list[str]:
    answers = solver.complete(prefixes)
    if isinstance(answers, str) or len(answers) != len(prefixes):
        got = "one string" if isinstance(answers, str) else f"{len(answers)} answers"
        raise InputError(f"{name} gave {got} for {len(prefixes)} prefixes")
    for prefix, answer in zip(prefixes, answers, strict=True):
        if not isinstance(answer, str):
            raise InputError(f"{name} answered {quote(prefix)} with {quote(answer)}, which is not a string")
    return [language.reading(answer) for answer in answers]


def _closing(solver: Solver, cases: Sequence[Case], language: BracketLanguage, name: str) -> np.ndarray | None:
    """``(closers of all words,)``: whether the right closer is likely enough; None without probabilities."""
    closer_probabilities = getattr(solver, "closer_probabilities", None)
    if closer_probabilities is None:
        return None
    pair_of = {closer: i for i, closer in enumerate(language.closers)}
    likely: list[np.ndarray] = []
    for start in range(0, len(cases), _WORDS_AT_ONCE):
        words = [case.prefix + case.completion for case in cases[start : start + _WORDS_AT_ONCE]]
        tables = closer_probabilities(words)
        if len(tables) != len(words):
            raise InputError(f"{name} gave closer probabilities of {len(tables)} words for {len(words)}")
        for word, table in zip(words, tables, strict=True):
            if np.shape(table) != (len(word), len(pair_of)):
                raise InputError(
                    f"{name} gave closer probabilities of shape {np.shape(table)} for {quote(word)}, "
                    f"not {(len(word), len(pair_of))}"
                )
        right_pair = np.array([pair_of.get(symbol, -1) for word in words for symbol in word], dtype=int)
        at_closers = np.flatnonzero(right_pair >= 0)
        rows = np.concatenate(tables)[at_closers]  # (closers of these words, k)
        if not np.all(np.abs(rows.sum(axis=1) - 1) <= _SUM_TOLERANCE):
            raise InputError(f"{name} gave closer probabilities that do not sum to 1")
        likely.append(rows[np.arange(len(rows)), right_pair[at_closers]] > CLOSING_THRESHOLD)
    return np.concatenate(likely)


def _total(values: np.ndarray) -> Estimate | None:
    return Estimate.of(float(values.sum()), len(values)) if len(values) else None


def _grouped(values: np.ndarray, keys: np.ndarray) -> dict[int, Estimate]:
    counts, totals = np.bincount(keys), np.bincount(keys, weights=values)
    return {int(k): Estimate.of(float(totals[k]), int(counts[k])) for k in np.flatnonzero(counts)}


def _by_value(
    exact: dict[int, Estimate], share: dict[int, Estimate], closing: dict[int, Estimate]
) -> dict[int, Measures]:
    return {
        value: Measures(exact.get(value), share.get(value), closing.get(value))
        for value in sorted(exact.keys() | share.keys() | closing.keys())
    }
