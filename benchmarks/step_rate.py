"""``python -m benchmarks.step_rate``: steps a second of the environments, beside what they compete with.

Every row is measured in the same process on one core, in several rounds interleaved with the others; the best round
counts, since whatever else the machine does only ever slows a round down. A round lasts as long as it was given, what
it does not count (``vector_step``: going back to the beginning) included.

- ``scalar_step``: one environment, steps inside an episode; ``scalar_episodes``: the oracle, resets counted.
- ``vector_step``: a step in which no episode ends; ``vector_oracle``, ``vector_random``: whole episodes, resets and
  the drawing of fresh cases counted.
- ``vector_oracle_train``, ``vector_oracle_test``: the same on prefixes of one split, which are drawn until one belongs
  to it. All other rows take every prefix (``split="all"``).
- ``shaped_step``, ``shaped_oracle``: the same two with NCL in the reward ("nesting" and "stop when closed").
- ``instruct_oracle``: whole episodes of ``bracket/Instruct-v0``, whose observations are 512 numbers more.
- ``sampler``: fresh prefixes a second.
- ``sb3_adapter`` against ``dummy_vec_env``; ``sync_vector``: Gymnasium's own vector wrapper around ours.
- ``gymnasium_cartpole_vector``, ``envpool_cartpole``: native vector environments of others at the same size.
- ``memory_copy``: copying the observations and nothing else, the bound of anything that returns fresh arrays.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from rich.console import Console

from agents.sb3.vec_adapter import VectorEnvAdapter
from benchmarks.common import JsonOption, table
from bracket_env import (
    DEFAULT_SETTING,
    CloseEnv,
    CloseVectorEnv,
    InstructVectorEnv,
    TaskEnv,
    TaskVectorEnv,
    get_setting,
)
from bracket_env.atomic import write_text
from bracket_env.command import run
from bracket_env.random_streams import key
from ncl_reward.reward.potential import Potential
from ncl_reward.reward.shaping import VectorNCLReward
from ncl_reward.rules.bracket_rules import BRACKET_RULES
from ncl_reward.rules.rule import Slots, StatedRule


@dataclass(frozen=True)
class StepRate(JsonOption):
    """Measure steps a second, beside CartPole, DummyVecEnv, SyncVectorEnv and a memory copy."""

    num_envs: int = 4096
    """Size of the vector environments."""
    adapter_envs: int = 256
    """Size for the Stable-Baselines3 rows."""
    setting: str = DEFAULT_SETTING
    """The task."""
    seconds: float = 0.5
    """Time of one round of one row."""
    rounds: int = 5
    """Rounds; the best counts."""


Measure = Callable[[float], tuple[int, float]]  # seconds to spend -> steps done, seconds they took


def repeated(step: Callable[[], object], steps_each: int) -> Measure:
    """Measure a call that makes ``steps_each`` environment steps."""

    def measure(seconds: float) -> tuple[int, float]:
        calls, began = 0, time.perf_counter()
        while (taken := time.perf_counter() - began) < seconds:
            for _ in range(10):
                step()
            calls += 10
        return calls * steps_each, taken

    return measure


def scalar_rows(setting: str) -> dict[str, tuple[int, Measure]]:
    """Rows of the scalar environment."""
    env = CloseEnv(setting, split="all", on_mistake="continue", max_answer=5000)
    env.reset(seed=0)

    def inside(seconds: float) -> tuple[int, float]:
        steps, taken, end = 0, 0.0, time.perf_counter() + seconds
        while not steps or time.perf_counter() < end:
            env.reset()
            began = time.perf_counter()
            for _ in range(4000):
                env.step(0)
            taken += time.perf_counter() - began
            steps += 4000
        return steps, taken

    short = CloseEnv(setting, split="all")
    short.reset(seed=0)

    def episodes() -> None:
        if short.step(short.right_action)[2]:  # type: ignore[arg-type]
            short.reset()

    return {"scalar_step": (1, inside), "scalar_episodes": (1, repeated(episodes, 1))}


def vector_rows(setting: str, n: int) -> dict[str, tuple[int, Measure]]:
    """Rows of the vector environment and the sampler."""
    oracles = {
        name: CloseVectorEnv(n, setting, split=split, autoreset_mode="SameStep")
        for name, split in (("vector_oracle", "all"), ("vector_oracle_train", "train"), ("vector_oracle_test", "test"))
    }
    for env in oracles.values():
        env.reset(seed=0)
    random = CloseVectorEnv(n, setting, split="all", autoreset_mode="SameStep")
    random.reset(seed=0)
    actions = np.random.default_rng(0).integers(0, random.single_action_space.n, (64, n))  # type: ignore[attr-defined]
    turn = iter(range(1 << 62))

    inside, shaped_inside, finishing = (
        CloseVectorEnv(n, setting, split="all", autoreset_mode="SameStep") for _ in range(3)
    )
    rules = [StatedRule(BRACKET_RULES[name], Slots(), 1.0) for name in ("nesting", "stop_when_closed")]
    potential = Potential(tuple(rules), inside.task.n_pairs)
    shaped = VectorNCLReward(finishing, potential, 0.9)
    instructed = InstructVectorEnv(n, split="all", autoreset_mode="SameStep")
    shaped.reset(seed=0)
    instructed.reset(seed=0)

    sampler = get_setting(setting).sampler(split="all")
    streams = np.full(n, key(0, "benchmarks/step_rate"), dtype=np.uint64)
    indices = np.arange(n, dtype=np.uint64)
    return {
        "vector_step": (n, no_end(inside, inside)),
        **{name: (n, repeated(right_step(env), n)) for name, env in oracles.items()},
        "vector_random": (n, repeated(lambda: random.step(actions[next(turn) % 64]), n)),
        "shaped_step": (n, no_end(VectorNCLReward(shaped_inside, potential, 0.9), shaped_inside)),
        "shaped_oracle": (n, repeated(lambda: shaped.step(finishing.right_actions()), n)),
        "instruct_oracle": (n, repeated(right_step(instructed), n)),
        "sampler": (n, repeated(lambda: sampler.batch(streams, indices + np.uint64(next(turn) * n)), n)),
    }


def right_step(env: TaskVectorEnv) -> Callable[[], object]:
    """A step of the oracle."""
    return lambda: env.step(env.right_actions())


def no_end(env: TaskVectorEnv | VectorNCLReward, native: TaskVectorEnv) -> Measure:
    """Measure steps in which no episode of ``env`` ends; ``native`` is the environment inside it."""
    depth = native.task.setting.max_depth
    env.reset(options={"prefix": native.task.sampler.language.openers[0] * depth})
    start = native.get_state()
    closer = np.zeros(native.num_envs, dtype=np.int64)

    def measure(seconds: float) -> tuple[int, float]:
        steps, taken, end = 0, 0.0, time.perf_counter() + seconds
        while not steps or time.perf_counter() < end:
            env.set_state(start)
            began = time.perf_counter()
            for _ in range(depth):
                env.step(closer)
            taken += time.perf_counter() - began
            steps += depth * native.num_envs
        return steps, taken

    return measure


def adapter_rows(setting: str, n: int) -> dict[str, tuple[int, Measure]]:
    """The Stable-Baselines3 adapter, and what it replaces; the oracle's actions, as a trained agent's nearly are."""
    from stable_baselines3.common.vec_env import DummyVecEnv

    native = CloseVectorEnv(n, setting, split="all", autoreset_mode="SameStep")
    adapter = VectorEnvAdapter(native)
    dummies = [CloseEnv(setting, split="all") for _ in range(n)]
    dummy = DummyVecEnv([lambda env=env: env for env in dummies])  # type: ignore[misc]
    members = [CloseEnv(setting, split="all") for _ in range(n)]
    sync = SyncVectorEnv([lambda env=env: env for env in members], autoreset_mode=AutoresetMode.SAME_STEP)  # type: ignore[misc]
    adapter.reset()
    dummy.reset()
    sync.reset(seed=0)

    def right(envs: list[TaskEnv]) -> np.ndarray:
        return np.array([env.right_action for env in envs])

    return {
        "sb3_adapter": (n, repeated(lambda: adapter.step(native.right_actions()), n)),
        "dummy_vec_env": (n, repeated(lambda: dummy.step(right(dummies)), n)),
        "sync_vector": (n, repeated(lambda: sync.step(right(members)), n)),
    }


def other_rows(setting: str, n: int) -> dict[str, tuple[int, Measure]]:
    """CartPole of others, and the memory bound."""
    cartpole = gym.make_vec("CartPole-v1", n, vectorization_mode="vector_entry_point")
    cartpole.reset(seed=0)
    push = np.random.default_rng(0).integers(0, 2, (64, n))
    turn = iter(range(1 << 62))
    observations = CloseVectorEnv(n, setting, split="all").reset(seed=0)[0]
    rows: dict[str, tuple[int, Measure]] = {
        "gymnasium_cartpole_vector": (n, repeated(lambda: cartpole.step(push[next(turn) % 64]), n)),
        "memory_copy": (n, repeated(observations.copy, n)),
    }
    try:
        import envpool  # type: ignore[import-not-found]
    except ImportError:
        return rows
    pool = envpool.make_gymnasium("CartPole-v1", num_envs=n, num_threads=1, seed=0)
    pool.reset()
    rows["envpool_cartpole"] = (n, repeated(lambda: pool.step(push[next(turn) % 64]), n))
    return rows


def main(config: StepRate) -> None:
    """Measure and print."""
    rows = {
        **scalar_rows(config.setting),
        **vector_rows(config.setting, config.num_envs),
        **adapter_rows(config.setting, config.adapter_envs),
        **other_rows(config.setting, config.num_envs),
    }
    best: dict[str, float] = dict.fromkeys(rows, 0.0)
    for _ in range(config.rounds):
        for name, (_, measure) in rows.items():
            steps, seconds = measure(config.seconds)
            best[name] = max(best[name], steps / seconds)
    headings = ("row", "environments", "steps/s", "x CartPole", "x copy")
    view = table(f"steps a second, one core, {config.setting}", headings, left=("row",))
    results: list[dict[str, Any]] = []
    for name, (n, _) in rows.items():
        rate = best[name]
        results.append({"name": name, "num_envs": n, "steps_per_s": rate})
        cartpole, copy = rate / best["gymnasium_cartpole_vector"], rate / best["memory_copy"]
        view.add_row(name, str(n), f"{rate:,.0f}", f"{cartpole:.2f}", f"{copy:.4f}")
    if config.json is not None:
        write_text(config.json, json.dumps({"rows": results}, indent=2) + "\n")
    Console().print(view)


if __name__ == "__main__":
    sys.exit(run(StepRate, main, prog="python -m benchmarks.step_rate"))
