"""The shaped reward: what it adds telescopes, at every kind of end, for one environment and for many."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from hypothesis import given, settings
from hypothesis import strategies as st
from paths import ROOT

from bracket_env import CloseEnv, CloseVectorEnv, InputError, MaskObservation, VectorMaskObservation
from ncl_reward.reward.potential import Potential
from ncl_reward.reward.shaping import NCLReward, VectorNCLReward, check_discount
from ncl_reward.rules.bracket_rules import BRACKET_RULES
from ncl_reward.rules.rule import Slots, StatedRule

TINY = "bracket/CloseTiny-v0"
MODES = (AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP, AutoresetMode.DISABLED)
ENDS: dict[str, dict[str, Any]] = {
    "terminate": {},
    "penalty": {"on_mistake": "penalty"},
    "continue": {"on_mistake": "continue", "reward": "sparse"},
}
N = 5


def rule(name: str, weight: float = 1.0, pairs: tuple[int, ...] | None = None) -> StatedRule:
    return StatedRule(BRACKET_RULES[name], Slots(pairs=pairs), weight)


WANTED = Potential((rule("nesting", 0.75), rule("stop_when_closed", 0.9), rule("queue", 0.3, (1,))), 2, 0.7, 0.5)


def scalar(gamma: float = 0.9, limit: int | None = None, potential: Potential = WANTED, **options: Any) -> Any:
    env: gym.Env[Any, Any] = CloseEnv(TINY, **options)
    return NCLReward(env if limit is None else gym.wrappers.TimeLimit(env, limit), potential, gamma)


def vector(
    mode: AutoresetMode, gamma: float = 0.9, limit: int | None = None, potential: Potential = WANTED, **options: Any
) -> VectorNCLReward:
    env = CloseVectorEnv(N, TINY, autoreset_mode=mode, max_episode_steps=limit, **options)
    return VectorNCLReward(env, potential, gamma)


def stepwise(env: VectorEnv[Any, Any, Any], actions: np.ndarray) -> list[tuple[Any, ...]]:
    """Observations, rewards and ends of every step; members that are over in mode DISABLED are reset first."""
    seen: list[tuple[Any, ...]] = [(env.reset(seed=7)[0],)]
    over = np.zeros(N, dtype=bool)
    for row in actions:
        if over.any() and env.metadata["autoreset_mode"] == AutoresetMode.DISABLED:
            env.reset(options={"reset_mask": over})
        obs, rewards, terminated, truncated, infos = env.step(row)
        over = terminated | truncated
        seen.append((obs.copy(), rewards, terminated, truncated, infos.get("unshaped_reward")))
    return seen


ends = st.sampled_from(list(ENDS))
limits = st.sampled_from([None, 1, 2, 3])
action_rows = st.lists(st.lists(st.integers(0, 2), min_size=N, max_size=N), min_size=1, max_size=8).map(np.array)


def test_the_worked_episode() -> None:
    potential = Potential((rule("nesting"), rule("stop_when_closed")), 3)
    env = NCLReward(CloseEnv("bracket/Close-v0"), potential, 0.9)
    env.reset(options={"prefix": "({"})
    rewards = [env.step(np.int64(action))[1] for action in (2, 0, 3)]
    assert rewards == pytest.approx([1 / 3 + 1.1, 1 / 3 + 1.0, 1 / 3])


@pytest.mark.parametrize(
    ("answer", "nesting", "stop", "phi"),
    [("", 0, 2, -2), ("}", 0, 1, -1), ("})", 0, 0, 0), (")", 1, 1, -2), (")}", 1, 0, -1), ("})】", 0, 1, -1)],
)
def test_the_potential_of_an_answer(answer: str, nesting: int, stop: int, phi: float) -> None:
    env = CloseEnv("bracket/Close-v0", on_mistake="continue")
    obs, _ = env.reset(options={"prefix": "({"})
    for symbol in answer:
        obs, *_ = env.step(")】}".index(symbol))
    found = [Potential((rule(name),), 3)(obs[None])[0] for name in ("nesting", "stop_when_closed")]
    assert found == [-nesting, -stop]
    assert Potential((rule("nesting"), rule("stop_when_closed")), 3)(obs[None])[0] == phi


@settings(max_examples=50)
@given(seed=st.integers(0, 2**32), kind=ends, limit=limits, gamma=st.floats(0, 1), data=st.data())
def test_what_is_added_telescopes(seed: int, kind: str, limit: int | None, gamma: float, data: st.DataObject) -> None:
    """Σ γ^t F_t is -Φ(s_0) when an episode terminates, γ^T·Φ(s_T) - Φ(s_0) when it is cut off."""
    env = scalar(gamma, limit, **ENDS[kind])
    obs, _ = env.reset(seed=seed)
    first, discount, added = WANTED(obs[None])[0], 1.0, 0.0
    terminated = truncated = False
    while not (terminated or truncated):
        obs, reward, terminated, truncated, info = env.step(np.int64(data.draw(st.integers(0, 2))))
        added += discount * (reward - info["unshaped_reward"])
        discount *= gamma
    last = 0.0 if terminated else WANTED(obs[None])[0]
    assert added == pytest.approx(discount * last - first, abs=1e-9)


@settings(max_examples=30)
@given(mode=st.sampled_from(MODES), kind=ends, limit=limits, gamma=st.floats(0, 1), actions=action_rows)
def test_what_is_added_telescopes_for_every_member(
    mode: AutoresetMode, kind: str, limit: int | None, gamma: float, actions: np.ndarray
) -> None:
    env = vector(mode, gamma, limit, **ENDS[kind])
    over = np.zeros(N, dtype=bool)
    obs, _ = env.reset(seed=3)
    first, discount, added = WANTED(obs), np.ones(N), np.zeros(N)
    for row in actions:
        if mode == AutoresetMode.DISABLED and over.any():
            obs, _ = env.reset(options={"reset_mask": over})
            first = np.where(over, WANTED(obs), first)
        obs, rewards, terminated, truncated, infos = env.step(row)
        live = ~over if mode == AutoresetMode.NEXT_STEP else np.ones(N, dtype=bool)
        assert (rewards[~live] == 0).all()
        added += live * discount * (rewards - infos["unshaped_reward"])
        discount *= np.where(live, gamma, 1.0)
        final = infos["final_obs"] if mode == AutoresetMode.SAME_STEP and "final_obs" in infos else obs
        last = np.where(terminated, 0.0, WANTED(final))
        assert np.where(live, added, 0.0) == pytest.approx(np.where(live, discount * last - first, 0.0), abs=1e-9)
        if mode == AutoresetMode.NEXT_STEP:
            fresh, over = over, terminated | truncated
        else:
            fresh = over = terminated | truncated
        first = np.where(fresh, WANTED(obs), first)
        discount[fresh], added[fresh] = 1.0, 0.0


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("limit", [None, 2])
@pytest.mark.parametrize("kind", ENDS)
def test_vector_and_scalar_agree(mode: AutoresetMode, limit: int | None, kind: str) -> None:
    """The native environment, and the vector wrapper around scalar environments, against wrapped scalar ones."""
    actions = np.random.default_rng(0).integers(0, 3, (60, N))
    options = ENDS[kind]
    plain = [lambda: gym.wrappers.TimeLimit(CloseEnv(TINY, **options), limit or 99)] * N
    expected = stepwise(SyncVectorEnv([lambda: scalar(limit=limit or 99, **options)] * N, autoreset_mode=mode), actions)
    native = stepwise(vector(mode, limit=limit, **options), actions)
    around = stepwise(VectorNCLReward(SyncVectorEnv(plain, autoreset_mode=mode), WANTED, 0.9), actions)
    ended = 0
    for want, *found in zip(expected, native, around, strict=True):
        for one in found:
            for a, b in zip(want[:4], one[:4], strict=True):
                np.testing.assert_array_equal(a, b)
            ended += len(one) > 1 and int((one[2] | one[3]).sum())
    assert ended > 2 * N


@pytest.mark.parametrize("mode", MODES)
def test_going_on_from_a_saved_state(mode: AutoresetMode) -> None:
    actions = np.random.default_rng(1).integers(0, 3, (40, N))
    actions[::3] = 0  # longer episodes
    options = {"on_mistake": "continue", "max_answer": 9}
    env = vector(mode, **options)
    env.reset(seed=0)
    over = np.zeros(N, dtype=bool)
    for step, row in enumerate(actions):
        if mode == AutoresetMode.DISABLED and over.any():
            env.reset(options={"reset_mask": over})
        other = vector(mode, **options)
        other.set_state(env.get_state())
        want, found = env.step(row), other.step(row)
        over = want[2] | want[3]
        assert (want[1] == found[1]).all(), step
        assert (want[0] == found[0]).all()


def test_no_rules_change_no_reward() -> None:
    actions = np.random.default_rng(2).integers(0, 3, (30, N))
    for mode in MODES:
        for _, rewards, *_, unshaped in stepwise(vector(mode, potential=Potential((), 2)), actions)[1:]:
            assert (rewards == unshaped).all()


def test_statistics_inside_are_unshaped() -> None:
    """The return that RecordEpisodeStatistics and TimeLimit see is the environment's."""
    env = NCLReward(gym.wrappers.RecordEpisodeStatistics(CloseEnv(TINY)), WANTED, 0.9)
    env.reset(options={"prefix": "[("})
    for action in (0, 1, 2):
        *_, info = env.step(np.int64(action))
    assert info["episode"]["r"] == pytest.approx(1.0)


