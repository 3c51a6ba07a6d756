"""A Gymnasium ``VectorEnv`` as a Stable-Baselines3 ``VecEnv``.

SB3 steps n Python environments in a loop; a native vector environment steps them in one array operation. The adapter
also keeps the episode statistics that SB3 expects of ``VecMonitor`` (``info["episode"]``), since it sees every reward
anyway. Its semantics are SB3's: SAME_STEP autoreset, ``terminal_observation``, ``TimeLimit.truncated``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvObs, VecEnvStepReturn

from bracket_env import InputError


class VectorEnvAdapter(VecEnv):
    """Makes ``PPO(policy, VectorEnvAdapter(env))`` work.

    Args:
        env: a vector environment in mode SAME_STEP whose final observations are indexable by member, or a dict of such.
        seeds: one for each member, used by the first ``reset``; a trainer passes keyed seeds here so that runs share
            no environment. They count more than :meth:`seed`, which SB3's algorithms call with their own seed when
            they are made. ``None`` leaves it to :meth:`seed`.

    Raises:
        InputError: another autoreset mode, or a wrong number of seeds.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any], seeds: Sequence[int] | None = None) -> None:
        mode = getattr(env, "autoreset_mode", env.metadata.get("autoreset_mode"))
        if mode != AutoresetMode.SAME_STEP:
            raise InputError(f"Stable-Baselines3 needs autoreset_mode SAME_STEP, not {mode}")
        if seeds is not None and len(seeds) != env.num_envs:
            raise InputError(f"{len(seeds)} seeds for {env.num_envs} environments")
        self.env = env
        self._keyed_seeds = None if seeds is None else list(seeds)
        self.returns = np.zeros(env.num_envs)
        self.lengths = np.zeros(env.num_envs, dtype=np.int64)
        self._has_masks = hasattr(env, "action_masks")
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)

    def reset(self) -> VecEnvObs:
        """Observations ``(n, L)``, or a dict of them. Uses the pending seeds once."""
        seeds: Any = self._keyed_seeds
        if seeds is None and any(seed is not None for seed in self._seeds):  # VecEnv.seed() was called
            seeds = list(self._seeds)
        obs, _ = self.env.reset(seed=seeds)
        self._keyed_seeds = None
        self._reset_seeds()
        self.returns[:] = 0.0
        self.lengths[:] = 0
        self.reset_infos = [{} for _ in range(self.num_envs)]
        return obs

    def step_async(self, actions: np.ndarray) -> None:
        """Remember the actions ``(n,)``."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Observations as :meth:`reset`, rewards ``(n,)`` float32, dones ``(n,)`` and one info dict a member."""
        obs, rewards, terminated, truncated, vector_infos = self.env.step(self._actions)
        dones = terminated | truncated
        self.returns += vector_infos.get("unshaped_reward", rewards)
        self.lengths += 1
        infos: list[dict[str, Any]] = [{}] * self.num_envs  # one for all whose episode goes on: SB3 never writes there
        ended = np.flatnonzero(dones)
        if len(ended):
            final_obs = vector_infos["final_obs"]
            success = np.broadcast_to(vector_infos["final_info"].get("is_success", False), dones.shape)
            limited = truncated & ~terminated
            # Most of a step's time at a few hundred members goes into these dicts, so the loop only unpacks lists.
            columns = (self.returns[ended], self.lengths[ended], success[ended], limited[ended])
            for i, last_obs, episode_return, length, right, cut in zip(
                ended.tolist(), _rows(final_obs, ended), *(column.tolist() for column in columns), strict=True
            ):
                infos[i] = {
                    "episode": {"r": episode_return, "l": length},
                    "is_success": right,
                    "TimeLimit.truncated": cut,
                    "terminal_observation": last_obs,
                }
            self.returns[ended] = 0.0
            self.lengths[ended] = 0
        return obs, rewards.astype(np.float32), dones, infos

    def close(self) -> None:
        """Close the environment."""
        self.env.close()

    def get_state(self) -> dict[str, np.ndarray]:
        """What going on exactly needs; the environment must offer ``get_state`` too."""
        state: dict[str, np.ndarray] = self.env.get_state()  # type: ignore[attr-defined]
        return {**state, "adapter_returns": self.returns.copy(), "adapter_lengths": self.lengths.copy()}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on where :meth:`get_state` was called."""
        self.env.set_state(state)  # type: ignore[attr-defined]
        self.returns[:] = state["adapter_returns"]
        self.lengths[:] = state["adapter_lengths"]
        self._keyed_seeds = None

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        """Calls of ``action_masks`` give one row a member; other methods of a vector environment have no members."""
        if method_name == "action_masks" and self._has_masks:
            masks = self.env.action_masks()  # type: ignore[attr-defined]
            return [masks[i] for i in self._get_indices(indices)]
        raise AttributeError(f"a native vector environment has no method {method_name!r} for single members")

    def has_attr(self, attr_name: str) -> bool:
        """Whether members have this attribute: ``action_masks`` when the environment gives masks, else a plain one."""
        return self._has_masks if attr_name == "action_masks" else hasattr(self.env, attr_name)

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """The environment's attribute, once for each member asked for."""
        return [getattr(self.env, attr_name)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set it on the environment; a native vector environment has no attributes of single members.

        Raises:
            AttributeError: ``indices`` names some members only.
        """
        if len(list(self._get_indices(indices))) != self.num_envs:
            raise AttributeError(f"{attr_name!r} cannot be set for single members of a native vector environment")
        setattr(self.env, attr_name, value)

    def env_is_wrapped(
        self, wrapper_class: type[gym.Wrapper[Any, Any, Any, Any]], indices: VecEnvIndices = None
    ) -> list[bool]:
        """Members are never wrapped one by one; only ``Monitor``'s work, the episode statistics, is done here."""
        return [wrapper_class is Monitor] * len(list(self._get_indices(indices)))

    def get_images(self) -> Sequence[np.ndarray | None]:
        """The members' frames."""
        frames: Any = self.env.render()
        return [None] * self.num_envs if frames is None else list(frames)


def _rows(obs: Any, members: np.ndarray) -> Any:
    """The observation of each of ``members``."""
    if isinstance(obs, Mapping):
        parts = {name: part[members] for name, part in obs.items()}
        return [{name: part[i] for name, part in parts.items()} for i in range(len(members))]
    return obs[members]
