"""The tuning benchmark on a small task: every trial's steps are counted, and both models are scored."""

from __future__ import annotations

import optuna
import pytest
from optuna.trial import create_trial

from benchmarks.tuning_gain import (
    MOST_PARAMETERS,
    NARROW,
    SETTING,
    Family,
    StudyJob,
    TrainJob,
    pruning_lines,
    replay,
    rows,
    seed_rows,
    train_jobs,
    work,
)
from supervised.tune.options import Tune
from supervised.tune.run import SupervisedProblem


@pytest.mark.slow
@pytest.mark.parametrize(("family", "trials", "budget"), [("gru", 5, 40), ("ppo", 2, 5000)])
def test_a_study_is_counted_and_scored(family: Family, trials: int, budget: int) -> None:
    job = StudyJob(family, "median", trials, budget, 0, setting="bracket/CloseTiny-v0", dataset_size=200)
    [row] = rows([(job, work(job))])
    assert budget <= row["steps"] <= trials * budget
    assert row["steps"] >= budget * row["complete"]
    for name in ("best", "default"):
        assert 0 <= row[name]["low"] <= row[name]["value"] <= row[name]["high"] <= 1
    assert row["best"]["n"] == row["default"]["n"]
    assert row["steps"] == sum(curve["steps"] for curve in row["curves"])


def test_a_pruner_that_looks_once_more() -> None:
    study = optuna.create_study()
    for curve in ([0.9, 0.8, 0.7], [0.5, 0.9, 0.6], [0.95, 0.1, 0.05], [0.4, 0.7, 0.2]):
        steps = {10 * (i + 1): value for i, value in enumerate(curve[:-1])}
        study.add_trial(create_trial(value=curve[-1], intermediate_values=steps))
    pruner = optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=5)
    # The third one is above the median of 0.9 and 0.5 at its first look, and with it goes the best value.
    found = replay(study.get_trials(), pruner, 30)
    assert found == {"steps": 30 + 30 + 10 + 30, "value": 0.2}
    whole = {"family": "gru", "seed": 7, "pruner": "none", "steps": 120, "value": 0.05, "replayed": found}
    other = {"family": "gru", "seed": 7, "pruner": "median", "steps": 60, "value": 0.04}
    assert pruning_lines([other, {**other, "seed": 8}, whole]) == [
        "seed 7: the study with the median pruner made 50% fewer steps; best loss 0.0400, without pruner 0.0500",
        "seed 7: on the curves of the study without one it saves 17% (100 steps); best loss 0.2000, without pruner "
        "0.0500",
    ]


def test_the_best_parameters_are_trained_with_five_seeds_beside_the_default_ones() -> None:
    jobs = train_jobs([(StudyJob("gru", "median", 4, 9, 3), {"options": {"units": 5}})])
    assert [(job.name, job.options) for job in jobs[::5]] == [
        ("default", "{}"),
        ("default, 64 units", '{"units": 64}'),
        ("tuned (median, 3)", '{"units": 5}'),
    ]
    assert [job.seed for job in jobs] == [0, 1, 2, 3, 4] * 3
    # The narrow default is the widest one within the limit.
    sizes = [SupervisedProblem(Tune(setting=SETTING)).parameters({"units": units}) for units in (NARROW, NARROW + 1)]
    assert sizes[0] <= MOST_PARAMETERS < sizes[1]


@pytest.mark.slow
def test_parameters_that_are_trained_once_more() -> None:
    job = TrainJob("tuned", '{"units": 5, "augment": ["permute"]}', 5, 1, "bracket/CloseTiny-v0", 50)
    [row] = seed_rows([(job, work(job))])
    assert row["name"] == "tuned"
    assert row["parameters"] < 2000
    assert row["exact"][1]["n"] == 1000
