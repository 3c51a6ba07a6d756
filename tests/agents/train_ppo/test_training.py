"""Training learns, repeats itself bit for bit, and survives whatever stops it."""

from __future__ import annotations

import errno
import io
import itertools
import json
import math
import multiprocessing
import os
import random
import resource
import shutil
import signal
import stat
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from rich.console import Console
from safetensors import safe_open

from agents.sb3 import checkpoint
from agents.sb3.learner import DivergedError
from agents.sb3.monitor import Monitor
from agents.train_ppo.__main__ import main
from agents.train_ppo.check import check
from agents.train_ppo.options import PROG, TrainPPO
from agents.train_ppo.run import build, train
from bracket_env import InputError, atomic, get_setting, share_answered
from bracket_env.command import run
from supervised.learning import stopping
from supervised.runs import RunFolder, load

# 15 updates of 256 steps; evaluations, and so checkpoints, after 0, 1024, 2048, 3072 and 3840 steps.
SMALL: dict[str, Any] = {
    "setting": "bracket/CloseTiny-v0", "n_envs": 64, "n_steps": 4, "batch_size": 64, "n_epochs": 2, "seed": 3,
    "learning_rate": 0.02, "units": 16, "embedding_size": 8, "total_timesteps": 3800, "eval_every": 1024,
    "eval_cases": 50,
}  # fmt: skip
UPDATE, UPDATES = 256, 15
TRANSFORMER: dict[str, Any] = {
    "arch": "transformer", "units": None, "embedding_size": None, "width": 8, "heads": 2, "layers": 1,
}  # fmt: skip
Hook = Callable[[Monitor, int], None]


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def _signals_as_before() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    yield
    assert signal.getsignal(signal.SIGINT) is before


@pytest.fixture(autouse=True)
def _short_report() -> Iterator[None]:
    """A run of a second need not end with a second of plotting; the fixture ``whole`` has the full report."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("agents.sb3.session.plot_history", lambda *arguments, **options: None)
        patch.setattr("supervised.learning.report._YARDSTICK_CASES", 20)
        yield


def small(runs: Path, name: str = "run", **more: Any) -> TrainPPO:
    return TrainPPO(name=name, runs_dir=str(runs), **{**SMALL, **more})


def trained(config: TrainPPO) -> RunFolder:
    return train(config, ["test"], Console(file=io.StringIO()))


def resume(folder: Path, **more: Any) -> RunFolder:
    return trained(TrainPPO(resume=folder.name, runs_dir=str(folder.parent), **more))


def outcome(folder: Path) -> dict[str, Any]:
    """Everything of a run but the time it took."""
    with safe_open(folder / "checkpoint" / checkpoint.FILE, framework="pt") as file:
        state = json.loads(file.metadata()["checkpoint"])
    del state["state"]["extra"]["seconds"]
    metadata = RunFolder.open(folder).best_metadata()
    del metadata["seconds"]
    return {
        "best": (folder / "best_model.safetensors").read_bytes(),
        "metadata": metadata,
        "state": state,
        "tensors": {
            name: tensor.numpy().tobytes()
            for name, tensor in safetensors.torch.load_file(folder / "checkpoint" / checkpoint.FILE).items()
        },
        "metrics": [{**entry, "seconds": None} for entry in RunFolder.open(folder).metrics()],
    }


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing disturbed."""
    return trained(small(tmp_path_factory.mktemp("runs"), "whole")).path


@pytest.fixture(scope="module")
def uninterrupted(whole: Path) -> dict[str, Any]:
    return outcome(whole)


@pytest.fixture
def after_rollout(monkeypatch: pytest.MonkeyPatch) -> Callable[[Hook], None]:
    """Calls a hook with the monitor and the number of the rollout (from 1) after each, before the update."""

    def install(hook: Hook) -> None:
        count = itertools.count(1)
        monkeypatch.setattr(Monitor, "_on_rollout_end", lambda self: hook(self, next(count)))

    return install


