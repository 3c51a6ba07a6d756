"""Layers that compute with int8 weights (:mod:`supervised.compress.quantization`) in the place of torch's.

*Dynamic* quantisation also rounds what comes in to whole numbers, with a scale taken from the batch at hand, and
multiplies whole numbers by torch's kernels. The result of a row thus depends (a little) on the rows beside it. The
kernels use 7 of the 8 bits of an input: with 8 a sum of two products overflows on processors without VNNI
(torch's ``reduce_range``; without it a GRU's features were off by 0.55 instead of 0.05 on one of them).

torch has announced the end of its quantised tensors. What makes one here is :func:`_packed` alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from supervised.models import SequenceModel
from supervised.models.parts.hugging_face import is_conv1d
from supervised.runs.files.weights import Quantized


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
