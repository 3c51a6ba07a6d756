"""Thousands of episodes at once with the native vector environment.

    python examples/vector_env.py --num-envs 1024 --steps 200

``gym.make_vec`` finds the native environment by itself: one NumPy operation steps every member. In mode SAME_STEP a
member that is done starts its next episode in the same step, and what its last one ended with stands in ``final_info``.
Prints how fast a random masked policy and the oracle step, and what share of their episodes was perfect,
such as:

    random, masked       298,499 steps/s   139,591 episodes, 41.2% perfect
    oracle               620,102 steps/s   83,730 episodes, 100.0% perfect
"""

from __future__ import annotations

import sys
import time
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode

from bracket_env.command import run_script


def masked_random(masks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One possible action for every row of a bool array ``(n, k + 1)``: ``(n,)``."""
    return np.where(masks, rng.random(masks.shape), -1.0).argmax(axis=1)


def main(num_envs: int = 1024, steps: int = 200, split: str = "test") -> None:
    """Step one vector environment with either policy."""
    envs: Any = gym.make_vec(
        "bracket_env:bracket/Close-v0", num_envs=num_envs, autoreset_mode=AutoresetMode.SAME_STEP, split=split
    )
    rng = np.random.default_rng(0)
    for name in ("random, masked", "oracle"):
        _, infos = envs.reset(seed=0)
        episodes = perfect = 0
        began = time.perf_counter()
        for _ in range(steps):
            if name == "oracle":
                actions = envs.right_actions()
            else:
                actions = masked_random(infos["action_mask"].astype(bool), rng)
            _, _, terminated, truncated, infos = envs.step(actions)
            ended = terminated | truncated
            if ended.any():
                episodes += int(ended.sum())
                perfect += int(infos["final_info"]["is_success"][ended].sum())
        seconds = time.perf_counter() - began
        print(
            f"{name:14}  {num_envs * steps / seconds:>12,.0f} steps/s   "
            f"{episodes:,} episodes, {perfect / max(episodes, 1):.1%} perfect"
        )
    envs.close()


if __name__ == "__main__":
    sys.exit(run_script(main))
