"""The adapter against SB3's own DummyVecEnv over scalar environments, and under the algorithms it is made for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.evaluation import evaluate_policy as evaluate_masked
from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv

from agents.sb3.vec_adapter import VectorEnvAdapter
from bracket_env import CloseEnv, CloseVectorEnv, InputError, TaskVectorEnv

N = 7
TINY = "bracket/CloseTiny-v0"
VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    "deep": {"setting": "bracket/CloseDeep-v0", "split": "train"},
    "penalty": {"on_mistake": "penalty", "penalty": 0.5},
    "continue": {"on_mistake": "continue", "max_answer": 8},
    "sparse": {"reward": "sparse"},
    "pairs": {"pairs": ("<>", "【】", "«»")},
}
SMALL: dict[str, Any] = {"n_steps": 8, "batch_size": 14, "n_epochs": 1, "policy_kwargs": {"net_arch": [8]}, "seed": 0}


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def adapter(n: int = N, seeds: list[int] | None = None, **options: Any) -> VectorEnvAdapter:
    return VectorEnvAdapter(CloseVectorEnv(n, **{"setting": TINY, "autoreset_mode": "SameStep", **options}), seeds)


def dummy(n: int = N, **options: Any) -> DummyVecEnv:
    return DummyVecEnv([lambda: Monitor(CloseEnv(**{"setting": TINY, **options}))] * n)


def mostly_right(env: VectorEnvAdapter, rng: np.random.Generator) -> np.ndarray:
    """Right actions, and a random one now and then."""
    vector = env.env
    assert isinstance(vector, TaskVectorEnv)
    random = rng.integers(0, env.action_space.n, env.num_envs)  # type: ignore[attr-defined]
    right = vector.right_actions()
    return np.where((right < 0) | (rng.random(env.num_envs) < 0.2), random, right)


# Against SB3's own ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
def test_it_behaves_as_sb3s_vector_environment_step_by_step(options: dict[str, Any]) -> None:
    ours, theirs = adapter(**options), dummy(**options)
    assert ours.observation_space == theirs.observation_space
    assert ours.action_space == theirs.action_space
    for env in (ours, theirs):
        env.seed(5)
    np.testing.assert_array_equal(ours.reset(), theirs.reset())
    rng = np.random.default_rng(0)
    ends = {"mistake": 0, "success": 0, "truncated": 0}
    for _ in range(150):
        actions = mostly_right(ours, rng)
        one, two = ours.step(actions), theirs.step(actions)
        for mine, other in zip(one[:3], two[:3], strict=True):
            np.testing.assert_array_equal(mine, other)
            assert np.asarray(mine).dtype == np.asarray(other).dtype
        for mine, other in zip(one[3], two[3], strict=True):
            assert ("episode" in mine) == ("episode" in other)
            if "episode" not in mine:
                continue
            assert mine["episode"]["r"] == pytest.approx(other["episode"]["r"], abs=1e-6)  # Monitor rounds
            assert mine["episode"]["l"] == other["episode"]["l"]
            assert mine["is_success"] == other["is_success"]
            assert mine["TimeLimit.truncated"] == other["TimeLimit.truncated"]
            np.testing.assert_array_equal(mine["terminal_observation"], other["terminal_observation"])
            end = "truncated" if mine["TimeLimit.truncated"] else "success" if mine["is_success"] else "mistake"
            ends[end] += 1
        np.testing.assert_array_equal(ours.env_method("action_masks"), theirs.env_method("action_masks"))
    assert ends["success"] > 20
    assert ends["mistake"] > 10
    assert (ends["truncated"] > 0) == (options.get("on_mistake") == "continue")


def test_a_seed_starts_the_next_reset_only() -> None:
    ours, theirs = adapter(), dummy()
    for _ in range(2):
        assert ours.seed(11) == theirs.seed(11)
        first = ours.reset()
        np.testing.assert_array_equal(first, theirs.reset())
        second = ours.reset()
        np.testing.assert_array_equal(second, theirs.reset())
        assert not np.array_equal(first, second)


# What the infos say --------------------------------------------------------------------------------------------------


def test_episode_statistics_are_the_true_sums() -> None:
    env = adapter(on_mistake="penalty", penalty=0.25)
    env.seed(1)
    obs: Any = env.reset()
    rng = np.random.default_rng(1)
    returns, lengths, episodes = np.zeros(N), np.zeros(N, dtype=int), 0
    for _ in range(120):
        before, right = obs, env.env.right_actions()  # type: ignore[attr-defined]
        actions = mostly_right(env, rng)
        obs, rewards, dones, infos = env.step(actions)
        returns += rewards
        lengths += 1
        assert rewards.dtype == np.float32
        assert dones.dtype == bool
        for i, info in enumerate(infos):
            if not dones[i]:
                assert info == {}
                continue
            episodes += 1
            assert info["episode"]["r"] == pytest.approx(returns[i], abs=1e-6)
            assert info["episode"]["l"] == lengths[i]
            assert info["is_success"] == (actions[i] == right[i])
            assert info["is_success"] == (info["episode"]["r"] == 1.0)
            assert info["TimeLimit.truncated"] is False
            # The last observation is the one before with the action written at its end; then a new case begins.
            written = int((before[i] > 0).sum())
            np.testing.assert_array_equal(info["terminal_observation"][:written], before[i][:written])
            assert (info["terminal_observation"] > 0).sum() == written + 1
            assert obs[i][(obs[i] > 0).sum() - 1] == 2  # BOS prefix SEP, nothing answered yet
            returns[i] = lengths[i] = 0
    assert episodes > 100


def test_terminal_observations_outlive_later_steps() -> None:
    env = adapter()
    env.reset()
    end = np.full(N, env.action_space.n - 1)  # type: ignore[attr-defined]
    infos = env.step(end)[3]
    kept = [info["terminal_observation"].copy() for info in infos]
    for _ in range(5):
        env.step(end)
    for info, copy in zip(infos, kept, strict=True):
        np.testing.assert_array_equal(info["terminal_observation"], copy)


@pytest.mark.parametrize("limit", [1, 2])
def test_a_limit_of_steps_is_told_from_an_end(limit: int) -> None:
    env = adapter(n=64, max_episode_steps=limit)
    env.seed(0)
    env.reset()
    seen = set()
    for _ in range(20):
        right = env.env.right_actions()  # type: ignore[attr-defined]
        _, _, dones, infos = env.step(right)
        for i in np.flatnonzero(dones):
            ended = right[i] == env.action_space.n - 1  # type: ignore[attr-defined]
            assert infos[i]["TimeLimit.truncated"] is bool(not ended)
            assert infos[i]["is_success"] is bool(ended)
            assert infos[i]["episode"]["l"] <= limit
            seen.add(bool(ended))
    assert seen == {True, False}


# Attributes and methods ----------------------------------------------------------------------------------------------


def test_masks_of_all_and_of_some_members() -> None:
    env = adapter()
    env.seed(3)
    env.reset()
    masks = env.env.action_masks()  # type: ignore[attr-defined]
    assert env.has_attr("action_masks")
    assert is_masking_supported(env)
    np.testing.assert_array_equal(get_action_masks(env), masks)
    assert get_action_masks(env).dtype == bool
    np.testing.assert_array_equal(env.env_method("action_masks", indices=[4, 1]), masks[[4, 1]])
    np.testing.assert_array_equal(env.env_method("action_masks", indices=2), masks[[2]])
    with pytest.raises(AttributeError, match="no method 'right_action' for single members"):
        env.env_method("right_action")


def test_attributes() -> None:
    env = adapter(n=3)
    assert env.has_attr("task")
    assert not env.has_attr("nothing")
    assert env.get_attr("max_episode_steps") == [None] * 3
    assert env.get_attr("render_mode", indices=[0]) == [None]
    env.set_attr("max_episode_steps", 2)
    assert env.get_attr("max_episode_steps") == [2] * 3
    with pytest.raises(AttributeError, match="'max_episode_steps' cannot be set for single members"):
        env.set_attr("max_episode_steps", 1, indices=0)
    assert env.env_is_wrapped(Monitor) == [True] * 3
    assert env.env_is_wrapped(gym.wrappers.TimeLimit) == [False] * 3
    env.close()


def test_frames() -> None:
    env = adapter(n=2, render_mode="rgb_array")
    env.reset()
    frames = env.get_images()
    assert len(frames) == 2
    assert all(frame is not None and frame.ndim == 3 for frame in frames)
    assert adapter(n=2).get_images() == [None, None]


def test_an_environment_without_masks() -> None:
    vector: Any = gym.make_vec(
        "CartPole-v1",
        num_envs=2,
        vectorization_mode="sync",
        vector_kwargs={"autoreset_mode": gym.vector.AutoresetMode.SAME_STEP},
    )
    env = VectorEnvAdapter(vector)
    assert not env.has_attr("action_masks")
    assert not is_masking_supported(env)
    vector.close()


# Seeds, modes, state -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["NextStep", "Disabled"])
def test_other_autoreset_modes_are_refused(mode: str) -> None:
    with pytest.raises(InputError, match="needs autoreset_mode SAME_STEP, not"):
        adapter(autoreset_mode=mode)


def test_a_wrong_number_of_seeds_is_refused() -> None:
    with pytest.raises(InputError, match="6 seeds for 7 environments"):
        adapter(seeds=[1] * 6)


def test_each_member_plays_the_episodes_of_its_own_seed() -> None:
    seeds = [9, 2**62, 0, 9, 5, 6, 7]
    env = adapter(seeds=seeds)
    obs = env.reset()
    for row, seed in zip(obs, seeds, strict=True):
        np.testing.assert_array_equal(row, CloseEnv(TINY).reset(seed=seed)[0])


def test_keyed_seeds_stand_when_an_algorithm_seeds_the_environment() -> None:
    """PPO(seed=s) calls env.seed(s), and s, s + 1, ... of one run would be shared with the next run's members."""
    seeds = [100, 17, 3, 8, 1, 4, 99]
    env = adapter(seeds=seeds)
    model = PPO("MlpPolicy", env, **SMALL)
    model.learn(0)
    expected = np.stack([CloseEnv(TINY).reset(seed=seed)[0] for seed in seeds])
    np.testing.assert_array_equal(model._last_obs, expected)
    env.seed(42)  # later on, seed() works as anywhere
    np.testing.assert_array_equal(env.reset()[0], CloseEnv(TINY).reset(seed=42)[0])


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
def test_a_state_put_back_goes_on_alike(options: dict[str, Any]) -> None:
    one = adapter(seeds=list(range(N)), **options)
    one.reset()
    rng = np.random.default_rng(2)
    for _ in range(30):
        one.step(mostly_right(one, rng))
    state = {name: array.copy() for name, array in one.get_state().items()}
    two = adapter(**options)
    two.set_state(state)
    for _ in range(60):
        actions = mostly_right(one, rng)
        first, second = one.step(actions), two.step(actions)
        for mine, other in zip(first[:3], second[:3], strict=True):
            np.testing.assert_array_equal(mine, other)
        for mine, other in zip(first[3], second[3], strict=True):
            assert mine.keys() == other.keys()
            assert mine.get("episode") == other.get("episode")
            np.testing.assert_array_equal(mine.get("terminal_observation"), other.get("terminal_observation"))
    np.testing.assert_array_equal(one.reset(), two.reset())


