"""Tuning agents: a space that holds no illegal configuration, and trials of the real trainer."""

from __future__ import annotations

import json
import math
from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import FixedTrial

from agents.sb3.learner import DivergedError
from agents.sb3.monitor import Monitor
from agents.train_ppo.check import check
from agents.train_ppo.options import PROG as TRAIN_PROG
from agents.train_ppo.options import TrainPPO
from agents.train_ppo.trial import trial_config
from agents.tune.options import TunePPO
from agents.tune.run import PPOProblem, default_params, sample_ppo_params
from bracket_env import InputError
from bracket_env.command import configuration
from supervised.models import ENCODERS
from supervised.runs import RunFolder
from supervised.study.best_files import refresh
from supervised.study.best_trial import best_from_database
from supervised.study.storages.location import new_location
from supervised.study.study import create, load, resumed
from supervised.study.trials import Task
from supervised.study.workers import work
from supervised.tune.options import Tune
from supervised.tune.run import SupervisedProblem

TINY = "bracket/CloseTiny-v0"
ALL = tuple(ENCODERS)
SMALL = TunePPO(
    setting=TINY, archs=("gru",), total_timesteps=1000, eval_cases=10, n_trials=2, sampler="random", threads=1
)


def test_no_illegal_configuration_can_be_drawn() -> None:
    problem = PPOProblem(TunePPO(archs=ALL))  # type: ignore[arg-type]
    problem.check()
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    drawn = [problem.sample(study.ask()) for _ in range(200)]
    for options in drawn:
        assert set(options) <= {field.name for field in fields(TrainPPO)}
        trial_config(problem.training_options(json.loads(json.dumps(options)), Path("study"), "0"))
    assert {options["arch"] for options in drawn} == set(ALL)


@settings(max_examples=50, deadline=None)
@given(st.sampled_from([128, 256, 512]), st.sampled_from([4, 8, 16, 32]), st.sampled_from([1, 2, 4, 8]))
def test_the_batch_divides_the_rollout(n_envs: int, n_steps: int, minibatches: int) -> None:
    params = {**default_params(("gru",)), "n_envs": n_envs, "n_steps": n_steps, "minibatches": minibatches}
    drawn = sample_ppo_params(FixedTrial(params))
    assert drawn["batch_size"] * minibatches == n_envs * n_steps


@pytest.mark.parametrize("encoders", [ALL, ("transformer",), ("lstm", "gpt")])
def test_the_defaults_lie_in_the_space(encoders: tuple[str, ...]) -> None:
    problem = PPOProblem(TunePPO(archs=encoders))  # type: ignore[arg-type]
    drawn = problem.sample(FixedTrial(problem.defaults()))
    assert drawn["arch"] == ("gru" if "gru" in encoders else encoders[0])
    config = TrainPPO(**problem.training_options(drawn, Path("study"), "0"))
    plain = replace(TrainPPO(**problem.training_options({}, Path("study"), "0")), arch=drawn["arch"])
    assert check(config)[0].params == check(plain)[0].params
    for name in ("n_envs", "n_steps", "batch_size", "n_epochs", "learning_rate", "gamma", "gae_lambda", "ent_coef"):
        assert getattr(config, name) == getattr(TrainPPO(), name)


def test_what_shaping_weighs_is_tuned_with_a_sentence() -> None:
    sentences = ("The bracket opened last is closed first.",)
    problem = PPOProblem(replace(SMALL, instruction=sentences))
    assert set(problem.space()) - set(PPOProblem(SMALL).space()) == {"ncl_weight"}
    drawn = problem.sample(FixedTrial({**problem.defaults(), "ncl_weight": 2.5}))
    config = TrainPPO(**problem.training_options(drawn, Path("study"), "0"))
    assert (config.instruction, config.ncl_weight) == (sentences, 2.5)
    assert problem.command_options(drawn).items() >= {"instruction": [*sentences], "ncl_weight": 2.5}.items()
    assert problem.defaults()["ncl_weight"] == TrainPPO().ncl_weight


@pytest.mark.parametrize("encoders", [(), ("gru", "gru")])
def test_bad_encoders(encoders: Any) -> None:
    with pytest.raises(InputError, match="--archs names at least one network"):
        PPOProblem(TunePPO(archs=encoders)).check()


class SmallSpace(PPOProblem):
    """The real trainer, on rollouts that take no time."""

    def sample(self, trial: optuna.trial.BaseTrial) -> dict[str, Any]:
        small = {"units": 4, "embedding_size": 4, "n_envs": 8, "n_steps": 8, "batch_size": 64, "n_epochs": 1}
        return {**small, "arch": "gru", "learning_rate": trial.suggest_float("learning_rate", 1e-3, 1e-2)}

    def defaults(self) -> dict[str, Any]:
        return {"learning_rate": 4e-3}


def test_trials_of_agents(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    folder.mkdir()
    problem = SmallSpace(SMALL)
    location = new_location(folder, None, 1)
    create(problem, "s", location)
    task = Task(problem, folder, "s", location, 0, 1, math.inf)
    work(task, SimpleNamespace(value=0))
    study = load("s", location, SMALL)
    assert [trial.state.name for trial in study.get_trials()] == ["COMPLETE"] * 2
    steps = study.get_trials()[0].intermediate_values
    assert set(steps) == set(range(100, 1000, 100))
    best = refresh(task, lambda text: None)
    assert best is not None
    assert best == best_from_database(location)
    model = RunFolder.open(folder / "best_model")
    assert model.config.kind == "ppo"
    assert model.best_metadata()["best_loss"] == best.value == min(entry["loss"] for entry in model.metrics())
    assert not (folder / "best_model" / "evaluation_result.txt").exists()
    config = configuration(TrainPPO, ["--params", str(folder / "best_params.json")], TRAIN_PROG)
    assert (config.n_envs, config.learning_rate, config.setting) == (8, best.params["learning_rate"], TINY)
    with pytest.raises(InputError, match=r"study 's' tunes a ppo model"):
        resumed(Tune(), load("s", location, SMALL), SupervisedProblem)


def test_a_watched_run_ends_with_what_the_watcher_raises(tmp_path: Path) -> None:
    problem = SmallSpace(SMALL)

    def stop(step: int, figures: Any) -> None:
        if step:
            raise optuna.TrialPruned

    with pytest.raises(optuna.TrialPruned):
        problem.train(problem.sample(FixedTrial(problem.defaults())), tmp_path, "0", 1, stop)
    assert len(RunFolder.open(tmp_path / "trials" / "0").metrics()) == 2


def test_a_diverged_agent_is_pruned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Monitor, "check_finite", lambda self: (_ for _ in ()).throw(DivergedError("diverged")))
    folder = tmp_path / "s"
    folder.mkdir()
    problem = SmallSpace(SMALL)
    location = new_location(folder, None, 1)
    create(problem, "s", location)
    work(Task(problem, folder, "s", location, 0, 1, math.inf), SimpleNamespace(value=0))
    study = load("s", location, SMALL)
    assert [trial.state.name for trial in study.get_trials()] == ["PRUNED"] * 2