# Learning ------------------------------------------------------------------------------------------------------------


def test_an_agent_learns_the_tiny_task(tmp_path: Path) -> None:
    """Nine tenths of the validation cases, where guessing gets one in fifty, and most of the unseen ones."""
    config = TrainPPO(
        name="run",
        runs_dir=str(tmp_path),
        setting="bracket/CloseTiny-v0",
        n_envs=128,
        batch_size=256,
        units=32,
        embedding_size=16,
        learning_rate=1e-2,
        total_timesteps=40_000,
        eval_every=2_000,
        eval_cases=300,
        target=0.9,
    )
    folder = trained(config)
    metrics = folder.metrics()
    assert metrics[0]["exact"] < 0.2
    assert metrics[-1]["exact"] >= 0.9
    assert metrics[-1]["timesteps"] < 40_000
    assert metrics[-1]["loss"] < metrics[0]["loss"] / 2
    cases = get_setting(config.setting).evaluation_cases("test", 300)
    answers = load(folder.path).complete([case.prefix for case in cases])
    assert np.mean([answer == case.completion for answer, case in zip(answers, cases, strict=True)]) > 0.75


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(
    tmp_path: Path, uninterrupted: dict[str, Any]
) -> None:
    torch.rand(5)  # what happened before a run does not matter to it
    assert outcome(trained(small(tmp_path)).path) == uninterrupted
    other = outcome(trained(small(tmp_path, "other", seed=4)).path)
    assert other["best"] != uninterrupted["best"]


def test_what_a_run_leaves_behind(whole: Path) -> None:
    found = sorted(path.name for path in whole.iterdir())
    assert found == [
        "best_model.safetensors",
        "best_model_metadata.json",
        "checkpoint",
        "command.txt",
        "config.json",
        "evaluation_result.txt",
        "metrics.jsonl",
        "tensorboard",
        "training_history.png",
        "value_head.safetensors",
    ]
    metrics = RunFolder.open(whole).metrics()
    assert [entry["timesteps"] for entry in metrics] == [0, 1024, 2048, 3072, 3840]
    cases = get_setting(SMALL["setting"]).evaluation_cases("validation", SMALL["eval_cases"])
    answers = load(whole).complete([case.prefix for case in cases])
    shares = [share_answered(answer, case.completion) for answer, case in zip(answers, cases, strict=True)]
    metadata = RunFolder.open(whole).best_metadata()
    best = max(metrics, key=lambda entry: (entry["exact"], -entry["loss"]))
    assert metadata["timesteps"] == best["timesteps"]
    assert metadata["exact"] == best["exact"] == shares.count(1.0) / len(cases)
    assert metadata["share"] == best["share"] == pytest.approx(np.mean(shares))
    assert metadata["best_loss"] == best["loss"]
    assert (whole / "training_history.png").read_bytes().startswith(b"\x89PNG")
    assert "Complete accuracy: " in (whole / "evaluation_result.txt").read_text(encoding="utf-8")
    assert list((whole / "tensorboard").iterdir())


VARIANTS: dict[str, dict[str, Any]] = {
    "masked": {"mask": True},
    "transformer": TRANSFORMER,
    "masked transformer": {**TRANSFORMER, "mask": True, "positions": "alibi"},
    "learned positions": {**TRANSFORMER, "positions": "learned", "max_length": 20},
    "dropout": {"layers": 2, "dropout": 0.2},
    "other pairs": {"pairs": ("<>", "【】", "«»"), "reward": "sparse"},
    "other losses": {"clip_range_vf": 0.2, "target_kl": 0.01, "normalize_advantage": False, "lr_schedule": "constant"},
    "going on after mistakes": {"on_mistake": "continue", "max_answer": 12},
    "penalties": {"on_mistake": "penalty", "penalty": 0.5},
}


