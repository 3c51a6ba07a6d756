"""Keys and counters: all randomness of the suite is a pure function of a 64-bit key and a counter.

There is no generator state. ``key(seed, purpose, index)`` names a stream, ``bits(key, counter)`` is its counter-th
64-bit word, and both take Python integers or ``uint64`` arrays and give the same words for either. So item 7 of a
stream is the same whether it is drawn alone, in a batch or after a resume, and saving a stream means saving two
integers.

The mixing function is the finaliser of splitmix64 (Steele, Lea & Flood, "Fast Splittable Pseudorandom Number
Generators", OOPSLA 2014, with Stafford's variant 13 constants). A key is a *mix* of its parts, never a sum, so that
neighbouring seeds and neighbouring indices share nothing (``seed + index`` is how suites end up with ten copies of
one item).

    key(0, "demo")            -> 0x602c374bd8c7bc20, one stream
    bits(key(0, "demo"), 0)   -> its first word; bits(..., 1) the next
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TypeVar

import numpy as np

MASK64 = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15  # 2**64 / golden ratio: the increment of splitmix64
_MULTIPLIER_1 = 0xBF58476D1CE4E5B9
_MULTIPLIER_2 = 0x94D049BB133111EB

Words = TypeVar("Words", int, np.ndarray)


def mix64(x: Words) -> Words:
    """A bijection of the 64-bit words that flips every output bit with probability about one half.

    Args:
        x: an integer (taken modulo 2**64) or a ``uint64`` array.
    """
    if isinstance(x, np.ndarray):
        return _mix64_array(x)
    x &= MASK64
    x = ((x ^ (x >> 30)) * _MULTIPLIER_1) & MASK64
    x = ((x ^ (x >> 27)) * _MULTIPLIER_2) & MASK64
    return x ^ (x >> 31)


def _mix64_array(x: np.ndarray) -> np.ndarray:
    z = x >> np.uint64(30)
    z ^= x
    z *= np.uint64(_MULTIPLIER_1)
    z ^= z >> np.uint64(27)
    z *= np.uint64(_MULTIPLIER_2)
    z ^= z >> np.uint64(31)
    return z


@lru_cache(maxsize=1024)
def _purpose_word(purpose: str) -> int:
    return int.from_bytes(hashlib.blake2b(purpose.encode(), digest_size=8).digest(), "little")


def key(seed: int, purpose: str, index: int = 0) -> int:
    """The key of the stream ``(seed, purpose, index)``.

    Args:
        seed: any non-negative integer (all of its bits count).
        purpose: what the stream is for, such as ``"bracket_env/episodes"``; two purposes never share a stream.
        index: a member, worker or item number below 2**64.

    Raises:
        ValueError: a negative seed or index.
    """
    if seed < 0 or index < 0:
        raise ValueError(f"seed and index must not be negative: seed {seed}, index {index}")
    state = mix64(_purpose_word(purpose) + GOLDEN)
    while True:  # a seed wider than 64 bits is absorbed 64 bits at a time
        state = mix64((state ^ mix64(seed + GOLDEN)) + GOLDEN)
        seed >>= 64
        if not seed:
            return subkey(state, index)


def subkey(stream: Words, index: Words) -> Words:
    """The key of item ``index`` of a stream: one level down, again a mix. Scalars or ``uint64`` arrays (broadcast)."""
    if isinstance(stream, np.ndarray) or isinstance(index, np.ndarray):
        item = np.asarray(index, dtype=np.uint64) + np.uint64(2 * GOLDEN & MASK64)
        mixed: np.ndarray = _mix64_array(np.atleast_1d(item))
        return _mix64_array(mixed ^ np.asarray(stream, dtype=np.uint64))
    return mix64(stream ^ mix64(index + 2 * GOLDEN))


def bits(stream: Words, counter: int) -> Words:
    """Word number ``counter`` of a stream: splitmix64's output function at a random-access position.

    Args:
        stream: a key, or a ``uint64`` array of keys (one word for each).
        counter: which word, from 0.
    """
    step = (counter + 1) * GOLDEN & MASK64
    if isinstance(stream, np.ndarray):
        return _mix64_array(stream + np.uint64(step))
    return mix64(stream + step)


def below(word: Words, n: int) -> Words:
    """A number in ``0 .. n-1`` from the high 32 bits of a word (multiply-shift; bias below n / 2**32)."""
    if isinstance(word, np.ndarray):
        return ((word >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32)
    return ((word >> 32) * n) >> 32


def keyed_seeds(seed: int, purpose: str, count: int) -> list[int]:
    """``count`` environment seeds (63 bits) for one run; different runs get unrelated lists and share no member."""
    return [bits(key(seed, purpose), i) >> 1 for i in range(count)]
