"""Violations counted symbol by symbol are those that the rules count in the whole sequence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bracket_env import BracketLanguage, InputError
from bracket_env.tokenizer import SEP, BracketTokenizer, closer_id, opener_id
from ncl_reward.reward.live_violations import LiveViolations
from ncl_reward.reward.potential import Potential
from ncl_reward.rules.bracket_rules import BRACKET_RULES
from ncl_reward.rules.rule import Slots, StatedRule

LANGUAGE = BracketLanguage()
TOKENIZER = BracketTokenizer(LANGUAGE)
ANSWER = 9  # symbols of an answer
WIDTH = 12 + 2 + ANSWER

prefixes = st.text("([【)]】{}", max_size=12).filter(LANGUAGE.is_prefix)
slots = st.sampled_from([None, (0,), (1, 2)]).map(lambda pairs: Slots(pairs=pairs))
rules = st.builds(StatedRule, st.sampled_from(list(BRACKET_RULES.values())), slots, st.floats(0, 1))
potentials = st.lists(rules, max_size=4).map(lambda some: Potential(tuple(some), 3))


def prompts(texts: list[str]) -> np.ndarray:
    rows = np.zeros((len(texts), WIDTH), dtype=np.uint8)
    ids, _ = TOKENIZER.encode_prompts(texts)
    rows[:, : ids.shape[1]] = ids
    return rows


@settings(max_examples=60)
@given(
    potential=potentials,
    episodes=st.lists(st.tuples(prefixes, st.lists(st.integers(0, 2), max_size=ANSWER)), min_size=1, max_size=5),
    again=st.tuples(prefixes, st.integers(0, 2**16)),
)
def test_symbol_by_symbol_as_in_the_whole(
    potential: Potential, episodes: list[tuple[str, list[int]]], again: tuple[str, int]
) -> None:
    """Members write, end (END, which counts for nothing), and one starts anew in the middle of the others' answers."""
    rows = prompts([prefix for prefix, _ in episodes])
    cursor = np.argmax(rows == SEP, axis=1) + 1
    live = LiveViolations(potential, len(rows))
    everyone = np.arange(len(rows))
    assert (live.start(everyone, rows) == potential(rows)).all()
    written = [list(answer) for _, answer in episodes]
    restart = again[1] % ANSWER
    for t in range(ANSWER):
        actions = np.array([answer[t] if t < len(answer) else potential.pairs for answer in written])
        live.write(actions)
        for row, place, action in zip(rows, cursor + t, actions, strict=True):
            if action < potential.pairs:
                row[place] = closer_id(action)
        if t == restart:
            rows[0] = prompts([again[0]])[0]
            cursor[0], written[0] = len(again[0]) + 2 - t - 1, [*written[0][: t + 1], 0, 1, 2]
            assert (live.start(np.array([0]), rows[:1]) == potential(rows[:1])).all()
        assert (live.phi() == potential(rows)).all()
    resumed = LiveViolations(potential, len(rows))
    resumed.resume(rows)
    assert (resumed.counts == live.counts).all()


@pytest.mark.parametrize("rule", ["nesting", "queue", "stop_when_closed"])
@pytest.mark.parametrize("depth", [1, 8, 33, 62])
def test_deep_prefixes(rule: str, depth: int) -> None:
    """Openers of two types in turn, closed from the inside, then from the outside."""
    potential = Potential((StatedRule(BRACKET_RULES[rule], Slots(), 1.0),), 2)
    row = np.array([[1, *(opener_id(i % 2) for i in range(depth)), SEP, *[0] * depth]], dtype=np.uint8)
    for order in (range(depth - 1, -1, -1), range(depth)):
        live = LiveViolations(potential, 1)
        assert live.start(np.array([0]), row)[0] == potential(row)[0]
        answered = row.copy()
        for t, i in enumerate(order):
            live.write(np.array([i % 2]))
            answered[0, depth + 2 + t] = closer_id(i % 2)
        assert live.phi()[0] == potential(answered)[0]


def test_deeper_than_the_bits_is_refused() -> None:
    live = LiveViolations(Potential((), 1), 1)
    row = np.array([[1, *[opener_id(0)] * 63, SEP]], dtype=np.uint8)
    with pytest.raises(InputError, match="opens 63 brackets at once; the shaped reward goes to 62"):
        live.start(np.array([0]), row)