SLOW = ("masked transformer", "learned positions", "penalties")


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(options, id=name, marks=[pytest.mark.slow] if name in SLOW else [])
        for name, options in VARIANTS.items()
    ],
)
def test_every_kind_of_run_goes_on_exactly(
    tmp_path: Path, after_rollout: Callable[[Hook], None], options: dict[str, Any]
) -> None:
    short = {"total_timesteps": 5 * UPDATE, "eval_every": 2 * UPDATE, "eval_cases": 20, **options}
    one = trained(small(tmp_path, "one", **short))
    after_rollout(lambda monitor, number: signal.raise_signal(signal.SIGINT) if number == 3 else None)
    with pytest.raises(KeyboardInterrupt):
        trained(small(tmp_path, "two", **short))
    resume(tmp_path / "two")
    assert outcome(tmp_path / "two") == outcome(one.path)
    assert one.config.masked == options.get("mask", False)
    assert len(load(one.path).complete(["", one.config.pairs[0][0]])) == 2


def test_the_learning_rate_follows_its_schedule(tmp_path: Path, after_rollout: Callable[[Hook], None]) -> None:
    for schedule in ("linear", "constant"):
        rates: list[float] = []
        after_rollout(lambda monitor, number: rates.append(monitor.model.policy.optimizer.param_groups[0]["lr"]))  # noqa: B023
        options = {"total_timesteps": 5 * UPDATE, "learning_rate": 1e-2, "eval_cases": 1}
        trained(small(tmp_path, schedule, lr_schedule=schedule, **options))
        # A rate is set before each update, for the steps that are then left; the first is Adam's own.
        left = [1, 4 / 5, 3 / 5, 2 / 5, 1 / 5] if schedule == "linear" else [1] * 5
        assert rates == pytest.approx([1e-2 * share for share in left])


def test_runs_of_different_seeds_share_no_environment(tmp_path: Path) -> None:
    streams = []
    for seed in (0, 1, 2):
        config = small(tmp_path, seed=seed)
        model = build(config, check(config)[0], torch.device("cpu"))
        model.learn(0)
        env: Any = model.get_env()
        streams += env.get_state()["streams"].tolist()
    assert len(set(streams)) == 3 * SMALL["n_envs"]


@pytest.mark.parametrize("name", ["oracle", "uniform"])
def test_a_run_named_as_a_yardstick_is_scored_itself(tmp_path: Path, name: str) -> None:
    folder = trained(small(tmp_path, name, total_timesteps=UPDATE))
    cases = get_setting(SMALL["setting"]).evaluation_cases("test", SMALL["eval_cases"])
    answers = load(folder.path).complete([case.prefix for case in cases])
    right = sum(answer == case.completion for answer, case in zip(answers, cases, strict=True))
    assert f"({right}/{len(cases)})" in (folder.path / "evaluation_result.txt").read_text(encoding="utf-8")
    assert right < len(cases)


# Stopping and going on -----------------------------------------------------------------------------------------------


def test_a_run_stopped_at_a_target_goes_on_exactly(tmp_path: Path, uninterrupted: dict[str, Any]) -> None:
    levels = [entry["exact"] for entry in uninterrupted["metrics"]]
    assert max(levels[:2]) < levels[2] < levels[-1]
    folder = trained(small(tmp_path, target=levels[2]))
    assert [entry["exact"] for entry in folder.metrics()] == levels[:3]
    resume(folder.path)
    assert outcome(folder.path) == uninterrupted


def test_a_run_stopped_again_and_again_by_the_clock_goes_on_exactly(
    tmp_path: Path, uninterrupted: dict[str, Any]
) -> None:
    folder = trained(small(tmp_path, time_limit="0.000001s"))
    assert [entry["timesteps"] for entry in folder.metrics()] == [0]
    commands = 1
    while folder.metrics()[-1]["timesteps"] < UPDATES * UPDATE:
        resume(folder.path, time_limit="0.1s")
        commands += 1
        assert commands < 100
    assert commands > 2
    assert outcome(folder.path) == uninterrupted


