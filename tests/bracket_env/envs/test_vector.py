"""The native vector environment against Gymnasium's SyncVectorEnv over scalar ones: every step, mode and setting."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import InvalidAction, ResetNeeded
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import TimeLimit
from vector_twins import assert_same_infos, equal_observations, mostly_right

from bracket_env import (
    INSTRUCT,
    SETTINGS,
    Case,
    CloseEnv,
    CloseVectorEnv,
    InputError,
    InstructEnv,
    InstructVectorEnv,
    TaskEnv,
    TaskVectorEnv,
    split_of,
)

TINY = "bracket/CloseTiny-v0"
MODES = list(AutoresetMode)
SAME, NEXT, OFF = AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP, AutoresetMode.DISABLED
OPTION_SETS: dict[str, dict[str, Any]] = {
    "terminate": {},
    "penalty": {"on_mistake": "penalty", "penalty": 0.5},
    "continue, sparse": {"on_mistake": "continue", "reward": "sparse"},
    "continue, long": {"on_mistake": "continue", "max_answer": 40},
}


# -- the twin -------------------------------------------------------------------------------------------------------


def native(n: int, id_: str, **options: Any) -> TaskVectorEnv:
    return InstructVectorEnv(n, **options) if id_ == INSTRUCT.id else CloseVectorEnv(n, id_, **options)


def scalar(id_: str, **options: Any) -> TaskEnv:
    return InstructEnv(**options) if id_ == INSTRUCT.id else CloseEnv(id_, **options)


def scalar_twin(n: int, setting: str, mode: AutoresetMode, limit: int | None, options: dict[str, Any]) -> SyncVectorEnv:
    def make() -> gym.Env[Any, Any]:
        env = scalar(setting, **options)
        return TimeLimit(env, limit) if limit else env

    return SyncVectorEnv([make] * n, autoreset_mode=mode)


@pytest.mark.parametrize("limit", [None, 3])
@pytest.mark.parametrize("options", OPTION_SETS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("setting", [*SETTINGS, INSTRUCT.id])
def test_every_step_is_that_of_scalar_environments(
    setting: str, mode: AutoresetMode, options: str, limit: int | None
) -> None:
    n, steps = 4, 32
    env = native(n, setting, autoreset_mode=mode, max_episode_steps=limit, **OPTION_SETS[options])
    twin = scalar_twin(n, setting, mode, limit, OPTION_SETS[options])
    assert env.observation_space == twin.observation_space
    assert env.action_space == twin.action_space
    obs, infos = env.reset(seed=3)
    expected, expected_infos = twin.reset(seed=3)
    assert equal_observations(obs, expected)
    assert_same_infos(infos, expected_infos)
    handed_out = []
    ended = np.zeros(n, dtype=bool)
    how_many = 0
    for counter in range(steps):
        if mode == OFF and ended.any():
            obs, infos = env.reset(options={"reset_mask": ended})
            expected, expected_infos = twin.reset(options={"reset_mask": ended})
            assert equal_observations(obs, expected)
            assert_same_infos(infos, expected_infos)
        actions = mostly_right(env, counter)
        obs, rewards, terminated, truncated, infos = env.step(actions)
        expected, expected_rewards, expected_terminated, expected_truncated, expected_infos = twin.step(actions)
        assert equal_observations(obs, expected)
        assert rewards.dtype == expected_rewards.dtype
        assert np.array_equal(rewards, expected_rewards)
        assert np.array_equal(terminated, expected_terminated)
        assert np.array_equal(truncated, expected_truncated)
        assert terminated.dtype == truncated.dtype == np.bool_
        assert_same_infos(infos, expected_infos)
        handed_out.append((infos["case"], list(infos["case"])))
        ended = terminated | truncated
        how_many += int(ended.sum())
    assert how_many >= n
    # Cases are decoded when asked for: those of long ago are still what they were.
    assert all(list(lazy) == cases for lazy, cases in handed_out)


# -- each end, by name ----------------------------------------------------------------------------------------------


def started(mode: AutoresetMode, prefixes: list[str], **options: Any) -> TaskVectorEnv:
    env = CloseVectorEnv(len(prefixes), TINY, autoreset_mode=mode, **options)
    env.reset(seed=0, options={"prefix": prefixes})
    return env


END = 2  # of the pairs () []


@pytest.mark.parametrize("mode", MODES)
def test_ends_in_one_step(mode: AutoresetMode) -> None:
    """A right END, an END too early, a wrong closer, and a right closer that ends nothing."""
    env = started(mode, ["", "(", "([", "(["])
    _, rewards, terminated, truncated, infos = env.step(np.array([END, END, 0, 1]))
    assert rewards.tolist() == [1.0, 0.0, 0.0, 1 / 3]
    assert terminated.tolist() == [True, True, True, False]
    assert not truncated.any()
    success = infos["final_info"]["is_success"] if mode == SAME else infos["is_success"]
    assert success[:3].tolist() == [True, False, False]


def test_truncated_and_terminated_by_both_limits() -> None:
    options = {"on_mistake": "continue", "max_episode_steps": 8}
    env = started(NEXT, ["(", "("], max_answer=7, **options)
    for _ in range(6):
        assert not (np.array(env.step(np.array([0, 0]))[2:4]).any())
    _, _, terminated, truncated, _ = env.step(np.array([0, END]))
    assert (terminated.tolist(), truncated.tolist()) == ([False, True], [True, False])
    env = started(NEXT, ["(", "("], max_answer=8, **options)
    for _ in range(7):
        env.step(np.array([1, 1]))
    _, _, terminated, truncated, _ = env.step(np.array([0, END]))
    assert (terminated.tolist(), truncated.tolist()) == ([False, True], [True, True])  # TimeLimit raises both flags


def test_same_step_returns_the_last_observation_of_the_old_and_the_first_of_the_new_episode() -> None:
    env = started(SAME, ["(", "(("])
    upcoming = [CloseEnv(TINY).reset(seed=i)[0] for i in range(2)]
    obs, _, terminated, _, infos = env.step(np.array([1, 0]))
    assert terminated.tolist() == infos["_final_obs"].tolist() == infos["_final_info"].tolist() == [True, False]
    assert infos["final_obs"][0].tolist() == [1, 5, 2, 8] + [0] * 11
    assert infos["final_info"]["case"][0] == ("(", ")")
    assert infos["final_info"]["_case"].tolist() == [True, False]
    assert np.array_equal(obs[0], upcoming[0])
    assert obs[1].tolist() == [1, 5, 5, 2, 6] + [0] * 10
    assert not infos["_is_success"][0]


def test_next_step_ignores_the_action_after_an_end() -> None:
    env = started(NEXT, ["(", "(("])
    upcoming = CloseEnv(TINY).reset(seed=0)[0]
    env.step(np.array([END, 0]))
    obs, rewards, terminated, truncated, infos = env.step(np.array([1, 0]))
    assert np.array_equal(obs[0], upcoming)
    assert (rewards[0], terminated[0], truncated[0]) == (0.0, False, False)
    assert infos["_is_success"].tolist() == [False, True]
    assert obs[1].tolist() == [1, 5, 5, 2, 6, 6] + [0] * 9


def test_disabled_wants_a_reset_and_resets_only_who_is_named() -> None:
    env = started(OFF, ["(", "(("])
    env.step(np.array([END, 0]))
    with pytest.raises(ResetNeeded, match="environment 0 is over"):
        env.step(np.array([0, 0]))
    obs, infos = env.reset(options={"reset_mask": np.array([True, False])})
    assert infos["_case"].tolist() == infos["_action_mask"].tolist() == [True, False]
    assert obs[1].tolist() == [1, 5, 5, 2, 6] + [0] * 10
    assert env.step(np.array([END, 0]))[1][1] == pytest.approx(1 / 3)


# -- resets ---------------------------------------------------------------------------------------------------------


def first_cases(env: TaskVectorEnv, **arguments: Any) -> list[Case]:
    return list(env.reset(**arguments)[1]["case"])


def test_member_i_has_the_stream_of_seed_plus_i() -> None:
    scalars = [CloseEnv(TINY).reset(seed=20 + i)[1]["case"] for i in range(4)]
    assert first_cases(CloseVectorEnv(4, TINY), seed=20) == scalars
    assert first_cases(CloseVectorEnv(4, TINY), seed=[20, 21, 22, 23]) == scalars
    assert first_cases(CloseVectorEnv(4, TINY), seed=np.int64(20)) == scalars


@pytest.mark.parametrize("seed", [True, "abc", 1.5, [0, 1, 2, 1.5], np.array([0.0, 1, 2, 3]), np.zeros((4, 1), int)])
def test_what_is_no_whole_number_is_no_seed(seed: Any) -> None:
    with pytest.raises(InputError, match="a seed is an integer, one integer"):
        CloseVectorEnv(4, TINY).reset(seed=seed)


def test_whole_numbers_of_numpy_are_numbers() -> None:
    given: dict[str, Any] = {"max_episode_steps": np.int64(3), "max_answer": np.int64(10), "penalty": np.float32(1)}
    given["num_envs"] = np.int64(2)
    env = CloseVectorEnv(setting=TINY, **given)
    assert (env.num_envs, env.max_episode_steps, env.task.max_answer, env.task.penalty) == (2, 3, 10, 1.0)
    with pytest.raises(InputError, match="max_episode_steps must be an integer of at least 1, not True"):
        CloseVectorEnv(2, TINY, max_episode_steps=True)


def test_a_none_among_the_seeds_goes_on_with_its_stream() -> None:
    env = CloseVectorEnv(3)
    env.reset(seed=0)
    scalar = CloseEnv()
    scalar.reset(seed=1)
    expected = [CloseEnv().reset(seed=7)[1]["case"], scalar.reset()[1]["case"], CloseEnv().reset(seed=9)[1]["case"]]
    assert first_cases(env, seed=[7, None, 9]) == expected


def test_no_seed_goes_on_and_an_unseeded_start_differs() -> None:
    env = CloseVectorEnv(8)
    first = first_cases(env, seed=0)
    assert first_cases(env) != first
    assert first_cases(env, seed=0) == first
    assert first_cases(CloseVectorEnv(8)) != first_cases(CloseVectorEnv(8))


def test_the_generator_of_gymnasium_is_seeded_too() -> None:
    draws = []
    for seed in (5, [5, 6]):
        env = CloseVectorEnv(2, TINY)
        env.reset(seed=seed)
        draws.append(env.np_random.random(3).tolist())
    assert draws[0] == draws[1]


def test_a_mask_with_seeds_starts_only_the_named_streams() -> None:
    env = CloseVectorEnv(3, autoreset_mode=OFF)
    env.reset(seed=0)
    twin = scalar_twin(3, "bracket/Close-v0", OFF, None, {})
    twin.reset(seed=0)
    for seed in (50, None, [3, None, 4], None):
        mask = np.array([True, False, True])
        obs, infos = env.reset(seed=seed, options={"reset_mask": mask.copy()})
        expected, expected_infos = twin.reset(seed=seed, options={"reset_mask": mask.copy()})
        assert np.array_equal(obs, expected)
        assert_same_infos(infos, expected_infos)


def test_prefixes_by_hand() -> None:
    env = CloseVectorEnv(2, TINY)
    assert first_cases(env, options={"prefix": "(["}) == [("([", "])")] * 2
    assert first_cases(env, options={"prefix": ["", "[["]}) == [("", ""), ("[[", "]]")]
    mask = np.array([False, True])
    obs, infos = env.reset(options={"prefix": ["[[[", "()"], "reset_mask": mask})
    assert infos["case"][1] == ("()", "")
    assert obs[0].tolist() == [1, 2] + [0] * 13  # member 0 was not asked
    assert env.right_actions().tolist() == [END, END]


def test_a_reset_leaves_the_callers_options_alone() -> None:
    options = {"prefix": "(", "reset_mask": np.array([True, False])}
    env = CloseVectorEnv(2, TINY)
    env.reset(seed=0)
    env.reset(options=options)
    assert set(options) == {"prefix", "reset_mask"}


# -- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_envs": 0}, "num_envs must be an integer of at least 1, not 0"),
        ({"num_envs": -3}, "not -3"),
        ({"num_envs": 2.0}, "not 2.0"),
        ({"num_envs": True}, "not True"),
        ({"num_envs": None}, "not None"),
        ({"autoreset_mode": "same"}, "unknown autoreset_mode 'same': use one of NextStep, SameStep, Disabled"),
        ({"autoreset_mode": None}, "unknown autoreset_mode None"),
        ({"max_episode_steps": 0}, "max_episode_steps must be an integer of at least 1, not 0"),
        ({"max_episode_steps": 1.5}, "not 1.5"),
        ({"render_mode": "pygame"}, "unknown render_mode 'pygame'"),
        ({"setting": "Closed"}, "unknown setting 'Closed'"),
        ({"split": "dev"}, "unknown split 'dev'"),
    ],
)
def test_impossible_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)) as error:
        CloseVectorEnv(**options)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("mode", [*MODES, *(m.value for m in MODES), *(m.name for m in MODES)])
def test_modes_are_taken_by_enum_value_and_name(mode: Any) -> None:
    env = CloseVectorEnv(2, TINY, autoreset_mode=mode)
    assert env.metadata["autoreset_mode"] is env.autoreset_mode
    assert mode in (env.autoreset_mode, env.autoreset_mode.value, env.autoreset_mode.name)
    assert CloseVectorEnv.metadata["autoreset_mode"] is NEXT  # the class keeps its own


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        (np.array([0, 1]), "actions must have shape (3,), not (2,)"),
        (np.zeros((3, 1), dtype=np.int64), "not (3, 1)"),
        (1, "not ()"),
        (np.array([0.0, 1.0, 2.0]), "actions must be integers, not float64"),
        (np.array([True, False, True]), "not bool"),
        (np.array(["0", "1", "2"]), "actions must be integers"),
        (np.array([0, 3, 9]), "action 3 of environment 1 is outside 0..2"),
        (np.array([0, 1, -1]), "action -1 of environment 2 is outside 0..2"),
        (np.array([0, 2**63, 0], dtype=np.uint64), f"action {2**63} of environment 1 is outside 0..2"),
    ],
)
def test_wrong_actions_are_named_and_change_nothing(actions: Any, message: str) -> None:
    env = CloseVectorEnv(3, TINY)
    env.reset(seed=0)
    before = env.get_state()
    with pytest.raises(InvalidAction, match=re.escape(message)):
        env.step(actions)
    assert all(np.array_equal(array, before[name]) for name, array in env.get_state().items())


@pytest.mark.parametrize("actions", [[0, 1, 2], np.array([0, 1, 2], dtype=np.uint8), (2, 2, 2)])
def test_integers_of_every_kind_are_actions(actions: Any) -> None:
    env, twin = CloseVectorEnv(3, TINY), CloseVectorEnv(3, TINY)
    env.reset(seed=0)
    twin.reset(seed=0)
    assert np.array_equal(env.step(actions)[0], twin.step(np.array(actions, dtype=np.int64))[0])


def test_nothing_works_before_the_first_reset() -> None:
    env = CloseVectorEnv(2, TINY)
    with pytest.raises(ResetNeeded, match=r"call reset\(\) before step\(\)"):
        env.step(np.array([0, 0]))
    with pytest.raises(ResetNeeded, match="the first reset"):
        env.reset(options={"reset_mask": np.array([True, False])})


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"seed": [1]}, InputError, "1 seeds for 2 environments"),
        ({"options": {"prefx": "("}}, InputError, "unknown reset option 'prefx': use prefix or reset_mask"),
        ({"options": {"prefix": ["("]}}, InputError, "option prefix must be one string or 2 of them, not ['(']"),
        ({"options": {"prefix": 3}}, InputError, "not 3"),
        ({"options": {"prefix": ["(", "(]"]}}, InputError, "']' at position 2 meets an open '('"),
        ({"options": {"reset_mask": [True, False]}}, TypeError, "must be a NumPy array, not list"),
        ({"options": {"reset_mask": np.array([1, 0])}}, TypeError, "of dtype bool, not int64"),
        ({"options": {"reset_mask": np.array([True])}}, ValueError, "must have shape (2,), not (1,)"),
        ({"options": {"reset_mask": np.array([False, False])}}, ValueError, "at least one environment"),
    ],
)
def test_wrong_resets_are_named_and_change_nothing(arguments: Any, error: type[Exception], message: str) -> None:
    env = CloseVectorEnv(2, TINY)
    env.reset(seed=0)
    before = env.get_state()
    with pytest.raises(error, match=re.escape(message)):
        env.reset(**arguments)
    assert all(np.array_equal(array, before[name]) for name, array in env.get_state().items())


# -- arrays are the caller's own ------------------------------------------------------------------------------------


def arrays_in(value: Any) -> list[np.ndarray]:
    if isinstance(value, Mapping):
        return [array for inner in value.values() for array in arrays_in(inner)]
    if isinstance(value, tuple | list):
        return [array for inner in value for array in arrays_in(inner)]
    return [value] if isinstance(value, np.ndarray) else []


@pytest.mark.parametrize("id_", [TINY, INSTRUCT.id])
@pytest.mark.parametrize("limit", [None, 2])
@pytest.mark.parametrize("mode", MODES)
def test_changing_what_was_returned_changes_nothing(mode: AutoresetMode, limit: int | None, id_: str) -> None:
    options: dict[str, Any] = {"autoreset_mode": mode, "max_episode_steps": limit, "on_mistake": "continue"}
    env, untouched = native(6, id_, **options), native(6, id_, **options)
    results: tuple[Any, ...] = env.reset(seed=0)
    expected: tuple[Any, ...] = untouched.reset(seed=0)
    for counter in range(40):
        ours, theirs = arrays_in(results), arrays_in(expected)
        assert len(ours) == len(theirs)
        for array, other in zip(ours, theirs, strict=True):
            assert np.array_equal(array, other)
        assert list(results[-1]["case"]) == list(expected[-1]["case"])
        for array in [*ours, env.action_masks(), env.right_actions()]:
            array[:] = 1
        actions = mostly_right(untouched, counter)
        results, expected = env.step(actions), untouched.step(actions)
        ended = expected[2] | expected[3]
        if mode == OFF and ended.any():
            results = env.reset(options={"reset_mask": ended.copy()})
            expected = untouched.reset(options={"reset_mask": ended})


def test_actions_are_not_kept() -> None:
    env, twin = CloseVectorEnv(2, TINY), CloseVectorEnv(2, TINY)
    env.reset(seed=0)
    twin.reset(seed=0)
    actions = np.array([END, END])
    env.step(actions)
    twin.step(actions.copy())
    actions[:] = 0
    assert np.array_equal(env.step(np.array([0, 0]))[0], twin.step(np.array([0, 0]))[0])


# -- going on exactly -----------------------------------------------------------------------------------------------


def snapshot(results: tuple[Any, ...]) -> list[Any]:
    return [array.tolist() for array in arrays_in(results)] + [list(results[-1]["case"])]


@pytest.mark.parametrize("mode", [SAME, NEXT])
@pytest.mark.parametrize("options", OPTION_SETS)
@pytest.mark.parametrize("id_", ["bracket/Close-v0", INSTRUCT.id])
def test_a_restored_environment_goes_on_identically(mode: AutoresetMode, options: str, id_: str) -> None:
    arguments: dict[str, Any] = {"autoreset_mode": mode, "max_episode_steps": 9, **OPTION_SETS[options]}
    env = native(7, id_, **arguments)
    env.reset(seed=1)
    for counter in range(25):
        env.step(mostly_right(env, counter))
    state = env.get_state()
    frozen = {name: array.copy() for name, array in state.items()}
    other = native(7, id_, **arguments)
    other.set_state(state)
    played = [snapshot(env.step(mostly_right(env, counter))) for counter in range(25, 120)]
    assert [snapshot(other.step(mostly_right(other, counter))) for counter in range(25, 120)] == played
    env.set_state(state)  # back in time, in the object that went on
    assert [snapshot(env.step(mostly_right(env, counter))) for counter in range(25, 120)] == played
    assert all(np.array_equal(array, frozen[name]) for name, array in state.items())
    assert snapshot(env.reset()) == snapshot(other.reset())  # and the streams stand at the same item


def test_a_state_of_another_shape_is_refused() -> None:
    env = CloseVectorEnv(2, TINY)
    env.reset(seed=0)
    other = CloseVectorEnv(3, TINY)
    other.reset(seed=0)
    with pytest.raises(InputError, match=r"environment state does not fit: \w+ is of shape \(3,.*\), not \(2,.*\)"):
        env.set_state(other.get_state())
    with pytest.raises(InputError, match="environment state does not fit: over is missing"):
        env.set_state({name: array for name, array in env.get_state().items() if name != "over"})


@pytest.mark.parametrize("id_", ["bracket/Close-v0", INSTRUCT.id])
def test_pickled_environments_go_on_identically(id_: str) -> None:
    env = native(4, id_, autoreset_mode=SAME)
    env.reset(seed=1)
    for counter in range(10):
        env.step(mostly_right(env, counter))
    twin = pickle.loads(pickle.dumps(env))
    for counter in range(10, 60):
        actions = mostly_right(env, counter)
        assert snapshot(env.step(actions)) == snapshot(twin.step(actions))


# -- sizes, masks, cases --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 1000])
@pytest.mark.parametrize("mode", [SAME, NEXT])
def test_one_and_a_thousand_environments(n: int, mode: AutoresetMode) -> None:
    env = CloseVectorEnv(n, TINY, autoreset_mode=mode)
    obs, _ = env.reset(seed=100)
    last = CloseEnv(TINY)
    assert np.array_equal(obs[-1], last.reset(seed=100 + n - 1)[0])
    started_ = 1
    for counter in range(80):  # longer than the cases drawn ahead
        obs, _, terminated, truncated, infos = env.step(mostly_right(env, counter))
        assert env.observation_space.contains(obs)
        started_ += int(terminated[-1]) if mode == SAME else 0
        assert not truncated.any()
    if mode == SAME:
        for _ in range(started_ - 1):
            _, info = last.reset()
        assert infos["case"][-1] == info["case"]


def test_episodes_come_from_the_asked_split() -> None:
    env = CloseVectorEnv(50, split="test", autoreset_mode=SAME)
    env.reset(seed=0)
    for _ in range(10):
        infos = env.step(env.right_actions())[-1]
        assert {split_of(case.prefix) for case in infos["case"]} == {"test"}


def test_masks_agree_in_all_their_outlets_and_allow_the_right_action() -> None:
    env = CloseVectorEnv(40, autoreset_mode=SAME)
    _, infos = env.reset(seed=0)
    for counter in range(50):
        masks = env.action_masks()
        assert masks.dtype == np.bool_
        assert infos["action_mask"].dtype == np.int8
        assert np.array_equal(infos["action_mask"], masks)
        assert masks[:, -1].all()
        assert masks[np.arange(40), env.right_actions()].all()
        infos = env.step(mostly_right(env, counter))[-1]


def test_right_actions_are_minus_one_where_nothing_is_right() -> None:
    env = started(OFF, ["([", "([", "("], on_mistake="continue")
    assert env.right_actions().tolist() == [1, 1, 0]
    assert env.right_actions().dtype == np.int64
    env.step(np.array([1, 0, END]))
    assert env.right_actions().tolist() == [0, -1, -1]  # right, a mistake, over


def test_cases_are_a_sequence() -> None:
    cases = started(SAME, ["", "(", "(["]).step(np.array([END, 0, 1]))[-1]["case"]
    assert len(cases) == 3
    assert cases[1] == Case("(", ")")
    assert cases[-1] == cases[2] == Case("([", "])")
    assert cases[1:] == [Case("(", ")"), Case("([", "])")]
    assert Case("(", ")") in cases
    with pytest.raises(IndexError):
        cases[3]
    assert repr(cases) == "LazyCases(3 cases)"


# -- rendering ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("id_", [TINY, INSTRUCT.id])
def test_every_member_is_rendered_as_its_scalar_twin(id_: str) -> None:
    for mode in ("ansi", "rgb_array"):
        env = native(3, id_, render_mode=mode)
        env.reset(seed=4)
        env.step(np.zeros(3, dtype=np.int64))
        frames = env.render()
        assert frames is not None
        for i, frame in enumerate(frames):
            twin = scalar(id_, render_mode=mode)
            twin.reset(seed=4 + i)
            twin.step(0)
            assert np.array_equal(frame, twin.render())  # type: ignore[arg-type]


def test_human_rendering_prints(capsys: pytest.CaptureFixture[str]) -> None:
    env = CloseVectorEnv(2, TINY, render_mode="human")
    env.reset(seed=0)
    assert env.render() is None
    assert capsys.readouterr().out.count("return 0.00") == 2
    assert CloseVectorEnv(2, TINY).render() is None
