"""Dyck-(8, 10): the words that are measured on, and that closing is told apart by distance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from benchmarks import dyck_8_10
from benchmarks.dyck_8_10 import DISTANCES, SETTING, TESTS, Dyck, DyckJob, distance_name, jobs, measure, rows, work
from bracket_env import BracketTokenizer, InputError, make_case, split_of

LANGUAGE = SETTING.language()


class Forgetful:
    """Knows the right closer when its opener is at most ``reach`` symbols away, and else the first one."""

    tokenizer = BracketTokenizer(LANGUAGE)

    def __init__(self, reach: int) -> None:
        self.reach = reach
        self.most_at_once = 0

    def complete(self, prefixes: Sequence[str]) -> list[str]:
        self.most_at_once = max(self.most_at_once, len(prefixes))
        return [LANGUAGE.completion(prefix) for prefix in prefixes]

    def closer_probabilities(self, words: Sequence[str]) -> list[np.ndarray]:
        self.most_at_once = max(self.most_at_once, len(words))
        return [self._table(word) for word in words]

    def _table(self, word: str) -> np.ndarray:
        table = np.zeros((len(word), len(LANGUAGE.pairs)))
        opened: list[int] = []
        for t, symbol in enumerate(word):
            known = 0
            if symbol in LANGUAGE.closer_of:
                opened.append(t)
            elif t - (start := opened.pop()) <= self.reach:
                known = LANGUAGE.openers.index(word[start])
            table[t, known] = 1.0
        return table


@pytest.mark.parametrize("name", TESTS)
def test_words_are_as_long_and_as_deep_as_the_table_says(name: str) -> None:
    low, high = (1, 700) if name == "deep" else (701, 1400)
    shallowest, deepest = (1, 10) if name == "long" else (11, 20)
    for prefix, completion in TESTS[name].cases(40):
        assert low <= len(prefix + completion) <= high
        assert shallowest <= LANGUAGE.depth(prefix) <= deepest
        assert split_of(prefix) == "test"


def test_training_words_are_shorter_and_no_deeper() -> None:
    assert SETTING.max_depth == TESTS["long"].depths[1]
    assert SETTING.max_length == TESTS["long"].lengths[0] - 1


def test_closing_is_told_apart_by_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dyck_8_10, "_ROWS_AT_ONCE", 3)
    # The last pair, so that the first one is a wrong guess; distances 1 and 2n + 1.
    opener, closer = LANGUAGE.pairs[-1]
    near, far = make_case(LANGUAGE, opener), make_case(LANGUAGE, opener + (opener + closer) * 150)
    solver: Any = Forgetful(reach=200)
    found = measure(solver, [near] * 6 + [far] * 4)
    assert found["exact"] == {"value": 1.0, "n": 10}
    assert found["by_distance"][distance_name((1, 50))] == {"value": 1.0, "n": 6 + 4 * 150}
    assert found["by_distance"][distance_name((201, 400))] == {"value": 0.0, "n": 4}
    assert found["by_distance"][distance_name((401, None))] is None
    assert found["closing"] == {"value": pytest.approx(1 - 4 / 610), "n": 610}
    assert solver.most_at_once == 3


def test_distances_follow_one_another() -> None:
    assert DISTANCES[0][0] == 1
    assert [low for low, _ in DISTANCES[1:]] == [(high or 0) + 1 for _, high in DISTANCES[:-1]]
    assert DISTANCES[-1] == (401, None)


def test_seeds_of_a_part_and_of_everything() -> None:
    assert {job.seed for job in jobs(Dyck())} == {0}
    assert {(job.arch, job.seed) for job in jobs(Dyck(archs=("stack",), full=True))} == {("stack", s) for s in range(5)}
    for config, message in ((Dyck(archs=("bert",)), "--archs must be some of"), (Dyck(cases=0), "--cases must be at")):
        with pytest.raises(InputError, match=message):
            jobs(config)


def test_rows_are_grouped_by_test_and_keep_the_order_of_the_seeds() -> None:
    def result(value: float) -> dict[str, Any]:
        told = {"value": value, "n": 7}
        measures = {"exact": told, "closing": told, "by_distance": {"1-50": told, "401 and more": None}}
        return {"seconds": 1.0, "tests": dict.fromkeys(TESTS, measures)}

    runs = [(DyckJob(arch, seed, 1, 2, 1e-3), result(seed / 2)) for arch in ("stack", "gru") for seed in (0, 1)]
    table = rows(runs)
    assert [(row["test"], row["arch"]) for row in table] == [
        (test, arch) for test in TESTS for arch in ("stack", "gru")
    ]
    assert all(row["seeds"] == [0, 1] and row["closing"] == row["exact"] == [0.0, 0.5] for row in table)
    assert table[0]["by_distance"]["1-50"] == {"n": 7, "closing": [0.0, 0.5]}
    assert table[0]["by_distance"]["401 and more"] == {"n": 0, "closing": [None, None]}


@pytest.mark.slow
def test_a_run_measures_every_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dyck_8_10, "EVAL_CASES", 2)
    result = work(DyckJob("gru", 0, 1, 2, 1e-3, cases=2))
    assert list(result["tests"]) == list(TESTS)
    for measures in result["tests"].values():
        assert 0 <= measures["closing"]["value"] <= 1
        assert sum(part["n"] for part in measures["by_distance"].values() if part) == measures["closing"]["n"] > 100