def test_the_potential_and_the_environment_can_be_sent_and_rebuilt() -> None:
    sent = pickle.loads(pickle.dumps(WANTED))
    obs, _ = CloseVectorEnv(20, TINY).reset(seed=0)
    assert (sent(obs) == WANTED(obs)).all()
    env = NCLReward(gym.make(f"bracket_env:{TINY}"), WANTED, 0.9)
    assert env.spec is not None
    again = gym.make(env.spec)
    for each in (env, again):
        each.reset(seed=4)
    assert [env.step(np.int64(a))[1] for a in (0,)] == [again.step(np.int64(a))[1] for a in (0,)]
    assert isinstance(again, NCLReward)


def test_shaping_needs_no_torch() -> None:
    code = (
        "import pickle, sys; from ncl_reward.reward.shaping import VectorNCLReward\n"
        "from ncl_reward.reward.potential import *\n"
        "from bracket_env import CloseVectorEnv\n"
        f"potential = pickle.loads({pickle.dumps(WANTED)!r})\n"
        f"env = VectorNCLReward(CloseVectorEnv(2, {TINY!r}), potential, 0.9)\n"
        "env.reset(seed=0); env.step([0, 1])\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_what_the_environment_offers_stays_in_reach() -> None:
    env = vector(AutoresetMode.SAME_STEP)
    env.reset(seed=0)
    assert env.action_masks().shape == (N, 3)
    assert (env.right_actions() >= 0).all()
    assert not hasattr(VectorNCLReward(SyncVectorEnv([lambda: CloseEnv(TINY)]), WANTED, 0.9), "action_masks")


def test_the_agent_must_discount_as_the_shaping_does() -> None:
    for env in (scalar(0.9), gym.wrappers.TimeLimit(scalar(0.9), 5), vector(AutoresetMode.SAME_STEP, 0.9)):
        check_discount(env, 0.9)
        with pytest.raises(InputError, match=r"shaped with gamma 0\.9, but the agent discounts by 0\.99"):
            check_discount(env, 0.99)
    check_discount(CloseEnv(TINY), 0.5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: scalar(1.5), "gamma must be from 0 to 1, not 1.5"),
        (lambda: vector(AutoresetMode.DISABLED, float("nan")), "gamma must be from 0 to 1, not nan"),
        (lambda: NCLReward(CloseEnv(), WANTED, 0.9), "the potential is of 2 bracket types, the environment has 3"),
        (
            lambda: NCLReward(MaskObservation(CloseEnv(TINY)), WANTED, 0.9),
            "NCLReward needs observations of token ids, not Dict",
        ),
        (
            lambda: VectorNCLReward(VectorMaskObservation(CloseVectorEnv(2, TINY)), WANTED, 0.9),
            "NCLReward needs observations of token ids, not Dict",
        ),
        (lambda: Potential((rule("queue", -0.5),), 2), "the weight of queue must be a finite number of at least 0"),
        (lambda: Potential((), 2, float("inf")), "the scale of a potential must be a finite number"),
        (lambda: Potential((), 2, 1.0, -0.5), "the base of a potential must be a finite number"),
        (lambda: Potential((rule("queue", 1.0, (2,)),), 2), "queue speaks of bracket type 2, but there are 2"),
    ],
)
def test_bad_input(make: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        make()
    assert "\n" not in str(error.value)