def test_ctrl_c_twice_stops_at_once_and_the_last_checkpoint_stands(
    tmp_path: Path, after_rollout: Callable[[Hook], None], uninterrupted: dict[str, Any]
) -> None:
    def twice(monitor: Monitor, number: int) -> None:
        if number == 7:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    after_rollout(twice)
    with pytest.raises(KeyboardInterrupt):
        trained(small(tmp_path))
    folder = resume(tmp_path / "run")
    assert outcome(folder.path) == uninterrupted


def test_resuming_a_finished_run_changes_nothing(tmp_path: Path, whole: Path, uninterrupted: dict[str, Any]) -> None:
    shutil.copytree(whole, tmp_path / "run")
    resume(tmp_path / "run")
    assert outcome(tmp_path / "run") == uninterrupted


def test_a_run_killed_before_its_first_checkpoint_begins_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uninterrupted: dict[str, Any]
) -> None:
    def killed(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        trained(small(tmp_path))
    monkeypatch.undo()
    assert not list((tmp_path / "run" / "checkpoint").iterdir())
    resume(tmp_path / "run")
    assert outcome(tmp_path / "run") == uninterrupted


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda path: path.unlink(), "nothing to resume: no "),
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), "cannot resume from "),
        (lambda path: path.write_bytes(b""), "cannot resume from "),
    ],
    ids=["missing", "cut short", "empty"],
)
def test_a_run_without_a_sound_checkpoint_is_left_alone(
    tmp_path: Path, whole: Path, damage: Callable[[Path], Any], problem: str
) -> None:
    shutil.copytree(whole, tmp_path / "run")
    damage(tmp_path / "run" / "checkpoint" / checkpoint.FILE)
    before = contents(tmp_path)
    with pytest.raises(InputError, match=problem) as caught:
        resume(tmp_path / "run")
    assert "\n" not in str(caught.value)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"seed": 5}, "--seed 5 would make it another run (it has 3): leave it out"),
        ({"units": 9}, "--units 9 would make it another run (it has 16): leave it out"),
        ({"learning_rate": 0.1}, "--learning-rate 0.1 would make it another run (it has 0.02): leave it out"),
        ({"total_timesteps": 5000}, "--total-timesteps 5000 would make it another run (it has 3800): leave it out"),
        ({"time_limit": "soon"}, "not a duration: 'soon'"),
        ({"target": 7.0}, "--target must be above 0 and at most 1, not 7.0"),
    ],
)
def test_resuming_with_an_option_that_does_not_fit(whole: Path, options: dict[str, Any], problem: str) -> None:
    before = contents(whole)
    with pytest.raises(InputError) as caught:
        resume(whole, **options)
    assert str(caught.value).startswith(problem)
    assert contents(whole) == before


def test_a_run_of_the_other_family_is_not_resumed(tmp_path: Path, whole: Path) -> None:
    config = replace(RunFolder.open(whole).config, kind="supervised")
    RunFolder.create("lstm", config, ["x"], root=tmp_path)
    with pytest.raises(InputError, match="lstm is a supervised run: resume it with python -m"):
        resume(tmp_path / "lstm")


def test_a_run_that_exists_is_not_overwritten(whole: Path) -> None:
    before = contents(whole)
    with pytest.raises(InputError, match="whole exists: choose another --name, or go on with --resume whole"):
        trained(small(whole.parent, "whole", seed=9))
    assert contents(whole) == before


# Numbers that are not finite -----------------------------------------------------------------------------------------


def poison_value_head(monitor: Monitor) -> None:
    policy: Any = monitor.model.policy
    with torch.no_grad():
        policy.value_net.weight[0, 0] = math.nan


def poison_action_head(monitor: Monitor) -> None:
    policy: Any = monitor.model.policy
    with torch.no_grad():
        policy.action_net.weight[0, 0] = math.nan


