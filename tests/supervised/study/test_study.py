"""A study and its trials, in this process: what is counted, retried, pruned, refused and kept."""

from __future__ import annotations

import itertools
import json
import math
import sqlite3
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState
from toy_problem import (
    Agent,
    DivergingToy,
    FailingToy,
    HopelessToy,
    OtherToy,
    Toy,
    loss_at,
)

from bracket_env import InputError
from bracket_env.command import configuration
from supervised.runs.folder import METADATA
from supervised.study.best_files import MODEL, PARAMS, keep_model, refresh
from supervised.study.best_trial import best_from_database
from supervised.study.problem import Problem
from supervised.study.report import counts, gain_line, paired_difference, what_is_there
from supervised.study.storages.location import new_location, parse_location
from supervised.study.study import (
    DEFAULT,
    ERROR,
    SURPLUS,
    TRIES,
    WORKER,
    check_options,
    check_signs,
    create,
    load,
    resumed,
    retry,
)
from supervised.study.trials import SurplusError, Task, TrialRunner, Watcher, default_trial, run_folder
from supervised.study.workers import recover, work
from supervised.tune.options import Tune

SMALL = Tune(n_trials=6, eval_cases=10, pruner="none", sampler="random")


def go() -> SimpleNamespace:
    return SimpleNamespace(value=0)


def begin(folder: Path, kind: type[Problem[Any]] = Toy, jobs: int = 1, **changes: Any) -> Task:
    folder.mkdir(exist_ok=True)
    problem = kind(replace(SMALL, jobs=jobs, **changes))
    location = new_location(folder, None, jobs)
    create(problem, folder.name, location)
    return Task(problem, folder, folder.name, location, 0, 1, math.inf)


def trials(task: Task) -> list[optuna.trial.FrozenTrial]:
    return load(task.name, task.location, task.problem.options).get_trials()


def states(task: Task) -> list[str]:
    return [trial.state.name for trial in trials(task)]


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_worker_runs_as_many_trials_as_asked_for(jobs: int, tmp_path: Path) -> None:
    task = begin(tmp_path / "s", jobs=jobs)
    work(task, go())
    found = trials(task)
    assert [trial.state for trial in found] == [TrialState.COMPLETE] * 6
    assert found[0].params == {"x": 1.0}
    assert all(trial.value == loss_at(trial.params["x"], 10) for trial in found)
    work(task, go())
    assert len(trials(task)) == 6
    best = load(task.name, task.location, task.problem.options).best_trial
    assert {path.name for path in (tmp_path / "s" / "trials").iterdir()} == {"0", str(best.number)}


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_seed_draws_the_same_trials_and_a_resumed_study_new_ones(jobs: int, tmp_path: Path) -> None:
    tasks = [begin(tmp_path / name, jobs=jobs) for name in ("a", "b")]
    for task in tasks:
        work(task, go())
    first, second = ([trial.params["x"] for trial in trials(task)] for task in tasks)
    assert first == second
    more = replace(tasks[0], problem=Toy(replace(SMALL, n_trials=11)))
    work(more, go())
    assert len({trial.params["x"] for trial in trials(more)}) == 11


def test_the_median_prunes_but_never_the_usual_configuration(tmp_path: Path) -> None:
    task = begin(tmp_path / "s", pruner="median", n_trials=16)
    work(task, go())
    found = trials(task)
    assert found[0].state == TrialState.COMPLETE
    pruned = [trial for trial in found if trial.state == TrialState.PRUNED]
    assert 2 <= len(pruned) <= 10
    assert all(trial.last_step in (2, 4, 6, 8) for trial in pruned)


@pytest.mark.parametrize(("pruner", "sampler"), [("hyperband", "tpe"), ("median", "gp")])
def test_the_other_pruners_and_samplers(pruner: str, sampler: str, tmp_path: Path) -> None:
    if sampler == "gp":
        pytest.importorskip("scipy")
    task = begin(tmp_path / "s", pruner=pruner, sampler=sampler, n_trials=12)
    work(task, go())
    assert set(states(task)) <= {"COMPLETE", "PRUNED"}
    assert len(trials(task)) == 12


def test_a_failing_trial_is_tried_three_times_and_does_not_count(tmp_path: Path) -> None:
    task = begin(tmp_path / "s", FailingToy)
    work(task, go())
    found = trials(task)
    assert states(task).count("COMPLETE") == 6
    tries: dict[float, list[Any]] = {}
    for trial in found:
        tries.setdefault(trial.params["x"], []).append(trial.user_attrs.get(TRIES, 0))
        assert trial.state == (TrialState.FAIL if trial.params["x"] > 0.5 else TrialState.COMPLETE)
    assert tries[1.0] == [0, 1, 2]
    assert all(len(numbers) == (3 if x > 0.5 else 1) for x, numbers in tries.items())
    assert found[0].user_attrs[ERROR] == "ValueError: no 1.0"


