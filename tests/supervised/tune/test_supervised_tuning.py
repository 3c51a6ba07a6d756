"""Tuning supervised models: spaces that hold no illegal configuration, trials on one data set, a report."""

from __future__ import annotations

import io
import json
import shlex
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_args, get_type_hints

import optuna
import pytest
from optuna.trial import FixedTrial
from rich.console import Console

from bracket_env import InputError
from bracket_env.command import configuration, run
from supervised.models import ENCODERS
from supervised.runs import RunFolder, load
from supervised.study import run as study_run
from supervised.study.best_trial import best_from_database
from supervised.study.storages.location import sqlite
from supervised.study.study import OPTIONS, check_options
from supervised.train.__main__ import main as train_main
from supervised.train.check import check
from supervised.train.examples import train_examples
from supervised.train.options import Train
from supervised.train.trial import trial_config
from supervised.tune.__main__ import main
from supervised.tune.options import PROG, Tune
from supervised.tune.run import SupervisedProblem, tune

TINY = "bracket/CloseTiny-v0"
SMALL = Tune(setting=TINY, name="s", n_trials=3, dataset_size=40, steps=5, eval_cases=12, threads=1, sampler="random")
every_arch = pytest.mark.parametrize("arch", list(ENCODERS))


@every_arch
def test_no_illegal_configuration_can_be_drawn(arch: str) -> None:
    problem = SupervisedProblem(Tune(arch=arch))  # type: ignore[arg-type]
    problem.check()
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    for _ in range(200):
        drawn = problem.sample(study.ask())
        assert set(drawn) <= {field.name for field in fields(Train)}
        checked = trial_config(problem.training_options(json.loads(json.dumps(drawn)), Path("study"), "0"))
        assert checked.architecture == arch
        assert {
            name: value for name, value in drawn.items() if name in checked.params
        }.items() <= checked.params.items()


@every_arch
def test_the_defaults_lie_in_the_space(arch: str) -> None:
    problem = SupervisedProblem(Tune(arch=arch))  # type: ignore[arg-type]
    drawn = problem.sample(FixedTrial(problem.defaults()))  # warns of a value out of range, and warnings are errors
    command = Train(**problem.training_options(drawn, Path("study"), "0"))
    plain = Train(**problem.training_options({}, Path("study"), "0"))
    assert check(command).params == check(plain).params
    for name in ("learning_rate", "batch_size", "weight_decay", "label_smoothing", "augment"):
        assert getattr(command, name) == getattr(Train(), name)
    assert set(problem.defaults()) >= set(problem.space())


def test_every_architecture_has_a_space() -> None:
    for arch, encoder in ENCODERS.items():
        space = SupervisedProblem(Tune(arch=arch)).space()  # type: ignore[arg-type]
        assert {name for name in space if name in encoder.config_class.suggested_defaults()}
    assert get_args(get_type_hints(Tune)["arch"]) == tuple(ENCODERS)


class Here:
    """In place of the pool: one worker in this process."""

    def __init__(self, task: Any, jobs: int, study: optuna.Study) -> None:
        self._task = task

    def run(self, show: Any, say: Any) -> str:
        from types import SimpleNamespace

        from supervised.study.workers import work

        show()
        work(self._task, SimpleNamespace(value=0))
        show()
        return "finished"


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(study_run, "Pool", Here)
    monkeypatch.chdir(tmp_path)


def tuned(config: Tune) -> tuple[Path, str]:
    console = Console(file=io.StringIO(), width=150)
    folder = tune(config, console)
    assert isinstance(console.file, io.StringIO)
    return folder, console.file.getvalue()


