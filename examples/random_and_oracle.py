"""One environment and three policies, in plain Gymnasium.

    python examples/random_and_oracle.py --episodes 1000

The oracle asks the environment for the right action and earns exactly 1.0 in every episode. The random policies know
nothing; the second one keeps to the action mask, which says what is syntactically possible but never what is right.
Prints the mean return, which is the mean share answered before the first mistake, and how many episodes ended in a
perfect answer:

    oracle          return 1.000   perfect 100.0%
    random          return 0.134   perfect   5.7%
    random, masked  return 0.396   perfect  36.8%
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import gymnasium as gym

from bracket_env import InputError
from bracket_env.command import run_script

Policy = Callable[[gym.Env, dict[str, Any]], int]


def oracle(env: gym.Env, info: dict[str, Any]) -> int:
    """The only right action."""
    return env.get_wrapper_attr("right_action")


def uniform(env: gym.Env, info: dict[str, Any]) -> int:
    """Any action."""
    return env.action_space.sample()


def uniform_masked(env: gym.Env, info: dict[str, Any]) -> int:
    """Any action that is syntactically possible."""
    return env.action_space.sample(mask=info["action_mask"])


def play(policy: Policy, episodes: int) -> tuple[float, float]:
    """Mean return and share of perfect answers."""
    env = gym.make("bracket_env:bracket/Close-v0")
    env.action_space.seed(0)
    _, info = env.reset(seed=0)
    total, perfect = 0.0, 0
    for _ in range(episodes):
        over = False
        while not over:
            _, reward, terminated, truncated, info = env.step(policy(env, info))
            total += float(reward)
            over = terminated or truncated
        perfect += info["is_success"]
        _, info = env.reset()  # without a seed: the next case of the same stream
    return total / episodes, perfect / episodes


def main(episodes: int = 1000) -> None:
    """Let each policy play the same cases."""
    if episodes < 1:
        raise InputError(f"--episodes must be at least 1, not {episodes}")
    for name, policy in {"oracle": oracle, "random": uniform, "random, masked": uniform_masked}.items():
        mean_return, perfect = play(policy, episodes)
        print(f"{name:14}  return {mean_return:.3f}   perfect {perfect:6.1%}")


if __name__ == "__main__":
    sys.exit(run_script(main))
