"""Stable-Baselines3's own PPO on the native vector environment.

    python examples/sb3_ppo.py --timesteps 300000

:class:`agents.VectorEnvAdapter` makes the vector environment a ``VecEnv``, with episode statistics. An
observation is a row of token ids, so the network begins with an embedding; everything else is SB3's. The task is the
small one: two pairs, prefixes of at most six symbols. Prints SB3's progress (about half a minute) and then, for
prefixes of the test split, which training never shows, the mean return and the share of perfect answers (97 to 99 %
with seeds 0 to 2):

    unseen prefixes: return 0.996   perfect 98.5% of 1000

An MLP over positions is at home on short prefixes only; ``python -m agents.train_ppo`` reads with a GRU or a
Transformer, keeps checkpoints and scores its agents beside the yardsticks.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Literal

import gymnasium as gym
import numpy as np

from bracket_env.command import run_script

if TYPE_CHECKING:
    from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

    from agents import VectorEnvAdapter


def embedded() -> type[BaseFeaturesExtractor]:
    """A network that makes of token ids ``(B, L)`` their embeddings side by side, ``(B, 16 L)``."""
    from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
    from torch import Tensor, nn

    class Embedded(BaseFeaturesExtractor):
        def __init__(self, observation_space: gym.spaces.Box) -> None:
            super().__init__(observation_space, 16 * observation_space.shape[0])
            self.embedding = nn.Embedding(int(observation_space.high.max()) + 1, 16)

        def forward(self, observations: Tensor) -> Tensor:
            return self.embedding(observations.long()).flatten(1)

    return Embedded


def environments(num_envs: int, split: Literal["train", "test"]) -> VectorEnvAdapter:
    """A VecEnv over one split of the small task."""
    from agents import VectorEnvAdapter

    envs = gym.make_vec("bracket_env:bracket/CloseTiny-v0", num_envs=num_envs, split=split, autoreset_mode="SameStep")
    return VectorEnvAdapter(envs)  # type: ignore[arg-type]


def main(timesteps: int = 300_000, num_envs: int = 128, episodes: int = 1000) -> None:
    """Train, then evaluate."""
    import torch
    from stable_baselines3 import PPO
    from stable_baselines3.common.evaluation import evaluate_policy

    torch.set_num_threads(1)
    model = PPO(
        "MlpPolicy",
        environments(num_envs, "train"),
        n_steps=16,
        batch_size=1024,
        n_epochs=4,
        learning_rate=lambda remaining: 3e-3 * remaining,
        gamma=0.9,
        gae_lambda=0.9,
        ent_coef=0.01,
        policy_kwargs={"features_extractor_class": embedded(), "net_arch": [128, 128]},
        seed=0,
        verbose=1,
    )
    model.learn(timesteps, log_interval=30)
    test = environments(num_envs, "test")
    returns, _ = evaluate_policy(model, test, episodes, return_episode_rewards=True)
    perfect = np.mean(np.array(returns) > 0.999)
    print(f"unseen prefixes: return {np.mean(returns):.3f}   perfect {perfect:.1%} of {episodes}")


if __name__ == "__main__":
    sys.exit(run_script(main))
