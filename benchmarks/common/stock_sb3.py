"""The baseline: Stable-Baselines3 as it comes. ``DummyVecEnv``, ``MlpPolicy`` on one-hot tokens, default settings."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box
from gymnasium.wrappers import TransformObservation
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import DummyVecEnv

from bracket_env import BracketTokenizer, Case, CloseEnv, Scores, get_setting, score
from bracket_env.random_streams import keyed_seeds

N_ENVS = 8


def one_hot_env(setting: str) -> gym.Env[np.ndarray, Any]:
    """The environment with what an MLP can read: ``(L,)`` token ids as ``(L * V,)`` zeros and ones."""
    env = CloseEnv(setting, split="train")
    assert isinstance(env.observation_space, Box)
    size = int(env.observation_space.high.flat[0]) + 1
    space = Box(0.0, 1.0, (env.observation_space.shape[0] * size,), np.float32)
    return TransformObservation(env, lambda observation: one_hot(observation[None], size)[0], space)


def one_hot(ids: np.ndarray, size: int) -> np.ndarray:
    """``(n, L)`` ids -> ``(n, L * size)`` float32."""
    flat = np.zeros((len(ids), ids.shape[1], size), dtype=np.float32)
    np.put_along_axis(flat, ids[:, :, None].astype(np.int64), 1.0, axis=2)
    return flat.reshape(len(ids), -1)


class PolicySolver:
    """Plays a policy deterministically in its own kind of episode: the answer is what it wrote before END."""

    def __init__(self, model: PPO, setting: str) -> None:
        self.model = model
        env = CloseEnv(setting)
        self.tokenizer: BracketTokenizer = env.task.tokenizer
        self.max_answer = env.task.max_answer
        self.length = env.task.observation_length

    def complete(self, prefixes: Sequence[str]) -> list[str]:
        """One answer for each prefix."""
        ids, lengths = self.tokenizer.encode_prompts(prefixes)
        obs = np.zeros((len(prefixes), self.length), dtype=self.tokenizer.dtype)
        obs[:, : ids.shape[1]] = ids
        answers = [""] * len(prefixes)
        live = np.arange(len(prefixes))
        closers = self.tokenizer.language.closers
        for written in range(self.max_answer):
            actions, _ = self.model.predict(one_hot(obs[live], self.tokenizer.vocab_size), deterministic=True)
            going = actions < len(closers)
            for row, action in zip(live[going], actions[going], strict=True):
                answers[row] += closers[action]
                obs[row, lengths[row] + written] = self.tokenizer.action_ids[action]
            live = live[going]
            if not len(live):
                break
        return answers


class _Curve(BaseCallback):
    """The curve, and the weights at its highest point."""

    def __init__(self, setting: str, cases: Sequence[Case], eval_every: int) -> None:
        super().__init__()
        self.setting, self.cases, self.eval_every = setting, cases, eval_every
        self.next_eval, self.seconds, self.curve = 0, 0.0, []  # type: ignore[var-annotated]
        self.began = time.monotonic()
        self.best, self.weights = -1.0, {}  # type: ignore[var-annotated]

    def _on_rollout_start(self) -> None:
        if self.num_timesteps < self.next_eval:
            return
        self.next_eval = (self.num_timesteps // self.eval_every + 1) * self.eval_every
        self.measure()

    def measure(self) -> None:
        """One point of the curve: steps, training seconds, exact match."""
        assert isinstance(self.model, PPO)
        solver = PolicySolver(self.model, self.setting)
        exact = score(solver, self.cases, solver.tokenizer.language, name="stock").exact.value
        self.curve.append([self.num_timesteps, round(time.monotonic() - self.began, 3), exact])
        if exact > self.best:
            self.best, self.weights = exact, copy.deepcopy(self.model.policy.state_dict())

    def _on_step(self) -> bool:
        return True


def train_stock(setting: str, seed: int, total_timesteps: int, eval_every: int) -> tuple[list[list[float]], Scores]:
    """Train once.

    Returns:
        The curve of (steps, seconds, exact on validation), and the scores of the best policy of it on the test split.
    """
    seeds = keyed_seeds(seed, "benchmarks/stock_sb3", N_ENVS)
    env = DummyVecEnv([partial(one_hot_env, setting)] * N_ENVS)
    for i, member_seed in enumerate(seeds):
        env.envs[i].reset(seed=member_seed)
    model = PPO("MlpPolicy", env, seed=seed, device="cpu")
    callback = _Curve(setting, get_setting(setting).evaluation_cases("validation", 1000), eval_every)
    model.learn(total_timesteps, callback=callback)
    callback.measure()
    model.policy.load_state_dict(callback.weights)
    solver = PolicySolver(model, setting)
    cases = get_setting(setting).evaluation_cases("test", 1000)
    return callback.curve, score(solver, cases, solver.tokenizer.language, name="stock")