def test_a_state_of_another_size_is_refused() -> None:
    one, two = adapter(), adapter(n=3)
    one.reset()
    with pytest.raises(InputError, match="environment state does not fit"):
        two.set_state(one.get_state())


# Under the algorithms ------------------------------------------------------------------------------------------------


def test_ppo_learns_on_it_as_on_sb3s_own() -> None:
    """Equal rollouts lead to equal weights."""
    weights = []
    for env in (adapter(), dummy()):
        model = PPO("MlpPolicy", env, **SMALL)
        model.learn(3 * 8 * N)
        assert model.num_timesteps == 3 * 8 * N
        assert model.ep_info_buffer
        weights.append(model.policy.state_dict())
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_maskable_ppo_learns_on_it_as_on_sb3s_own() -> None:
    weights = []
    for env in (adapter(), dummy()):
        model = MaskablePPO("MlpPolicy", env, **SMALL)
        model.learn(3 * 8 * N)
        weights.append(model.policy.state_dict())
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_evaluate_policy_measures_the_episodes() -> None:
    """Without a warning that rewards may be modified: the episode statistics are Monitor's."""
    ours, theirs = adapter(), dummy()
    masked: Any = MaskablePPO("MlpPolicy", ours, **SMALL)
    plain: Any = PPO("MlpPolicy", ours, **SMALL)
    for evaluate, model in ((evaluate_policy, plain), (evaluate_masked, masked)):
        results: list[Any] = []
        for env in (ours, theirs):
            env.seed(3)
            results.append(evaluate(model, env, n_eval_episodes=50, return_episode_rewards=True))
        rewards, lengths = results[0]
        assert len(rewards) == len(lengths) == 50
        assert rewards == pytest.approx(results[1][0], abs=1e-6)
        assert lengths == results[1][1]
