"""From a sentence to a probability for each rule: the head, fitted on the book's own sentences.

Kernel ridge classification with a null class of unrelated sentences. With k(x, z) = 1 + exp(-γ(1 - x·z)) on unit
vectors, f the features of the words of order and g those of the words that rules
are stated with (:mod:`ncl_reward.reading.words`), Y the classes of the book's sentences and λ the ridge,
three of them share the work:

    whether the sentence states a rule      k(x, z)                                 its probability of the null class
    which, nesting and queue being one      k(x, z) + α f(x)·f(z) + β g(x)·g(z)     probabilities that add up to one
    nesting or queue, if it is that one     k(x, z) + ω f(x)·f(z)                   fitted on their sentences, Y = ±1

    scores(x) = k(x)ᵀ (K + λI)⁻¹ Y,    p(x) = softmax(scores(x) / τ), of the third the logistic function of the same

in closed form, hence deterministic, and so is what it predicts for sentences that are left out (Rifkin & Klautau
2004, "In Defense of One-Vs-All Classification", section 5; :func:`held_out_probabilities`). γ, λ, τ and the weights
were chosen by leaving out one family of sentences of the book at a time, and by a development set. So was the division:
words tell rules apart, but unrelated sentences have them too, and what nesting and queue are both about hides the order
that sets them apart. A linear kernel is some points of a hundred worse, since "first opened, first closed" and "last
opened, last closed" lie on opposite sides of what says "last opened, first closed".

The book's vectors are kept as 8-bit numbers (the head is fitted on these). A head is fitted when an encoder is used for
the first time, which takes some seconds, and kept in the cache folder under what it depends on: book and encoder.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import zipfile
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bracket_env import BracketLanguage, InputError
from bracket_env.atomic import write_bytes
from ncl_reward import book
from ncl_reward.encoders.encoders import SentenceEncoder
from ncl_reward.reading.sentence import parse_sentence
from ncl_reward.reading.words import ORDER_LEXICON, RULE_LEXICON, order_counts, word_counts

GAMMA = 2.0
RIDGE = 0.1
ORDER = 0.3
WORDS = 0.5
TURNED = 1.0
TEMPERATURE = 0.12

RULE_NAMES = tuple(book.meanings())
CLASSES = (*RULE_NAMES, book.UNRELATED)

NESTING, QUEUE = RULE_NAMES.index("nesting"), RULE_NAMES.index("queue")

_FORMAT = 3  # of the cached file
_FITTED: dict[tuple[str, str], Head] = {}


class Readings(NamedTuple):
    """What a head sees of n sentences."""

    vectors: np.ndarray  # (n, dim) float64 unit rows
    order: np.ndarray  # (n, DIMENSIONS) float64 unit rows
    words: np.ndarray  # (n, DIMENSIONS) float64 unit rows


def readings(vectors: np.ndarray, order: np.ndarray, words: np.ndarray) -> Readings:
    """From unit vectors and rows of counts."""
    return Readings(vectors.astype(np.float64), _unit(order), _unit(words))


class Kernels(NamedTuple):
    """Similarities of n sentences to m others, ``(n, m)`` each."""

    vectors: np.ndarray  # 1 + exp(-γ(1 - x·z))
    which: np.ndarray  # α f(x)·f(z) + β g(x)·g(z)
    turned: np.ndarray  # ω f(x)·f(z)


@dataclass(frozen=True, eq=False)
class Head:
    """A fitted head."""

    codes: np.ndarray  # (m, dim) int8: directions of the book's sentences
    counts: np.ndarray  # (m, DIMENSIONS) int8
    words: np.ndarray  # (m, DIMENSIONS) int8
    classes: np.ndarray  # (m,) int8: numbers into CLASSES
    whether: np.ndarray  # (m, len(CLASSES)) float32: dual weights
    which: np.ndarray  # (m, len(CLASSES)) float32; nesting holds queue as well
    turned: np.ndarray  # (m,) float32, 0 for sentences of other rules

    @cached_property
    def book(self) -> Readings:
        """The m sentences of the book."""
        return Readings(_unit(self.codes), _unit(self.counts), _unit(self.words))

    def probabilities(self, sentences: Readings) -> np.ndarray:
        """``(n, len(CLASSES))``, rows that add up to one."""
        near = kernels(sentences, self.book)
        return divided(
            near.vectors @ self.whether,
            (near.vectors + near.which) @ self.which,
            (near.vectors + near.turned) @ self.turned,
        )

    def similarities(self, vectors: np.ndarray) -> np.ndarray:
        """``(n, len(RULE_NAMES))``: cosine to the nearest sentence of each rule."""
        cosine = vectors @ self.book.vectors.T
        nearest = [cosine[:, self.classes == i].max(axis=1, initial=-1) for i in range(len(RULE_NAMES))]
        return np.stack(nearest, axis=1)


def fitted_head(encoder: SentenceEncoder) -> Head:
    """The head of an encoder: from memory, the cache, or fitted now (seconds, once).

    Raises:
        InputError: as the encoder does.
    """
    name = (encoder.name, encoder.version)
    if name not in _FITTED:
        key = _key(encoder)
        folder = getattr(encoder, "folder", None)
        place = None if folder is None else folder / "heads" / f"{key}.npz"
        head = None if place is None else _read(place, key)
        if head is None:
            head = fit(encoder)
            if place is not None:
                with contextlib.suppress(OSError, InputError):  # a cache that cannot be written only costs time
                    place.parent.mkdir(parents=True, exist_ok=True)
                    write_bytes(place, _bytes(head, key))
        _FITTED[name] = head
    return _FITTED[name]


def fit(encoder: SentenceEncoder) -> Head:
    """A head for the book's sentences in the languages that the encoder knows."""
    entries = _entries(encoder)
    texts = [parse_sentence(entry.text, BracketLanguage()).masked for entry in entries]
    vectors = encoder.encode(texts).astype(np.float64)
    largest = np.abs(vectors).max(axis=1, keepdims=True)
    codes = np.rint(127 * vectors / np.maximum(largest, 1e-12)).astype(np.int8)
    classes = np.array([CLASSES.index(entry.rule) for entry in entries])
    return fit_readings(codes, order_counts(texts), word_counts(texts), classes)


