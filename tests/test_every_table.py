"""The tables that commands and benchmarks print, with long names and large numbers, at 60, 80 and 120 columns."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import optuna
import pytest
from rich.console import Console

from benchmarks import instruct as instruct_benchmark
from benchmarks import length_range, ncl_ablation, ppo_learning_curve, tuning_gain
from benchmarks import ncl_reward as reward_benchmark
from benchmarks.common import compression_tables
from bracket_env import BracketLanguage, Estimate, get_setting, score, yardsticks
from bracket_env.scores.report import by_table, depth_length_heat_map, score_table
from ncl_reward.rules.bracket_rules import BRACKET_RULES
from ncl_reward.rules.rule import Slots, StatedRule
from supervised.adapt.run import account_table
from supervised.compress.measure import Row, Speed, size_columns
from supervised.models.attention_map import attention_map
from supervised.runs.files.rules_file import rules_table
from supervised.study.report import best_table, importance_table, pareto_table
from supervised.told.scores import exact_table, told_table
from supervised.tune.options import Tune

NAME = "transformer-of-a-very-long-name-17"
HUGE = 1_234_567_890
LANGUAGE = BracketLanguage()
MANY = [0.999, 1.0, 0.0]


def scored() -> Iterator[Any]:
    setting = get_setting("bracket/Close-v0")
    cases = setting.evaluation_cases("test", 60)
    solvers = {NAME: yardsticks(LANGUAGE, cases)["oracle"], "ppo-transformer-1": yardsticks(LANGUAGE, cases)["uniform"]}
    scores = [score(s, cases, LANGUAGE, name=n) for n, s in {**solvers, **yardsticks(LANGUAGE, cases)}.items()]
    yield score_table(scores, f"{setting.id}, test split; trained with seed {HUGE}")
    yield score_table(scores, extra={"steps": [f"{HUGE:,}"] * len(scores), "seconds": [HUGE] * len(scores)})
    for column in ("closers", "depth", "length", "distance"):
        yield by_table(scores, column)
    yield depth_length_heat_map(scores[0], cases, LANGUAGE)
    speed = Speed(123456.78, 1234567890.0)
    yield size_columns([Row(NAME, HUGE, HUGE, 0.123, speed, scores[0], Estimate.of(3, 7))] * 2)


def learned() -> Iterator[Any]:
    exact = Estimate.of(9_999, HUGE)
    yield exact_table("sentences", {"unseen paraphrases": exact, NAME: exact}, NAME)
    told = {"exact": vars(exact), "by_language": {"en": vars(exact), "ja": vars(exact)}, "chance": 0.123}
    yield told_table({"seen sentences": told, NAME: told}, NAME)
    sentence = "括弧【】は必ず最後に開いたものから順に閉じる。 And a sentence that does not end for quite a while."
    slots = Slots(pairs=(0, 1), noise=0.05)
    yield rules_table(
        [StatedRule(BRACKET_RULES["nesting"], slots, sentence=sentence, prior=0.9, weight=0.123)] * 2, LANGUAGE
    )
    read = ["<bos>", *"({【" * 13, "<sep>", *")" * 20]
    yield attention_map(np.full((3, len(read)), 1 / len(read)), written=[")", "】", "END"], read=read)


def tuned() -> Iterator[Any]:
    study = optuna.create_study(study_name=NAME, directions=["minimize", "minimize"])
    sizes = {f"parameter_{i}": optuna.distributions.FloatDistribution(0, 1) for i in range(9)}
    trial = optuna.trial.create_trial(
        values=[0.0012345678, HUGE], params=dict.fromkeys(sizes, 0.123456789), distributions=sizes
    )
    study.add_trials([trial, trial])
    problem: Any = SimpleNamespace(options=Tune(second="parameters"))
    yield best_table(study, problem)
    yield pareto_table(study, problem)
    yield importance_table({"learning_rate_of_a_very_long_name": 0.123456})


def benchmarked() -> Iterator[Any]:
    task = {"setting": "bracket/CloseDeep-v0", "seeds": [0, 1, 2, 3, 4], "exact": MANY, "needs_stack": MANY}
    curve = {"budget": HUGE, "steps": {level: [HUGE, HUGE, None] for level in ("0.5", "0.9", "0.95")}}
    agent = {**task, **curve, "agent": NAME, "seconds": {"0.95": [HUGE, None, 3]}}
    yield ppo_learning_curve.by_agent([agent])
    two = {level: [HUGE, HUGE, None] for level in ("0.5", "0.9")}
    yield reward_benchmark.by_arm([{**task, **curve, "steps": two, "arm": NAME, "last": MANY, "seconds": [HUGE]}])
    arm = {**task, "arm": "all sentences", "labels": 3000, "augment": True, "seconds": [HUGE]}
    yield from ncl_ablation.views([arm, {**arm, "arm": "none"}])
    both = {"value": 0.5, "low": 0.4, "high": 0.6}
    study = {"family": NAME, "pruner": "median", "default": both, "best": both, "value": 0.1, "steps": HUGE}
    yield tuning_gain.study_table([{**study, "complete": 100, "trials": 100}])
    yield tuning_gain.seed_table([{"name": NAME, "parameters": HUGE, "exact": dict.fromkeys(tuning_gain.AGAIN, both)}])
    cells = [{"length": str(i), "depth": "1-8", "exact": MANY} for i in range(12)]
    model = {"model": NAME, "seeds": [0, 1, 2], "seconds": [HUGE], "cells": cells}
    places = {f"{50 * i}-{50 * i + 50}": (str(i), "1-8") for i in range(12)}
    yield length_range.exact_table([model], "by length", places, runs=True)
    made = {"setting": task["setting"], "arch": "transformer", "seed": 0, "bytes": HUGE, "parameters": HUGE}
    made |= {"exact": {"value": 0.5}, "longest": {"value": 0.5}, "prefixes_per_s": float(HUGE)}
    ways = ("as trained", "50% zeros", "80% zeros", "90% zeros", "95% zeros")
    rows: Any = [{**made, "way": way} for way in ways]
    yield compression_tables.by_sparsity(rows)
    yield compression_tables.marks(rows)
    yield compression_tables.all_models(rows)
    columns = dict.fromkeys(instruct_benchmark.COLUMNS, MANY)
    vectors = {"vectors": "default+hash", "seeds": [0, 1], "exact": columns, "unseen_by_kind": {"order": MANY}}
    yield instruct_benchmark.by_vectors([{**vectors, "chance": {"seen sentences": 0.1}}] * 9)


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("views", [scored, learned, tuned, benchmarked])
def test_no_number_is_cut_at_any_width(views: Callable[[], Iterator[Any]], width: int) -> None:
    for view in views():
        file = io.StringIO()
        Console(width=width, file=file).print(view, highlight=False)
        shown = file.getvalue()
        assert "…" not in shown
        if isinstance(view, str):
            continue
        assert max(map(len, shown.splitlines())) <= width
        numbers = {n for h in view.headings for c in view.column(h) for n in re.findall(r"[\d.,–-]*\d[\d.,%]*", c)}
        words = [h for h in view.headings if any(len(cell) > 20 for cell in view.column(h))]
        loose = {n for h in words for c in view.column(h) for n in re.findall(r"[\d.,–-]*\d[\d.,%]*", c)}
        for number in numbers - loose:
            assert number in shown, (number, shown)


def test_the_accounts_of_an_adaptation(tmp_path: Path) -> None:
    (tmp_path / "best_model.safetensors").write_bytes(b"1234")
    account = {"tune": "lora", "parameters": HUGE, "trained_parameters": HUGE, "trained_share": 1.0}
    view = account_table(tmp_path, {**account, "training_bytes": 10**13})
    file = io.StringIO()
    Console(width=60, file=file).print(view)
    assert file.getvalue().count("1,234,567,890") == 2


def test_names_of_usual_length_stay_on_one_line_at_80_columns() -> None:
    cases = get_setting("bracket/Close-v0").evaluation_cases("test", 60)
    solvers = {"ppo-transformer-1": yardsticks(LANGUAGE, cases)["oracle"], **yardsticks(LANGUAGE, cases)}
    scores = [score(solver, cases, LANGUAGE, name=name) for name, solver in solvers.items()]
    steps = {"steps": ["401,408"] * len(scores), "seconds": [84] * len(scores)}
    for view in (score_table(scores, extra=steps), by_table(scores, "closers"), by_table(scores, "length")):
        file = io.StringIO()
        Console(width=80, file=file).print(view)
        for name in ("ppo-transformer-1", "rising counters"):
            assert sum(line.startswith(f" {name} ") for line in file.getvalue().splitlines()) == 1