@pytest.mark.usefixtures("here")
def test_a_study_from_its_data_to_its_report() -> None:
    folder, shown = tuned(replace(SMALL, json="out.json"))
    best = best_from_database(folder)
    assert best is not None
    # Everything that is told about the best trial is told the same.
    metadata = json.loads((folder / "best_model_metadata.json").read_text())
    model = RunFolder.open(folder / "best_model")
    told = json.loads(Path("out.json").read_text())
    assert (
        metadata["best_loss"] == metadata["value"] == best.value == told["value"] == model.best_metadata()["best_loss"]
    )
    assert metadata["trial"] == best.number == told["trial"]
    assert {row["name"] for row in told["test"]["solvers"][:2]} == {"best", "default"}
    assert "exact match on the test cases: best" in shown
    assert f"optuna-dashboard sqlite:///{folder.absolute()}/optuna.db" in shown
    for name in ("history.png", "slices.png", "best_model/training_history.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")
    assert "Complete accuracy" in (folder / "best_model/evaluation_result.txt").read_text()
    # The file of parameters trains the same model on the same cases, from the command line too.
    options = json.loads((folder / "best_params.json").read_text())
    assert options.items() >= best.attributes[OPTIONS].items()
    config = configuration(Train, ["--params", str(folder / "best_params.json")], "train")
    again = train_examples(config, check(config))[0][0]
    trial = Train(**SupervisedProblem(SMALL).training_options(best.attributes[OPTIONS], folder))
    first = train_examples(trial, check(trial))[0][0]
    assert all((a == b).all() for a, b in zip(again, first, strict=True))
    assert run(Train, train_main, argv=["--params", str(folder / "best_params.json"), "--name", "x"], prog="x") == 0
    assert RunFolder.open("x").best_metadata()["step"] <= 5
    assert load(folder / "best_model").complete(["("]) is not None


@pytest.mark.usefixtures("here")
def test_going_on_and_looking(capsys: pytest.CaptureFixture[str]) -> None:
    folder, _ = tuned(replace(SMALL, n_trials=1))
    data = {path: path.stat().st_mtime_ns for path in (folder / "dataset").rglob("*")}
    _, shown = tuned(Tune(resume="s", n_trials=2))
    assert shown.startswith("there: 1 done, 0 running, 0 pruned, 0 failed, 0 queued; best loss ")
    assert {path: path.stat().st_mtime_ns for path in (folder / "dataset").rglob("*")} == data
    (folder / "best_params.json").unlink()
    assert run(Tune, main, argv=["--best", "s"], prog=PROG) == 0
    lines = capsys.readouterr().out.splitlines()
    best = best_from_database(folder)
    assert best is not None
    assert lines[0] == f"best loss: {best.value!r} (trial {best.number})"
    assert lines[1].startswith("parameters: ")
    assert sum("loss" in line.split(":")[0] for line in lines) == 1
    assert lines[-1] == "model: studies/s/best_model"
    assert (folder / "best_params.json").is_file()


@pytest.mark.usefixtures("here")
def test_any_name_is_gone_on_with_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    name = "a?1 p%20cent #括弧"
    _, shown = tuned(replace(SMALL, name=name, studies_dir="my studies", storage="sqlite:///mine.db", n_trials=1))
    assert {path.name for path in Path().iterdir()} == {"my studies", "mine.db"}
    again = Tune(resume=name, studies_dir="my studies", n_trials=2)
    _, shown = tuned(again)
    assert shown.startswith("there: 1 done")
    # What it says to watch it with finds the study.
    (url,) = [shlex.split(line)[-1] for line in shown.splitlines() if "optuna-dashboard" in line]
    assert len(optuna.load_study(storage=url, study_name=name).trials) == 2
    argv = ["--best", name, "--studies-dir", "my studies"]
    assert run(Tune, main, argv=argv, prog=PROG) == 0
    assert capsys.readouterr().out.startswith("best loss: ")


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--heartbeat 60", "--heartbeat goes with a database server"),
        ("--grace 900 --storage sqlite:///x.db", "--grace goes with a database server"),
        ("--heartbeat 60 --grace 5 --storage postgresql://h/d", "--grace 5 must be at least 3 times --heartbeat 60"),
        ("--objective exact --second latency --pruner median", "--pruner goes with one objective"),
        ("--best s --n-trials 9", "--n-trials has no meaning beside --best"),
        ("--jobs 60", "--jobs 60 is more than --n-trials 50"),
    ],
)
def test_options_that_do_not_go_together(words: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Tune, main, argv=words.split(), prog=PROG) == 2
    assert message in capsys.readouterr().err
    assert list(Path().iterdir()) == []


