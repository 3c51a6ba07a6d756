"""``--extend``: a longer training is the one that never stopped, and what a falling rate does in what was added."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch
from encoders_for_tests import HashedWords
from rich.console import Console

from bracket_env import InputError
from bracket_env.command import configuration
from supervised.adapt.options import Adapt
from supervised.adapt.run import adapt
from supervised.learning.objective import TokenLoss
from supervised.learning.schedule import FLOOR, REWARMED, learning_rate
from supervised.learning.session import CHECKPOINT
from supervised.options.groups import Training
from supervised.pretrain.options import Pretrain
from supervised.pretrain.run import pretrain
from supervised.runs import Extension, RunFolder
from supervised.runs.files import checkpoint
from supervised.train.check import check
from supervised.train.options import Train
from supervised.train.run import train

TINY = "bracket/CloseTiny-v0"
FEW: dict[str, Any] = {
    "setting": TINY, "batch_size": 8, "steps": 20, "warmup_steps": 5, "eval_every": 10, "eval_cases": 20, "name": "run",
}  # fmt: skip
GRU: dict[str, Any] = {"units": 6, "embedding_size": 4, "dropout": 0.3}
SMALL = Train(**FEW, **GRU)
CONSTANT = replace(SMALL, lr_schedule="constant")
COMMANDS: dict[type[Any], Callable[..., Any]] = {Train: train, Pretrain: pretrain, Adapt: adapt}
LESSONS: dict[str, Training] = {
    "train": SMALL,
    "fixed and augmented": replace(SMALL, dataset_size="30", augment=("permute",), label_smoothing=0.1),
    "instructed": replace(SMALL, dataset_size="30", instruction=("The bracket opened last is closed first.",)),
    "conditioned": replace(SMALL, setting=Train.setting, conditioned=True, ncl_encoder="hash"),
    "pretrain": Pretrain(**FEW, **GRU),
    "adapt": Adapt(**FEW, base="base", tune="full"),
    "lora": Adapt(**FEW, base="base", tune="lora", lora_rank=2, pairs=("()", "[]", "{}"), dropout=0.2),
}


def run(root: Path, config: Any, **changes: Any) -> tuple[RunFolder, str]:
    """Train in this process, without a report: the run and what was printed."""
    shown = Console(file=StringIO(), width=200)
    config = replace(config, runs_dir=str(root), **changes)
    command = ["train", *(["--extend", str(config.extend)] if config.extend else [])]
    folder = COMMANDS[type(config)](config, command, shown, report=False)
    assert isinstance(shown.file, StringIO)
    return folder, shown.file.getvalue()


def extend(root: Path, steps: int, **changes: Any) -> tuple[RunFolder, str]:
    return run(root, Train(resume="run", extend=steps), **changes)


def tensors(folder: RunFolder) -> dict[str, torch.Tensor]:
    return checkpoint.read(folder.checkpoint / CHECKPOINT).tensors


def assert_same(a: RunFolder, b: RunFolder) -> None:
    """The best model, the last one with its optimiser, and what was measured."""
    first, second = tensors(a), tensors(b)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert (a.path / "best_model.safetensors").read_bytes() == (b.path / "best_model.safetensors").read_bytes()
    logs = [[{k: v for k, v in entry.items() if k != "seconds"} for entry in folder.metrics()] for folder in (a, b)]
    assert logs[0] == logs[1]


class Killed(BaseException):
    """Stands for SIGKILL: nothing may catch it."""


def die_at(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """The n-th training forward pass never returns."""
    forward, count = TokenLoss.forward, iter(range(10**9))

    def dying(self: TokenLoss, *inputs: torch.Tensor) -> torch.Tensor:
        if self.training and next(count) == number:
            raise Killed
        return forward(self, *inputs)

    monkeypatch.setattr(TokenLoss, "forward", dying)


@pytest.mark.parametrize(
    "lesson", [pytest.param(name, marks=[pytest.mark.slow] if name == "instructed" else []) for name in LESSONS]
)
def test_an_extended_training_is_the_one_that_never_stopped(
    lesson: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("supervised.train.instructed.make_encoder", lambda name: HashedWords())
    config = replace(LESSONS[lesson], lr_schedule="constant")
    for name in ("whole", "parts"):
        if isinstance(config, Adapt):
            torch.manual_seed(1)
            base = check(Train(arch="gpt", setting=TINY, width=8, heads=2, layers=1))
            made = RunFolder.create("base", base, ["train"], root=tmp_path / name)
            made.save_best(base.build(), {"best_loss": 1.0})
    whole, _ = run(tmp_path / "whole", config, steps=30)
    run(tmp_path / "parts", config)
    parts, shown = run(tmp_path / "parts", type(config)(resume="run", extend=10))
    assert "from step 20 on to 30" in shown
    assert_same(whole, parts)


@pytest.mark.parametrize("number", [1, 17])
def test_an_extension_that_dies_goes_on_without_being_asked_for_again(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("whole", "cut"):
        run(tmp_path / name, SMALL)
    whole, _ = extend(tmp_path / "whole", 20)
    with monkeypatch.context() as patch:
        die_at(patch, number)
        with pytest.raises(Killed):
            extend(tmp_path / "cut", 20)
    assert_same(whole, run(tmp_path / "cut", Train(resume="run"))[0])


def test_a_second_extension_and_the_record_of_both(tmp_path: Path) -> None:
    whole, _ = run(tmp_path / "whole", CONSTANT, steps=45)
    run(tmp_path / "parts", CONSTANT)
    extend(tmp_path / "parts", 10)
    parts, _ = extend(tmp_path / "parts", 15)
    first, second = tensors(whole), tensors(parts)
    assert all(torch.equal(first[name], second[name]) for name in first)
    config = json.loads((parts.path / "config.json").read_text())
    assert config["options"]["steps"] == 45
    assert (config["options"]["extend"], config["options"]["lr_schedule"]) == (None, "constant")
    assert config["extensions"] == [
        {"at": 20, "steps": 10, "schedule": "constant"},
        {"at": 30, "steps": 15, "schedule": "constant"},
    ]
    commands = (parts.path / "command.txt").read_text()
    assert commands == "train\ntrain --extend 10\ntrain --extend 15\n"
    assert RunFolder.open("run", root=tmp_path / "parts").config.extensions[1].end == 45


@pytest.mark.parametrize("schedule", ["rewarm", "floor"])
def test_up_to_the_old_end_a_falling_rate_is_what_it_was(schedule: Any, tmp_path: Path) -> None:
    old, _ = run(tmp_path, SMALL)
    before, log = old.best_metadata(), old.metrics()
    folder, _ = extend(tmp_path, 20, extend_schedule=schedule)
    rates = [entry["learning_rate"] for entry in folder.metrics()]
    assert folder.metrics()[: len(log) - 1] == log[:-1]
    assert folder.metrics()[len(log) - 1] == log[-1]
    assert rates[2] == pytest.approx(0.0, abs=1e-9)
    peak = SMALL.learning_rate
    assert rates[3:] == pytest.approx(
        [peak * FLOOR] * 2 if schedule == "floor" else [peak * REWARMED * 0.5868, 0.0], rel=0.01
    )
    best = folder.best_metadata()
    assert (best["exact"], -best["best_loss"]) >= (before["exact"], -before["best_loss"])


def test_the_rate_is_a_function_of_the_step() -> None:
    def rates(kind: str, *extensions: Extension) -> list[float]:
        steps = extensions[-1].end if extensions else 100
        options: dict[str, Any] = {"peak": 1.0, "steps": steps, "warmup_steps": 10, "kind": kind}
        return [learning_rate(step, **options, extensions=extensions) for step in range(steps)]

    for kind in ("cosine", "linear"):
        old = rates(kind)
        found = rates(kind, Extension(100, 50, "rewarm"), Extension(150, 20, "floor"))
        assert found[:100] == old
        assert max(found[100:150]) == found[104] == REWARMED
        assert found[100] == REWARMED / 5
        assert found[149] < REWARMED / 20
        assert found[150:] == [FLOOR] * 20
    constant = rates("constant", Extension(100, 50, "constant"))
    assert constant[:100] == rates("constant")
    assert constant[100:] == [1.0] * 50


def test_more_steps_for_a_run_that_has_not_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are added to its end: it goes on as it was to, and then has its extension."""
    run(tmp_path / "whole", SMALL)
    whole, _ = extend(tmp_path / "whole", 10)
    with monkeypatch.context() as patch:
        die_at(patch, 12)
        with pytest.raises(Killed):
            run(tmp_path / "cut", SMALL)
    first, second = tensors(whole), tensors(extend(tmp_path / "cut", 10)[0])
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_finished_run_says_so_and_stays_as_it_is(tmp_path: Path) -> None:
    folder, _ = run(tmp_path, SMALL)

    def contents() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}

    before = contents()
    _, shown = run(tmp_path, Train(resume="run"))
    assert shown == f"{folder.path} is already finished after 20 steps: add --extend STEPS to train it longer\n"
    assert contents() == before


