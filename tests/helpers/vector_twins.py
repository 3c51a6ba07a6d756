"""A native vector environment and its twin, Gymnasium's SyncVectorEnv over scalar ones: what must be equal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bracket_env import TaskVectorEnv
from bracket_env.random_streams import below, bits, key


def equal_observations(ours: Any, theirs: Any) -> bool:
    if not isinstance(theirs, Mapping):
        return ours.dtype == theirs.dtype and np.array_equal(ours, theirs)
    return ours.keys() == theirs.keys() and all(equal_observations(ours[name], theirs[name]) for name in theirs)


def assert_same_infos(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> None:
    """Equal masks, and equal values where a mask is true. A key that is about nobody may be missing."""

    def named(infos: Mapping[str, Any]) -> set[str]:
        return {name for name in infos if not name.startswith("_") and infos[f"_{name}"].any()}

    assert named(ours) == named(theirs)
    for name in named(ours):
        assert np.array_equal(ours[f"_{name}"], theirs[f"_{name}"]), name
        if name == "final_info":
            assert_same_infos(ours[name], theirs[name])
            continue
        for i in np.flatnonzero(ours[f"_{name}"]):
            if name == "final_obs" and isinstance(ours[name], Mapping):
                assert equal_observations({part: rows[i] for part, rows in ours[name].items()}, theirs[name][i])
                continue
            assert np.array_equal(ours[name][i], theirs[name][i]), (name, i, ours[name][i], theirs[name][i])


def mostly_right(env: TaskVectorEnv, counter: int) -> np.ndarray:
    """Right actions with probability 3/4, others at random; END after a mistake only by chance."""
    words = bits(np.arange(env.num_envs, dtype=np.uint64) + np.uint64(key(0, "test/vector")), counter)
    random = below(words, env.task.n_pairs + 1).astype(np.int64)
    right = env.right_actions()
    return np.where((words % np.uint64(4) > 0) & (right >= 0), right, random)
