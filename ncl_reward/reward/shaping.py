"""NCL in the reward: potential-based shaping of an environment by the rules that a sentence states.

After Ng, Harada & Russell 1999 ("Policy invariance under reward transformations", section 3) the reward of a step from
s to s' becomes

    r + γ·Φ(s') - Φ(s),    Φ(terminal) = 0

with Φ of :mod:`ncl_reward.reward.potential` and γ the agent's own discount. Over a finished episode the discounted sum
of what is added is -Φ(s_0), which no action can change: right sentences and wrong ones leave every optimal policy
optimal. A truncated episode is not over for the agent, which bootstraps from its last state, so Φ of that state counts
there.

A worked episode, prefix ``({``, "nesting" and "stop when closed" with weight 1, γ = 0.9, dense reward:

    action   state after      reward   Φ before   Φ after   shaped reward
    }        BOS ( { SEP }      1/3       -2         -1     1/3 + 1.1
    )        … SEP } )          1/3       -1          0     1/3 + 1.0
    END      terminal           1/3        0          0     1/3

Statistics of episodes belong inside the wrapper, so that every return that is reported is the unshaped one; it is also
in ``info["unshaped_reward"]``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode, VectorEnv, VectorWrapper

from bracket_env import InputError, quote
from ncl_reward.reward.live_violations import LiveViolations
from ncl_reward.reward.potential import Potential, check_pairs


class NCLReward(gym.Wrapper[Any, np.int64, Any, np.int64], gym.utils.RecordConstructorArgs):
    """Shapes the reward of a scalar environment.

    Args:
        env: shows token ids, ``BOS prefix SEP answer-so-far``.
        potential: Φ.
        gamma: the agent's discount, from 0 to 1.

    Raises:
        InputError: an observation that is not token ids, a potential of another language, a γ out of range.
    """

    def __init__(self, env: gym.Env[np.ndarray, np.int64], potential: Potential, gamma: float) -> None:
        gym.utils.RecordConstructorArgs.__init__(self, potential=potential, gamma=gamma)
        gym.Wrapper.__init__(self, env)
        check_pairs(potential, _vocab_size(env.observation_space))
        self.potential = potential
        self.gamma = _checked(gamma)
        self._live = LiveViolations(potential, 1)
        self._phi = 0.0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """As the wrapped environment."""
        obs, info = self.env.reset(seed=seed, options=options)
        self._phi = float(self._live.start(np.zeros(1, dtype=np.int64), obs[None])[0])
        return obs, info

    def step(self, action: np.int64) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """As the wrapped environment, with the shaped reward; ``info["unshaped_reward"]`` has its own."""
        obs, reward, terminated, truncated, info = self.env.step(action)
        self._live.write(np.array([action]))
        before, self._phi = self._phi, 0.0 if terminated else float(self._live.phi()[0])
        shaped = float(reward) + (self.gamma * self._phi - before)
        return obs, shaped, terminated, truncated, {**info, "unshaped_reward": float(reward)}


class VectorNCLReward(VectorWrapper):
    """:class:`NCLReward` for a vector environment, in every autoreset mode; member by member the same rewards.

    What else the environment offers (``action_masks``, ``get_state``, …) is passed through.

    Args:
        env: shows token ids.
        potential: Φ.
        gamma: the agent's discount, from 0 to 1.

    Raises:
        InputError: as :class:`NCLReward`.
    """

    def __init__(self, env: VectorEnv[np.ndarray, np.ndarray, np.ndarray], potential: Potential, gamma: float) -> None:
        super().__init__(env)
        check_pairs(potential, _vocab_size(env.single_observation_space))
        self.potential = potential
        self.gamma = _checked(gamma)
        self._mode = env.metadata.get("autoreset_mode")
        self._live = LiveViolations(potential, env.num_envs)
        self._phi = np.zeros(env.num_envs)
        self._everyone = np.ones(env.num_envs, dtype=bool)
        self._over = np.zeros(env.num_envs, dtype=bool)  # ended, and started anew by the next step

    def __getattr__(self, name: str) -> Any:
        if name == "env" or name.startswith("_"):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        return getattr(self.env, name)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """As the wrapped environment."""
        mask = (options or {}).get("reset_mask")  # before the call: Gymnasium's own vector environments take it out
        obs, infos = self.env.reset(seed=seed, options=options)  # type: ignore[arg-type]
        self._start(self._everyone if mask is None else mask, obs)
        return obs, infos

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """As the wrapped environment, with shaped rewards; ``infos["unshaped_reward"]`` has its own."""
        obs, rewards, terminated, truncated, infos = self.env.step(actions)
        self._live.write(actions)
        phi = self._live.phi()
        phi[terminated] = 0.0
        shaped = self.gamma * phi
        shaped -= self._phi
        shaped += rewards
        self._phi = phi
        infos["unshaped_reward"], infos["_unshaped_reward"] = rewards, self._everyone.copy()
        ended = terminated | truncated
        if self._mode == AutoresetMode.SAME_STEP:
            self._start(ended, obs)
        elif self._mode == AutoresetMode.NEXT_STEP:
            starting = self._over
            shaped[starting] = rewards[starting]  # the action was ignored, and the step belongs to no episode
            self._start(starting, obs)
            self._over = ended
        return obs, shaped, terminated, truncated, infos

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on where the environment's ``get_state`` was called; Φ follows from what is written."""
        self.env.set_state(state)  # type: ignore[attr-defined]
        self._live.resume(state["obs"])
        over = state["over"].astype(bool)
        self._phi = np.where(over, 0.0, self._live.phi())
        self._over = over & (self._mode == AutoresetMode.NEXT_STEP)

    def _start(self, which: np.ndarray, obs: np.ndarray) -> None:
        members = np.flatnonzero(which)
        if len(members):
            self._phi[members] = self._live.start(members, obs.take(members, axis=0))
            self._over[members] = False


def check_discount(env: Any, gamma: float) -> None:
    """An agent must discount as the shaping of its environment does, else shaping changes what is optimal.

    Args:
        env: an environment, a vector environment or ``agents.sb3.vec_adapter.VectorEnvAdapter``, wrapped or not.
        gamma: the agent's.

    Raises:
        InputError: the environment's reward is shaped with another γ.
    """
    while env is not None:
        if isinstance(env, NCLReward | VectorNCLReward) and env.gamma != gamma:
            raise InputError(f"the reward is shaped with gamma {env.gamma}, but the agent discounts by {gamma}")
        env = vars(env).get("env")


def _checked(gamma: float) -> float:
    if not (math.isfinite(gamma) and 0 <= gamma <= 1):
        raise InputError(f"gamma must be from 0 to 1, not {gamma}")
    return float(gamma)


def _vocab_size(space: gym.Space[Any]) -> int:
    if not isinstance(space, Box) or space.dtype is None or space.dtype.kind not in "iu" or len(space.shape) != 1:
        raise InputError(f"NCLReward needs observations of token ids, not {quote(space)}")
    return int(space.high.max()) + 1