def test_a_worker_stops_when_everything_fails(tmp_path: Path) -> None:
    task = begin(tmp_path / "s", HopelessToy)
    with pytest.raises(InputError, match="12 trials in a row failed, the last one with ValueError: the disk is full"):
        work(task, go())
    assert states(task) == ["FAIL"] * 12


def test_a_diverged_trial_is_pruned(tmp_path: Path) -> None:
    task = begin(tmp_path / "s", DivergingToy)
    work(task, go())
    assert states(task) == ["COMPLETE"] + ["PRUNED"] * 5
    assert trials(task)[1].user_attrs[ERROR] == "diverged"


@pytest.mark.parametrize("jobs", [1, 2])
def test_models_that_are_too_large_are_drawn_anew_and_never_the_best(jobs: int, tmp_path: Path) -> None:
    class LargestIsBest(Toy):
        def train(self, drawn: Any, study: Path, name: str, threads: int, watch: Any) -> Path:
            trained.append(drawn["x"])
            better = lambda step, figures: watch(step, {**figures, "loss": figures["loss"] - drawn["x"]})  # noqa: E731
            return super().train(drawn, study, name, threads, better)

    trained: list[float] = []
    task = begin(tmp_path / "s", LargestIsBest, jobs=jobs, max_parameters=50, n_trials=8)
    work(task, go())
    found = trials(task)
    for trial in found:
        assert trial.state == (TrialState.PRUNED if int(100 * trial.params["x"]) > 50 else TrialState.COMPLETE)
    assert states(task).count("COMPLETE") == 8
    assert counts(found) == (8, 0, 0, 0)
    # The default configuration is too large: trained to be compared with, kept, and not the best one.
    assert trained == [1.0, *(trial.params["x"] for trial in found if trial.state == TrialState.COMPLETE)]
    assert default_trial(found) == found[0]
    best = best_from_database(task.location)
    assert best is not None
    assert best.value == load("s", task.location, SMALL).best_value
    assert best.number != 0
    assert {path.name for path in (tmp_path / "s" / "trials").iterdir()} == {"0", str(best.number)}


def test_a_limit_that_no_model_keeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Large(Toy):
        def parameters(self, drawn: Any) -> int:
            return 51 + int(100 * drawn["x"])

    task = begin(tmp_path / "s", Large, max_parameters=50)
    monkeypatch.setattr("supervised.study.workers.MOST_TOO_LARGE", 20)
    message = "20 models in a row have more than --max-parameters 50: the smallest one has 5"
    with pytest.raises(InputError, match=message):
        work(task, go())


def test_a_stopped_trial_is_queued_again_and_not_blamed(tmp_path: Path) -> None:
    class Stopped(Toy):
        def at(self, x: float, step: int) -> None:
            stop.value = int(step == 4)

    stop = go()
    task = begin(tmp_path / "s", Stopped)
    work(task, stop)
    assert states(task) == ["FAIL", "WAITING"]
    assert trials(task)[1].user_attrs == {TRIES: 0, DEFAULT: True}
    stop.value = 0
    work(replace(task, problem=Toy(SMALL)), stop)
    assert states(task) == ["FAIL"] + ["COMPLETE"] * 6
    assert trials(task)[1].params == {"x": 1.0}


def test_a_deadline_stops_at_the_next_evaluation(tmp_path: Path) -> None:
    task = begin(tmp_path / "s")
    work(replace(task, deadline=0.0), go())
    assert states(task) == ["FAIL", "WAITING"]


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_trial_whose_worker_is_dead_is_tried_again(jobs: int, tmp_path: Path) -> None:
    task = begin(tmp_path / "s", jobs=jobs)
    study = load(task.name, task.location, task.problem.options)
    for number in range(4):
        trial = study.ask({"x": optuna.distributions.FloatDistribution(0, 1)})
        if number:
            trial.set_user_attr(WORKER, "dead")
        recover(study, task.folder, task.location)
    assert states(task)[0] == "FAIL"  # it had not even put its name on it
    # The fourth one is another configuration: the first one was tried three times.
    assert [t.user_attrs.get(TRIES) for t in trials(task)] == [None, 1, 2, None, 1]
    assert states(task) == ["FAIL"] * 4 + ["WAITING"]
    assert [t.params["x"] for t in trials(task)[:3]] == [1.0] * 3


