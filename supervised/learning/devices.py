"""Which device a command runs on."""

from __future__ import annotations

import torch

from bracket_env.errors import InputError


def choose_device(name: str) -> torch.device:
    """``auto`` takes a GPU when there is one.

    Raises:
        InputError: ``cuda`` was asked for and there is none.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda: torch sees no CUDA device here (use cpu or auto)")
    return torch.device(name)