def test_patience_begins_anew(tmp_path: Path) -> None:
    options: dict[str, Any] = {"patience": 1, "eval_every": 5, "learning_rate": 1e-9, "warmup_steps": 0}
    folder, shown = run(tmp_path, SMALL, **options)
    assert "no better for 1 evaluations after 5 steps" in shown
    _, shown = run(tmp_path, Train(resume="run"))
    assert "is already finished after 5 steps (no better for 1 evaluations): add --extend STEPS" in shown
    _, shown = extend(tmp_path, 10)
    assert "no better for 1 evaluations after 15 steps" in shown
    _, shown = run(tmp_path, Train(resume="run", patience=9))
    assert "finished after 30 steps" in shown
    assert folder.path.exists()


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        (["--extend", "5"], "--extend 5 goes with --resume RUN: it makes a run longer that is there"),
        (["--extend-schedule", "floor"], "--extend-schedule goes with --extend"),
        (["--resume", "run", "--extend-schedule", "floor"], "--extend-schedule goes with --extend"),
        (["--resume", "run", "--extend", "0"], "--extend must be a whole number from 1 to 1000000000, not 0"),
        (["--resume", "run", "--extend", "5", "--extend-schedule", "floor"], "this run's is constant, and stays so"),
        (["--resume", "run", "--extend", "999999999"], "--steps must be a whole number from 1 to 1000000000"),
        (["--resume", "run", "--steps", "70"], "(it has 20): leave it out, and add --extend 50 to train it longer"),
        (["--resume", "run", "--steps", "7"], "--steps 7 would make it another run (it has 20): leave it out"),
    ],
)
def test_what_is_refused_changes_nothing(typed: list[str], problem: str, tmp_path: Path) -> None:
    folder, _ = run(tmp_path, CONSTANT, steps=20)
    before = (folder.path / "config.json").read_bytes(), (folder.path / "command.txt").read_bytes()
    config = configuration(Train, [*typed, "--runs-dir", str(tmp_path)], "train")
    with pytest.raises(InputError) as caught:
        train(config, ["train"], Console(file=StringIO()))
    assert problem in str(caught.value)
    assert before == ((folder.path / "config.json").read_bytes(), (folder.path / "command.txt").read_bytes())
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize(
    "damage",
    [lambda whole: whole[:100], lambda whole: whole[:-1], lambda whole: b"\xff" * 8 + whole[8:], lambda whole: b"{}"],
    ids=["header cut", "cut", "no size", "nothing"],
)
def test_a_damaged_checkpoint_is_neither_finished_nor_extended(
    damage: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    folder, _ = run(tmp_path, SMALL, steps=1, warmup_steps=0)
    path = folder.checkpoint / CHECKPOINT
    path.write_bytes(damage(path.read_bytes()))
    before = (folder.path / "config.json").read_bytes()
    for again in (Train(resume="run"), Train(resume="run", extend=5)):
        with pytest.raises(InputError, match="cannot resume from "):
            run(tmp_path, again)
    assert (folder.path / "config.json").read_bytes() == before
