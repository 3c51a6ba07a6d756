"""The scalar environment: every reward, every end of an episode, every refusal."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import InvalidAction, ResetNeeded
from gymnasium.wrappers import TimeLimit
from hypothesis import given
from hypothesis import strategies as st

from bracket_env import SETTINGS, CloseEnv, InputError, TaskEnv, split_of, yardsticks
from bracket_env.random_streams import below, bits, key

PAREN, LENTIL, BRACE, END = range(4)  # the actions of the default language ()【】{}
CLOSE, TINY = "bracket/Close-v0", "bracket/CloseTiny-v0"


def play(env: gym.Env[Any, Any], prefix: str, actions: Sequence[int]) -> list[tuple[float, bool, bool]]:
    """(reward, terminated, truncated) of every action."""
    env.reset(options={"prefix": prefix})
    return [env.step(action)[1:4] for action in actions]  # type: ignore[misc]


# -- the worked example ---------------------------------------------------------------------------------------------


def test_the_worked_episode() -> None:
    env = CloseEnv()
    obs, info = env.reset(options={"prefix": "({"})
    assert obs.tolist() == [1, 5, 9, 2] + [0] * 23  # BOS ( { SEP, L = 19 + 2 + 6
    assert info["case"] == ("({", "})")
    assert info["action_mask"].tolist() == [1, 0, 1, 1]
    expected = [
        (BRACE, [10], 1 / 3, False, [1, 0, 0, 1], False),
        (PAREN, [10, 6], 1 / 3, False, [0, 0, 0, 1], False),
        (END, [10, 6, 3], 1 - 2 / 3, True, [0, 0, 0, 1], True),
    ]
    for action, answer, reward, terminated, mask, success in expected:
        obs, *outcome, info = env.step(action)
        assert obs.tolist() == [1, 5, 9, 2, *answer] + [0] * (23 - len(answer))
        assert outcome == [reward, terminated, False]
        assert info["action_mask"].tolist() == mask
        assert info["is_success"] is success
        assert info["case"] == ("({", "})")


# -- ends of an episode, by name ------------------------------------------------------------------------------------


def test_ends_by_a_right_end() -> None:
    assert play(CloseEnv(), "(", [PAREN, END])[-1] == (0.5, True, False)


def test_ends_at_once_on_a_balanced_prefix() -> None:
    assert play(CloseEnv(), "()", [END]) == [(1.0, True, False)]
    assert play(CloseEnv(), "", [END]) == [(1.0, True, False)]


def test_ends_by_an_end_that_comes_too_early() -> None:
    assert play(CloseEnv(), "((", [PAREN, END])[-1] == (0.0, True, False)


def test_ends_by_a_wrong_closer() -> None:
    assert play(CloseEnv(), "({", [PAREN]) == [(0.0, True, False)]


def test_ends_by_a_closer_too_many() -> None:
    assert play(CloseEnv(), "(", [PAREN, PAREN]) == [(0.5, False, False), (0.0, True, False)]


def test_a_mistake_costs_a_share_with_penalty() -> None:
    env = CloseEnv(on_mistake="penalty", penalty=2.0)
    assert play(env, "({", [BRACE, BRACE]) == [(1 / 3, False, False), (-2 / 3, True, False)]
    assert play(env, "({", [END]) == [(-2 / 3, True, False)]
    assert play(CloseEnv(on_mistake="penalty", penalty=0), "({", [END]) == [(0.0, True, False)]


def test_goes_on_after_a_mistake_to_a_late_end() -> None:
    env = CloseEnv(on_mistake="continue")
    assert play(env, "({", [PAREN, BRACE, PAREN, END]) == [(0.0, False, False)] * 3 + [(0.0, True, False)]


def test_is_truncated_at_max_answer_when_it_never_ends() -> None:
    env = CloseEnv(on_mistake="continue")
    assert env.task.max_answer == 6
    assert play(env, "({", [PAREN] * 6) == [(0.0, False, False)] * 5 + [(0.0, False, True)]
    with pytest.raises(ResetNeeded):
        env.step(END)


def test_an_end_exactly_at_max_answer_only_terminates() -> None:
    env = CloseEnv(on_mistake="continue")
    assert play(env, "({", [PAREN] * 5 + [END])[-1] == (0.0, True, False)
    assert play(env, "(((((", [PAREN] * 5 + [END])[-1][1:] == (True, False)  # the longest right answer there is


def test_a_larger_max_answer_truncates_later() -> None:
    env = CloseEnv(on_mistake="continue", max_answer=9)
    assert env.observation_space.shape == (19 + 2 + 9,)
    ends = [outcome[1:] for outcome in play(env, "{", [PAREN] * 9)]
    assert ends == [(False, False)] * 8 + [(False, True)]
    assert env.reset(options={"prefix": "("})[0].tolist()[-1] == 0


def test_a_time_limit_truncates_and_may_meet_the_end() -> None:
    env = TimeLimit(CloseEnv(), 2)
    assert play(env, "({", [BRACE, PAREN])[-1] == (1 / 3, False, True)
    assert play(env, "(", [PAREN, END])[-1] == (0.5, True, True)
    assert play(env, "({", [BRACE, END])[-1] == (0.0, True, True)


@pytest.mark.parametrize("on_mistake", ["terminate", "penalty", "continue"])
def test_no_step_after_the_end(on_mistake: Any) -> None:
    env = CloseEnv(on_mistake=on_mistake)
    play(env, "(", [END])
    with pytest.raises(ResetNeeded, match=r"call reset\(\) before step\(\)"):
        env.step(END)


# -- rewards --------------------------------------------------------------------------------------------------------


def opened(setting: str, m: int) -> str:
    return SETTINGS[setting].pairs[0][0] * (m - 1)


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_perfect_answer_earns_exactly_one_for_every_length(setting: str) -> None:
    env = CloseEnv(setting)
    for m in range(1, SETTINGS[setting].max_depth + 2):
        rewards = [reward for reward, *_ in play(env, opened(setting, m), [0] * (m - 1) + [env.task.end])]
        total = 0.0
        for reward in rewards:
            total += reward
        assert total == 1.0
        assert len(rewards) == m
        assert rewards == pytest.approx([1 / m] * m)
        assert rewards[:-1] == [1 / m] * (m - 1)


@pytest.mark.parametrize("on_mistake", ["terminate", "penalty", "continue"])
def test_sparse_pays_one_for_a_perfect_answer_and_nothing_else(on_mistake: Any) -> None:
    env = CloseEnv(reward="sparse", on_mistake=on_mistake)
    assert [r for r, *_ in play(env, "({", [BRACE, PAREN, END])] == [0.0, 0.0, 1.0]
    after = -1 / 3 if on_mistake == "penalty" else 0.0
    assert [r for r, *_ in play(env, "({", [BRACE, END])] == [0.0, after]


def test_the_return_is_the_share_before_the_first_mistake() -> None:
    env = CloseEnv()
    for right in range(4):
        actions = [BRACE, BRACE, PAREN, END]
        actions[right] = LENTIL
        outcomes = play(env, "({{", actions[: right + 1])
        assert sum(r for r, *_ in outcomes) == pytest.approx(right / 4)


@given(st.integers(0, 2**32), st.lists(st.integers(0, 3), min_size=6, max_size=6), st.sampled_from(["dense", "sparse"]))
def test_nothing_is_earned_after_a_mistake(seed: int, actions: list[int], reward: Any) -> None:
    env = CloseEnv(on_mistake="continue", reward=reward)
    _, info = env.reset(seed=seed)
    answer = [*("()【】{}".index(symbol) // 2 for symbol in info["case"].completion), END]
    right = 0
    for action in actions:
        was_right = right is not None and action == answer[right]
        assert env.right_action == (None if right is None else answer[right])
        _, earned, terminated, truncated, info = env.step(action)
        right = right + 1 if right is not None and was_right else None  # type: ignore[assignment]
        finished = was_right and action == END
        assert info["is_success"] is finished
        assert (earned > 0) == (finished if reward == "sparse" else was_right)
        assert type(earned) is float
        assert type(terminated) is bool
        assert type(truncated) is bool
        if terminated or truncated:
            assert env.right_action is None
            break


def returns_of(env: TaskEnv, answer: Any, episodes: int) -> list[float]:
    """Of a solver that writes its whole answer, one symbol a step, and then END."""
    closers = env.task.sampler.language.closers
    env.reset(seed=0)
    returns = []
    for _ in range(episodes):
        prefix = env.reset()[1]["case"].prefix
        returns.append(0.0)
        for action in [*(closers.index(symbol) for symbol in answer([prefix])[0]), env.task.end]:
            _, reward, terminated, truncated, _ = env.step(action)
            returns[-1] += reward
            if terminated or truncated:
                break
    return returns


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_oracle_earns_exactly_one_and_every_other_yardstick_less(setting: str) -> None:
    env = CloseEnv(setting)
    rows = yardsticks(env.task.sampler.language, SETTINGS[setting].evaluation_cases("train", 200))
    returns = {name: returns_of(env, solver.complete, 150) for name, solver in rows.items()}
    assert set(returns.pop("oracle")) == {1.0}
    assert len(returns) >= 5
    for name, earned in returns.items():
        assert sum(earned) < 150 - 0.5, name


# -- the mask -------------------------------------------------------------------------------------------------------


@given(st.text("()【】{}", max_size=14), st.lists(st.integers(0, 3), min_size=9, max_size=9))
def test_the_mask_is_a_count_of_unmatched_openers(text: str, actions: list[int]) -> None:
    env = CloseEnv(on_mistake="continue", max_answer=9)
    language = env.task.sampler.language
    prefix = text
    while not language.is_prefix(prefix) or language.depth(prefix) > 5:
        prefix = prefix[:-1]
    _, info = env.reset(options={"prefix": prefix})
    written = ""
    for action in [*actions, None]:
        word = prefix + written  # wrong closers count too: they use up an opener of their type
        expected = [word.count(pair[0]) > word.count(pair[1]) for pair in language.pairs] + [True]
        assert info["action_mask"].tolist() == expected
        assert info["action_mask"].dtype == np.int8
        assert env.action_masks().tolist() == expected
        assert env.action_masks().dtype == np.bool_
        if action in (END, None):
            break
        written += language.closers[action]
        *_, info = env.step(action)


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_mask_allows_the_right_action_and_never_gives_it_away(setting: str) -> None:
    env = CloseEnv(setting)
    env.reset(seed=0)
    free = 0
    for _ in range(300):
        mask = env.action_masks()
        assert mask[env.right_action]
        free += mask.sum() > 1
        if env.step(env.right_action)[2]:
            env.reset()
    assert free > 50


# -- arrays are the caller's own ------------------------------------------------------------------------------------


def test_returned_arrays_are_fresh() -> None:
    env, untouched = CloseEnv(on_mistake="continue"), CloseEnv(on_mistake="continue")
    results = [env.reset(seed=4), untouched.reset(seed=4)]
    for counter in range(200):
        (obs, *_, info), (other_obs, *_, other_info) = results
        assert obs.tolist() == other_obs.tolist()
        assert info["action_mask"].tolist() == other_info["action_mask"].tolist()
        obs[:] = 77
        info["action_mask"][:] = 77
        env.action_masks()[:] = False
        info.clear()
        action = below(bits(key(0, "test/aliasing"), counter), 4)
        results = [env.step(action), untouched.step(action)]
        assert results[0][1:4] == results[1][1:4]
        if results[0][2] or results[0][3]:
            results = [env.reset(), untouched.reset()]


# -- cases by hand --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prefix", "message"),
    [
        ("(x", r"symbol 'x' at position 2 is not in the language \(\) 【】 {}"),
        ("({)", r"'\)' at position 3 meets an open '{'"),
        (")", r"'\)' at position 1 closes nothing"),
        ("()" * 10, r"of 20 symbols is longer than the 19 that an observation of bracket/Close-v0 holds"),
        ("((((((", r"opens 6 brackets at once; bracket/Close-v0 goes to 5"),
        (7, r"a prefix is a string, not 7"),
        (["(", "{"], r"a prefix is a string, not \['\(', '{'\]"),
        (None, r"a prefix is a string, not None"),
    ],
)
def test_prefixes_that_cannot_be_asked_are_refused(prefix: Any, message: str) -> None:
    env = CloseEnv()
    before = env.reset(seed=0)[0]
    with pytest.raises(InputError, match=message) as error:
        env.reset(options={"prefix": prefix})
    assert "\n" not in str(error.value)
    env.step(env.right_action)  # the running episode is as it was
    assert env.reset(seed=0)[0].tolist() == before.tolist()


def test_a_prefix_of_another_split_is_refused() -> None:
    assert split_of("((((") == "test"
    assert CloseEnv(split="test").reset(options={"prefix": "(((("})[1]["case"] == ("((((", "))))")
    with pytest.raises(InputError, match=r"'\(\(\(\(' belongs to split 'test', this environment to 'train'"):
        CloseEnv(split="train").reset(options={"prefix": "(((("})


def test_a_case_by_hand_leaves_the_stream_where_it_was() -> None:
    env, plain = CloseEnv(), CloseEnv()
    env.reset(seed=2)
    plain.reset(seed=2)
    env.reset(options={"prefix": "("})
    assert env.reset()[1]["case"] == plain.reset()[1]["case"]


def test_unknown_reset_options_are_named() -> None:
    with pytest.raises(InputError, match=r"unknown reset option 'prefx': use prefix"):
        CloseEnv().reset(options={"prefx": "("})


# -- seeds ----------------------------------------------------------------------------------------------------------


def cases_of(env: TaskEnv, n: int, seed: int | None = None) -> list[tuple[str, str]]:
    return [env.reset(seed=seed if i == 0 else None)[1]["case"] for i in range(n)]


def test_a_seed_starts_its_stream_and_none_goes_on() -> None:
    env = CloseEnv()
    first = cases_of(env, 150, seed=3)  # more than one block of cases drawn ahead
    assert cases_of(CloseEnv(), 150, seed=3) == first
    assert cases_of(env, 150) != first
    assert cases_of(env, 150, seed=3) == first
    assert cases_of(env, 150, seed=4) != first
    assert first == CloseEnv().task.sampler.cases(key(3, "bracket_env/episodes/bracket/Close-v0"), 150)


def test_the_generator_of_gymnasium_is_seeded_too() -> None:
    draws = []
    for _ in range(2):
        env = CloseEnv()
        env.reset(seed=11)
        draws.append(env.np_random.random(3).tolist())
    assert draws[0] == draws[1]
    assert env.np_random_seed == 11


def test_without_a_seed_two_environments_differ() -> None:
    assert cases_of(CloseEnv(), 50) != cases_of(CloseEnv(), 50)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_episodes_come_from_the_asked_split(split: Any) -> None:
    assert {split_of(prefix) for prefix, _ in cases_of(CloseEnv(split=split), 200, seed=0)} == {split}


def test_other_pairs_change_symbols_and_sizes() -> None:
    env = CloseEnv(pairs=("<>", "[]"))
    assert env.action_space.n == 3
    assert env.observation_space.high.max() == 8
    obs, info = env.reset(options={"prefix": "<["})
    assert obs[:4].tolist() == [1, 5, 7, 2]
    assert info["case"] == ("<[", "]>")
    one = CloseEnv(pairs=("()",))
    assert play(one, "((", [0, 0, 1])[-1][1]


# -- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", [-1, 4, 10**30, np.int64(-2)])
def test_actions_out_of_range_are_named(action: int) -> None:
    env = CloseEnv()
    env.reset(seed=0)
    with pytest.raises(InvalidAction, match=rf"action {action} is outside 0\.\.3"):
        env.step(action)
    assert env.step(env.right_action)[1] > 0  # nothing was written


@pytest.mark.parametrize("action", [1.0, "END", None, [1], np.array([1, 2]), np.float32(1)])
def test_actions_that_are_no_integers_are_named(action: Any) -> None:
    env = CloseEnv()
    env.reset(seed=0)
    with pytest.raises(InvalidAction, match=re.escape(f"an action is an integer, not {action!r}")):
        env.step(action)


@pytest.mark.parametrize("action", [0, np.int64(0), np.uint8(0), np.array(0), np.array(0, dtype=np.int32)])
def test_integers_of_every_kind_are_actions(action: Any) -> None:
    assert play(CloseEnv(), "(", [action]) == [(0.5, False, False)]


def test_nothing_works_before_the_first_reset() -> None:
    env = CloseEnv(render_mode="ansi")
    for call in (lambda: env.step(0), env.action_masks, env.render):
        with pytest.raises(ResetNeeded, match=r"reset\(\)"):
            call()
    assert env.right_action is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"setting": "bracket/Clsoe-v0"}, r"unknown setting 'bracket/Clsoe-v0': use one of bracket/Close-v0"),
        ({"split": "dev"}, r"unknown split 'dev'"),
        ({"on_mistake": "ignore"}, r"unknown on_mistake 'ignore': use one of terminate, penalty, continue"),
        ({"reward": "shaped"}, r"unknown reward 'shaped': use one of dense, sparse"),
        ({"penalty": -1}, r"penalty must be a finite number of at least 0, not -1"),
        ({"penalty": float("nan")}, r"not nan"),
        ({"penalty": float("inf")}, r"not inf"),
        ({"penalty": "1"}, r"not '1'"),
        ({"penalty": True}, r"not True"),
        ({"max_answer": 5}, r"max_answer must be an integer of at least 6 \(bracket/Close-v0\), not 5"),
        ({"max_answer": 6.0}, r"not 6\.0"),
        ({"max_answer": True}, r"not True"),
        ({"pairs": ("()", "(]")}, r"'\(' occurs in '\(\)' and again in '\(\]'"),
        ({"pairs": ()}, r"a language has 1 to 100 pairs, not 0"),
        ({"pairs": "()"}, r"not one string '\(\)'"),
        ({"render_mode": "pygame"}, r"unknown render_mode 'pygame': use one of ansi, human, rgb_array"),
    ],
)
def test_impossible_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        CloseEnv(**options)
    assert "\n" not in str(error.value)


# -- rendering ------------------------------------------------------------------------------------------------------


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_ansi_shows_prefix_answer_and_return() -> None:
    env = CloseEnv(render_mode="ansi")
    env.reset(options={"prefix": "({"})
    env.step(BRACE)
    frame = env.render()
    assert isinstance(frame, str)
    for shown in ("(", "{", "|", "}", "return 0.33"):
        assert shown in plain(frame)
    env.step(END)
    ended = env.render()
    assert isinstance(ended, str)
    assert "END" in plain(ended)


def test_human_prints_at_reset_and_at_every_step(capsys: pytest.CaptureFixture[str]) -> None:
    env = CloseEnv(render_mode="human")
    env.reset(options={"prefix": "({"})
    assert "return 0.00" in plain(capsys.readouterr().out)
    env.step(BRACE)
    assert "return 0.33" in plain(capsys.readouterr().out)
    assert env.render() is None
    assert capsys.readouterr().out


def test_rgb_frames_keep_one_shape_through_an_episode() -> None:
    env = CloseEnv(render_mode="rgb_array", on_mistake="continue")
    env.reset(options={"prefix": "({"})
    frames = [env.render()]
    for _ in range(6):
        env.step(PAREN)
        frames.append(env.render())
    assert all(isinstance(frame, np.ndarray) and frame.dtype == np.uint8 for frame in frames)
    assert {frame.shape for frame in frames} == {frames[0].shape}  # type: ignore[union-attr]
    assert frames[0].shape[2] == 3  # type: ignore[union-attr]
    assert not np.array_equal(frames[0], frames[1])  # type: ignore[arg-type]


def test_rendering_without_a_mode_warns() -> None:
    env = CloseEnv()
    env.reset(seed=0)
    with pytest.warns(UserWarning, match="needs a render_mode"):
        assert env.render() is None


# -- copies ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))], ids=["copy", "pickle"])
@pytest.mark.parametrize("steps", [0, 1, 5, 203])
def test_a_copy_goes_on_identically(copied: Any, steps: int) -> None:
    def advance(env: TaskEnv, counter: int) -> tuple[Any, ...]:
        obs, *outcome, info = env.step(below(bits(key(0, "test/copies"), counter), 4))
        if outcome[1] or outcome[2]:
            obs, info = env.reset()
        return obs.tolist(), outcome, info["action_mask"].tolist(), info["case"]

    env = CloseEnv(on_mistake="continue")
    env.reset(seed=8)
    for counter in range(steps):
        advance(env, counter)
    twin = copied(env)
    for counter in range(steps, steps + 300):
        assert advance(env, counter) == advance(twin, counter)


@pytest.mark.parametrize("typed", ["( {", "（｛", " ({\n", "\ufeff({"])
def test_a_prefix_is_read_as_it_is_meant(typed: str) -> None:
    env = CloseEnv()
    assert env.reset(options={"prefix": typed})[1]["case"] == ("({", "})")
    with pytest.raises(InputError, match=r"symbol '\\t' at position 2"):
        env.reset(options={"prefix": "(\t{"})
