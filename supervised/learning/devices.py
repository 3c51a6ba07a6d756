"""What a command runs on: the device, and torch's threads."""

from __future__ import annotations

import torch

from bracket_env import InputError
from supervised.options.groups import Machine
from supervised.options.ranges import check_output, require_whole


def prepare_machine(options: Machine) -> torch.device:
    """Check the options, set torch's threads and choose the device.

    Raises:
        InputError: an option out of range, a file that cannot be written, or ``cuda`` without a GPU.
    """
    require_whole("seed", options.seed, 0, 2**63 - 1)
    require_whole("threads", options.threads, 1, 1024)
    check_output("json", options.json)
    torch.set_num_threads(options.threads)
    return choose_device(options.device)


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
