"""The yardsticks against worked traces, brute force and their own laws."""

from __future__ import annotations

import subprocess
import sys
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bracket_env import BracketLanguage, Case, InputError, Solver, make_case, score
from bracket_env.scores.shortcuts import needs_stack, tally_completion
from bracket_env.scores.solvers import Counters, NGram, Oracle, RisingCounters, UniformRandom, yardsticks

LANGUAGE = BracketLanguage()
NAMES = ["oracle", "rising counters", "counters", "5-gram", "3-gram", "uniform"]


def short_prefixes(language: BracketLanguage, longest: int) -> list[str]:
    symbols = language.openers + language.closers
    texts = ("".join(s) for n in range(longest + 1) for s in product(symbols, repeat=n))
    return [text for text in texts if language.is_prefix(text)]


PREFIXES = short_prefixes(LANGUAGE, 5)
CASES = [make_case(LANGUAGE, prefix) for prefix in PREFIXES]
WORDS = [prefix + completion for prefix, completion in CASES]


@st.composite
def languages_with_prefixes(draw: st.DrawFn) -> tuple[BracketLanguage, list[str]]:
    """A language of 1 to 6 pairs of arbitrary characters, and prefixes of it built step by step."""
    letters = st.characters(exclude_categories=("C", "Z"))
    k = draw(st.integers(1, 6))
    symbols = draw(st.lists(letters, min_size=2 * k, max_size=2 * k, unique=True))
    language = BracketLanguage([a + b for a, b in zip(symbols[::2], symbols[1::2], strict=True)])
    prefixes = []
    for steps in draw(st.lists(st.lists(st.integers(0, k), max_size=20), min_size=1, max_size=8)):
        prefix = ""
        for step in steps:
            stack = language.open_stack(prefix)
            prefix += language.openers[step % k] if step < k or not stack else language.closer_of[stack[-1]]
        prefixes.append(prefix)
    return language, prefixes


@given(languages_with_prefixes())
def test_the_oracle_scores_exactly_one_in_every_language(drawn: tuple[BracketLanguage, list[str]]) -> None:
    language, prefixes = drawn
    cases = [make_case(language, prefix) for prefix in prefixes]
    scores = score(Oracle(language), cases, language, name="oracle")
    for estimate in (scores.exact, scores.share, scores.closing, scores.needs_stack):
        assert estimate is None or estimate.value == 1.0


@pytest.mark.parametrize("name", NAMES[1:])
def test_every_other_yardstick_falls_short_where_a_stack_is_needed(name: str) -> None:
    cases = [case for case in CASES if needs_stack(LANGUAGE, case.prefix)]
    scores = score(yardsticks(LANGUAGE, CASES)[name], cases, LANGUAGE, name=name)
    assert scores.exact.value < 1.0
    assert scores.share.value < 1.0
    assert scores.needs_stack == scores.exact


def test_needs_a_stack_is_what_the_counters_get_wrong() -> None:
    answers = Counters(LANGUAGE).complete(PREFIXES)
    for (prefix, completion), answer in zip(CASES, answers, strict=True):
        assert needs_stack(LANGUAGE, prefix) == (answer != completion)


@pytest.mark.parametrize(
    ("prefix", "counters", "rising"),
    [
        # prefix, Counters, RisingCounters; the right answer is the language's
        ("", "", ""),
        ("()", "", ""),
        ("({", "})", "})"),
        ("(({", "}))", "}))"),
        ("({()", ")}", "})"),  # the matched () makes ( the last opened type
        ("({【(){}", "})】", "】})"),  # so does {}, and then (
        ("({(", "))}", "}))"),  # ( is open on both sides of {: right is )})
        ("{()(", ")}", ")}"),
        ("()({", "})", "})"),  # a count that returned to zero rises anew
        ("{}(){", "}", "}"),
        ("(){()", "}", "}"),
        ("({(){}", "})", "})"),
    ],
)
def test_counters_on_worked_cases(prefix: str, counters: str, rising: str) -> None:
    assert Counters(LANGUAGE).complete([prefix]) == [counters]
    assert RisingCounters(LANGUAGE).complete([prefix]) == [rising]


def test_counters_wrong_and_rising_counters_right_and_both_wrong() -> None:
    assert LANGUAGE.completion("({()") == tally_completion(LANGUAGE, "({()", rising=True) == "})"
    assert tally_completion(LANGUAGE, "({()") == ")}"
    assert LANGUAGE.completion("({(") == ")})"
    assert tally_completion(LANGUAGE, "({(", rising=True) != ")})" != tally_completion(LANGUAGE, "({(")


