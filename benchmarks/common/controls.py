"""Controls for what sentences teach: losses and rewards that know no rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from gymnasium.vector import VectorWrapper
from torch import Tensor

from bracket_env import TaskVectorEnv
from supervised.train.instructed import Instructed, InstructedLoss


class Entropy(Instructed):
    """The model's own certainty on the same unlabelled prefixes, in place of the rules.

    Entropy minimisation (Grandvalet & Bengio 2005, "Semi-supervised learning by entropy minimization", section 2): the
    unlabelled term of the loss is the entropy of the model's prediction at each place.
    """

    def loss(self, model: Any) -> InstructedLoss:
        loss = super().loss(model)
        loss.ncl = _entropy
        return loss


def _entropy(logits: Tensor, log_q: Tensor) -> Tensor:
    log_p = logits.float().log_softmax(-1)
    return -torch.sum(log_p.exp() * log_p)


class LengthReward(VectorWrapper):
    """A potential that knows nothing but how much has been written, in mode SAME_STEP.

    Φ(s) = base + weight · symbols of the answer so far, Φ(terminal) = 0.

    Args:
        env: in mode SAME_STEP.
        weight: of a symbol.
        base: Φ before the first one.
        gamma: the agent's discount.
    """

    def __init__(self, env: TaskVectorEnv, weight: float, base: float, gamma: float) -> None:
        super().__init__(env)
        self.weight, self.base, self.gamma = weight, base, gamma
        self._written = np.zeros(env.num_envs, dtype=np.int64)

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        """As the wrapped environment."""
        self._written[:] = 0
        return self.env.reset(seed=seed, options=options)

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """As the wrapped environment, with shaped rewards."""
        obs, rewards, terminated, truncated, infos = self.env.step(actions)
        after = np.where(terminated, 0.0, self.base + self.weight * (self._written + 1))
        shaped = rewards + (self.gamma * after - (self.base + self.weight * self._written))
        self._written = np.where(terminated | truncated, 0, self._written + 1)
        return obs, shaped, terminated, truncated, {**infos, "unshaped_reward": rewards}

    def action_masks(self) -> np.ndarray:
        """The wrapped environment's, bool ``(n, k + 1)``."""
        masks: np.ndarray = self.env.action_masks()  # type: ignore[attr-defined]
        return masks

    def get_state(self) -> dict[str, np.ndarray]:
        """The wrapped environment's; how much is written is part of it."""
        state: dict[str, np.ndarray] = self.env.get_state()  # type: ignore[attr-defined]
        return state

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on where :meth:`get_state` was called."""
        self.env.set_state(state)  # type: ignore[attr-defined]
        self._written = np.where(state["over"], 0, state["written"])
