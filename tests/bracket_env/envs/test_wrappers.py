"""The mask inside the observation: same episodes, spaces that hold what is returned, final observations included."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers import TimeLimit

from bracket_env import SETTINGS, CloseEnv, CloseVectorEnv, MaskObservation, TaskVectorEnv, VectorMaskObservation
from bracket_env.random_streams import below, bits, key


@pytest.mark.filterwarnings("ignore:.*different from the unwrapped version")  # that is the point of a wrapper
@pytest.mark.parametrize("setting", SETTINGS)
def test_gymnasium_accepts_the_wrapped_environment(setting: str) -> None:
    check_env(MaskObservation(CloseEnv(setting)), skip_render_check=True)


@pytest.mark.parametrize("setting", SETTINGS)
def test_observations_are_the_tokens_and_the_mask_of_the_plain_environment(setting: str) -> None:
    env = MaskObservation(CloseEnv(setting, on_mistake="continue"))
    twin = CloseEnv(setting, on_mistake="continue")
    obs, _ = env.reset(seed=1)
    plain, info = twin.reset(seed=1)
    for counter in range(150):
        assert env.observation_space.contains(obs)
        assert np.array_equal(obs["observation"], plain)
        assert np.array_equal(obs["action_mask"], info["action_mask"])
        action = below(bits(key(0, "test/wrappers"), counter), int(twin.action_space.n))
        obs, *outcome, masked_info = env.step(np.int64(action))
        plain, *expected, info = twin.step(action)
        assert outcome == expected
        assert masked_info["case"] == info["case"]
        if outcome[1] or outcome[2]:
            obs, _ = env.reset()
            plain, info = twin.reset()


def test_the_masks_of_observation_and_info_are_two_arrays() -> None:
    env = MaskObservation(CloseEnv())
    obs, info = env.reset(seed=0)
    obs["action_mask"][:] = 9
    assert info["action_mask"].max() == 1
    assert env.step(env.get_wrapper_attr("right_action"))[0]["action_mask"].max() == 1


def test_the_wrapped_mask_agrees_with_action_masks() -> None:
    env = MaskObservation(CloseEnv())
    obs, _ = env.reset(options={"prefix": "({"})
    assert obs["action_mask"].tolist() == [1, 0, 1, 1]
    assert env.get_wrapper_attr("action_masks")().tolist() == [True, False, True, True]


def test_a_wrapped_environment_can_be_made_again_from_its_spec() -> None:
    env = MaskObservation(gym.make("bracket/CloseTiny-v0"))
    assert env.spec is not None
    again = gym.make(gym.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    assert np.array_equal(again.reset(seed=3)[0]["observation"], env.reset(seed=3)[0]["observation"])
    assert again.observation_space == env.observation_space


def vector(mode: AutoresetMode, **options: Any) -> TaskVectorEnv:
    return CloseVectorEnv(6, "bracket/CloseTiny-v0", autoreset_mode=mode, **options)


@pytest.mark.parametrize("limit", [None, 2])
@pytest.mark.parametrize("mode", AutoresetMode)
def test_vector_observations_are_those_of_wrapped_scalars(mode: AutoresetMode, limit: int | None) -> None:
    def scalar() -> gym.Env[Any, Any]:
        env = CloseEnv("bracket/CloseTiny-v0")
        return MaskObservation(env if limit is None else TimeLimit(env, limit))

    env = VectorMaskObservation(vector(mode, max_episode_steps=limit))
    twin = gym.vector.SyncVectorEnv([scalar] * 6, autoreset_mode=mode)
    assert env.single_observation_space == twin.single_observation_space
    obs, _ = env.reset(seed=2)
    expected, _ = twin.reset(seed=2)
    ended = np.zeros(6, dtype=bool)
    finals = 0
    for counter in range(60):
        if mode == AutoresetMode.DISABLED and ended.any():
            obs, _ = env.reset(options={"reset_mask": ended})
            expected, _ = twin.reset(options={"reset_mask": ended})
        assert env.observation_space.contains(obs)
        for name in ("observation", "action_mask"):
            assert np.array_equal(obs[name], expected[name])
        words = bits(np.arange(6, dtype=np.uint64), counter)
        right = env.env.right_actions()  # type: ignore[attr-defined]
        actions = np.where((words % np.uint64(4) > 0) & (right >= 0), right, below(words, 3).astype(np.int64))
        obs, _, terminated, truncated, infos = env.step(actions)
        expected, _, other_terminated, other_truncated, other_infos = twin.step(actions)
        ended = terminated | truncated
        assert np.array_equal(ended, other_terminated | other_truncated)
        if mode == AutoresetMode.SAME_STEP:
            for i in np.flatnonzero(ended):
                finals += 1
                for name in ("observation", "action_mask"):
                    assert np.array_equal(infos["final_obs"][name][i], other_infos["final_obs"][i][name])
    assert finals > 30 or mode != AutoresetMode.SAME_STEP


def test_changing_returned_vector_masks_changes_nothing() -> None:
    env, twin = (VectorMaskObservation(vector(AutoresetMode.SAME_STEP)) for _ in range(2))
    results, expected = env.reset(seed=0), twin.reset(seed=0)
    for _ in range(30):
        assert np.array_equal(results[0]["action_mask"], expected[0]["action_mask"])
        assert np.array_equal(results[0]["observation"], expected[0]["observation"])
        for array in (*results[0].values(), results[-1]["action_mask"]):
            array[:] = 1
        actions = twin.env.right_actions()  # type: ignore[attr-defined]
        results, expected = env.step(actions), twin.step(actions)  # type: ignore[assignment]