@given(languages_with_prefixes(), st.booleans())
def test_tally_equals_its_definition(drawn: tuple[BracketLanguage, list[str]], rising: bool) -> None:
    language, prefixes = drawn
    for prefix in prefixes:
        clock = {}
        for opener, closer in language.closer_of.items():
            for t, symbol in enumerate(prefix):
                unmatched = prefix[:t].count(opener) - prefix[:t].count(closer)
                if symbol == opener and (not rising or unmatched == 0):
                    clock[opener] = t
        latest_first = sorted(clock, key=clock.__getitem__, reverse=True)
        count = {o: prefix.count(o) - prefix.count(language.closer_of[o]) for o in latest_first}
        expected = "".join(language.closer_of[o] * count[o] for o in latest_first)
        assert tally_completion(language, prefix, rising=rising) == expected


def test_with_one_pair_counting_is_enough() -> None:
    language = BracketLanguage(["()"])
    for prefix in short_prefixes(language, 8):
        assert not needs_stack(language, prefix)
        assert tally_completion(language, prefix, rising=True) == language.completion(prefix)


@pytest.mark.parametrize("solver", [Oracle(LANGUAGE), Counters(LANGUAGE), RisingCounters(LANGUAGE)])
def test_a_prefix_that_cannot_be_completed_is_refused(solver: Oracle | Counters) -> None:
    for bad in (")", "(x", "(}"):
        with pytest.raises(InputError):
            solver.complete(["(", bad])
        with pytest.raises(InputError):
            solver.closer_probabilities(["()", bad])


@pytest.mark.parametrize("solver", [Oracle(LANGUAGE), Counters(LANGUAGE), RisingCounters(LANGUAGE)])
def test_following_the_most_probable_closer_gives_the_answer(solver: Oracle | Counters) -> None:
    for prefix, answer in zip(PREFIXES, solver.complete(PREFIXES), strict=True):
        if LANGUAGE.is_balanced(prefix + answer):  # otherwise prefix + answer is no word to ask about
            (rows,) = solver.closer_probabilities([prefix + answer])
            guessed = "".join(LANGUAGE.closers[row.argmax()] for row in rows[len(prefix) :])
            assert guessed == answer


@pytest.mark.parametrize("name", NAMES)
def test_probabilities_are_normalised_and_look_only_at_what_came_before(name: str) -> None:
    solver = yardsticks(LANGUAGE, CASES)[name]
    tables = solver.closer_probabilities(WORDS)  # type: ignore[attr-defined]
    row_of: dict[str, np.ndarray] = {}
    for word, table in zip(WORDS, tables, strict=True):
        assert table.shape == (len(word), 3)
        assert (table >= 0).all()
        assert table.sum(axis=1) == pytest.approx(np.ones(len(word)))
        for t, row in enumerate(table):
            np.testing.assert_array_equal(row, row_of.setdefault(word[:t], row))


def test_oracle_probabilities_by_hand() -> None:
    (rows,) = Oracle(LANGUAGE).closer_probabilities(["({}【】)"])
    third = 1 / 3
    assert rows.tolist() == [
        [third, third, third],  # nothing is open
        [1, 0, 0],  # (
        [0, 0, 1],  # ({
        [1, 0, 0],  # ({}
        [0, 1, 0],  # ({}【
        [1, 0, 0],  # ({}【】
    ]


def test_uniform_random_depends_on_seed_and_prefix_alone() -> None:
    answers = dict(zip(PREFIXES, UniformRandom(LANGUAGE, 3).complete(PREFIXES), strict=True))
    backwards = PREFIXES[::-1]
    assert UniformRandom(LANGUAGE, 3).complete(backwards) == [answers[prefix] for prefix in backwards]
    assert UniformRandom(LANGUAGE, 4).complete(PREFIXES) != list(answers.values())


def test_uniform_random_does_not_change_with_the_hash_seed() -> None:
    code = (
        "from bracket_env.language import BracketLanguage\n"
        "from bracket_env.scores.solvers import UniformRandom\n"
        "print(ascii(UniformRandom(BracketLanguage(), 0).complete(['(' * n for n in range(12)])))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": s, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True, text=True, check=True,
        ).stdout
        for s in ("1", "2")
    }  # fmt: skip
    assert outputs == {f"{UniformRandom(LANGUAGE, 0).complete(['(' * n for n in range(12)])!a}\n"}


