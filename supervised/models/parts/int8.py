"""int8: a weight matrix as whole numbers with one scale an output channel, and layers that compute with them.

    scale_r = max_c |W_rc| / 127        W_rc ≈ scale_r · round(W_rc / scale_r)

Symmetric, without a zero point, so a pruned weight stays exactly 0. The error of a weight is at most half a scale.

*Dynamic* quantisation also rounds what comes in to whole numbers, with a scale taken from the batch at hand, and
multiplies whole numbers by torch's kernels. The result of a row thus depends (a little) on the rows beside it. The
kernels use 7 of the 8 bits of an input: with 8 a sum of two products overflows on processors without VNNI
(torch's ``reduce_range``; without it a GRU's features were off by 0.55 instead of 0.05 on one of them).

torch has announced the end of its quantised tensors. What makes one here is :func:`_packed` alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from bracket_env.errors import InputError
from supervised.models import SequenceModel
from supervised.models.parts.matrices import is_conv1d, output_axes, weight_matrices

# The matrices of these architectures' recurrences are no layers, so there is no kernel for them.
NO_INT8_KERNEL = frozenset({"tree"})
_LARGEST = 127


class Quantized(NamedTuple):
    """A matrix of whole numbers from -127 to 127 and what each stands for."""

    values: Tensor
    """int8, of the weight's shape."""
    scale: Tensor
    """float32, 1 along the axes that share a scale."""

    def floats(self) -> Tensor:
        """The weight."""
        return self.values.float() * self.scale


def check_int8(architecture: str) -> None:
    """Whether dynamic int8 layers can take the place of an architecture's.

    Raises:
        InputError: they cannot, or this build of torch has no kernels for them.
    """
    if architecture in NO_INT8_KERNEL:
        raise InputError(
            f"--quantize int8-dynamic: the composition of {architecture} is no layer that int8 kernels exist for; "
            "int8-weights works"
        )
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


def compute_in_int8(model: SequenceModel, quantized: Mapping[str, Quantized]) -> None:
    """Put dynamic int8 layers in the place of the linear and recurrent ones, in place. The model stays on the CPU."""
    for name, module in list(model.named_modules()):
        parent, _, own = name.rpartition(".")
        if isinstance(module, nn.GRU | nn.LSTM):
            setattr(model.get_submodule(parent), own, Int8Recurrent(module, quantized, name))
        elif isinstance(module, nn.Linear) or is_conv1d(module):
            weight = quantized[f"{name}.weight"]
            if is_conv1d(module):
                weight = Quantized(weight.values.t().contiguous(), weight.scale.t())
            bias: Any = module.bias
            setattr(model.get_submodule(parent), own, Int8Linear(weight, bias))


class Int8Linear(nn.Module):
    """``nn.Linear`` in dynamic int8. Features ``(..., inputs)`` -> ``(..., outputs)``.

    Args:
        weight: values ``(outputs, inputs)``, scale ``(outputs, 1)``.
        bias: ``(outputs,)``, or None.
    """

    weight: Tensor

    def __init__(self, weight: Quantized, bias: Tensor | None) -> None:
        super().__init__()
        self.register_buffer("weight", weight.values)
        self.out_features, self.in_features = weight.values.shape
        self._weights = _packed(weight, None if bias is None else bias.detach())

    def forward(self, x: Tensor) -> Tensor:
        return torch.ops.quantized.linear_dynamic(x, self._weights, True)


class Int8Recurrent(nn.Module):
    """``nn.GRU`` or ``nn.LSTM`` (batch first, one direction) in dynamic int8; the states stay floats.

    Args:
        layer: what it takes the place of.
        quantized: has the weights ``NAME.weight_ih_l0``, ``NAME.weight_hh_l0`` and so on.
        name: of the layer in the model.
    """

    def __init__(self, layer: nn.GRU | nn.LSTM, quantized: Mapping[str, Quantized], name: str) -> None:
        super().__init__()
        self.layers, self.units = layer.num_layers, layer.hidden_size
        self._long_term = isinstance(layer, nn.LSTM)
        self._cells = []
        for number, (_, _, bias_ih, bias_hh) in enumerate(layer.all_weights):
            inner = [quantized[f"{name}.weight_{source}_l{number}"] for source in ("ih", "hh")]
            biases = [bias.detach() for bias in (bias_ih, bias_hh)]
            packed = [_packed(weight, bias) for weight, bias in zip(inner, biases, strict=True)]
            self._cells.append(torch.ops.quantized.make_quantized_cell_params_dynamic(*packed, *biases, True))

    def forward(self, x: Tensor | PackedSequence, state: Any = None) -> tuple[Any, Any]:
        """As torch's layers: the last one's states and what they carry on, for a batch or a packed one.

        Args:
            state: what they carry, in the order of the batch; None, which it must be for a packed batch, for zeros.
        """
        if isinstance(x, PackedSequence):
            states, *carried = self._run(x.data, x.batch_sizes, self._zeros(int(x.batch_sizes[0])))
            if x.unsorted_indices is not None:
                carried = [part.index_select(1, x.unsorted_indices) for part in carried]
            packed = PackedSequence(states, x.batch_sizes, x.sorted_indices, x.unsorted_indices)
            return packed, tuple(carried) if self._long_term else carried[0]
        states, *carried = self._run(x, None, self._zeros(len(x)) if state is None else state)
        return states, tuple(carried) if self._long_term else carried[0]

    def _zeros(self, rows: int) -> Any:
        zeros = torch.zeros(self.layers, rows, self.units)
        return (zeros, zeros) if self._long_term else zeros

    def _run(self, x: Tensor, batch_sizes: Tensor | None, state: Any) -> tuple[Tensor, ...]:
        """``x`` ``(B, T, I)``, or the data of a packed batch with its sizes."""
        given = [x, state, self._cells] if batch_sizes is None else [x, batch_sizes, state, self._cells]
        order = [True] if batch_sizes is None else []  # batch first
        fixed = [True, self.layers, 0.0, False, False, *order]  # biases, layers, dropout, training, two directions
        if self._long_term:
            return torch.quantized_lstm(*given, *fixed, dtype=torch.qint8, use_dynamic=True)
        return torch.quantized_gru(*given, *fixed)


def _packed(weight: Quantized, bias: Tensor | None) -> Any:
    """A matrix ``(outputs, inputs)`` as torch's kernels read it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "torch.quantize_per_tensor, torch.quantize_per_channel", UserWarning)
        scales = weight.scale.flatten().double()
        zeros = torch.zeros(len(scales), dtype=torch.long)
        matrix = torch._make_per_channel_quantized_tensor(weight.values, scales, zeros, 0)
        return torch.ops.quantized.linear_prepack(matrix, bias)