def fit_readings(codes: np.ndarray, counts: np.ndarray, words: np.ndarray, classes: np.ndarray) -> Head:
    """A head for m sentences that are read already; the arguments are its fields."""
    book = Readings(_unit(codes), _unit(counts), _unit(words))
    duals = []
    for gram, targets, rows in _problems(kernels(book, book), classes):
        dual = np.zeros((len(classes), *targets.shape[1:]), dtype=np.float32)
        dual[rows] = np.linalg.solve(gram[np.ix_(rows, rows)] + RIDGE * np.eye(len(rows)), targets)
        duals.append(dual)
    return Head(codes, counts, words, classes.astype(np.int8), *duals)


def held_out_probabilities(head: Head, families: np.ndarray) -> np.ndarray:
    """What a head fitted without a sentence's family would say of it, for every sentence, in closed form.

    Args:
        families: ``(m,)`` number of the family of each sentence.

    Returns:
        ``(m, len(CLASSES))``.
    """
    problems = _problems(kernels(head.book, head.book), head.classes)
    return divided(*(_held_out_scores(*problem, families) for problem in problems))


def _problems(near: Kernels, classes: np.ndarray) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Of whether, which and turned: the kernel, the targets of the rows it is fitted on, and these rows."""
    every, own = np.arange(len(classes)), np.flatnonzero(np.isin(classes, (NESTING, QUEUE)))
    targets = np.eye(len(CLASSES))
    return [
        (near.vectors, targets[classes], every),
        (near.vectors + near.which, targets[np.where(classes == QUEUE, NESTING, classes)], every),
        (near.vectors + near.turned, np.where(classes[own] == NESTING, 1.0, -1.0), own),
    ]


def _held_out_scores(gram: np.ndarray, targets: np.ndarray, fitted: np.ndarray, families: np.ndarray) -> np.ndarray:
    inverse = np.linalg.inv(gram[np.ix_(fitted, fitted)] + RIDGE * np.eye(len(fitted)))
    dual = inverse @ targets
    scores: np.ndarray = gram[:, fitted] @ dual
    for family in np.unique(families[fitted]):
        rows = np.flatnonzero(families[fitted] == family)
        own_scores = np.linalg.solve(inverse[np.ix_(rows, rows)], dual[rows])
        others = np.setdiff1d(np.flatnonzero(families == family), fitted)  # of the family, but not fitted on
        scores[others] = gram[np.ix_(others, fitted)] @ (dual - inverse[:, rows] @ own_scores)
        scores[fitted[rows]] = targets[rows] - own_scores
    return scores


def kernels(left: Readings, right: Readings) -> Kernels:
    """For all pairs of sentences."""
    order = left.order @ right.order.T
    return Kernels(
        1 + np.exp(-GAMMA * (1 - left.vectors @ right.vectors.T)),
        ORDER * order + WORDS * left.words @ right.words.T,
        TURNED * order,
    )


def divided(whether: np.ndarray, which: np.ndarray, turned: np.ndarray) -> np.ndarray:
    """Probabilities of all classes from the scores ``(n, len(CLASSES))`` twice and ``(n,)``."""
    null = softmax(whether / TEMPERATURE)[:, len(RULE_NAMES) :]
    rules = np.zeros((len(which), len(RULE_NAMES)))
    alone = [i for i in range(len(RULE_NAMES)) if i != QUEUE]
    rules[:, alone] = softmax(which[:, alone] / TEMPERATURE)
    side = softmax(np.stack([turned, np.zeros(len(turned))], axis=1) / TEMPERATURE)
    rules[:, [NESTING, QUEUE]] = rules[:, [NESTING]] * side
    return np.concatenate([(1 - null) * rules, null], axis=1)


def softmax(scores: np.ndarray) -> np.ndarray:
    """Row-wise."""
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def _unit(codes: np.ndarray) -> np.ndarray:
    rows = codes.astype(np.float64)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def _entries(encoder: SentenceEncoder) -> list[book.Entry]:
    return [e for e in book.entries() if encoder.languages is None or e.language in encoder.languages]


def _key(encoder: SentenceEncoder) -> str:
    """What a head depends on, as a file name."""
    sentences = [entry[:3] for entry in _entries(encoder)]
    settings = [GAMMA, RIDGE, ORDER, WORDS, TURNED, ORDER_LEXICON.digest, RULE_LEXICON.digest]
    what = [_FORMAT, encoder.name, encoder.version, settings, sentences]
    return hashlib.blake2b(json.dumps(what).encode(), digest_size=16).hexdigest()


def _bytes(head: Head, key: str) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, key=np.array(key), **{field.name: getattr(head, field.name) for field in fields(Head)})
    return buffer.getvalue()


def _read(path: Path, key: str) -> Head | None:
    """The head in a file; None if there is none, it is damaged or belongs to another book or encoder."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            if str(file["key"]) != key:
                return None
            return Head(*(file[field.name] for field in fields(Head)))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
