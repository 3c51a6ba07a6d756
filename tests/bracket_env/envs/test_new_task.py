"""A new environment is one task file and one line: the shells, the core and the registry are left as they are."""

from __future__ import annotations

import importlib
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import TimeLimit
from vector_twins import assert_same_infos, equal_observations, mostly_right

IDS = ["toy/Queue-v0", "toy/AnyOrder-v0", "toy/Newest-v0"]
MODULE = '''
"""Toys: close the first opened bracket first; close in any order; see the newest symbol only."""

import numpy as np
from gymnasium.spaces import Box

from bracket_env import get_setting
from bracket_env.envs.registry import environments
from bracket_env.tasks.task import Task


class QueueTask(Task):
    """Close the open brackets of a prefix in the order in which they were opened, then stop."""

    def __init__(self, *, split="all", on_mistake="terminate", reward="dense", penalty=1.0, max_answer=None):
        super().__init__(
            get_setting("bracket/CloseTiny-v0"), pairs=None, split=split, on_mistake=on_mistake, reward=reward,
            penalty=penalty, max_answer=max_answer,
        )

    def draw(self, streams, items):
        batch = self.sampler.batch(streams, items)
        closers, needed = self.closer_actions(batch.answer), batch.answer_length
        mirrored = needed[:, None] - 2 - np.arange(self.most)
        turned = np.take_along_axis(closers, np.maximum(mirrored, 0), axis=1)
        return self.rows(batch.prompt, batch.prompt_length, np.where(mirrored >= 0, turned, closers[:, -1:]), needed)

    def by_hand(self, given, drawn):
        case = given["prefix"]
        return self.row_of(case._replace(completion=case.completion[::-1]))


class AnyOrderTask(Task):
    """Close the open brackets of a prefix in any order, then stop: several ways are right."""

    by_tables = False

    def __init__(self, *, split="all", on_mistake="terminate", reward="dense", penalty=1.0, max_answer=None):
        super().__init__(
            get_setting("bracket/CloseTiny-v0"), pairs=None, split=split, on_mistake=on_mistake, reward=reward,
            penalty=penalty, max_answer=max_answer,
        )

    def draw(self, streams, items):
        batch = self.sampler.batch(streams, items)
        closers = np.sort(self.closer_actions(batch.answer), axis=1)
        return self.rows(batch.prompt, batch.prompt_length, closers, batch.answer_length)

    def by_hand(self, given, drawn):
        rows = self.row_of(given["prefix"])
        return {**rows, "answer": np.sort(rows["answer"], axis=1)}

    def is_right(self, rows, table, acts):
        counts = rows["unmatched"]
        left = (counts[:, : self.end] > 0).any(axis=1)
        return np.where(acts == self.end, ~left, counts[np.arange(len(acts)), acts] > 0)

    def a_right_action(self, rows, table):
        closers = rows["unmatched"][:, : self.end] > 0
        return np.where(closers.any(axis=1), closers.argmax(axis=1), self.end)


class NewestTask(QueueTask):
    """As Queue, but nothing is seen of the prefix and of the answer except their newest symbol."""

    def observation_space(self):
        return Box(0, self.tokenizer.vocab_size - 1, (1,), self.tokenizer.dtype.type)

    def see(self, tokens, rows):
        newest = (tokens > 0).sum(axis=-1, keepdims=True) - 1
        return np.take_along_axis(tokens, newest, axis=-1)


QueueEnv, QueueVectorEnv = environments("Queue", QueueTask, {"toy/Queue-v0": {}}, __name__)
AnyOrderEnv, AnyOrderVectorEnv = environments("AnyOrder", AnyOrderTask, {"toy/AnyOrder-v0": {}}, __name__)
NewestEnv, NewestVectorEnv = environments("Newest", NewestTask, {"toy/Newest-v0": {}}, __name__)
'''