def poison_returns(monitor: Monitor) -> None:
    monitor.model.rollout_buffer.returns[0, 0] = math.nan


def poison_gradient(monitor: Monitor) -> None:
    policy: Any = monitor.model.policy
    policy.action_net.bias.register_hook(lambda gradient: gradient * math.nan)


@pytest.mark.parametrize(
    ("poison", "mask"),
    [
        (poison_value_head, False),
        (poison_action_head, False),
        (poison_action_head, True),
        (poison_returns, False),
        (poison_returns, True),
        (poison_gradient, False),
    ],
)
def test_numbers_that_are_not_finite_stop_the_run(
    tmp_path: Path, after_rollout: Callable[[Hook], None], poison: Callable[[Monitor], None], mask: bool
) -> None:
    after_rollout(lambda monitor, number: poison(monitor) if number == 6 else None)
    with pytest.raises(DivergedError, match=r"training diverged before step 1536 \(losses or weights") as caught:
        trained(small(tmp_path, mask=mask))
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "run") in str(caught.value)
    tensors = safetensors.torch.load_file(tmp_path / "run" / "checkpoint" / checkpoint.FILE)
    assert all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values() if tensor.is_floating_point())
    assert load(tmp_path / "run").complete(["("])
    assert [entry["timesteps"] for entry in RunFolder.open(tmp_path / "run").metrics()] == [0, 1024]


def test_the_checkpoint_before_a_divergence_is_good(
    tmp_path: Path, after_rollout: Callable[[Hook], None], uninterrupted: dict[str, Any]
) -> None:
    after_rollout(lambda monitor, number: poison_returns(monitor) if number == 6 else None)
    with pytest.raises(DivergedError):
        trained(small(tmp_path))
    after_rollout(lambda monitor, number: None)
    resume(tmp_path / "run")
    assert outcome(tmp_path / "run") == uninterrupted


def test_a_loss_that_overflows_diverges(tmp_path: Path) -> None:
    with pytest.raises(DivergedError, match="training diverged before step 256 "):
        trained(small(tmp_path, vf_coef=1e39))


def test_returns_that_are_all_equal_are_no_divergence(tmp_path: Path) -> None:
    """Without a discount and a success all returns are 0; SB3 then logs an explained variance of NaN."""
    options: dict[str, Any] = {
        "n_envs": 2,
        "n_steps": 1,
        "batch_size": 2,
        "total_timesteps": 20,
        "gamma": 0.0,
        "reward": "sparse",
    }
    assert trained(small(tmp_path, **options)).metrics()[-1]["timesteps"] == 20


# Disks that are full or read-only ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("call", "code"), [("open", errno.EROFS), ("fsync", errno.ENOSPC), ("replace", errno.ENOSPC)])
def test_a_disk_that_refuses_ends_the_run_and_leaves_the_last_checkpoint(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    after_rollout: Callable[[Hook], None],
    call: str,
    code: int,
) -> None:
    kept: dict[str, bytes] = {}

    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError(code, os.strerror(code))

    def fill(monitor: Monitor, number: int) -> None:
        if number == 6:
            kept.update(contents(tmp_path / "run" / "checkpoint"))
            monkeypatch.setattr(atomic if call == "open" else os, call, refuse, raising=False)

    after_rollout(fill)
    with pytest.raises(InputError, match=f"cannot write .*: {os.strerror(code)}") as caught:
        trained(small(tmp_path))
    assert "\n" not in str(caught.value)
    monkeypatch.undo()
    assert contents(tmp_path / "run" / "checkpoint") == kept
    assert kept


