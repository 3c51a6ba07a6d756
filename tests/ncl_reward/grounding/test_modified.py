"""The modified sequence: a product of targets, and answers that are drawn from it."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bracket_env import EOS, BracketLanguage, BracketTokenizer
from bracket_env.random_streams import key, subkey
from ncl_reward.grounding.modified import NEVER, combine, draw_answers, log_q
from ncl_reward.rules.bracket_rules import BRACKET_RULES
from ncl_reward.rules.bracket_state import BracketInputs
from ncl_reward.rules.rule import Slots, StatedRule, Target

LANGUAGE = BracketLanguage(["()", "【】", "{}"])
TOKENIZER = BracketTokenizer(LANGUAGE)


def rules(*names: str, weight: float = 1.0, noise: float = 0.0) -> list[StatedRule]:
    return [StatedRule(BRACKET_RULES[name], Slots(noise=noise), weight) for name in names]


def answers(prefixes: list[str], chosen: list[StatedRule], stream: int = 0) -> list[str]:
    """What is drawn, with a full stop for END."""
    prompts, lengths = TOKENIZER.encode_prompts(prefixes)
    streams = subkey(np.array([key(0, "test", stream)], dtype=np.uint64), np.arange(len(prefixes), dtype=np.uint64))
    drawn = draw_answers(prompts, lengths, chosen, pairs=3, streams=streams)
    assert len(drawn.log_q) == len(drawn.applies) == (drawn.length - lengths).sum()
    found = []
    for row, begin, end in zip(drawn.ids.tolist(), lengths.tolist(), drawn.length.tolist(), strict=True):
        assert row[:begin] == prompts[len(found), :begin].tolist()
        assert not any(row[end:])
        found.append(TOKENIZER.spell([i for i in row[begin:end] if i != EOS]) + "." * (row[end - 1] == EOS))
    return found


@given(st.lists(st.text("(){}【】", max_size=12).filter(lambda w: completable(w)), min_size=1, max_size=5))
def test_nesting_and_stop_draw_the_completion(prefixes: list[str]) -> None:
    drawn = answers(prefixes, rules("nesting", "stop_when_closed"))
    assert drawn == [LANGUAGE.completion(prefix) + "." for prefix in prefixes]


def completable(word: str) -> bool:
    try:
        LANGUAGE.completion(word)
    except ValueError:
        return False
    return True


def test_one_to_one_and_stop_leave_the_order_open() -> None:
    drawn = Counter(answers(["({"] * 4000, rules("one_to_one", "stop_when_closed")))
    assert set(drawn) == {")}.", "})."}
    assert abs(drawn[")}."] - 2000) < 5 * np.sqrt(1000)


def test_a_row_depends_on_nothing_but_its_stream() -> None:
    chosen = rules("one_to_one", noise=0.2)
    together = answers(["({", "((((【", "", "【("], chosen)
    prompts, lengths = TOKENIZER.encode_prompts(["((((【"])
    alone = subkey(np.array([key(0, "test", 0)], dtype=np.uint64), np.array([1], dtype=np.uint64))
    drawn = draw_answers(prompts, lengths, chosen, pairs=3, streams=alone)
    assert TOKENIZER.spell([i for i in drawn.ids[0, lengths[0] :].tolist() if i != EOS]) == together[1].strip(".")


def test_no_answer_is_longer_than_the_prefix_and_end() -> None:
    drawn = answers(["(" * n for n in range(6)] * 50, rules("closers_only", noise=0.2))
    for n, answer in zip([*range(6)] * 50, drawn, strict=True):
        assert len(answer) <= n + 1


def test_the_product_is_that_of_the_targets() -> None:
    prompts, lengths = TOKENIZER.encode_prompts(["({【", "(", "()"])
    inputs = BracketInputs(prompts, np.arange(3), lengths - 1, TOKENIZER.vocab_size)
    targets = [BRACKET_RULES[name].target(inputs, Slots(noise=0.1)) for name in ("one_to_one", "stop_when_closed")]
    logs, applies = combine(targets, [1.0, 0.5])
    product = np.exp(log_q(targets[0])) * np.exp(log_q(targets[1])) ** 0.5
    assert np.exp(logs) == pytest.approx(product / product.sum(axis=1, keepdims=True))
    assert applies.all()


def test_a_weight_of_zero_is_no_rule() -> None:
    one = Target(np.array([[True, False]]), np.array([True]), np.array([True, True]), 0.6)
    two = Target(np.array([[True, False]]), np.array([True]), np.array([True, False]), 0.6)
    assert log_q(one) == pytest.approx(np.log([[0.7, 0.3]]))
    assert log_q(two) == pytest.approx(np.array([[0.0, NEVER]]))
    logs, applies = combine([one, two], [1.0, 0.0])
    assert logs == pytest.approx(log_q(one))
    assert applies.tolist() == [True]
    assert combine([one, two], [0.0, 0.0])[1].tolist() == [False]
