"""Whole runs: files, exact resume after kills and rollbacks, and what must not harm the best model."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from rich.console import Console
from torch import Tensor

from bracket_env import InputError, atomic, get_setting
from bracket_env.command import configuration
from supervised.data.dataset_folder import generate_dataset
from supervised.learning import session
from supervised.learning.objective import TokenLoss
from supervised.learning.session import CHECKPOINT
from supervised.learning.trainer import DivergedError, Trainer
from supervised.runs import RunFolder, load, load_best
from supervised.runs.files import checkpoint
from supervised.train.options import Train
from supervised.train.run import train

TINY = "bracket/CloseTiny-v0"
SMALL = Train(
    setting=TINY, units=6, embedding_size=4, dropout=0.3, batch_size=8, steps=70, warmup_steps=5, eval_every=30,
    eval_cases=20, name="run",
)  # fmt: skip


SHOWN = {"report": True}


def run(root: Path, config: Train = SMALL, **changes: Any) -> tuple[RunFolder, str]:
    """Train in this process: the run and what was printed."""
    shown = Console(file=StringIO(), width=200)
    folder = train(replace(config, runs_dir=str(root), **changes), ["train"], shown, **SHOWN)
    assert folder is not None
    assert isinstance(shown.file, StringIO)
    return folder, shown.file.getvalue()


def resume(root: Path, **changes: Any) -> tuple[RunFolder, str]:
    return run(root, Train(resume="run"), **changes)


def result(folder: RunFolder) -> tuple[bytes, dict[str, Tensor], list[dict[str, Any]]]:
    """What must not depend on interruptions: best weights, checkpoint tensors, metrics without clock."""
    tensors = checkpoint.read(folder.checkpoint / CHECKPOINT).tensors
    metrics = [{k: v for k, v in entry.items() if k != "seconds"} for entry in folder.metrics()]
    return (folder.path / "best_model.safetensors").read_bytes(), tensors, metrics


def assert_same(a: RunFolder, b: RunFolder) -> None:
    (best, tensors, metrics), (other_best, other_tensors, other_metrics) = result(a), result(b)
    assert best == other_best
    assert tensors.keys() == other_tensors.keys()
    assert all(torch.equal(tensors[name], other_tensors[name]) for name in tensors)
    assert metrics == other_metrics


@pytest.fixture
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves out what follows the training and takes longer: the plot and the table with its yardsticks."""
    monkeypatch.setitem(SHOWN, "report", False)


quick = pytest.mark.usefixtures("no_report")


class Killed(BaseException):
    """Stands for SIGKILL: nothing may catch it."""


def spoil(monkeypatch: pytest.MonkeyPatch, steps: dict[int, float]) -> None:
    """Multiplies the training loss in the n-th forward passes."""
    forward, count = TokenLoss.forward, iter(range(10**9))

    def spoilt(self: TokenLoss, *inputs: Tensor) -> Tensor:
        loss = forward(self, *inputs)
        return loss * steps.get(next(count), 1.0) if self.training else loss

    monkeypatch.setattr(TokenLoss, "forward", spoilt)


