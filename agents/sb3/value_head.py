"""The value head of a run's best policy, in a file beside its weights: what an agent that starts from it needs too.

A policy that is worth something and a value head that knows nothing do not go together: the first advantages are noise,
and the policy follows them.
"""

from __future__ import annotations

import safetensors.torch
import torch
from safetensors import SafetensorError
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import Tensor

from agents.sb3 import checkpoint
from bracket_env import InputError
from bracket_env.atomic import write_bytes
from supervised.runs import RunFolder
from supervised.runs.files.checkpoint import read_tensors

FILE = "value_head.safetensors"


def save(folder: RunFolder, policy: ActorCriticPolicy) -> None:
    """Replace the value head beside the best model.

    Raises:
        InputError: it cannot be written.
    """
    head = {name: tensor.detach().cpu().contiguous() for name, tensor in policy.value_net.state_dict().items()}
    write_bytes(folder.path / FILE, safetensors.torch.save(head))


@torch.no_grad()
def take(policy: ActorCriticPolicy, source: RunFolder) -> bool:
    """Copy the value head of a run with the same encoder into a policy.

    A run of an older version has it in its checkpoint alone, as it was in the end.

    Returns:
        Whether the run has one; a supervised one has none, and nothing is changed.

    Raises:
        InputError: the file is damaged, or of another network.
    """
    path, head = source.path / FILE, policy.value_net.state_dict()
    found: dict[str, Tensor]
    try:
        if path.is_file():
            found = safetensors.torch.load(path.read_bytes())
        elif (path := source.checkpoint / checkpoint.FILE).is_file():
            found = read_tensors(path, {f"policy.value_net.{name}": name for name in head})
        else:
            return False
        shapes = {name: tensor.shape for name, tensor in found.items()}
        if shapes != {name: tensor.shape for name, tensor in head.items()}:
            raise ValueError("it is of another network")
        if any(tensor.isnan().any() for tensor in found.values()):
            raise ValueError("it holds what is no number (NaN)")
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise InputError(f"cannot read the value head from {path}: {error}") from None
    policy.value_net.load_state_dict(found)
    return True