def test_a_disk_that_refuses_tensorboards_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], uninterrupted: dict[str, Any]
) -> None:
    """It is written by a thread of TensorBoard's, which must not print a traceback of its own."""

    def refuse(*args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("tensorboard.summary.writer.record_writer.RecordWriter.write", refuse)
    with pytest.raises(InputError, match=r"cannot write to .*run: No space left on device") as caught:
        trained(small(tmp_path))
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""
    monkeypatch.undo()
    resume(tmp_path / "run")
    assert outcome(tmp_path / "run") == uninterrupted


# Processes that are killed -------------------------------------------------------------------------------------------

CONTEXT = multiprocessing.get_context("forkserver")
# So that a process starts in no time; torch imports its compiler when an optimiser is made.
CONTEXT.set_forkserver_preload(["agents.train_ppo.run", "torch._dynamo", "matplotlib.backends.backend_agg", "pytest"])


class Command:
    """``python -m agents.train_ppo`` in a process of its own.

    Args:
        arguments: of the command line.
        folder: for what it prints.
        die: kill the process by its own hand at the n-th flush of a file to the disk, half of the file written, or
            just before the n-th file gets its name.
        room: no file may grow beyond so many bytes.
    """

    def __init__(
        self, arguments: list[str], folder: Path, *, die: tuple[str, int] | None = None, room: int | None = None
    ) -> None:
        self.printed = folder / "stdout.txt"
        self.errors = folder / "stderr.txt"
        arguments = [*arguments, "--runs-dir", str(folder / "runs")]
        self.process: ForkServerProcess = CONTEXT.Process(
            target=_command, args=(arguments, str(self.printed), str(self.errors), die, room)
        )
        self.process.start()

    def wait(self) -> int:
        self.process.join(120)
        assert self.process.exitcode is not None
        return self.process.exitcode

    def send(self, number: signal.Signals) -> int:
        pid = self.process.pid
        assert pid is not None
        if self.process.exitcode is None:
            os.kill(pid, number)
        return self.wait()


def _command(arguments: list[str], printed: str, errors: str, die: tuple[str, int] | None, room: int | None) -> None:
    for name, descriptor in ((printed, 1), (errors, 2)):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    stopping.SAVE_EVERY_SECONDS = 0.0  # more writing, more to break
    torch.set_num_threads(1)
    if die is not None:
        _prepare_death(*die)
    if room is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
    sys.exit(run(TrainPPO, main, prog=PROG, argv=arguments))


def _prepare_death(call: str, number: int) -> None:
    count = itertools.count(1)
    genuine = getattr(os, call)

    def deadly(first: Any, *rest: Any) -> Any:
        if next(count) == number:
            if call == "fsync" and stat.S_ISREG(os.fstat(first).st_mode):  # not the flush of a folder
                os.ftruncate(first, os.fstat(first).st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        return genuine(first, *rest)

    setattr(os, call, deadly)


def arguments_of(options: dict[str, Any]) -> list[str]:
    return [part for name, value in options.items() for part in ("--" + name.replace("_", "-"), str(value))]


def begin_or_go_on(folder: Path) -> list[str]:
    """The command that somebody would type now."""
    if (folder / "runs" / "run").exists():
        return ["--resume", "run"]
    return ["--name", "run", *arguments_of(SMALL)]


def until(condition: Callable[[], bool], command: Command) -> None:
    deadline = time.monotonic() + 60
    while not condition() and command.process.is_alive():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)]
)
def test_a_signal_saves_and_says_how_to_go_on(
    number: signal.Signals, code: int, tmp_path: Path, uninterrupted: dict[str, Any]
) -> None:
    command = Command(begin_or_go_on(tmp_path), tmp_path)
    log = tmp_path / "runs" / "run" / "metrics.jsonl"
    until(lambda: log.exists() and '"timesteps": 1024' in log.read_text(), command)
    assert command.send(number) == code
    printed = command.printed.read_text().replace("\n", " ")
    assert "stopping after this update; press Ctrl-C again to stop at once" in printed
    assert "interrupted after " in printed
    assert "go on with: python -m agents.train_ppo --resume run --runs-dir" in printed
    assert command.errors.read_text() == "interrupted\n"
    assert Command(["--resume", "run"], tmp_path).wait() == 0
    assert outcome(tmp_path / "runs" / "run") == uninterrupted


