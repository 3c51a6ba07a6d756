"""int8: a weight matrix as whole numbers with one scale an output channel.

    scale_r = max_c |W_rc| / 127        W_rc ≈ scale_r · round(W_rc / scale_r)

Symmetric, without a zero point, so a pruned weight stays exactly 0. The error of a weight is at most half a scale.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bracket_env import InputError
from supervised.compress.matrices import output_axes, weight_matrices
from supervised.models import ENCODERS, SequenceModel
from supervised.runs.files.weights import Quantized

_LARGEST = 127


def check_int8(architecture: str) -> None:
    """Whether dynamic int8 layers can take the place of an architecture's.

    Raises:
        InputError: they cannot, or this build of torch has no kernels for them.
    """
    reason = ENCODERS[architecture].no_int8
    if reason is not None:
        raise InputError(f"--quantize int8-dynamic: {reason}; int8-weights works")
    if not kernels():
        raise InputError("--quantize int8-dynamic: this build of torch has no int8 kernels; int8-weights works")


def kernels() -> list[str]:
    """The kinds of int8 kernels that this build of torch has."""
    return [engine for engine in torch.backends.quantized.supported_engines if engine != "none"]


def quantize(weight: Tensor, axis: int = 0) -> Quantized:
    """A matrix with one scale for each index of ``axis``, see the top of this file."""
    largest = weight.detach().abs().amax(1 - axis, keepdim=True)
    scale = (largest / _LARGEST).clamp(min=torch.finfo(torch.float32).tiny)
    return Quantized((weight.detach() / scale).round().to(torch.int8), scale)


def quantized_weights(model: SequenceModel) -> dict[str, Quantized]:
    """:func:`quantize` of every weight matrix."""
    axes = output_axes(model)
    return {name: quantize(weight, axes[name]) for name, weight in weight_matrices(model).items()}
