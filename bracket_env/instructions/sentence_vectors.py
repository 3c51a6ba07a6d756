"""Sentences as vectors: a built-in hash of character n-grams, or a file that a real encoder has filled.

The hash (Weinberger et al. 2009, "Feature Hashing for Large Scale Multitask Learning") counts the n-grams of one to
three characters, the ends of the sentence marked. Every n-gram counts twice: as such, and as one of the half of the
sentence in which it begins, since "only ( as {" and "only { as (" have the same n-grams. Each has a place and a sign,
both from its BLAKE2b digest, and the counts are scaled to length one. It needs nothing but NumPy, is the same
everywhere, and knows spelling only: two sentences are near when they share characters.

A file is a NumPy ``.npz`` without pickled objects:

    sentences   (n,) str       every sentence of :data:`bracket_env.instructions.catalogue.INSTRUCTIONS`, in any order
    vectors     (n, dim) float32, rows of length one
    encoder     () str         what made it, for the reader
"""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from bracket_env.atomic import write_bytes
from bracket_env.errors import InputError, quote

HASH_DIM = 512
HASH, NO_SENTENCE = "hash", "none"
_MOST_CHARACTERS = 3
_TOLERANCE = 1e-3


def vectors_of(encoder: str | os.PathLike[str], sentences: Sequence[str], known: Sequence[str]) -> np.ndarray:
    """The vectors of ``sentences``, ``(n, dim)`` float32.

    Args:
        encoder: ``"hash"``; ``"none"``, zeros for every sentence, as a control; or the name of an ``.npz`` file.
        known: all the sentences that a file must have, ``sentences`` among them.

    Raises:
        InputError: as :func:`read_vectors`.
    """
    if encoder == HASH:
        return hash_vectors(sentences)
    if encoder == NO_SENTENCE:
        return np.zeros((len(sentences), HASH_DIM), dtype=np.float32)
    found = read_vectors(encoder, known)
    row_of = {sentence: row for row, sentence in enumerate(known)}
    return found[[row_of[sentence] for sentence in sentences]]


def hash_vectors(sentences: Sequence[str], dim: int = HASH_DIM) -> np.ndarray:
    """The built-in encoder: ``(n, dim)`` float32, rows of length one."""
    vectors = np.array([_hashed_grams(sentence, dim) for sentence in sentences]).reshape(len(sentences), dim)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@lru_cache(maxsize=4096)  # every environment reads the same sentences
def _hashed_grams(sentence: str, dim: int) -> np.ndarray:
    """Signed counts of the sentence's character n-grams, as they are and with the half that they begin in."""
    counts = np.zeros(dim)
    text = f"\2{sentence.casefold()}\3"
    for size in range(1, _MOST_CHARACTERS + 1):
        for start in range(len(text) - size + 1):
            gram = text[start : start + size]
            for feature in (gram, f"{2 * start // len(text)}\0{gram}"):
                word = int.from_bytes(hashlib.blake2b(feature.encode(), digest_size=8).digest(), "little")
                counts[word % dim] += 1.0 if word >> 63 else -1.0
    return counts


def write_vectors(path: str | os.PathLike[str], sentences: Sequence[str], vectors: np.ndarray, encoder: str) -> None:
    """Write a file that :func:`read_vectors` reads, whole or not at all.

    Raises:
        InputError: it cannot be written.
    """
    content = io.BytesIO()
    np.savez(content, sentences=np.array(sentences), vectors=vectors.astype(np.float32), encoder=np.array(encoder))
    write_bytes(path, content.getvalue())


def read_vectors(path: str | os.PathLike[str], sentences: Sequence[str]) -> np.ndarray:
    """The vectors of ``sentences`` from a file, in their order: ``(n, dim)`` float32.

    Raises:
        InputError: the file is missing or no such file, holds other sentences (the first one is named), another number
            of vectors, or vectors that are not float32 rows of length one.
    """
    name = os.fspath(path)
    try:
        with np.load(name, allow_pickle=False) as file:
            texts, vectors = file["sentences"], file["vectors"]
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"cannot read the encoder file {quote(name, 200)}: {reason}") from None
    except (KeyError, ValueError, TypeError, AttributeError, zipfile.BadZipFile, EOFError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{quote(name, 200)} is no encoder file (.npz with sentences and vectors): {reason}") from None
    if vectors.ndim != 2 or texts.ndim != 1 or len(texts) != len(vectors) or not vectors.shape[1]:
        raise InputError(f"{name}: vectors of shape {vectors.shape} for sentences of shape {texts.shape}")
    row_of = {str(text): row for row, text in enumerate(texts)}
    missing = [sentence for sentence in sentences if sentence not in row_of]
    if missing:
        raise InputError(f"{name} is for other sentences: it has no vector of {quote(missing[0], 120)}")
    if len(texts) != len(sentences):
        more = sorted(set(row_of) - set(sentences)) or ["the same ones twice"]
        raise InputError(
            f"{name} is for other sentences: {len(texts)} vectors, not {len(sentences)} ({quote(more[0], 120)} beyond)"
        )
    if vectors.dtype != np.float32 or not np.isfinite(vectors).all():
        raise InputError(f"{name}: vectors must be finite float32 numbers, not {vectors.dtype}")
    if np.abs(np.linalg.norm(vectors, axis=1) - 1.0).max() > _TOLERANCE:
        raise InputError(f"{name}: the vectors' rows are not of length one")
    return vectors[[row_of[sentence] for sentence in sentences]]
