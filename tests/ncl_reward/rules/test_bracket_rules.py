"""What each rule of brackets allows, case by case, and what follows from it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bracket_env import BOS, EOS, FIRST_SYMBOL, SEP, BracketLanguage, BracketTokenizer
from ncl_reward.grounding.modified import NEVER, log_q
from ncl_reward.rules.bracket_rules import BRACKET_RULES
from ncl_reward.rules.bracket_state import BracketInputs
from ncl_reward.rules.rule import NOISE, Slots

LANGUAGE = BracketLanguage()
TOKENIZER = BracketTokenizer(LANGUAGE)
VOCABULARY = TOKENIZER.vocab_size
EVERYTHING = Slots()
ROUND = Slots(pairs=(0,))
LENTICULAR = Slots(pairs=(1,))

prefixes = st.text("([【)]】{}", max_size=12).filter(LANGUAGE.is_prefix)
answers = st.text("(【{)】}", max_size=8)
rules = st.sampled_from(list(BRACKET_RULES))


def written(prefix: str, answer: str = "", *, end: bool = False) -> BracketInputs:
    """One sequence, asked for what follows its last token."""
    ids = np.array([[BOS, *TOKENIZER.encode(prefix), SEP, *TOKENIZER.encode(answer), *([EOS] if end else [])]])
    return BracketInputs(ids, np.array([0]), np.array([ids.shape[1] - 1]), VOCABULARY)


def spelled(allowed: np.ndarray) -> str:
    """An allowed set as text: END is written ``.``."""
    return "".join("." if i == EOS else TOKENIZER.decode([int(i)]) for i in np.flatnonzero(allowed))


ALL, ASKED = ".()【】{}", ".)】}"


@pytest.mark.parametrize(
    ("rule", "prefix", "answer", "slots", "allowed"),
    [
        ("one_to_one", "({(", "", EVERYTHING, ".)}"),
        ("one_to_one", "({(", ")", EVERYTHING, ".)}"),
        ("one_to_one", "({(", "))", EVERYTHING, ".}"),
        ("one_to_one", "()", "", EVERYTHING, "."),
        ("one_to_one", "({【", "", EVERYTHING, ALL),  # every closer is possible: nothing is ruled out
        ("one_to_one", "(", "", LENTICULAR, ".)}"),  # } is not its business
        ("one_to_one", "【", "", LENTICULAR, ALL),
        ("nesting", "({(", "", EVERYTHING, ".)"),
        ("nesting", "({(", ")", EVERYTHING, ".}"),
        ("nesting", "({(", "}", EVERYTHING, ".)"),
        ("nesting", "()", "", EVERYTHING, ALL),
        ("nesting", "({", "", ROUND, ".】}"),  # ( is not the last opened, so ) has to wait
        ("nesting", "{(", "", ROUND, ALL),
        ("queue", "({(", "", EVERYTHING, ".)"),
        ("queue", "({(", ")", EVERYTHING, ".}"),
        ("queue", "({(", ")}", EVERYTHING, ".)"),
        ("queue", "(){(", "", EVERYTHING, ".}"),
        ("queue", "({", "", ROUND, ALL),
        ("queue", "{(", "", ROUND, ".】}"),
        ("stop_when_closed", "(", "", EVERYTHING, ")】}"),
        ("stop_when_closed", "(", ")", EVERYTHING, "."),
        ("stop_when_closed", "", "", EVERYTHING, "."),
        ("stop_when_closed", "({", "", ROUND, ")】}"),
        ("stop_when_closed", "({", ")", ROUND, ALL),  # what is open is not what the sentence is about
        ("no_unopened", "(){", "", EVERYTHING, ".)}"),
        ("no_unopened", "(", "))", EVERYTHING, ".)"),
        ("no_unopened", "", "", EVERYTHING, "."),
        ("no_unopened", "(", "", LENTICULAR, ".)}"),
        ("closers_only", "(", "", EVERYTHING, ASKED),
        ("closers_only", "(", "", ROUND, ".)【】{}"),
    ],
)
def test_allowed_sets(rule: str, prefix: str, answer: str, slots: Slots, allowed: str) -> None:
    target = BRACKET_RULES[rule].target(written(prefix, answer), slots)
    assert spelled(target.allowed[0]) == allowed
    assert target.applies[0] == (allowed != ALL)


@given(rule=rules, noise=st.sampled_from(list(NOISE.values())), prefix=prefixes, answer=answers)
def test_a_target_is_a_distribution_over_what_can_be_written(rule: str, noise: float, prefix: str, answer: str) -> None:
    target = BRACKET_RULES[rule].target(written(prefix, answer), Slots(noise=noise))
    q = np.exp(log_q(target)[0])
    writable = VOCABULARY - FIRST_SYMBOL + 1
    assert q.sum() == pytest.approx(1)
    assert all(log_q(target)[0, i] == NEVER for i in range(FIRST_SYMBOL) if i != EOS)
    if target.applies[0]:
        size = target.allowed[0].sum()
        assert q[target.allowed[0]] == pytest.approx((1 - noise) / size + noise / writable)
        assert q[~target.allowed[0]].sum() == pytest.approx(noise * (writable - size) / writable)
    else:
        assert q[EOS] == pytest.approx(1 / writable)


@given(prefix=prefixes)
def test_nesting_and_stopping_determine_the_answer(prefix: str) -> None:
    """One allowed symbol is left at every place, and it is that of the completion."""
    completion = LANGUAGE.completion(prefix)
    for done in range(len(completion) + 1):
        inputs = written(prefix, completion[:done])
        both = np.ones(VOCABULARY, dtype=bool)
        for rule in ("nesting", "stop_when_closed"):
            both &= BRACKET_RULES[rule].target(inputs, EVERYTHING).allowed[0]
        assert spelled(both) == (completion[done] if done < len(completion) else ".")


@given(prefix=prefixes)
def test_the_right_answer_breaks_only_the_queue(prefix: str) -> None:
    inputs = written(prefix, LANGUAGE.completion(prefix), end=True)
    broken = {name for name, rule in BRACKET_RULES.items() if rule.violations(inputs, EVERYTHING)[0] > 0}
    opened = LANGUAGE.open_stack(prefix)
    assert broken == ({"queue"} if opened != opened[::-1] else set())


@given(prefix=prefixes)
def test_closing_in_order_of_opening_breaks_only_nesting(prefix: str) -> None:
    opened = LANGUAGE.open_stack(prefix)
    inputs = written(prefix, "".join(LANGUAGE.closer_of[symbol] for symbol in opened), end=True)
    broken = {name for name, rule in BRACKET_RULES.items() if rule.violations(inputs, EVERYTHING)[0] > 0}
    assert broken == ({"nesting"} if opened != opened[::-1] else set())


@given(
    rule=rules,
    slots=st.sampled_from([EVERYTHING, ROUND, LENTICULAR]),
    prefix=prefixes,
    answer=answers,
    end=st.booleans(),
)
def test_violations_are_the_symbols_outside_the_allowed_sets(
    rule: str, slots: Slots, prefix: str, answer: str, end: bool
) -> None:
    expected = 0.0
    text = answer + ("." if end else "")
    for i, symbol in enumerate(text):
        target = BRACKET_RULES[rule].target(written(prefix, text[:i]), slots)
        about = symbol in ASKED or rule == "closers_only"
        expected += target.applies[0] and about and symbol not in spelled(target.allowed[0])
    if rule == "stop_when_closed":
        opened = written(prefix, answer).state.open[0]
        expected += opened.sum() if slots.pairs is None else opened[list(slots.pairs)].sum()
    assert BRACKET_RULES[rule].violations(written(prefix, answer, end=end), slots)[0] == expected


@pytest.mark.parametrize(
    ("rule", "prefix", "answer", "end", "count"),
    [
        ("one_to_one", "(", "))", False, 1),
        ("one_to_one", "(", "}})", False, 2),
        ("one_to_one", "(", "", True, 0),  # when to stop is another rule's business
        ("nesting", "({", ")}", False, 1),
        ("queue", "({", "})", False, 1),
        ("stop_when_closed", "({", "", False, 2),
        ("stop_when_closed", "({", "}", False, 1),
        ("stop_when_closed", "({", "}", True, 2),
        ("stop_when_closed", "({", "})", True, 0),
        ("stop_when_closed", "({", "}))", True, 1),
        ("no_unopened", "(", "))】", False, 1),
        ("closers_only", "(", "(()", False, 2),
    ],
)
def test_violations_by_hand(rule: str, prefix: str, answer: str, end: bool, count: int) -> None:
    assert BRACKET_RULES[rule].violations(written(prefix, answer, end=end), EVERYTHING)[0] == count


def test_a_batch_is_counted_row_by_row() -> None:
    rows = [written("({", ")}").ids[0], written("(", ")").ids[0]]
    ids = np.zeros((2, max(map(len, rows))), dtype=int)
    for row, tokens in zip(ids, rows, strict=True):
        row[: len(tokens)] = tokens
    nothing = np.zeros(0, dtype=int)
    batch = BracketInputs(ids, nothing, nothing, VOCABULARY)
    assert BRACKET_RULES["nesting"].violations(batch, EVERYTHING).tolist() == [1, 0]