def test_a_trial_whose_worker_lives_is_left_alone(tmp_path: Path) -> None:
    class Looking(Toy):
        def at(self, x: float, step: int) -> None:
            recover(load(task.name, task.location, SMALL), task.folder, task.location)

    task = begin(tmp_path / "s", Looking)
    work(task, go())
    assert states(task) == ["COMPLETE"] * 6
    assert list((tmp_path / "s" / "workers").iterdir()) == []


def test_a_trial_that_another_machine_took_for_dead_is_left_to_it(tmp_path: Path) -> None:
    """As when a laptop has slept: the worker goes on with other trials, and no trial is lost or counted twice."""

    class Slept(Toy):
        def at(self, x: float, step: int) -> None:
            if x == 1.0 and step == 4 and len(states(task)) == 1:
                others = load(task.name, task.location, SMALL)
                others.tell(0, state=TrialState.FAIL)
                retry(others, others.get_trials()[0])

    for objective in ({}, {"objective": "exact", "second": "parameters"}):
        task = begin(tmp_path / f"s{len(objective)}", Slept, **objective)
        work(task, go())
        assert states(task) == ["FAIL"] + ["COMPLETE"] * 6
        assert trials(task)[1].params == {"x": 1.0}


def test_a_trial_that_another_worker_made_superfluous_is_given_back(tmp_path: Path) -> None:
    class Greedy(Toy):
        def at(self, x: float, step: int) -> None:
            if x == 1.0 and step == 0:  # meanwhile the others take the other five trials
                others = load(task.name, task.location, SMALL)
                for _ in range(5):
                    others.tell(others.ask(), 0.5)

    task = begin(tmp_path / "s", Greedy)
    late = load(task.name, task.location, SMALL)
    work(task, go())
    assert states(task) == ["COMPLETE"] * 6
    late.enqueue_trial({"x": 0.5})
    work(replace(task, problem=Toy(replace(SMALL, n_trials=7))), go())
    assert states(task) == ["COMPLETE"] * 7


def test_two_workers_that_ask_for_the_last_trial_at_once(tmp_path: Path) -> None:
    task = begin(tmp_path / "s", n_trials=1)
    other = load(task.name, task.location, SMALL)

    class Late(Toy):
        def sample(self, trial: optuna.trial.BaseTrial) -> dict[str, Any]:
            raise AssertionError("it was one too many")

    task = replace(task, problem=Late(task.problem.options))
    first = other.ask()
    second = other.ask()
    with pytest.raises(SurplusError):
        TrialRunner(task, "me", go())(second)
    assert other.get_trials()[1].user_attrs[SURPLUS]
    other.tell(second, state=TrialState.FAIL)
    retry(other, other.get_trials()[1])
    other.tell(first, 1.0)
    assert states(task) == ["COMPLETE", "FAIL"]  # nobody had asked for the second one's parameters
    assert counts(trials(task)) == (1, 0, 0, 0)


@pytest.mark.parametrize("tries", [0, 1])
def test_what_was_queued_is_not_lost_when_it_is_one_too_many(tries: int, tmp_path: Path) -> None:
    task = begin(tmp_path / "s", n_trials=1)
    study = load(task.name, task.location, SMALL)
    study.ask()  # by another worker, which is busy with the last trial
    study.enqueue_trial({"x": 0.5})
    late = study.ask()
    if tries:
        late.suggest_float("x", 0.0, 1.0)
        study.tell(late, state=TrialState.FAIL)
        retry(study, study.get_trials()[late.number])
        late = study.ask()
    with pytest.raises(SurplusError):
        TrialRunner(task, "me", go())(late)
    study.tell(late, state=TrialState.FAIL)
    retry(study, study.get_trials()[late.number])
    again = study.get_trials()[-1]
    assert again.state == TrialState.WAITING
    assert again.user_attrs[TRIES] == tries
    assert study.ask().suggest_float("x", 0.0, 1.0) == 0.5


def test_two_objectives(tmp_path: Path) -> None:
    task = begin(tmp_path / "s", objective="exact", second="parameters", pruner="median", n_trials=12)
    work(task, go())
    found = trials(task)
    assert [trial.values for trial in found] == [
        [pytest.approx(1 - abs(t.params["x"] - 0.3)), float(int(100 * t.params["x"]))] for t in found
    ]
    best = best_from_database(task.location)
    assert best is not None
    assert best.number == max(found, key=lambda t: (t.values[0], -t.values[1])).number


