"""The action mask as part of the observation, for libraries that look for it there (RLlib, TorchRL, Tianshou)."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box, Dict
from gymnasium.vector import VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space

MaskedObs = dict[str, np.ndarray]


def _masked_space(tokens: gym.Space[Any], actions: int) -> Dict:
    return Dict({"observation": tokens, "action_mask": Box(0, 1, (actions,), np.int8)})


class MaskObservation(gym.Wrapper[Any, np.int64, Any, np.int64], gym.utils.RecordConstructorArgs):
    """``{"observation": token ids, "action_mask": int8 (k + 1,)}`` instead of the token ids alone."""

    def __init__(self, env: gym.Env[np.ndarray, np.int64]) -> None:
        gym.utils.RecordConstructorArgs.__init__(self)
        gym.Wrapper.__init__(self, env)
        actions = int(env.action_space.n)  # type: ignore[attr-defined]
        self.observation_space = _masked_space(env.observation_space, actions)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[MaskedObs, dict[str, Any]]:
        """As the wrapped environment."""
        obs, info = self.env.reset(seed=seed, options=options)
        return {"observation": obs, "action_mask": info["action_mask"].copy()}, info

    def step(self, action: np.int64) -> tuple[MaskedObs, Any, bool, bool, dict[str, Any]]:
        """As the wrapped environment."""
        obs, reward, terminated, truncated, info = self.env.step(action)
        return {"observation": obs, "action_mask": info["action_mask"].copy()}, reward, terminated, truncated, info


class VectorMaskObservation(VectorWrapper):
    """:class:`MaskObservation` for a vector environment; ``final_obs`` gets the mask too."""

    def __init__(self, env: VectorEnv[np.ndarray, np.ndarray, np.ndarray]) -> None:
        super().__init__(env)
        actions = int(env.single_action_space.n)  # type: ignore[attr-defined]
        self.single_observation_space = _masked_space(env.single_observation_space, actions)
        self.observation_space = batch_space(self.single_observation_space, env.num_envs)

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[MaskedObs, dict[str, Any]]:
        """As the wrapped environment."""
        obs, infos = self.env.reset(seed=seed, options=options)
        return {"observation": obs, "action_mask": infos["action_mask"].copy()}, infos

    def step(self, actions: Any) -> tuple[MaskedObs, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """As the wrapped environment."""
        obs, rewards, terminated, truncated, infos = self.env.step(actions)
        if "final_obs" in infos:
            final_mask = infos["final_info"]["action_mask"].copy()
            infos["final_obs"] = {"observation": infos["final_obs"], "action_mask": final_mask}
        return {"observation": obs, "action_mask": infos["action_mask"].copy()}, rewards, terminated, truncated, infos
