"""The registry writes the tests: one law after another, held by every registered id."""

from __future__ import annotations

import inspect
import re
import warnings
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec, load_env_creator
from gymnasium.utils.env_checker import check_env as gymnasium_check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from stable_baselines3.common.env_checker import check_env as sb3_check_env

import bracket_env
from bracket_env import INSTRUCT, SETTINGS, CloseEnv, InstructEnv, TaskEnv, TaskVectorEnv
from bracket_env.envs.registry import Maker
from bracket_env.random_streams import below, bits, key

IDS = [*SETTINGS, INSTRUCT.id]
HEADINGS = [
    "Description",
    "Action Space",
    "Observation Space",
    "Starting State",
    "Rewards",
    "Episode End",
    "Information",
    "Arguments",
    "Version History",
]
OPTION_SETS: list[dict[str, Any]] = [{}, {"on_mistake": "penalty"}, {"on_mistake": "continue", "reward": "sparse"}]


def plain(obs: Any) -> Any:
    """An observation, or one of many, as lists."""
    return {name: part.tolist() for name, part in obs.items()} if isinstance(obs, dict) else obs.tolist()


def member(obs: Any, i: int) -> Any:
    return {name: part[i] for name, part in obs.items()} if isinstance(obs, dict) else obs[i]


def test_the_registered_ids_are_the_settings_and_the_instructed_task() -> None:
    # Other packages of ours may have registered ids of their own in this process.
    registered = {id_ for id_, spec in gym.registry.items() if str(spec.entry_point).startswith("bracket_env.")}
    assert registered == set(IDS)
    assert SETTINGS == bracket_env.SETTINGS


