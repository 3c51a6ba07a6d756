"""Sentence vectors on disk, so that a sentence is encoded once.

One file a call: its name is a hash of encoder name, version and the sentences in order, its content

    8 bytes  little-endian: dimension
    16 bytes blake2b of the rest
    the rest float32 rows, little-endian

A call gives the same bits whether the vectors come from the disk or not: matrix products differ in the last bit with
the size of a batch, so what is stored is the batch as it was encoded. A file that is damaged or cut short is written
anew, and a folder that cannot be written is no error: the cache only saves time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bracket_env.atomic import write_bytes
from bracket_env.errors import InputError

if TYPE_CHECKING:
    from ncl_reward.encoders.encoders import SentenceEncoder

CACHE_VARIABLE = "BRACKETGYM_CACHE"

_DIMENSION_BYTES, _DIGEST_BYTES = 8, 16


def cache_folder(folder: str | os.PathLike[str] | None = None) -> Path:
    """Where caches live: the argument, ``$BRACKETGYM_CACHE``, ``$XDG_CACHE_HOME/bracketgym`` or
    ``~/.cache/bracketgym``, the first one that is given."""
    named = folder or os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bracketgym"


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
        path = self.folder / "vectors" / self._file_name(sentences)
        vectors = self._read(path, len(sentences))
        if vectors is None:
            vectors = self._encoder.encode(sentences)
            self._write(path, vectors)
        return vectors

    def _file_name(self, sentences: Sequence[str]) -> str:
        what = json.dumps([self.name, self.version, list(sentences)])
        return hashlib.blake2b(what.encode(), digest_size=20).hexdigest()

    def _read(self, path: Path, rows: int) -> np.ndarray | None:
        try:
            data = path.read_bytes()
        except OSError:
            return None
        head, digest = data[:_DIMENSION_BYTES], data[_DIMENSION_BYTES : _DIMENSION_BYTES + _DIGEST_BYTES]
        body = data[_DIMENSION_BYTES + _DIGEST_BYTES :]
        dim = int.from_bytes(head, "little")
        if dim != self.dim or digest != _digest(body) or len(body) != 4 * rows * dim:
            return None
        return np.frombuffer(body, dtype="<f4").reshape(rows, dim).astype(np.float32)

    def _write(self, path: Path, vectors: np.ndarray) -> None:
        body = vectors.astype("<f4").tobytes()
        with contextlib.suppress(OSError, InputError):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(path, self.dim.to_bytes(_DIMENSION_BYTES, "little") + _digest(body) + body)


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest()
