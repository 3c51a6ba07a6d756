"""Everything a PPO run needs to go on exactly, in one safetensors file.

A checkpoint is taken between two updates, when the rollout buffer is spent: weights, optimiser, counters, the last
observations and episode starts, the environments' streams and running episodes, SB3's episode statistics, and the
states of torch's, NumPy's and Python's generators. One file, replaced atomically: a kill in the middle of writing
leaves the one before.
"""

from __future__ import annotations

import json
import random
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

from agents.vec_adapter import VectorEnvAdapter
from bracket_env.atomic import write_bytes
from bracket_env.errors import InputError

FILE = "ppo.safetensors"
_COUNTERS = ("num_timesteps", "_total_timesteps", "_n_updates", "_episode_num", "_current_progress_remaining")


def pack(model: OnPolicyAlgorithm, extra: Mapping[str, Any]) -> bytes:
    """The checkpoint of a model between two updates.

    Args:
        extra: the caller's own JSON state.
    """
    env = model.get_env()
    assert isinstance(env, VectorEnvAdapter)
    tensors = {f"policy.{name}": tensor.detach().cpu().contiguous() for name, tensor in _weights(model).items()}
    optimizer = model.policy.optimizer.state_dict()
    for index, entries in optimizer["state"].items():
        tensors.update({f"optimizer.{index}.{k}": torch.as_tensor(v).cpu().clone() for k, v in entries.items()})
    arrays = {f"env.{k}": v for k, v in env.get_state().items()}
    arrays["last_obs"] = np.asarray(model._last_obs)
    arrays["last_episode_starts"] = np.asarray(model._last_episode_starts)
    # uint64 has few operations in torch; the bytes are what is kept.
    dtypes = {k: v.dtype.str for k, v in arrays.items()}
    shapes = {k: v.shape for k, v in arrays.items()}
    tensors.update({k: torch.from_numpy(np.frombuffer(v.tobytes(), dtype=np.uint8).copy()) for k, v in arrays.items()})
    tensors["torch_rng"] = torch.get_rng_state()
    name, keys, *rest = np.random.get_state(legacy=True)  # noqa: NPY002 - SB3 draws from the global generator
    state = {
        "counters": {counter: getattr(model, counter) for counter in _COUNTERS},
        "param_groups": optimizer["param_groups"],
        "dtypes": dtypes,
        "shapes": shapes,
        "numpy_rng": [name, np.asarray(keys).tolist(), *rest],
        "python_rng": random.getstate(),
        "episodes": list(model.ep_info_buffer or ()),
        "successes": list(model.ep_success_buffer or ()),
        "extra": dict(extra),
    }
    return safetensors.torch.save(tensors, metadata={"state": json.dumps(state)})


def _weights(model: OnPolicyAlgorithm) -> dict[str, torch.Tensor]:
    """Parameters and buffers, each once: SB3 registers one extractor under three names."""
    return {**dict(model.policy.named_parameters()), **dict(model.policy.named_buffers())}


def save(folder: Path, packed: bytes) -> None:
    """Replace the checkpoint in ``folder``.

    Raises:
        InputError: it cannot be written; the one before stands.
    """
    write_bytes(folder / FILE, packed)


def restore(folder: Path, model: OnPolicyAlgorithm) -> dict[str, Any]:
    """Put a freshly built model of the same configuration into the state of the checkpoint.

    Returns:
        What was passed to :func:`pack` as ``extra``.

    Raises:
        InputError: no checkpoint, a damaged one, or one of another model.
    """
    path = folder / FILE
    if not path.is_file():
        raise InputError(f"nothing to resume: no {path}")
    try:
        with safe_open(path, framework="pt") as file:
            state = json.loads((file.metadata() or {})["state"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        extra = dict(state["extra"])
        _restore(model, state, tensors)
    except KeyError as error:
        raise InputError(f"cannot resume from {path}: {error} is missing") from None
    except (SafetensorError, OSError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"cannot resume from {path}: {reason}") from None
    return extra


def _restore(model: OnPolicyAlgorithm, state: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
    def array(name: str) -> np.ndarray:
        return np.frombuffer(tensors[name].numpy().tobytes(), dtype=state["dtypes"][name]).reshape(
            state["shapes"][name]
        )

    def part(prefix: str) -> list[str]:
        return [name for name in tensors if name.startswith(prefix)]

    weights = _weights(model)
    saved = {name.removeprefix("policy."): tensors[name] for name in part("policy.")}
    if weights.keys() != saved.keys():
        raise ValueError(f"it holds another model ({sorted(weights.keys() ^ saved.keys())[0]} is not in both)")
    with torch.no_grad():
        for name, tensor in weights.items():
            if tensor.shape != saved[name].shape:
                raise ValueError(f"{name} is {tuple(saved[name].shape)}, not {tuple(tensor.shape)}")
            tensor.copy_(saved[name])
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for name in part("optimizer."):
        _, index, entry = name.split(".", 2)
        moments.setdefault(int(index), {})[entry] = tensors[name]
    model.policy.optimizer.load_state_dict({"state": moments, "param_groups": state["param_groups"]})
    env = model.get_env()
    assert isinstance(env, VectorEnvAdapter)
    env.set_state({name.removeprefix("env."): array(name) for name in part("env.")})
    model._last_obs = array("last_obs").copy()
    model._last_episode_starts = array("last_episode_starts").copy()
    for counter, value in state["counters"].items():
        setattr(model, counter, value)
    # A fresh model has no buffers yet; SB3 keeps the ones that it finds.
    model.ep_info_buffer = deque(state["episodes"], maxlen=model._stats_window_size)
    model.ep_success_buffer = deque(state["successes"], maxlen=model._stats_window_size)
    torch.set_rng_state(tensors["torch_rng"])
    name, keys, *rest = state["numpy_rng"]
    np.random.set_state((name, np.array(keys, dtype=np.uint32), *rest))  # noqa: NPY002 - as above
    version, words, gauss = state["python_rng"]
    random.setstate((version, tuple(words), gauss))
