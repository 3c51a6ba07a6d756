"""What is open after each token: the array code against a list, also for answers full of mistakes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bracket_env import BOS, EOS, FIRST_SYMBOL, MASK, SEP, BracketLanguage, BracketTokenizer, InputError
from ncl_reward.rules.bracket_state import NOTHING, BracketInputs, OpenBrackets

PAIRS = 3
VOCABULARY = FIRST_SYMBOL + 2 * PAIRS
TOKENIZER = BracketTokenizer(BracketLanguage())


class Twin:
    """The same definitions, one token at a time, with two plain lists of open types."""

    def __init__(self) -> None:
        self.stack: list[int] = []
        self.queue: list[int] = []
        self.seen: set[int] = set()
        self.answering = False

    def read(self, token: int) -> None:
        kind, closes = divmod(token - FIRST_SYMBOL, 2)
        if token == SEP:
            self.answering = True
        elif token < FIRST_SYMBOL:
            pass
        elif not closes:
            self.stack.append(kind)
            self.queue.append(kind)
            self.seen.add(kind)
        elif kind in self.stack:
            remove_last(self.stack, kind)
            if self.answering:
                self.queue.remove(kind)
            else:
                remove_last(self.queue, kind)


def remove_last(types: list[int], kind: int) -> None:
    del types[len(types) - 1 - types[::-1].index(kind)]


symbols = st.integers(FIRST_SYMBOL, VOCABULARY - 1)


@st.composite
def sequences(draw: st.DrawFn) -> list[int]:
    """BOS prefix SEP answer; any symbols, EOS and MASK in the answer."""
    prefix = draw(st.lists(symbols, max_size=10))
    answer = draw(st.lists(symbols | st.sampled_from([EOS, MASK]), max_size=10))
    return [BOS, *prefix, SEP, *answer]


def padded(rows: list[list[int]]) -> np.ndarray:
    ids = np.zeros((len(rows), max(map(len, rows))), dtype=np.uint8)
    for row, tokens in zip(ids, rows, strict=True):
        row[: len(tokens)] = tokens
    return ids


@given(st.lists(sequences(), min_size=1, max_size=5))
def test_every_state_is_that_of_two_lists(rows: list[list[int]]) -> None:
    ids = padded(rows)
    every_row, every_position = np.nonzero(np.ones_like(ids))
    state = BracketInputs(ids, every_row, every_position, VOCABULARY).state
    place = 0
    for row in ids:
        twin = Twin()
        for token in row:
            twin.read(int(token))
            assert [state.open[place][t] for t in range(PAIRS)] == [twin.stack.count(t) for t in range(PAIRS)]
            assert {t for t in range(PAIRS) if state.seen[place][t]} == twin.seen
            assert state.top[place] == (twin.stack[-1] if twin.stack else NOTHING)
            assert state.front[place] == (twin.queue[0] if twin.queue else NOTHING)
            assert state.closed[place] == (not twin.stack)
            place += 1


def test_the_worked_trace_of_the_docstring() -> None:
    ids = np.array([[BOS, *TOKENIZER.encode("({"), SEP, *TOKENIZER.encode(")}")]])
    state = BracketInputs(ids, np.zeros(6, dtype=int), np.arange(6), VOCABULARY).state
    assert list(state.top) == [NOTHING, 0, 2, 2, 2, NOTHING]
    assert list(state.front) == [NOTHING, 0, 0, 0, 2, NOTHING]


def test_places_are_given_in_any_order_and_more_than_once() -> None:
    ids = np.array([[BOS, *TOKENIZER.encode("({("), SEP], [BOS, *TOKENIZER.encode("{}{"), SEP]])
    state = BracketInputs(ids, np.array([1, 0, 1]), np.array([4, 4, 4]), VOCABULARY).state
    assert state.open.tolist() == [[0, 0, 1], [2, 0, 1], [0, 0, 1]]


def test_no_places_at_all() -> None:
    nothing = np.zeros(0, dtype=int)
    assert BracketInputs(np.array([[BOS, SEP]]), nothing, nothing, VOCABULARY).state.open.shape == (0, PAIRS)


def test_a_state_stays_as_it_was_when_reading_goes_on() -> None:
    reader = OpenBrackets(1, PAIRS, 2)
    reader.read(np.array([FIRST_SYMBOL]))
    before = reader.state()
    reader.read(np.array([FIRST_SYMBOL]))
    assert before.open[0, 0] == 1
    assert reader.state().open[0, 0] == 2


@pytest.mark.parametrize(
    ("ids", "rows", "positions", "vocabulary", "message"),
    [
        (np.zeros(3), np.zeros(1), np.zeros(1), VOCABULARY, "ids must be"),
        (np.zeros((1, 3)), np.zeros(1), np.zeros(2), VOCABULARY, "ids must be"),
        (np.zeros((1, 3)), np.zeros(1), np.zeros(1), 6, "a vocabulary of 6"),
        (np.zeros((1, 3)), np.zeros(1), np.zeros(1), 5, "a vocabulary of 5"),
    ],
)
def test_arrays_of_other_shapes_are_refused(
    ids: np.ndarray, rows: np.ndarray, positions: np.ndarray, vocabulary: int, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        BracketInputs(ids, rows, positions, vocabulary)
