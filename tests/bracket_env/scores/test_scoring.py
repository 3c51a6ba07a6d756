"""Scores against values worked out by hand, a textbook formula and a naive twin."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import product
from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bracket_env import BracketLanguage, Case, InputError, make_case
from bracket_env.scores.scoring import COLUMNS, Estimate, Scores, case_facts, score, share_answered
from bracket_env.scores.shortcuts import needs_stack

LANGUAGE = BracketLanguage()
SYMBOLS = LANGUAGE.openers + LANGUAGE.closers
SHORT_PREFIXES = ["".join(s) for n in range(5) for s in product(SYMBOLS, repeat=n) if LANGUAGE.is_prefix("".join(s))]


class Fixed:
    """Answers from a table."""

    def __init__(self, answers: dict[str, str]) -> None:
        self.answers = answers

    def complete(self, prefixes: Sequence[str]) -> list[str]:
        return [self.answers[prefix] for prefix in prefixes]


class Confident(Fixed):
    """Gives the pair ``favourite`` the probability ``p`` at every position of every word."""

    def __init__(self, answers: dict[str, str], favourite: int, p: float) -> None:
        super().__init__(answers)
        self.row = np.full(3, (1 - p) / 2)
        self.row[favourite] = p

    def closer_probabilities(self, words: Sequence[str]) -> list[np.ndarray]:
        return [np.tile(self.row, (len(word), 1)) for word in words]


def cases_of(*prefixes: str) -> list[Case]:
    return [make_case(LANGUAGE, prefix) for prefix in prefixes]


def right_answers(cases: Sequence[Case]) -> dict[str, str]:
    return {case.prefix: case.completion for case in cases}


@pytest.mark.parametrize(
    ("total", "n", "low", "high"),
    [
        # 1.959964**2 = 3.841459: 0 of 10 gives high = 3.841459 / 13.841459, 10 of 10 its mirror image.
        (0, 10, 0.0, 0.277533),
        (10, 10, 0.722467, 1.0),
        # 5 of 10: 0.5 -+ 1.959964 * sqrt(0.025 + 0.009604) / 1.384146
        (5, 10, 0.236593, 0.763407),
        # 1 of 1: low = 1 / 4.841459
        (1, 1, 0.206549, 1.0),
        # Newcombe, Statistics in Medicine 17 (1998), table I: 81/263 and 15/148, score method without correction
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
    ],
)
def test_wilson_interval_against_known_values(total: int, n: int, low: float, high: float) -> None:
    estimate = Estimate.of(total, n)
    assert estimate.value == total / n
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=6e-5)
    assert estimate.n == n


@given(st.integers(1, 100_000), st.floats(0, 1))
def test_wilson_ends_solve_the_score_equation_and_hold_the_value(n: int, fraction: float) -> None:
    estimate = Estimate.of(fraction * n, n)
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
    for end in (estimate.low, estimate.high):
        # Each end is a proportion that stands exactly 1.96 of its own standard errors from the value.
        assert abs(end - estimate.value) == pytest.approx(1.959963984540054 * sqrt(end * (1 - end) / n), abs=1e-7)


def test_pooling_equals_counting_together() -> None:
    assert Estimate.pooled([Estimate.of(3, 4), Estimate.of(1, 12)]) == Estimate.of(4, 16)
    assert Estimate.pooled([]) is None


@pytest.mark.parametrize(
    ("completion", "answer", "share"),
    [
        ("})", "})", 1.0),
        ("})", "})}", 2 / 3),
        ("})", "}", 1 / 3),
        ("})", "}}", 1 / 3),
        ("})", ")}", 0.0),
        ("})", "", 0.0),
        ("", "", 1.0),
        ("", ")", 0.0),
        ("))))))", "))))))", 1.0),
    ],
)
def test_share_is_right_actions_over_actions_with_end_counted(completion: str, answer: str, share: float) -> None:
    assert share_answered(answer, completion) == share


@given(st.sampled_from(SHORT_PREFIXES), st.text(LANGUAGE.closers, max_size=6))
def test_share_equals_playing_the_answer_action_by_action(prefix: str, answer: str) -> None:
    completion = LANGUAGE.completion(prefix)
    right = 0
    for played, wanted in zip([*answer, "END"], [*completion, "END"], strict=False):
        if played != wanted:
            break
        right += 1
    assert share_answered(answer, completion) == right / (len(completion) + 1)
    assert (share_answered(answer, completion) == 1.0) == (answer == completion)


@given(st.sampled_from(SHORT_PREFIXES))
def test_facts_are_those_of_the_language(prefix: str) -> None:
    case = make_case(LANGUAGE, prefix)
    facts = case_facts(case, LANGUAGE)
    assert facts[:5] == (
        len(case.completion),
        LANGUAGE.depth(prefix),
        len(prefix),
        LANGUAGE.max_distance(prefix),
        needs_stack(LANGUAGE, prefix),
    )


def test_a_solver_with_known_answers() -> None:
    cases = cases_of("({", "(", "", "({(")  # only the last needs a stack: the counters write "))}"
    scores = score(Fixed({"({": "})", "(": "}", "": "", "({(": ")}"}), cases, LANGUAGE, name="fixed")

    assert scores.name == "fixed"
    assert scores.answers == ("})", "}", "", ")}")
    assert scores.exact == Estimate.of(2, 4)
    assert scores.share == Estimate.of(1 + 0 + 1 + 2 / 4, 4)
    assert scores.closing is None
    assert scores.needs_stack == Estimate.of(0, 1)
    assert {value: m.exact for value, m in scores.by["closers"].items()} == {
        0: Estimate.of(1, 1),
        1: Estimate.of(0, 1),
        2: Estimate.of(1, 1),
        3: Estimate.of(0, 1),
    }
    assert {value: m.share and m.share.value for value, m in scores.by["distance"].items()} == {
        0: 1.0,
        1: 0.0,
        3: 1.0,
        5: 0.5,
    }
    assert list(scores.by["depth"]) == [0, 1, 2, 3]
    assert list(scores.by["length"]) == [0, 1, 2, 3]


def test_an_answer_is_read_as_it_is_meant() -> None:
    answers = {"({": "} )", "(": "）", "【": " 】\n", "{": "}\t}"}
    scores = score(Fixed(answers), [make_case(LANGUAGE, prefix) for prefix in answers], LANGUAGE, name="spaced")
    assert scores.answers == ("})", ")", "】", "}\t}")
    assert scores.exact.value == 0.75


def test_targets_of_a_file_count_instead_of_the_completions() -> None:
    cases = [make_case(LANGUAGE, prefix) for prefix in ("({", "(", "【{")]
    solver = Fixed({"({": "})", "(": ")", "【{": "】}"})
    scores = score(solver, cases, LANGUAGE, name="kept", targets=[")}", ")", "】}"])
    assert (scores.exact.value, scores.share.value) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert scores.by["closers"][1].exact == Estimate.of(1, 1)
    assert score(solver, cases, LANGUAGE, name="right").by["closers"][2].exact == Estimate.of(1, 2)


def test_needs_stack_is_none_when_no_case_needs_one() -> None:
    assert score(Fixed({"(": ")"}), cases_of("("), LANGUAGE, name="s").needs_stack is None


def test_closing_counts_every_closer_of_the_word_prefix_and_completion() -> None:
    cases = cases_of("({}", "{(")  # words ({}) and {()}: four closers, two of them )
    scores = score(Confident(right_answers(cases), favourite=0, p=0.9), cases, LANGUAGE, name="s")
    assert scores.closing == Estimate.of(2, 4)
    # By distance the key is the closer's own: {} and () at 1, ( ) and { } at 3; exact is keyed by the case.
    by_distance = scores.by["distance"]
    assert by_distance[1].closing == Estimate.of(1, 2)
    assert by_distance[1].exact is None
    assert by_distance[3].closing == Estimate.of(1, 2)
    assert by_distance[3].exact == Estimate.of(2, 2)
    # By length it is the case's: two closers in the word of the prefix of 3 symbols, two in the other.
    assert scores.by["length"][3].closing == Estimate.of(1, 2)
    assert scores.by["length"][2].closing == Estimate.of(1, 2)


@pytest.mark.parametrize(("p", "hits"), [(0.81, 1), (0.8, 0), (0.79, 0)])
def test_closing_wants_more_than_the_threshold(p: float, hits: int) -> None:
    cases = cases_of("(")
    scores = score(Confident(right_answers(cases), favourite=0, p=p), cases, LANGUAGE, name="s")
    assert scores.closing == Estimate.of(hits, 1)


def test_closing_is_the_same_however_many_words_are_asked_for_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = cases_of(*SHORT_PREFIXES)
    solver = Confident(right_answers(cases), favourite=1, p=0.9)
    whole = score(solver, cases, LANGUAGE, name="s")
    monkeypatch.setattr("bracket_env.scores.scoring._WORDS_AT_ONCE", 7)
    assert score(solver, cases, LANGUAGE, name="s") == whole
    words = [case.prefix + case.completion for case in cases]
    squares, closers = sum(w.count("】") for w in words), sum(len(w) // 2 for w in words)
    assert whole.closing == Estimate.of(squares, closers)


def test_a_solver_may_set_closer_probabilities_to_none() -> None:
    class Unable(Fixed):
        closer_probabilities = None

    assert score(Unable({"(": ")"}), cases_of("("), LANGUAGE, name="s").closing is None


@given(st.lists(st.sampled_from(SHORT_PREFIXES), min_size=1, max_size=30), st.data())
def test_tables_are_a_partition_of_the_cases(prefixes: list[str], data: st.DataObject) -> None:
    cases = cases_of(*prefixes)
    answers = {prefix: data.draw(st.sampled_from([LANGUAGE.completion(prefix), ")", ""])) for prefix in set(prefixes)}
    scores = score(Confident(answers, favourite=2, p=1.0), cases, LANGUAGE, name="s")
    for column in COLUMNS:
        slices = list(scores.by[column].values())
        for measure in ("exact", "share", "closing"):
            parts = [e for m in slices if (e := getattr(m, measure)) is not None]
            total = getattr(scores, measure)
            assert sum(e.n for e in parts) == (total.n if total else 0)
            assert sum(e.n * e.value for e in parts) == pytest.approx(total.n * total.value if total else 0)
        assert sum(m.exact.n for m in slices if m.exact) == len(cases)


def test_json_has_the_keys_of_the_design_and_survives_a_round_trip() -> None:
    cases = cases_of("({", "(", *["({(" + "()" * i for i in range(9)])
    entry = score(Confident(right_answers(cases), 0, 0.9), cases, LANGUAGE, name="s").to_json()
    assert json.loads(json.dumps(entry)) == entry
    assert list(entry) == ["name", "exact", "share", "closing", "needs_stack", "by"]
    for measure in ("exact", "share", "closing", "needs_stack"):
        assert list(entry[measure]) == ["value", "low", "high", "n"]
    assert entry["exact"] == {"value": 1.0, "low": pytest.approx(0.7411, abs=1e-4), "high": 1.0, "n": 11}
    assert list(entry["by"]) == ["closers", "depth", "length", "distance"]
    for table in entry["by"].values():
        assert list(table) == sorted(table, key=int)
        for measures in table.values():
            assert list(measures) == ["exact", "share", "closing"]
    assert list(entry["by"]["length"]) == ["1", "2", "3", "5", "7", "9", "11", "13", "15", "17", "19"]


def test_json_of_a_solver_without_probabilities_has_null() -> None:
    entry = score(Fixed({"(": ")"}), cases_of("("), LANGUAGE, name="s").to_json()
    assert entry["closing"] is None
    assert entry["needs_stack"] is None
    assert entry["by"]["closers"]["1"]["closing"] is None


def test_no_cases() -> None:
    with pytest.raises(InputError, match="no cases to score gru on"):
        score(Fixed({}), [], LANGUAGE, name="gru")


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ([")"], "gru gave 1 answers for 2 prefixes"),
        ([], "gru gave 0 answers for 2 prefixes"),
        ("))", "gru gave one string for 2 prefixes"),
        ([")", None], r"gru answered '\(\(' with None, which is not a string"),
        ([")", [1, 2]], r"gru answered '\(\(' with \[1, 2\], which is not a string"),
    ],
)
def test_answers_of_the_wrong_form_name_the_solver(answers: object, message: str) -> None:
    class Broken:
        def complete(self, prefixes: Sequence[str]) -> list[str]:
            return answers  # type: ignore[return-value]

    with pytest.raises(InputError, match=message):
        score(Broken(), cases_of("(", "(("), LANGUAGE, name="gru")


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ([], "gru gave closer probabilities of 0 words for 1"),
        ([np.ones((2, 2)) / 2], r"gru gave closer probabilities of shape \(2, 2\) for '\(\)', not \(2, 3\)"),
        ([np.ones((1, 3)) / 3], r"gru gave closer probabilities of shape \(1, 3\) for '\(\)', not \(2, 3\)"),
        ([np.full((2, 3), -1.1)], r"gru gave closer probabilities that do not sum to 1"),
        ([np.full((2, 3), np.nan)], r"gru gave closer probabilities that do not sum to 1"),
    ],
)
def test_closer_probabilities_of_the_wrong_form_name_the_solver(tables: list[np.ndarray], message: str) -> None:
    class Broken(Fixed):
        def closer_probabilities(self, words: Sequence[str]) -> list[np.ndarray]:
            return tables

    with pytest.raises(InputError, match=message):
        score(Broken({"(": ")"}), cases_of("("), LANGUAGE, name="gru")


@pytest.mark.parametrize(
    ("case", "message"),
    [(Case("({", ")}"), r"the completion of '\(\{' is '\}\)', not '\)\}'"), (Case(")", ""), "closes nothing")],
)
def test_a_case_that_is_none_is_refused(case: Case, message: str) -> None:
    with pytest.raises(InputError, match=message):
        score(Fixed({}), [case], LANGUAGE, name="s")


def test_scores_are_frozen() -> None:
    scores: Scores = score(Fixed({"(": ")"}), cases_of("("), LANGUAGE, name="s")
    with pytest.raises(AttributeError):
        scores.name = "other"  # type: ignore[misc]