@pytest.mark.usefixtures("here")
def test_two_objectives() -> None:
    folder, shown = tuned(replace(SMALL, objective="exact", second="latency", n_trials=2))
    assert "Pareto front" in shown
    assert (folder / "pareto.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("here")
def test_test_cases_are_looked_at_by_the_last_table_only(monkeypatch: pytest.MonkeyPatch) -> None:
    from bracket_env import Setting

    looked: list[str] = []
    cases = Setting.evaluation_cases

    def counted(self: Setting, split: Any, n: int, **options: Any) -> Any:
        looked.append(split)
        return cases(self, split, n, **options)

    monkeypatch.setattr(Setting, "evaluation_cases", counted)
    tuned(SMALL)
    assert looked.count("test") == 1
    assert looked[-1] == "test"
    assert looked.count("validation") == 3


def test_an_interrupted_trial_and_a_rank_by_the_objective(tmp_path: Path) -> None:
    problem = SupervisedProblem(SMALL)
    problem.prepare(tmp_path)
    seen: list[tuple[int, dict[str, float]]] = []
    path = problem.train({"units": 4}, tmp_path, "0", 1, lambda step, figures: seen.append((step, dict(figures))))
    assert [step for step, _ in seen] == [0, 1, 2, 3, 4, 5]
    best = RunFolder.open(path).best_metadata()
    assert best["best_loss"] == min(figures["loss"] for _, figures in seen)
    assert not (path / "evaluation_result.txt").exists()

    def stop(step: int, figures: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        problem.train({"units": 4}, tmp_path, "1", 1, stop)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("config", "message"),
    [
        (replace(SMALL, dataset_size=0), "--dataset-size"),
        (replace(SMALL, steps=0), "--steps"),
        (replace(SMALL, name="a/b"), "a study's name is one folder name, not 'a/b'"),
        (replace(SMALL, resume="s"), "--name, --resume and --best exclude each other"),
        (Tune(resume="gone"), "there is no study studies/gone"),
        (Tune(best="gone"), "there is no study studies/gone"),
        (replace(SMALL, json="no/such/x.json"), "cannot write --json no/such/x.json"),
        (replace(SMALL, storage="nowhere"), "--storage must be a database URL"),
        (replace(SMALL, storage="postgresql://u:hush@localhost:port/db"), "what follows postgresql:// cannot be read"),
        (replace(SMALL, n_trials=0), "--n-trials"),
        (replace(SMALL, instruction=("『 is closed by 』.",)), "names the pair 『』, which is not in the language"),
    ],
)
def test_what_is_refused_leaves_nothing_behind(config: Tune, message: str) -> None:
    with pytest.raises(InputError) as error:
        tuned(config)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert list(Path().iterdir()) == []


@pytest.mark.usefixtures("here")
def test_a_storage_that_cannot_be_used_leaves_nothing_behind() -> None:
    with pytest.raises(InputError, match=r"cannot use sqlite:////no/such/folder/x\.db: unable to open database file"):
        tuned(replace(SMALL, storage="sqlite:////no/such/folder/x.db"))
    assert list(Path("studies").iterdir()) == []


@pytest.mark.usefixtures("here")
def test_what_a_sentence_weighs_is_tuned_too() -> None:
    sentences = ("The bracket opened last is closed first.", "全て閉じたら終わる。")
    folder, _ = tuned(replace(SMALL, instruction=sentences, n_trials=2))
    study = study_run.load(folder.name, sqlite(folder / "optuna.db"), SMALL)
    drawn = [trial.params["ncl_weight"] for trial in study.get_trials()]
    assert drawn[0] == 1.0 != drawn[1]
    config = configuration(Train, ["--params", str(folder / "best_params.json")], "train")
    assert config.instruction == sentences
    assert config.ncl_weight in drawn
    told = RunFolder.open(folder / "best_model").config.options
    assert (tuple(told["instruction"]), told["ncl_weight"]) == (sentences, config.ncl_weight)
    assert "ncl_weight" not in SupervisedProblem(SMALL).space()
    with pytest.raises(InputError, match=r"--instruction .* would make 's' another study"):
        tuned(Tune(resume="s", instruction=sentences[:1]))


@pytest.mark.usefixtures("here")
def test_a_folder_that_is_in_the_way_and_one_that_cannot_be_made() -> None:
    (Path("studies") / "s" / "mine").mkdir(parents=True)
    with pytest.raises(InputError, match="study studies/s exists: choose another --name, or go on with --resume s"):
        tuned(SMALL)
    Path("file").write_text("")
    with pytest.raises(InputError, match="cannot make study folder file/s: Not a directory"):
        tuned(replace(SMALL, studies_dir="file"))
    check_options(SMALL)
