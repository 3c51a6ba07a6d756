"""Everything a PPO run needs to go on exactly, in the form of :mod:`supervised.runs.files.checkpoint`.

A checkpoint is taken between two updates, when the rollout buffer is spent: weights, optimiser, counters, the last
observations and episode starts, the environments' streams and running episodes, SB3's episode statistics, and the
states of torch's, NumPy's and Python's generators.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

from agents.sb3.vec_adapter import VectorEnvAdapter
from bracket_env.atomic import write_bytes
from supervised.runs import RunFolder
from supervised.runs.files import checkpoint

FILE = "ppo.safetensors"
_LAST = "last_obs"
_COUNTERS = ("num_timesteps", "_total_timesteps", "_n_updates", "_episode_num", "_current_progress_remaining")


def pack(model: OnPolicyAlgorithm, extra: Mapping[str, Any]) -> bytes:
    """The checkpoint of a model between two updates.

    Args:
        extra: the caller's own JSON state.
    """
    env = model.get_env()
    assert isinstance(env, VectorEnvAdapter)
    optimizer = model.policy.optimizer
    tensors = {f"policy.{name}": tensor for name, tensor in _weights(model).items()}
    tensors |= {f"optimizer.{name}": tensor for name, tensor in checkpoint.optimizer_tensors(optimizer).items()}
    arrays = {f"env.{name}": array for name, array in env.get_state().items()}
    arrays |= _observed(model._last_obs)
    arrays["last_episode_starts"] = np.asarray(model._last_episode_starts)
    state = {
        "counters": {counter: getattr(model, counter) for counter in _COUNTERS},
        "param_groups": optimizer.state_dict()["param_groups"],
        "episodes": list(model.ep_info_buffer or ()),
        "successes": list(model.ep_success_buffer or ()),
        "extra": dict(extra),
    }
    return checkpoint.pack(tensors, arrays, state)


def _observed(last: Any) -> dict[str, np.ndarray]:
    """The last observations, an array or a dict of arrays, as named arrays."""
    if isinstance(last, Mapping):
        return {f"{_LAST}.{name}": np.asarray(part) for name, part in last.items()}
    return {_LAST: np.asarray(last)}


def _weights(model: OnPolicyAlgorithm) -> dict[str, torch.Tensor]:
    """Parameters and buffers, each once: SB3 registers one extractor under three names."""
    return {**dict(model.policy.named_parameters()), **dict(model.policy.named_buffers())}


def save(folder: Path, packed: bytes) -> None:
    """Replace the checkpoint in ``folder``.

    Raises:
        InputError: it cannot be written; the one before stands.
    """
    write_bytes(folder / FILE, packed)


def progress(folder: Path) -> tuple[int, dict[str, Any]]:
    """How far the checkpoint in ``folder`` is: environment steps, and the ``extra`` of :func:`pack`.

    Raises:
        InputError: no checkpoint, or a damaged one.
    """
    path = folder / FILE
    state = checkpoint.read_state(path)
    try:
        return state["counters"]["num_timesteps"], dict(state["extra"])
    except (KeyError, TypeError, ValueError) as error:
        raise checkpoint.unusable(path, error) from None


def restore(folder: Path, model: OnPolicyAlgorithm) -> dict[str, Any]:
    """Put a freshly built model of the same configuration into the state of the checkpoint.

    Returns:
        What was passed to :func:`pack` as ``extra``.

    Raises:
        InputError: no checkpoint, a damaged one, or one of another model.
    """
    path = folder / FILE
    saved = checkpoint.read(path)
    try:
        extra = dict(saved.state["extra"])
        _restore(model, saved)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise checkpoint.unusable(path, error) from None
    return extra


def go_on(folder: RunFolder, model: OnPolicyAlgorithm, command: Sequence[str]) -> dict[str, Any] | None:
    """Go back to a run's last checkpoint and note the command; a run killed before its first one begins again.

    Returns:
        What was passed to :func:`pack` as ``extra``, ``None`` from the beginning.

    Raises:
        InputError: as :func:`restore`.
    """
    begun = any(entry.get("timesteps") for entry in folder.metrics())
    if not begun and not (folder.checkpoint / FILE).exists():
        folder.go_on(command)
        folder.rewind("timesteps", -1)
        return None
    restored = restore(folder.checkpoint, model)
    folder.go_on(command)
    folder.rewind("timesteps", model.num_timesteps)
    return restored


def _restore(model: OnPolicyAlgorithm, saved: checkpoint.Unpacked) -> None:
    def part(of: Mapping[str, Any], prefix: str) -> dict[str, Any]:
        return {name.removeprefix(prefix): value for name, value in of.items() if name.startswith(prefix)}

    checkpoint.copy_into(_weights(model), part(saved.tensors, "policy."))
    optimizer = model.policy.optimizer
    checkpoint.restore_optimizer(optimizer, part(saved.tensors, "optimizer."), saved.state["param_groups"])
    env = model.get_env()
    assert isinstance(env, VectorEnvAdapter)
    env.set_state(part(saved.arrays, "env."))
    model._last_obs = part(saved.arrays, f"{_LAST}.") or saved.arrays[_LAST]
    model._last_episode_starts = saved.arrays["last_episode_starts"]
    for counter, value in saved.state["counters"].items():
        setattr(model, counter, value)
    # A fresh model has no buffers yet; SB3 keeps the ones that it finds.
    model.ep_info_buffer = deque(saved.state["episodes"], maxlen=model._stats_window_size)
    model.ep_success_buffer = deque(saved.state["successes"], maxlen=model._stats_window_size)