def test_the_watcher_keeps_the_evaluation_that_ranks_first(tmp_path: Path) -> None:
    task = begin(tmp_path / "s", n_trials=1)
    study = load(task.name, task.location, SMALL)
    watcher = Watcher(study.ask(), task, go())
    for step, (exact, loss) in enumerate([(0.5, 0.9), (0.4, 0.2), (0.9, 0.3), (1.0, math.nan)]):
        watcher(step, {"exact": exact, "loss": loss})
    assert watcher.best == {"exact": 0.4, "loss": 0.2}
    by_exact = replace(task, problem=Toy(replace(SMALL, objective="exact")))
    watcher = Watcher(study.ask(), by_exact, go())
    for step, (exact, loss) in enumerate([(0.5, 0.9), (0.4, 0.2), (0.5, 0.3)]):
        watcher(step, {"exact": exact, "loss": loss})
    assert watcher.best == {"exact": 0.5, "loss": 0.3}


def test_going_on_takes_the_options_of_the_study(tmp_path: Path) -> None:
    task = begin(tmp_path / "s", seed=5)
    study = load(task.name, task.location, SMALL)
    again = resumed(Tune(resume="s", n_trials=9, time_limit="1min", sampler="gp"), study, Toy)
    expected = replace(SMALL, seed=5, n_trials=9, time_limit="1min", sampler="gp", resume="s")
    assert again == expected
    work(task, go())
    line = what_is_there(study, task.problem)
    assert line.startswith("there: 6 done, 0 running, 0 pruned, 0 failed, 0 queued; best loss 0.")


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        (Toy, {"objective": "exact"}, "--objective exact would make 's' another study"),
        (Toy, {"arch": "lstm"}, "--arch lstm would make 's' another study (it has gru)"),
        (Toy, {"dataset_size": 10}, "--dataset-size 10 would make 's' another study (it has 3000)"),
        (Toy, {"setting": "bracket/CloseTiny-v0"}, "--setting bracket/CloseTiny-v0 would make 's' another study"),
        (Agent, {}, "study 's' tunes a supervised model"),
        (OtherToy, {}, "study 's' has another search space: x is"),
    ],
)
def test_another_study_is_refused(
    kind: type[Problem[Any]], changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    task = begin(tmp_path / "s")
    study = load(task.name, task.location, SMALL)
    with pytest.raises(InputError) as error:
        resumed(Tune(resume="s", **changes), study, kind)
    assert message in str(error.value)


def test_a_typed_default_is_not_passed_over(tmp_path: Path) -> None:
    task = begin(tmp_path / "s", steps=10)
    study = load(task.name, task.location, SMALL)

    def typed(*options: str) -> Tune:
        return resumed(configuration(Tune, ["--resume", "s", *options], "tune"), study, Toy)

    assert typed("--n-trials", "50").n_trials == Tune.n_trials == 50
    assert typed().n_trials == SMALL.n_trials != 50
    with pytest.raises(InputError, match="--steps 1500 would make 's' another study"):
        typed("--steps", "1500")


def test_a_study_of_somebody_else_or_another_direction_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    theirs = optuna.create_study(storage=url, study_name="theirs")
    with pytest.raises(InputError, match="study 'theirs' was not made by this command"):
        resumed(Tune(), theirs, Toy)
    task = begin(tmp_path / "s")
    mark = load(task.name, task.location, SMALL).user_attrs["bracketgym"]
    turned = optuna.create_study(storage=url, study_name="turned", direction="maximize")
    turned.set_user_attr("bracketgym", mark)
    with pytest.raises(InputError, match="study 'turned' has the directions maximize, --objective loss has minimize"):
        resumed(Tune(), turned, Toy)
    with pytest.raises(InputError, match="has no study 'nobody'"):
        load("nobody", parse_location(url), SMALL)
    with pytest.raises(InputError, match="has a study 's': choose another --name, or go on with --resume s"):
        create(task.problem, "s", task.location)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_trials": 0}, "--n-trials must be a whole number from 1 to 1000000, not 0"),
        ({"jobs": 0}, "--jobs"),
        ({"time_limit": "soon"}, "not a duration: 'soon'"),
        ({"second": "latency"}, "--second latency goes with --objective exact"),
        ({"setting": "bracket/No-v0"}, "bracket/No-v0"),
        ({"seed": -1}, "--seed"),
        ({"grace": 0}, "--grace"),
        ({"jobs": 7}, "--jobs 7 is more than --n-trials 6"),
        ({"max_parameters": 0}, "--max-parameters"),
    ],
)
def test_bad_options(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        check_options(replace(SMALL, **changes))
    assert message in str(error.value)


def test_a_worker_may_miss_some_signs_of_life() -> None:
    server = parse_location("postgresql://host/studies")
    hasty = replace(SMALL, grace=5, heartbeat=60)
    with pytest.raises(InputError, match="--grace 5 must be at least 3 times --heartbeat 60"):
        check_signs(hasty, hasty, server)
    check_signs(SMALL, SMALL, server)
    check_signs(hasty, hasty, parse_location("sqlite:///x.db"))  # nobody looks at them there
    typed = configuration(Tune, ["--resume", "s", "--grace", "100"], "tune")
    check_signs(typed, replace(SMALL, heartbeat=30, grace=100), server)  # of a study whose own heartbeat is 30
    with pytest.raises(InputError, match="--grace goes with a database server"):
        check_signs(typed, SMALL, parse_location("sqlite:///x.db"))


def test_the_best_model_follows_the_storage(tmp_path: Path) -> None:
    task = begin(tmp_path / "s")
    folder, said = task.folder, []

    def now() -> Any:
        best = refresh(task, said.append)
        assert best is not None
        return best

    assert refresh(task, said.append) is None
    work(task, go())
    first = now()
    weights = (folder / MODEL / "best_model.safetensors").read_bytes()
    assert first.value == load("s", task.location, SMALL).best_value
    for damage in (
        lambda: (folder / PARAMS).unlink(),
        lambda: (folder / MODEL / "best_model.safetensors").write_bytes(b"x"),
        lambda: (folder / MODEL / "best_model_metadata.json").unlink(),
        lambda: (folder / MODEL / "trial.txt").write_text("0\n"),
    ):
        damage()
        assert now() == first
        assert (folder / MODEL / "best_model.safetensors").read_bytes() == weights
    assert said == []
    # Somebody has corrected the value by hand.
    with sqlite3.connect(folder / "optuna.db") as database:
        database.execute("UPDATE trial_values SET value = -1 WHERE trial_id = ?", (first.number + 1,))
    database.close()
    assert now().value == -1
    told = json.loads((folder / METADATA).read_text())
    assert (told["value"], told["best_loss"], told["trial"]) == (-1, -1, first.number)
    with sqlite3.connect(folder / "optuna.db") as database:
        database.execute("UPDATE trial_values SET value = ? WHERE trial_id = ?", (first.value, first.number + 1))
    database.close()
    # Its run folder is gone as well, as on another machine.
    (folder / MODEL / "best_model.safetensors").unlink()
    (run_folder(folder, first.number) / "best_model.safetensors").unlink()
    assert now() == first
    assert said == [f"the model of trial {first.number} is not here: training it again"]
    assert (folder / MODEL / "best_model.safetensors").read_bytes() == weights
    # A better one was found meanwhile.
    load("s", task.location, SMALL).enqueue_trial({"x": 0.3})
    work(replace(task, problem=Toy(replace(SMALL, n_trials=7))), go())
    assert now().params == {"x": 0.3}
    assert keep_model(task, 6, {"x": 0.3}, MODEL, said.append).best_metadata()["best_loss"] == 1 / 11
    assert len(said) == 1


def test_the_interval_of_a_paired_difference() -> None:
    assert paired_difference(0, 0, 100)[0] == 0
    middle, low, high = paired_difference(30, 10, 1000)
    assert middle == 0.02
    # Agresti and Min's formula by hand: a = 30.5, b = 10.5, n = 1002.
    assert (low, high) == (pytest.approx(0.0074964, abs=1e-6), pytest.approx(0.0324238, abs=1e-6))
    for gained, lost in itertools.product(range(0, 50, 7), repeat=2):
        middle, low, high = paired_difference(gained, lost, 100)
        assert -1 <= low < high <= 1
        assert paired_difference(lost, gained, 100) == pytest.approx((-middle, -high, -low))


def test_the_line_about_the_gain() -> None:
    from bracket_env import BracketLanguage, Case, score

    cases = [Case("(", ")"), Case("[", "]"), Case("([", "])")]
    language = BracketLanguage(("()", "[]"))
    right = SimpleNamespace(complete=lambda prefixes: [case.completion for case in cases])
    wrong = SimpleNamespace(complete=lambda prefixes: ["", "]", ""])
    rows = [score(solver, cases, language, name="x") for solver in (right, wrong)]
    line = gain_line(*rows, [case.completion for case in cases])
    assert "best 100.00%, default 33.33%, difference +66.67 points" in line
    assert "2 cases won, 0 lost" in line
