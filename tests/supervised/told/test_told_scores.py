"""Scores of what a model is told: everybody is asked the same, and controls are told something else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import pytest

from bracket_env import Estimate, InstructVectorEnv
from bracket_env.instructions.catalogue import find_instruction
from bracket_env.instructions.meanings import Meaning
from bracket_env.instructions.sentence_vectors import hash_vectors
from bracket_env.random_streams import keyed_seeds
from supervised.told.scores import TESTS, ask, best_without_sentence, evaluate_told, told_table


def test_the_table_does_not_flatter() -> None:
    """Only all of the cases read 100.0."""
    scores = {name: asdict(Estimate.of(n, 10_000)) for name, n in {"most": 9_996, "all": 10_000}.items()}
    shown = told_table(
        {n: {"exact": s, "by_language": {"en": s}, "chance": s["value"]} for n, s in scores.items()}, "scores"
    )
    assert [shown.column(heading) for heading in ("exact %", "en", "ja", "chance")] == [
        ["99.9", "100.0"], ["99.9", "100.0"], ["-", "-"], ["99.9", "100.0"],
    ]  # fmt: skip


def test_the_questions_are_those_of_the_environment() -> None:
    asked = ask(30, "validation", "unseen", "all", seed=3)
    env = InstructVectorEnv(30, split="validation", sentences="unseen", meanings="all")
    _, infos = env.reset(seed=keyed_seeds(3, "agents/instruct_scores", 30))
    assert asked.cases() == list(infos["case"])
    assert list(asked.instructions) == list(infos["instruction"])


def test_one_meaning_is_right_where_it_is_meant() -> None:
    asked = ask(300, "test", meanings="all")
    assert asked.scores([case.completion for case in asked.cases()])["exact"]["value"] == 1.0
    nested = [Meaning().answer(prefix) for prefix in asked.prefixes]
    scores = asked.scores(nested)
    same = [answer == case.completion for answer, case in zip(nested, asked.cases(), strict=True)]
    assert scores["exact"]["value"] == np.mean(same)
    assert scores["by_kind"]["nesting"]["value"] == 1.0
    assert scores["by_kind"]["queue"]["value"] < 0.5
    assert sum(part["n"] for part in scores["by_language"].values()) == scores["exact"]["n"] == 300


def test_controls_are_told_another_sentence_or_none() -> None:
    asked = ask(100, "train")
    others = asked.told("shuffled")
    assert others is not None
    for text, own in zip(others, asked.instructions, strict=True):
        assert find_instruction(text).meaning != own.meaning
    assert asked.told("nothing") is None
    assert not asked.vectors(hash_vectors, "nothing").any()
    np.testing.assert_array_equal(asked.vectors(hash_vectors), hash_vectors([i.text for i in asked.instructions]))


def test_a_model_that_listens_to_nobody_is_at_chance_everywhere() -> None:
    def nester(prefixes: Sequence[str], vectors: np.ndarray) -> list[str]:
        assert vectors.shape == (len(prefixes), 512)
        return [Meaning().answer(prefix) for prefix in prefixes]

    found = evaluate_told(nester, hash_vectors, 60)
    assert list(found) == [*TESTS, "another meaning's sentence", "no sentence"]
    seen = found["seen sentences"]["exact"]
    assert seen == found["another meaning's sentence"]["exact"] == found["no sentence"]["exact"]
    assert 0.1 < found["seen sentences"]["chance"] < 0.3


def test_the_chance_of_the_meanings() -> None:
    nest, queue, only = Meaning(), Meaning("queue"), Meaning(only="()")
    assert best_without_sentence(["({"], [nest, queue]) == 0.5
    assert best_without_sentence(["(("], [nest, queue, only]) == 1.0
    assert best_without_sentence(["({", "(("], [nest, queue]) == 0.75
    assert best_without_sentence(["({"], [nest, queue, only]) == pytest.approx(1 / 3)
