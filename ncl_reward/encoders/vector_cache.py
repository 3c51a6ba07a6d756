"""Sentence vectors on disk, so that a sentence is encoded once.

One file a call: its name is a hash of encoder name, version and the sentences in order, its content

    8 bytes  little-endian: dimension
    16 bytes blake2b of the rest
    the rest float32 rows, little-endian

A call gives the same bits whether the vectors come from the disk or not: matrix products differ in the last bit with
the size of a batch, so what is stored is the batch as it was encoded. A file that is damaged or cut short is written
anew, so nothing waits for the disk; a folder that cannot be written is no error: the cache only saves time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

import numpy as np

CACHE_VARIABLE = "BRACKETGYM_CACHE"

_DIMENSION_BYTES, _DIGEST_BYTES = 8, 16


def cache_folder(folder: str | os.PathLike[str] | None = None) -> Path:
    """Where caches live: the argument, ``$BRACKETGYM_CACHE``, ``$XDG_CACHE_HOME/bracketgym`` or
    ``~/.cache/bracketgym``, the first one that is given."""
    named = folder or os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bracketgym"


def read_vectors(path: Path, rows: int, dim: int) -> np.ndarray | None:
    """The ``(rows, dim)`` float32 vectors of a file; None if there are none, or others, or they are damaged."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    head, digest = data[:_DIMENSION_BYTES], data[_DIMENSION_BYTES : _DIMENSION_BYTES + _DIGEST_BYTES]
    body = data[_DIMENSION_BYTES + _DIGEST_BYTES :]
    if int.from_bytes(head, "little") != dim or digest != _digest(body) or len(body) != 4 * rows * dim:
        return None
    return np.frombuffer(body, dtype="<f4").reshape(rows, dim).astype(np.float32)


def write_vectors(path: Path, vectors: np.ndarray) -> None:
    """Keep ``(n, dim)`` vectors; nothing happens where they cannot be written."""
    body = vectors.astype("<f4").tobytes()
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(vectors.shape[1].to_bytes(_DIMENSION_BYTES, "little") + _digest(body) + body)


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest()