@pytest.mark.parametrize("id_", IDS)
@pytest.mark.parametrize("options", OPTION_SETS)
def test_gymnasiums_checker_has_nothing_to_say(id_: str, options: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gymnasium_check_env(gym.make(id_, **options).unwrapped, skip_render_check=True)


@pytest.mark.parametrize("id_", IDS)
def test_gymnasiums_checker_accepts_every_render_mode(id_: str, capsys: pytest.CaptureFixture[str]) -> None:
    gymnasium_check_env(gym.make(id_, render_mode="rgb_array").unwrapped)  # the checker makes the other modes itself
    assert capsys.readouterr().out  # human


@pytest.mark.parametrize("id_", IDS)
@pytest.mark.parametrize("options", OPTION_SETS)
def test_stable_baselines3s_checker_has_nothing_to_say(id_: str, options: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sb3_check_env(gym.make(id_, **options), warn=True, skip_render_check=True)


@pytest.mark.parametrize("id_", IDS)
def test_make_imports_the_package_by_itself(id_: str) -> None:
    env = gym.make(f"bracket_env:{id_}")
    assert isinstance(env.unwrapped, TaskEnv)
    assert env.unwrapped.task.setting.id == id_
    vector = gym.make_vec(f"bracket_env:{id_}", num_envs=2)
    assert isinstance(vector.unwrapped, TaskVectorEnv)


@pytest.mark.parametrize("id_", IDS)
def test_the_native_vector_environment_is_the_default_and_takes_arguments(id_: str) -> None:
    env = gym.make_vec(id_, num_envs=3, split="test", on_mistake="continue", autoreset_mode="SameStep")
    native = env.unwrapped
    assert isinstance(native, TaskVectorEnv)
    assert (native.num_envs, native.autoreset_mode) == (3, AutoresetMode.SAME_STEP)
    assert native.metadata["autoreset_mode"] == AutoresetMode.SAME_STEP
    assert (native.task.sampler.split, native.task.on_mistake) == ("test", "continue")
    assert native.spec is not None


@pytest.mark.parametrize("id_", IDS)
def test_a_step_limit_reaches_either_kind(id_: str) -> None:
    scalar = gym.make(id_, max_episode_steps=1, on_mistake="continue")
    scalar.reset(seed=0)
    assert scalar.step(0)[2:4] == (False, True)
    native = gym.make_vec(id_, num_envs=2, max_episode_steps=1, on_mistake="continue")
    native.reset(seed=0)
    assert native.step(np.zeros(2, dtype=np.int64))[3].all()


@pytest.mark.parametrize("id_", IDS)
@pytest.mark.parametrize("mode", ["sync", "vector_entry_point"])
def test_every_vectorization_mode_plays_the_same_episodes(id_: str, mode: str) -> None:
    env = gym.make_vec(id_, num_envs=4, vectorization_mode=mode)
    assert isinstance(env.unwrapped, SyncVectorEnv if mode == "sync" else TaskVectorEnv)
    obs, infos = env.reset(seed=10)
    assert env.observation_space.contains(obs)
    for i in range(4):
        alone, info = gym.make(id_).reset(seed=10 + i)
        assert plain(member(obs, i)) == plain(alone)
        assert infos["case"][i] == info["case"]
    env.close()


def test_the_asynchronous_mode_works_too() -> None:
    env = gym.make_vec(
        "bracket/CloseTiny-v0", num_envs=2, vectorization_mode="async", vector_kwargs={"context": "spawn"}
    )
    native = gym.make_vec("bracket/CloseTiny-v0", num_envs=2)
    assert np.array_equal(env.reset(seed=0)[0], native.reset(seed=0)[0])
    actions = np.array([2, 0])
    for ours, theirs in zip(native.step(actions)[:4], env.step(actions)[:4], strict=True):
        assert np.array_equal(ours, theirs)
    env.close()


@pytest.mark.parametrize("id_", IDS)
def test_a_spec_survives_json(id_: str) -> None:
    env = gym.make(id_, split="train", reward="sparse")
    assert env.spec is not None
    spec = EnvSpec.from_json(env.spec.to_json())
    again = gym.make(spec)
    assert again.spec is not None
    assert again.spec.kwargs == env.spec.kwargs
    assert plain(again.reset(seed=5)[0]) == plain(env.reset(seed=5)[0])
    native = gym.make_vec(spec, num_envs=1)
    assert plain(member(native.reset(seed=5)[0], 0)) == plain(env.reset(seed=5)[0])


def trace(id_: str, seed: int, steps: int = 120) -> list[tuple[Any, ...]]:
    """Everything that a fixed sequence of actions sees; every observation is checked against the space."""
    env = gym.make(id_, on_mistake="continue")
    obs, info = env.reset(seed=seed)
    seen: list[tuple[Any, ...]] = []
    for counter in range(steps):
        assert env.observation_space.contains(obs)
        seen.append((plain(obs), info["action_mask"].tolist(), info["case"]))
        right = env.get_wrapper_attr("right_action")
        random = below(bits(key(0, "test/registry"), counter), int(env.action_space.n))  # type: ignore[attr-defined]
        obs, reward, terminated, truncated, info = env.step(random if right is None or counter % 4 == 0 else right)
        seen.append((reward, terminated, truncated, info["is_success"]))
        if terminated or truncated:
            obs, info = env.reset()
    return seen


@pytest.mark.parametrize("id_", IDS)
def test_the_same_seed_is_the_same_run_and_another_is_not(id_: str) -> None:
    assert trace(id_, 0) == trace(id_, 0)
    assert trace(id_, 0) != trace(id_, 1)


@pytest.mark.parametrize("id_", IDS)
@pytest.mark.parametrize("options", OPTION_SETS)
def test_the_oracle_earns_exactly_one(id_: str, options: dict[str, Any]) -> None:
    env = gym.make(id_, **options)
    env.reset(seed=0)
    for _ in range(100):
        total, ended = 0.0, False
        while not ended:
            _, reward, ended, truncated, info = env.step(env.get_wrapper_attr("right_action"))
            total += float(reward)
            assert not truncated
        assert total == 1.0
        assert info["is_success"] is True
        env.reset()


@pytest.mark.parametrize("id_", IDS)
@pytest.mark.parametrize("options", OPTION_SETS)
def test_the_oracle_earns_exactly_one_in_the_vector_environment(id_: str, options: dict[str, Any]) -> None:
    env = gym.make_vec(id_, 32, autoreset_mode=AutoresetMode.SAME_STEP, **options)
    assert isinstance(env, TaskVectorEnv)
    env.reset(seed=0)
    returns = np.zeros(32)
    ended = 0
    for _ in range(40):
        _, rewards, terminated, truncated, infos = env.step(env.right_actions())
        returns += rewards
        assert not truncated.any()
        assert (returns[terminated] == 1.0).all()
        if terminated.any():
            assert infos["final_info"]["is_success"][terminated].all()
        ended += int(terminated.sum())
        returns[terminated] = 0.0
    assert ended > 64


@pytest.mark.parametrize("id_", IDS)
def test_the_documentation_has_every_heading_in_order(id_: str) -> None:
    doc = load_env_creator(str(gym.spec(id_).entry_point)).__doc__
    assert doc is not None
    assert re.findall(r"^\s*## (.+)$", doc, re.MULTILINE) == HEADINGS


@pytest.mark.parametrize("environment", [CloseEnv, InstructEnv])
def test_every_argument_is_documented(environment: Maker[TaskEnv]) -> None:
    doc = environment.__doc__ or ""
    section = doc.split("## Arguments")[1].split("##")[0]
    documented = re.findall(r"^\s*- `(\w+)`:", section, re.MULTILINE)
    assert documented == list(inspect.signature(environment).parameters)
