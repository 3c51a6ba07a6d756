"""How a Transformer tells positions apart without learned vectors: RoPE (Su et al. 2021), ALiBi (Press et al. 2022)."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

Turn = tuple[Tensor, Tensor]
"""Cosines and sines ``(..., T, size / 2)``."""


def rotation(positions: Tensor, size: int) -> Turn:
    """RoPE's angles, positions ``(..., T)`` times 10000^(-2i/size), as cosines and sines ``(..., T, size / 2)``."""
    angle = positions[..., None] * _frequency(size, positions.device)
    return angle.cos(), angle.sin()


@cache
def _frequency(size: int, device: torch.device) -> Tensor:
    """``(size / 2,)``: RoPE's angles a position."""
    with torch.inference_mode(False):  # what is made in inference mode could not be trained with later
        return 10_000.0 ** (-torch.arange(0, size, 2, device=device) / size)


def rotate(x: Tensor, turn: Turn) -> Tensor:
    """RoPE: ``x`` ``(..., T, size)`` with features 2i, 2i+1 turned by the i-th angle of :func:`rotation`."""
    cos, sin = (part.to(x.dtype) for part in turn)
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], -1).flatten(-2)


def alibi_slopes(heads: int) -> Tensor:
    """``(heads,)``: for n = 2^k heads the geometric sequence 2^(-8/n), 2^(-16/n), ..., 2^-8.

    Any other number takes the sequence for the power of two below it, then every second slope for the one above, as
    the authors' code does.
    """
    below = 2 ** (heads.bit_length() - 1)
    exponents = [8 * i / below for i in range(1, below + 1)] + [4 * i / below for i in range(1, 2 * below, 2)]
    return 2.0 ** -torch.tensor(exponents[:heads])
