"""How the weights of a best model lie in their file: as floats, as int8 with scales, or without their zeros.

It is a safetensors file, so nothing is unpickled. A weight W of the model lies there in one of four forms, which its
names tell (no parameter's name has a colon):

    W                                  as it is
    W (int8)           W:scale         W = int8 · scale, a scale for each output channel
    W:values           W:mask W:shape  without its zeros: the other elements in order, and one bit an element
    W:values (int8)    W:mask W:shape W:scale

The bits of a mask go row by row, eight to a byte, the first one being the highest; the last byte is filled up with
zeros. A weight lies there without its zeros whenever that takes fewer bytes. The header's entry ``compute`` says
whether the int8 weights are to be computed with as they are (``int8``) or as the floats they stand for (``float``).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Literal, NamedTuple, cast, get_args

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

Compute = Literal["float", "int8"]
_COMPUTE = "compute"


class Quantized(NamedTuple):
    """A matrix of whole numbers from -127 to 127 and what each stands for."""

    values: Tensor
    """int8, of the weight's shape."""
    scale: Tensor
    """float32, 1 along the axes that share a scale."""

    def floats(self) -> Tensor:
        """The weight."""
        return self.values.float() * self.scale


class Stored(NamedTuple):
    """What a file holds."""

    weights: dict[str, Tensor]
    """Every weight as floats: what the model's ``load_state_dict`` takes."""
    quantized: dict[str, Quantized]
    """Those that lie there as int8."""
    compute: Compute
    """What the int8 weights are computed with."""


def pack(weights: Mapping[str, Tensor], quantized: Mapping[str, Quantized], compute: Compute = "float") -> bytes:
    """The content of a file.

    Args:
        weights: the model's ``state_dict``.
        quantized: what takes the place of some of them.
        compute: see :class:`Stored`.
    """
    stored: dict[str, Tensor] = {}
    for name, weight in weights.items():
        kept = weight.detach().cpu().contiguous()
        if name in quantized:
            kept = quantized[name].values.cpu().contiguous()
            stored[f"{name}:scale"] = quantized[name].scale.cpu().contiguous()
        mask = torch.from_numpy(np.packbits((kept != 0).numpy()))
        values = kept[kept != 0]
        shape = torch.tensor(kept.shape)
        if sum(part.nbytes for part in (mask, values, shape)) < kept.nbytes:
            stored |= {f"{name}:values": values, f"{name}:mask": mask, f"{name}:shape": shape}
        else:
            stored[name] = kept
    return safetensors.torch.save(stored, metadata={_COMPUTE: compute})


def unpack(data: bytes) -> Stored:
    """What :func:`pack` made, or safetensors of a plain ``state_dict``.

    Raises:
        ValueError: damaged, or in none of the forms.
    """
    try:
        return _decoded(safetensors.torch.load(data), entries(data))
    except SafetensorError as error:
        raise ValueError(str(error)) from None


def entries(data: bytes) -> dict[str, str]:
    """The own entries of a safetensors file. Its form (a length, then JSON) was checked by whoever read the tensors."""
    size = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + size]).get("__metadata__", {})


def _decoded(stored: Mapping[str, Tensor], header: Mapping[str, str]) -> Stored:
    compute = header.get(_COMPUTE, "float")
    if compute not in get_args(Compute):
        raise ValueError(f"{_COMPUTE} is {compute!r}")
    parts: dict[str, dict[str, Tensor]] = {}
    for name, tensor in stored.items():
        owner, _, part = name.partition(":")
        parts.setdefault(owner, {})[part] = tensor
    weights, quantized = {}, {}
    for name, found in parts.items():
        if found.keys() - {"scale"} not in ({""}, {"values", "mask", "shape"}):
            raise ValueError(f"{name} lies in no known form: {', '.join(sorted(found))}")
        weight = found[""] if "" in found else _with_zeros(name, **{k: v for k, v in found.items() if k != "scale"})
        if (weight.dtype == torch.int8) != ("scale" in found):
            raise ValueError(f"{name} is {weight.dtype} {'with' if 'scale' in found else 'without'} a scale")
        if "scale" in found:
            scale = found["scale"]
            shared = [n in (1, size) for n, size in zip(scale.shape, weight.shape, strict=False)]
            if not all(shared) or scale.dim() != weight.dim() or scale.dtype != torch.float32:
                raise ValueError(f"{name}: scale {tuple(scale.shape)} does not fit {tuple(weight.shape)}")
            quantized[name] = Quantized(weight, scale)
            weight = quantized[name].floats()
        weights[name] = weight
    return Stored(weights, quantized, cast(Compute, compute))


def _with_zeros(name: str, values: Tensor, mask: Tensor, shape: Tensor) -> Tensor:
    sizes = [int(size) for size in shape]
    count = math.prod(sizes)
    if mask.dtype != torch.uint8 or any(size < 0 for size in sizes) or len(mask) != (count + 7) // 8:
        raise ValueError(f"{name}: the mask has {len(mask)} bytes for {sizes}")
    kept = torch.from_numpy(np.unpackbits(mask.numpy(), count=count)).bool()
    if int(kept.sum()) != len(values):
        raise ValueError(f"{name}: the mask keeps {int(kept.sum())} elements, and there are {len(values)}")
    weight = values.new_zeros(count)
    weight[kept] = values
    return weight.view(sizes)