def kill_at_random(tmp_path: Path, uninterrupted: dict[str, Any], kills: int, seed: int) -> None:
    """Runs and resumes, killed after a random while each time, and at last left alone.

    A command that was faster than its killer has to be right too; another run begins then, in less time.
    """
    moments, longest, killed = random.Random(seed), 1.2, 0
    folder = tmp_path
    while killed < kills:
        command = Command(begin_or_go_on(folder), folder)
        time.sleep(moments.uniform(0, longest))
        if command.send(signal.SIGKILL) == -signal.SIGKILL:
            killed += 1
        else:
            assert command.process.exitcode == 0
            assert outcome(folder / "runs" / "run") == uninterrupted
            longest *= 0.7
            folder /= "next"
            folder.mkdir()
    assert Command(begin_or_go_on(folder), folder).wait() == 0
    assert outcome(folder / "runs" / "run") == uninterrupted


def test_a_run_killed_a_few_times_ends_in_the_same_bits(tmp_path: Path, uninterrupted: dict[str, Any]) -> None:
    kill_at_random(tmp_path, uninterrupted, kills=3, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 5))
def test_a_run_killed_many_times_ends_in_the_same_bits(
    tmp_path: Path, uninterrupted: dict[str, Any], seed: int
) -> None:
    kill_at_random(tmp_path, uninterrupted, kills=15, seed=seed)


def die_while_writing(tmp_path: Path, uninterrupted: dict[str, Any], call: str, numbers: list[int]) -> None:
    for number in numbers:
        command = Command(begin_or_go_on(tmp_path), tmp_path, die=(call, number))
        assert command.wait() == -signal.SIGKILL
    assert Command(begin_or_go_on(tmp_path), tmp_path).wait() == 0
    assert outcome(tmp_path / "runs" / "run") == uninterrupted


# A file is flushed, named, and its folder flushed: of two flushes the first is the file's. A run begins with
# command.txt, config.json, then best_model.safetensors, its metadata, and a checkpoint; a resumed one with the metrics.
@pytest.mark.parametrize(("call", "numbers"), [("fsync", [9, 9, 13]), ("replace", [5, 8, 3])])
def test_a_run_killed_in_the_middle_of_writing_a_checkpoint(
    tmp_path: Path, uninterrupted: dict[str, Any], call: str, numbers: list[int]
) -> None:
    die_while_writing(tmp_path, uninterrupted, call, numbers)


@pytest.mark.slow
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_run_killed_at_every_write_it_makes(tmp_path: Path, uninterrupted: dict[str, Any], call: str) -> None:
    """First at each write of a fresh run, then again and again at the n-th write after going on."""
    for number in range(1, 12):
        (tmp_path / str(number)).mkdir()
        die_while_writing(tmp_path / str(number), uninterrupted, call, [number])
    die_while_writing(tmp_path, uninterrupted, call, [3, 4, 5, 6, 7, 8, 9])


def test_a_file_system_without_room_ends_the_command_with_one_line(
    tmp_path: Path, uninterrupted: dict[str, Any]
) -> None:
    """A limit on file sizes makes the system refuse a real write half-way, the checkpoint's."""
    runs = tmp_path / "runs"
    trained(small(runs, time_limit="0.01s"))
    before = contents(runs / "run" / "checkpoint")
    command = Command(["--resume", "run"], tmp_path, room=8_000)
    assert command.wait() == 2
    (line,) = command.errors.read_text().splitlines()
    checkpoint_file = runs / "run" / "checkpoint" / checkpoint.FILE
    assert line == f"error: cannot write {checkpoint_file}: {os.strerror(errno.EFBIG)}"
    assert contents(runs / "run" / "checkpoint") == before
    assert Command(["--resume", "run"], tmp_path).wait() == 0
    assert outcome(runs / "run") == uninterrupted
