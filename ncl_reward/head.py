"""From the vector of a sentence to a probability for each rule: the head, fitted on the book's own sentences.

Kernel ridge classification with a null class of unrelated sentences. With k(x, z) = 1 + exp(-γ(1 - x·z)) on unit
vectors, Y the one-hot classes of the book's sentences and λ the ridge,

    scores(x) = k(x)ᵀ (K + λI)⁻¹ Y,    p(x) = softmax(scores(x) / τ)

in closed form, hence deterministic, and so is what it predicts for sentences that are left out (Rifkin & Klautau
2004, "In Defense of One-Vs-All Classification", section 5; :func:`held_out_scores`). γ, λ and τ were chosen by leaving
out one family of sentences at a time; a linear kernel is some points of a hundred worse, since "first opened, first
closed" and "last opened, last closed" lie on opposite sides of what says "last opened, first closed".

The book's vectors are kept as 8-bit numbers (the head is fitted on these). A head is fitted when an encoder is used for
the first time, which takes some seconds, and kept in the cache folder under what it depends on: book and encoder.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from bracket_env.atomic import write_bytes
from bracket_env.errors import InputError
from bracket_env.language import BracketLanguage
from ncl_reward import book
from ncl_reward.encoders import SentenceEncoder
from ncl_reward.instruction import masked

GAMMA = 2.0
RIDGE = 0.1
TEMPERATURE = 0.12

RULE_NAMES = tuple(book.meanings())
CLASSES = (*RULE_NAMES, book.UNRELATED)

_FITTED: dict[tuple[str, str], Head] = {}


@dataclass(frozen=True, eq=False)
class Head:
    """A fitted head."""

    codes: np.ndarray  # (m, dim) int8: directions of the book's sentences
    classes: np.ndarray  # (m,) int8: numbers into CLASSES
    dual: np.ndarray  # (m, len(CLASSES)) float32

    @cached_property
    def vectors(self) -> np.ndarray:
        """``(m, dim)`` float64 unit rows."""
        return _decoded(self.codes)

    def probabilities(self, vectors: np.ndarray) -> np.ndarray:
        """``(n, len(CLASSES))``, rows that add up to one."""
        return softmax(kernel(vectors, self.vectors) @ self.dual / TEMPERATURE)

    def similarities(self, vectors: np.ndarray) -> np.ndarray:
        """``(n, len(RULE_NAMES))``: cosine to the nearest sentence of each rule."""
        cosine = vectors @ self.vectors.T
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
    vectors = encoder.encode([masked(entry.text, BracketLanguage()) for entry in entries]).astype(np.float64)
    largest = np.abs(vectors).max(axis=1, keepdims=True)
    codes = np.rint(127 * vectors / np.maximum(largest, 1e-12)).astype(np.int8)
    classes = np.array([CLASSES.index(entry.rule) for entry in entries])
    gram = kernel(_decoded(codes), _decoded(codes)) + RIDGE * np.eye(len(codes))
    dual = np.linalg.solve(gram, np.eye(len(CLASSES))[classes])
    return Head(codes, classes.astype(np.int8), dual.astype(np.float32))


def held_out_scores(head: Head, families: np.ndarray) -> np.ndarray:
    """What a head fitted without a sentence's family would say of it, for every sentence, in closed form.

    Args:
        families: ``(m,)`` number of the family of each sentence.

    Returns:
        scores ``(m, len(CLASSES))``.
    """
    targets = np.eye(len(CLASSES))[head.classes]
    inverse = np.linalg.inv(kernel(head.vectors, head.vectors) + RIDGE * np.eye(len(targets)))
    dual = inverse @ targets
    scores = np.empty_like(dual)
    for family in np.unique(families):
        rows = np.flatnonzero(families == family)
        scores[rows] = targets[rows] - np.linalg.solve(inverse[np.ix_(rows, rows)], dual[rows])
    return scores


def kernel(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """``1 + exp(-γ(1 - x·z))`` for all pairs of unit rows."""
    similarity: np.ndarray = 1 + np.exp(-GAMMA * (1 - left @ right.T))
    return similarity


def softmax(scores: np.ndarray) -> np.ndarray:
    """Row-wise."""
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: np.ndarray = raised / raised.sum(axis=1, keepdims=True)
    return shares


def _decoded(codes: np.ndarray) -> np.ndarray:
    vectors = codes.astype(np.float64)
    unit: np.ndarray = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return unit


def _entries(encoder: SentenceEncoder) -> list[book.Entry]:
    return [e for e in book.entries() if encoder.languages is None or e.language in encoder.languages]


def _key(encoder: SentenceEncoder) -> str:
    """What a head depends on, as a file name."""
    what = [encoder.name, encoder.version, GAMMA, RIDGE, [entry[:3] for entry in _entries(encoder)]]
    return hashlib.blake2b(json.dumps(what).encode(), digest_size=16).hexdigest()


def _bytes(head: Head, key: str) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, key=np.array(key), codes=head.codes, classes=head.classes, dual=head.dual)
    return buffer.getvalue()


def _read(path: Path, key: str) -> Head | None:
    """The head in a file; None if there is none, it is damaged or belongs to another book or encoder."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            if str(file["key"]) != key:
                return None
            return Head(file["codes"], file["classes"], file["dual"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
