"""One-file checkpoints: tensors, arrays and JSON state in a safetensors file, and the states of the generators.

One file, replaced atomically: a kill in the middle of writing leaves the checkpoint before. No pickle.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from bracket_env import InputError
from supervised.runs.files.weights import entries


class Unpacked(NamedTuple):
    """What :func:`pack` was given."""

    tensors: dict[str, Tensor]
    arrays: dict[str, np.ndarray]
    state: dict[str, Any]


def pack(tensors: Mapping[str, Tensor], arrays: Mapping[str, np.ndarray], state: Mapping[str, Any]) -> bytes:
    """A checkpoint as bytes, the generators' states included.

    Args:
        tensors: by name; tensors that share memory are refused by safetensors.
        arrays: by name, of any dtype (stored as bytes: torch has few unsigned types).
        state: JSON.
    """
    stored = {f"tensor.{name}": tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    for name, array in arrays.items():
        stored[f"array.{name}"] = torch.from_numpy(np.frombuffer(array.tobytes(), dtype=np.uint8).copy())
    stored["torch_generator"] = torch.get_rng_state()
    if torch.cuda.is_available():
        stored["cuda_generator"] = torch.cuda.get_rng_state()
    name, keys, *rest = np.random.get_state(legacy=True)  # noqa: NPY002 - libraries draw from the global generator
    described = {
        "state": dict(state),
        "arrays": {name: [array.dtype.str, list(array.shape)] for name, array in arrays.items()},
        "numpy_generator": [name, np.asarray(keys).tolist(), *rest],
        "python_generator": random.getstate(),
    }
    return safetensors.torch.save(stored, metadata={"checkpoint": json.dumps(described)})


def read(path: Path) -> Unpacked:
    """:func:`unpack` for a file.

    Raises:
        InputError: no file, or a damaged one.
    """
    try:
        return unpack(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"nothing to resume: no {path}") from None
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise unusable(path, error) from None


def read_state(path: Path) -> dict[str, Any]:
    """The JSON state of a checkpoint file alone: no tensor is read, no generator changed.

    Raises:
        InputError: no file, or a damaged one.
    """
    try:
        with open(path, "rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(size))
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        if path.stat().st_size != 8 + size + max(ends):
            raise ValueError("the file is cut short")
        return json.loads(header["__metadata__"]["checkpoint"])["state"]
    except FileNotFoundError:
        raise InputError(f"nothing to resume: no {path}") from None
    except (OSError, OverflowError, MemoryError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise unusable(path, error) from None


def read_tensors(path: Path, names: Mapping[str, str]) -> dict[str, Tensor]:
    """Some tensors of a checkpoint file alone; no generator changes.

    Args:
        names: of :func:`pack`, and what each is to be called.

    Raises:
        OSError, SafetensorError: no file, a damaged one, or one without such a tensor.
    """
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(f"tensor.{stored}") for stored, name in names.items()}


def unpack(data: bytes) -> Unpacked:
    """Read a checkpoint and put the generators into the states they had."""
    stored = safetensors.torch.load(data)
    described = json.loads(entries(data)["checkpoint"])
    arrays = {
        name: np.frombuffer(stored[f"array.{name}"].numpy().tobytes(), dtype=dtype).reshape(shape).copy()
        for name, (dtype, shape) in described["arrays"].items()
    }
    _restore_generators(described, stored)
    tensors = {name.removeprefix("tensor."): t for name, t in stored.items() if name.startswith("tensor.")}
    return Unpacked(tensors, arrays, described["state"])


def unusable(path: Path, error: Exception) -> InputError:
    """One line for whatever is wrong with a checkpoint."""
    if isinstance(error, KeyError):
        return InputError(f"cannot resume from {path}: {error} is missing")
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return InputError(f"cannot resume from {path}: {reason}")


def copy_into(target: Mapping[str, Tensor], saved: Mapping[str, Tensor]) -> None:
    """Copy saved tensors over parameters and buffers of the same names.

    Raises:
        ValueError: another set of names, another shape, or what is no number.
    """
    if target.keys() != saved.keys():
        raise ValueError(f"it holds another model ({sorted(target.keys() ^ saved.keys())[0]} is not in both)")
    with torch.no_grad():
        for name, tensor in target.items():
            if tensor.shape != saved[name].shape:
                raise ValueError(f"{name} is {tuple(saved[name].shape)}, not {tuple(tensor.shape)}")
            if saved[name].is_floating_point() and saved[name].isnan().any():
                raise ValueError(f"{name} holds what is no number (NaN)")
            tensor.copy_(saved[name])


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's tensors as ``index.name``."""
    state = optimizer.state_dict()["state"]
    return {f"{index}.{name}": torch.as_tensor(v).cpu().clone() for index, e in state.items() for name, v in e.items()}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor], groups: Any) -> None:
    """Put :func:`optimizer_tensors` and the ``param_groups`` back."""
    entries: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, entry = name.split(".", 1)
        entries.setdefault(int(index), {})[entry] = tensor
    optimizer.load_state_dict({"state": entries, "param_groups": groups})


def _restore_generators(described: Mapping[str, Any], stored: Mapping[str, Tensor]) -> None:
    torch.set_rng_state(stored["torch_generator"])
    if "cuda_generator" in stored and torch.cuda.is_available():
        torch.cuda.set_rng_state(stored["cuda_generator"])
    name, keys, *rest = described["numpy_generator"]
    np.random.set_state((name, np.array(keys, dtype=np.uint32), *rest))  # noqa: NPY002 - as above
    version, words, gauss = described["python_generator"]
    random.setstate((version, tuple(words), gauss))
