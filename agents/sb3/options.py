"""The options of every PPO training. No heavy import, so that ``--help`` answers at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from supervised.options.groups import Machine, Resume, Stopping


@dataclass(frozen=True)
class Masked:
    """Which actions an agent may choose from."""

    section: ClassVar[str] = "PPO"
    mask: bool = False
    """Forbid syntactically impossible actions (MaskablePPO)."""


@dataclass(frozen=True)
class PPOOptions(Machine, Stopping, Resume):
    """Proximal policy optimisation (Schulman et al. 2017) on the native vector environments."""

    section: ClassVar[str] = "PPO"
    length: ClassVar[str] = "total_timesteps"

    total_timesteps: int = 400_000
    """Environment steps to train for."""
    reward: Literal["dense", "sparse"] = "dense"
    """dense: 1/m for each right action; sparse: 1 for a perfect answer only."""
    n_envs: int = 512
    """Environments stepped at once."""
    n_steps: int = 8
    """Steps of each environment between two updates."""
    batch_size: int = 1024
    """Transitions in a minibatch; divides n_envs * n_steps."""
    n_epochs: int = 3
    """Passes over each rollout."""
    learning_rate: float = 4e-3
    """Adam's step size at the start."""
    lr_schedule: Literal["linear", "constant"] = "linear"
    """linear: the step size falls to 0 over the total timesteps."""
    gamma: float = 0.9
    """Discount."""
    gae_lambda: float = 0.9
    """Bias-variance trade-off of the advantage estimate (Schulman et al. 2016)."""
    ent_coef: float = 0.05
    """Weight of the entropy bonus; with much less than 0.05 an agent unlearns END on CloseDeep before it earns it."""

    eval_every: int = 20_000