def die_at(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """The n-th training forward pass never returns."""
    forward, count = TokenLoss.forward, iter(range(10**9))

    def dying(self: TokenLoss, *inputs: Tensor) -> Tensor:
        if self.training and next(count) == number:
            raise Killed
        return forward(self, *inputs)

    monkeypatch.setattr(TokenLoss, "forward", dying)


def test_a_run_leaves_its_files_and_a_table(tmp_path: Path) -> None:
    folder, shown = run(tmp_path, json=str(tmp_path / "scores.json"))
    assert {path.name for path in folder.path.iterdir()} >= {
        "config.json", "command.txt", "metrics.jsonl", "best_model.safetensors", "best_model_metadata.json",
        "checkpoint", "training_history.png", "evaluation_result.txt", "tensorboard",
    }  # fmt: skip
    assert "finished after 70 steps" in shown
    assert "test split" in shown
    assert [entry["step"] for entry in folder.metrics()] == [0, 30, 60, 70]
    best = max(folder.metrics(), key=lambda entry: (entry["exact"], -entry["loss"]))
    assert folder.best_metadata()["best_loss"] == best["loss"]
    assert json.loads((tmp_path / "scores.json").read_text())["cases"] == 20
    assert load(folder.path).complete(["("])


@quick
def test_a_model_learns(tmp_path: Path) -> None:
    folder, _ = run(
        tmp_path, units=24, embedding_size=8, dropout=None, batch_size=64, steps=300, eval_every=100, learning_rate=0.02
    )
    metrics = folder.metrics()
    assert metrics[-1]["exact"] >= 0.8 > metrics[0]["exact"]
    assert metrics[-1]["loss"] < 0.3 * metrics[0]["loss"]


@quick
@pytest.mark.parametrize("number", [0, 29, 30, 45])
def test_a_run_that_dies_goes_on_bit_for_bit(tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = run(tmp_path / "whole")
    with monkeypatch.context() as patched:
        die_at(patched, number)
        with pytest.raises(Killed):
            run(tmp_path / "cut")
    assert_same(whole, resume(tmp_path / "cut")[0])


@quick
@pytest.mark.parametrize("bad_step", [20, 30])
def test_resume_across_a_rollback_is_exact(tmp_path: Path, bad_step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss of one batch is bad whenever its learning rate is not yet halved, in whichever process it comes up."""
    forward = Trainer._summed

    def spoilt(self: Trainer, *arguments: Any, learning: bool) -> Tensor:
        loss = forward(self, *arguments, learning=learning)
        return loss * float("nan") if learning and self.step == bad_step and not self.rollbacks else loss

    monkeypatch.setattr(Trainer, "_summed", spoilt)
    whole, shown = run(tmp_path / "whole")
    assert "back to step" in shown
    assert checkpoint.read(whole.checkpoint / CHECKPOINT).state["rollbacks"] == 1
    for number in (bad_step - 1, bad_step + 3):
        root = tmp_path / str(number)
        with monkeypatch.context() as patched:
            die_at(patched, number)
            with pytest.raises(Killed):
                run(root)
        assert_same(whole, resume(root)[0])


@quick
@pytest.mark.parametrize("options", [{}, {"patience": 1, "eval_every": 7, "learning_rate": 1e-9}], ids=str)
def test_a_run_that_has_ended_stays_as_it_is(tmp_path: Path, options: dict[str, Any]) -> None:
    folder, _ = run(tmp_path, **options)
    before = result(folder)
    for _ in range(2):
        resume(tmp_path)
        best, tensors, metrics = result(folder)
        assert (best, metrics) == (before[0], before[2])
        assert all(torch.equal(tensors[name], before[1][name]) for name in tensors)


@quick
@pytest.mark.parametrize(("option", "value"), [("--steps", "1500"), ("--name", "other"), ("--arch", "gru")])
def test_what_is_typed_is_not_passed_over_on_resume(option: str, value: str, tmp_path: Path) -> None:
    """Not even where it is the default of a new run."""
    run(tmp_path)
    typed = configuration(Train, ["--resume", "run", "--runs-dir", str(tmp_path), option, value], "train")
    if option == "--arch":  # what the run has anyway
        train(typed, ["train"], Console(file=StringIO()))
        return
    with pytest.raises(InputError, match=f"{option} {value} would make it another run"):
        train(typed, ["train"])


def test_a_run_is_resumed_without_the_one_it_started_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path / "whole", name="old", units=7)
    options: dict[str, Any] = {"units": None, "embedding_size": None, "init_from": "old"}
    whole, _ = run(tmp_path / "whole", **options)
    shutil.copytree(tmp_path / "whole" / "old", tmp_path / "cut" / "old")
    with monkeypatch.context() as patched:
        die_at(patched, 45)
        with pytest.raises(Killed):
            run(tmp_path / "cut", **options)
    shutil.rmtree(tmp_path / "cut" / "old")
    monkeypatch.chdir(tmp_path / "cut" / "run")
    folder, shown = run(Path("runs"), Train(resume=str(tmp_path / "cut" / "run")))
    assert_same(whole, folder)
    assert "no table of the task before: there is no run 'old'" in shown


@quick
def test_a_run_without_its_checkpoint_is_not_begun_anew(tmp_path: Path) -> None:
    folder, _ = run(tmp_path)
    (folder.checkpoint / CHECKPOINT).unlink()
    metrics, best = folder.metrics(), (folder.path / "best_model.safetensors").read_bytes()
    with pytest.raises(InputError, match="nothing to resume: no "):
        resume(tmp_path)
    assert folder.metrics() == metrics
    assert (folder.path / "best_model.safetensors").read_bytes() == best


@quick
def test_a_run_killed_before_its_first_checkpoint_starts_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = run(tmp_path / "whole")

    def killed(*arguments: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(session, "write_bytes", killed)
        with pytest.raises(Killed):
            run(tmp_path / "cut")
    assert_same(whole, resume(tmp_path / "cut")[0])


@quick
def test_a_full_disk_keeps_the_checkpoint_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = run(tmp_path / "whole")
    write, calls = session.write_bytes, iter(range(100))

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    def failing(path: Path, data: bytes) -> None:
        if next(calls) == 2:
            with monkeypatch.context() as patched:
                patched.setattr(atomic.os, "fsync", full)
                write(path, data)
        write(path, data)

    with monkeypatch.context() as patched:
        patched.setattr(session, "write_bytes", failing)
        with pytest.raises(InputError, match=r"cannot write .*: No space left"):
            run(tmp_path / "cut")
    folder = RunFolder.open("run", root=tmp_path / "cut")
    assert [path.name for path in folder.checkpoint.iterdir()] == [CHECKPOINT]
    assert checkpoint.read(folder.checkpoint / CHECKPOINT).state["step"] == 30
    assert_same(whole, resume(tmp_path / "cut")[0])


@quick
def test_divergence_leaves_the_best_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(monkeypatch, dict.fromkeys(range(40, 1000), float("nan")))
    with pytest.raises(DivergedError, match="after 3 rollbacks"):
        run(tmp_path)
    folder = RunFolder.open("run", root=tmp_path)
    assert all(torch.isfinite(t).all() for t in load_best(folder).state_dict().values())
    assert folder.best_metadata()["step"] in (0, 30)


@quick
def test_the_best_model_is_never_replaced_by_a_worse_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[tuple[float, float]] = []
    save = RunFolder.save_best

    def recording(self: RunFolder, model: Any, metadata: Any) -> None:
        saved.append((metadata["exact"], -metadata["best_loss"]))
        save(self, model, metadata)

    monkeypatch.setattr(RunFolder, "save_best", recording)
    folder, _ = run(tmp_path, learning_rate=0.5, steps=100, eval_every=5, lr_schedule="constant")
    assert saved == sorted(set(saved))
    every = [(entry["exact"], -entry["loss"]) for entry in folder.metrics()]
    assert len(saved) < len(every)
    assert saved[-1] == max(every)


@quick
def test_a_ruined_model_is_not_evaluated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    advance = Trainer.advance

    def ruining(self: Trainer) -> bool:
        good = advance(self)
        if self.step == 30 and not self.rollbacks:
            with torch.no_grad():
                self.model.head.weight.mul_(1e6)
        return good

    monkeypatch.setattr(Trainer, "advance", ruining)
    folder, shown = run(tmp_path)
    assert "back to step 25" in shown
    assert [entry["step"] for entry in folder.metrics()] == [0, 30, 60, 70]
    assert all(entry["loss"] < 10 for entry in folder.metrics())


@quick
def test_patience_and_time_limit(tmp_path: Path) -> None:
    assert re.search(r"no better for 2 evaluations after", run(tmp_path / "b", learning_rate=1e-12, patience=2)[1])
    whole, _ = run(tmp_path / "whole")
    limited, shown = run(tmp_path / "c", time_limit="0.001s")
    assert "time limit after 0 steps" in shown
    assert "go on with: python -m supervised.train --resume run" in shown
    assert_same(whole, resume(tmp_path / "c")[0])
    assert limited.name == "run"


@quick
def test_a_data_set_folder_is_the_same_training_as_its_size(tmp_path: Path) -> None:
    generate_dataset(tmp_path / "data", get_setting(TINY), 30, 5)
    by_size, _ = run(tmp_path / "size", dataset_size="30")
    by_folder, _ = run(tmp_path / "folder", dataset=str(tmp_path / "data"))
    assert_same(by_size, by_folder)


@quick
def test_foreign_cases_of_the_test_split_are_left_out(tmp_path: Path) -> None:
    generate_dataset(tmp_path / "data", get_setting(TINY), 30, 5)
    test_file = tmp_path / "data" / "original" / "test_bracket_dataset.json"
    test_file.replace(test_file.with_name("bracket_dataset.json"))
    with pytest.raises(InputError, match="every prefix belongs to the validation or test split"):
        run(tmp_path, dataset=str(tmp_path / "data"))
    assert not (tmp_path / "run").exists()


def test_continued_training_reports_the_old_task(tmp_path: Path) -> None:
    run(tmp_path, name="old", dropout=None)
    new, shown = run(tmp_path, init_from="old", replay=TINY, pairs=("()", "[]", "{}"), dropout=None)
    assert "old (before)" in shown
    assert "run (after)" in shown
    assert new.config.pairs == ("()", "[]", "{}")


def test_what_would_be_missed_at_the_end_is_refused_at_the_beginning(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot write --json"):
        run(tmp_path, json=str(tmp_path / "no" / "scores.json"))
    run(tmp_path, steps=1, warmup_steps=0)
    with pytest.raises(InputError, match="exists: choose another --name"):
        run(tmp_path)


def command(root: Path, *options: str) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-m", "supervised.train", "--runs-dir", str(root), *options]
    return subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )


LONG = (
    *("--name", "run", "--setting", TINY, "--units", "6", "--dropout", "0.2", "--batch-size", "8", "--steps", "300"),
    *("--eval-cases", "20", "--eval-every", "30"),
)


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    while not path.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "sigterm"])
def test_a_signal_saves_and_says_how_to_go_on(number: signal.Signals, code: int, tmp_path: Path) -> None:
    endless = {"300": "1000000", "30": "20"}
    process = command(tmp_path, *(endless.get(word, word) for word in LONG))
    wait_for(tmp_path / "run" / "checkpoint" / CHECKPOINT, process)
    process.send_signal(number)
    shown, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert f"go on with: python -m supervised.train --resume run --runs-dir {tmp_path}" in shown
    assert errors == "interrupted\n"
    assert checkpoint.read(tmp_path / "run" / "checkpoint" / CHECKPOINT).state["step"] > 0


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    root = tmp_path_factory.mktemp("whole")
    assert command(root, *LONG).communicate()[1] == ""
    return RunFolder.open("run", root=root)


@pytest.mark.slow
@pytest.mark.parametrize("delay", [0.0, 0.1, 0.4])
def test_sigkill_at_any_moment(uninterrupted: RunFolder, tmp_path: Path, delay: float) -> None:
    cut = command(tmp_path / "cut", *LONG)
    wait_for(tmp_path / "cut" / "run", cut)
    time.sleep(delay)
    cut.kill()
    cut.communicate()
    again = command(tmp_path / "cut", "--resume", "run")
    assert again.communicate()[1] == ""
    assert_same(uninterrupted, RunFolder.open("run", root=tmp_path / "cut"))


def test_the_weights_are_readable_by_themselves(tmp_path: Path) -> None:
    folder, _ = run(tmp_path, steps=1, warmup_steps=0)
    names = safetensors.torch.load_file(folder.path / "best_model.safetensors")
    assert all(name.startswith(("encoder.", "head.")) for name in names)