def test_uniform_random_is_uniform_over_closers_and_end_and_capped() -> None:
    prefixes = ["".join(s) for s in product("({【", repeat=8)]  # 6561 prefixes, cap 9
    answers = UniformRandom(LANGUAGE).complete(prefixes)
    n = len(answers)
    assert max(map(len, answers)) == 9
    assert sum(a == "" for a in answers) / n == pytest.approx(1 / 4, abs=0.03)
    for closer in LANGUAGE.closers:
        assert sum(a[:1] == closer for a in answers) / n == pytest.approx(1 / 4, abs=0.03)
        assert sum(a[1:2] == closer for a in answers) / n == pytest.approx(3 / 16, abs=0.03)
    assert set(map(len, UniformRandom(LANGUAGE).complete([""] * 3))) <= {0, 1}


def test_ngram_trace_of_its_docstring() -> None:
    assert NGram(LANGUAGE, 3).fit([Case("((", "))")]).complete(["({("]) == ["))"]


def test_ngram_against_hand_counts() -> None:
    cases = [Case("({", "})"), Case("{{", "}}"), Case("(", ")")]
    # Bigrams of the answers: SEP -> } } ), } -> ) } END, ) -> END END. After } all three are seen once: the tie
    # goes to the earlier pair, ).
    assert NGram(LANGUAGE, 2).fit(cases).complete(["({", "((", ""]) == ["})", "})", "}"]
    # Trigrams tell the last symbol of the prefix: "( SEP" -> ), "{ SEP" -> }; "SEP }" -> ) or } (tie).
    assert NGram(LANGUAGE, 3).fit(cases).complete(["({", "((", "【"]) == ["})", ")", "})"]
    # Unigrams: ) twice, } three times, END three times: } before END, up to len(prefix) + 1 of them.
    assert NGram(LANGUAGE, 1).fit(cases).complete(["(("]) == ["}}}"]


def test_ngram_probabilities_against_hand_counts() -> None:
    solver = NGram(LANGUAGE, 2).fit([Case("({}", ")"), Case("({", "})"), Case("(", ")")])
    # Words ({}) ({}) (): after { always }, after } always ), after ( once ); closers in all: ) 3, } 2.
    (rows,) = solver.closer_probabilities(["({}【】)"])
    assert rows == pytest.approx(
        np.array(
            [
                [3 / 5, 0, 2 / 5],  # no context: the frequencies of all closers
                [1, 0, 0],  # (
                [0, 0, 1],  # {
                [1, 0, 0],  # }
                [3 / 5, 0, 2 / 5],  # 【 was never seen: back to no context
                [3 / 5, 0, 2 / 5],  # 】 neither
            ]
        )
    )


def test_a_long_ngram_remembers_its_training_cases() -> None:
    cases = [case for case in CASES if len(case.prefix) == 5]  # equally long: none is the end of another
    assert score(NGram(LANGUAGE, 20).fit(cases), cases, LANGUAGE, name="20-gram").exact.value == 1.0


def test_a_second_fit_forgets_the_first() -> None:
    solver = NGram(LANGUAGE, 2).fit([Case("(", ")")] * 5)
    assert solver.fit([Case("{", "}")]).complete(["("]) == ["}"]


def test_ngram_without_closers_to_learn_from() -> None:
    solver = NGram(LANGUAGE, 3).fit([Case("", "")])
    assert solver.complete(["(("]) == [""]
    (rows,) = solver.closer_probabilities(["()"])
    assert rows == pytest.approx(np.full((2, 3), 1 / 3))


def test_ngram_errors() -> None:
    with pytest.raises(InputError, match="at least 1, not 0"):
        NGram(LANGUAGE, 0)
    with pytest.raises(InputError, match="no cases to fit a 3-gram"):
        NGram(LANGUAGE, 3).fit([])
    with pytest.raises(InputError, match="3-gram has not been fitted"):
        NGram(LANGUAGE, 3).complete(["("])
    with pytest.raises(InputError, match="3-gram has not been fitted"):
        NGram(LANGUAGE, 3).closer_probabilities(["()"])


def test_yardsticks_are_solvers_in_a_fixed_order() -> None:
    rows: dict[str, Solver] = yardsticks(LANGUAGE, iter(CASES), seed=1)
    assert list(rows) == NAMES
    for solver in rows.values():
        answers = solver.complete(PREFIXES)
        assert len(answers) == len(PREFIXES)
        assert set("".join(answers)) <= set(LANGUAGE.closers)