@pytest.fixture(scope="module", autouse=True)
def toys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder: Path = tmp_path_factory.mktemp("toys")
    (folder / "toy_tasks.py").write_text(MODULE, "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield importlib.import_module("toy_tasks")
    for id_ in IDS:
        del gym.registry[id_]


@pytest.mark.parametrize("options", [{}, {"on_mistake": "penalty"}, {"on_mistake": "continue", "reward": "sparse"}])
@pytest.mark.parametrize("id_", IDS)
def test_gymnasiums_checker_accepts_it(id_: str, options: dict[str, Any]) -> None:
    check_env(gym.make(f"toy_tasks:{id_}", **options).unwrapped, skip_render_check=True)
    check_env(gym.make(id_, render_mode="rgb_array", **options).unwrapped)


@pytest.mark.parametrize("id_", IDS)
def test_the_oracle_earns_exactly_one_and_nobody_more(id_: str) -> None:
    env = gym.make(id_)
    env.reset(seed=0)
    for _ in range(50):
        total, ended = 0.0, False
        while not ended:
            _, reward, ended, _, info = env.step(env.get_wrapper_attr("right_action"))
            total += float(reward)
        assert (total, info["is_success"]) == (1.0, True)
        env.reset()


@pytest.mark.parametrize("options", [{}, {"on_mistake": "continue", "max_answer": 9}])
@pytest.mark.parametrize("limit", [None, 3])
@pytest.mark.parametrize("mode", AutoresetMode)
@pytest.mark.parametrize("id_", IDS)
def test_every_step_is_that_of_scalar_environments(
    id_: str, mode: AutoresetMode, limit: int | None, options: dict[str, Any]
) -> None:
    def scalar() -> gym.Env[Any, Any]:
        env = gym.make(id_, **options).unwrapped
        return env if limit is None else TimeLimit(env, limit)

    env: Any = gym.make_vec(id_, num_envs=5, autoreset_mode=mode, max_episode_steps=limit, **options)
    twin = SyncVectorEnv([scalar] * 5, autoreset_mode=mode)
    assert env.observation_space == twin.observation_space
    assert equal_observations(env.reset(seed=3)[0], twin.reset(seed=3)[0])
    ended, how_many = np.zeros(5, dtype=bool), 0
    for counter in range(60):
        if mode == AutoresetMode.DISABLED and ended.any():
            ours, theirs = (e.reset(options={"reset_mask": ended.copy()}) for e in (env, twin))
            assert equal_observations(ours[0], theirs[0])
            assert_same_infos(ours[1], theirs[1])
        actions = mostly_right(env, counter)
        ours, theirs = env.step(actions), twin.step(actions)
        assert equal_observations(ours[0], theirs[0])
        for column, other in zip(ours[1:4], theirs[1:4], strict=True):
            assert np.array_equal(column, other)
        assert_same_infos(ours[4], theirs[4])
        ended = ours[2] | ours[3]
        how_many += int(ended.sum())
    assert how_many > 15


@pytest.mark.parametrize("id_", IDS)
def test_it_is_made_again_from_its_spec_its_state_and_its_pickle(id_: str) -> None:
    made = gym.make(id_, split="train")
    assert made.spec is not None
    again = gym.make(EnvSpec.from_json(made.spec.to_json()))
    assert np.array_equal(again.reset(seed=5)[0], made.reset(seed=5)[0])
    env, other = (gym.make_vec(id_, num_envs=4, autoreset_mode="SameStep") for _ in range(2))
    env.reset(seed=1)
    env.step(mostly_right(env, 0))  # type: ignore[arg-type]
    other.set_state(env.get_state())  # type: ignore[attr-defined]
    third = pickle.loads(pickle.dumps(env))
    for counter in range(30):
        actions = mostly_right(env, counter)  # type: ignore[arg-type]
        first, *rest = (e.step(actions) for e in (env, other, third))
        assert all(np.array_equal(first[0], step[0]) and np.array_equal(first[1], step[1]) for step in rest)


def test_any_order_is_right_where_the_task_says_so() -> None:
    env = gym.make("toy/AnyOrder-v0")
    for actions in ([0, 1], [1, 0]):
        env.reset(options={"prefix": "(["})
        assert sum(float(env.step(action)[1]) for action in [*actions, 2]) == 1.0
    env.reset(options={"prefix": "(["})
    assert env.step(2)[1:3] == (0.0, True)


def test_the_page_and_the_arguments_are_the_tasks(toys: Any) -> None:
    assert toys.QueueEnv.__doc__ == toys.QueueTask.__doc__
    with pytest.raises(TypeError, match="colour"):
        toys.QueueEnv(colour="red")
