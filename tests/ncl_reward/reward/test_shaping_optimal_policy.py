"""Shaping leaves every optimal policy optimal: exact planning, with right and with contradicting sentences."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest

from bracket_env import BracketLanguage, CloseEnv, CloseVectorEnv, get_setting
from bracket_env.tasks.close import RewardKind
from ncl_reward.reward.potential import Potential
from ncl_reward.reward.shaping import NCLReward, VectorNCLReward
from ncl_reward.rules.bracket_rules import BRACKET_RULES
from ncl_reward.rules.rule import Slots, StatedRule

TINY = get_setting("bracket/CloseTiny-v0")
LANGUAGE: BracketLanguage = TINY.language()
END = 2
MOST = 7  # actions of an episode
GAMMA = 0.9

Values = dict[tuple[str, tuple[int, ...]], np.ndarray]  # (prefix, answer so far) -> Q of every action, (3,)


def potential(*names: str, scale: float = 1.0, base: float = 0.0) -> Potential:
    return Potential(tuple(StatedRule(BRACKET_RULES[name], Slots(), 0.9) for name in names), 2, scale, base)


RIGHT = potential("one_to_one", "nesting", "stop_when_closed")
CONTRADICTING = potential("queue", "closers_only")
EXTREME = potential("queue", "stop_when_closed", "no_unopened", scale=50.0, base=9.0)
NONE = potential()
PREFIXES = ("", "(", "[]", "([", "((", "()[(", "[([")


def planned(shape: Potential, reward: RewardKind) -> Values:
    """Exact Q of every state that is reachable from ``PREFIXES``, by backward induction through the environment.

    Whoever is cut off may still write END, which earns nothing and gives Φ back.
    """
    nodes = [node for n in range(MOST) for node in itertools.product(range(END), repeat=n)]
    moves = [(node, action) for node in nodes for action in range(END + 1)]
    paths = np.array([[*node, action, *[END] * (MOST - len(node) - 1)] for node, action in moves])
    arrival = np.array([len(node) for node, _ in moves])
    options = {"on_mistake": "continue", "reward": reward, "autoreset_mode": "NextStep"}
    env = VectorNCLReward(CloseVectorEnv(len(moves), TINY.id, **options), shape, GAMMA)  # type: ignore[arg-type]
    found: Values = {}
    for prefix in PREFIXES:
        env.reset(seed=0, options={"prefix": prefix})
        earned, cut_off = np.zeros(len(moves)), np.zeros(len(moves))
        for t in range(MOST):
            obs, rewards, _, truncated, _ = env.step(paths[:, t])
            here = arrival == t
            earned[here] = rewards[here]
            cut_off[here & truncated] = -shape(obs[here & truncated])
        q = dict(zip(moves, earned + GAMMA * cut_off, strict=True))
        for node in reversed(nodes):
            values = np.array([q[node, action] for action in range(END + 1)])
            if len(node) + 1 < MOST:
                values[:END] += [GAMMA * found[prefix, (*node, action)].max() for action in range(END)]
            found[prefix, node] = values
    return found


def best(values: np.ndarray) -> frozenset[int]:
    return frozenset(np.flatnonzero(values > values.max() - 1e-9).tolist())


@pytest.fixture(scope="module", params=["dense", "sparse"])
def unshaped(request: pytest.FixtureRequest) -> tuple[RewardKind, Values]:
    return request.param, planned(NONE, request.param)


def test_planning_finds_the_answer(unshaped: tuple[RewardKind, Values]) -> None:
    _, values = unshaped
    for prefix in PREFIXES:
        actions = [*("()[]".index(symbol) // 2 for symbol in LANGUAGE.completion(prefix)), END]
        for t, action in enumerate(actions):
            assert best(values[prefix, tuple(actions[:t])]) == {action}


@pytest.mark.parametrize("shape", [RIGHT, CONTRADICTING, EXTREME], ids=["right", "contradicting", "extreme"])
def test_the_same_policies_are_optimal(shape: Potential, unshaped: tuple[RewardKind, Values]) -> None:
    """In every state, on the right path and off it, the same actions are best, and Q has moved by Φ."""
    kind, plain = unshaped
    shaped = planned(shape, kind)
    assert {state: best(q) for state, q in shaped.items()} == {state: best(q) for state, q in plain.items()}
    for prefix in PREFIXES:
        phi = shape(CloseEnv(TINY.id).reset(options={"prefix": prefix})[0][None])[0]
        assert shaped[prefix, ()] == pytest.approx(plain[prefix, ()] - phi, abs=1e-9)


def test_an_undiscounted_sum_would_turn_a_choice_around() -> None:
    """Two routes from ``((`` with "stop when closed" at scale 10: stop at once, or close both and then stop.

        γ = 0.9, dense reward 1/3 a step, Φ(s0) = -20, -10 after ), 0 after )), 0 at the end

                                        stop at once         close both, then stop
        reward, discounted              0                    1/3 (1 + 0.9 + 0.81) = 0.9033
        Φ(s') - Φ(s), discounted sum    20                   10 + 0.9·10 + 0      = 19
        γΦ(s') - Φ(s), discounted sum   20                   11 + 0.9·10 + 0      = 20

    Without the discount inside, stopping is worth 20 and answering 19.9033; with it 20 and 20.9033.
    """
    stop = Potential((StatedRule(BRACKET_RULES["stop_when_closed"], Slots(), 1.0),), 2, 10.0)

    def route(actions: list[int], gamma_of_shaping: float) -> float:
        env = NCLReward(CloseEnv(TINY.id), stop, gamma_of_shaping)
        env.reset(options={"prefix": "(("})
        return sum(GAMMA**t * env.step(np.int64(action))[1] for t, action in enumerate(actions))

    worth: Callable[[float], tuple[float, float]] = lambda g: (route([END], g), route([0, 0, END], g))  # noqa: E731
    assert worth(1.0) == pytest.approx((20.0, 19.0 + 0.271 / 0.3))
    assert worth(GAMMA) == pytest.approx((20.0, 20.0 + 0.271 / 0.3))
