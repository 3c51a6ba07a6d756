"""``--extend`` of an agent: the one that never stopped, with its optimiser, its value head and its environments."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from encoders_for_tests import HashedWords
from rich.console import Console

from agents.sb3 import checkpoint as ppo_checkpoint
from agents.sb3.monitor import Monitor
from agents.train_ppo.options import TrainPPO
from agents.train_ppo.run import train
from bracket_env import InputError
from supervised.learning.schedule import FLOOR, REWARMED
from supervised.runs import RunFolder
from supervised.runs.files import checkpoint

# Two updates of 256 steps, and two more.
UPDATE = 256
SMALL: dict[str, Any] = {
    "setting": "bracket/CloseTiny-v0", "n_envs": 64, "n_steps": 4, "batch_size": 64, "n_epochs": 1, "seed": 3,
    "learning_rate": 0.02, "units": 8, "embedding_size": 4, "total_timesteps": 2 * UPDATE, "eval_every": 2 * UPDATE,
    "eval_cases": 20, "name": "run",
}  # fmt: skip


def run(root: Path, **options: Any) -> tuple[RunFolder, str]:
    shown = io.StringIO()
    own = options if "resume" in options else {**SMALL, **options}
    config = TrainPPO(**{**own, "runs_dir": str(root)})
    folder = train(config, ["train_ppo"], Console(file=shown, width=200), report=False)
    return folder, shown.getvalue()


def extend(root: Path, steps: int, **options: Any) -> tuple[RunFolder, str]:
    return run(root, resume="run", extend=steps, **options)


def assert_same(a: RunFolder, b: RunFolder) -> None:
    """The best model, the last one with optimiser, value head, environments and generators, and the log."""
    first, second = (checkpoint.read(folder.checkpoint / ppo_checkpoint.FILE) for folder in (a, b))
    assert "policy.value_net.weight" in first.tensors
    for one, other in ((first.tensors, second.tensors), (first.arrays, second.arrays)):
        assert one.keys() == other.keys()
    assert all(torch.equal(first.tensors[name], second.tensors[name]) for name in first.tensors)
    assert all((first.arrays[name] == second.arrays[name]).all() for name in first.arrays)
    assert first.state["episodes"] == second.state["episodes"]
    assert (a.path / "best_model.safetensors").read_bytes() == (b.path / "best_model.safetensors").read_bytes()
    logs = [[{**entry, "seconds": None} for entry in folder.metrics()] for folder in (a, b)]
    assert logs[0] == logs[1]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"mask": True},
        pytest.param({"instruction": ("The bracket opened last is closed first.",)}, marks=pytest.mark.slow),
        {"arch": "transformer", "units": None, "embedding_size": None, "width": 8, "heads": 2, "layers": 1},
    ],
    ids=["gru", "masked", "shaped", "transformer"],
)
def test_an_extended_agent_is_the_one_that_never_stopped(
    options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.train_ppo.shaping.make_encoder", lambda name: HashedWords())
    options = {**options, "lr_schedule": "constant"}
    whole, _ = run(tmp_path / "whole", **options, total_timesteps=4 * UPDATE)
    run(tmp_path / "parts", **options)
    parts, shown = extend(tmp_path / "parts", 2 * UPDATE)
    assert "from step 512 on to 1,024" in shown
    assert_same(whole, parts)


@pytest.fixture
def rates(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The step size of each update, filled when the next rollout begins or the training ends."""
    found: list[float] = []
    between = Monitor._between_updates

    def watched(self: Monitor, **options: Any) -> None:
        if self.num_timesteps:
            found.append(self.model.policy.optimizer.param_groups[0]["lr"])
        between(self, **options)

    monkeypatch.setattr(Monitor, "_between_updates", watched)
    return found


def test_the_last_update_never_climbs_the_loss(rates: list[float], tmp_path: Path) -> None:
    """Whole rollouts: the last one ends after the total."""
    run(tmp_path, total_timesteps=3 * UPDATE + 10)
    total = 3 * UPDATE + 10
    assert rates == pytest.approx([0.02 * (1 - n * UPDATE / total) for n in (1, 2, 3)] + [0.0])


@pytest.mark.parametrize("schedule", ["rewarm", "floor"])
def test_a_falling_step_size_in_what_was_added(schedule: Any, rates: list[float], tmp_path: Path) -> None:
    folder, _ = run(tmp_path)
    assert rates == pytest.approx([0.01, 0.0])
    old, best = folder.metrics(), folder.best_metadata()
    rates.clear()
    folder, _ = extend(tmp_path, 4 * UPDATE, extend_schedule=schedule)
    top = 0.02 * REWARMED
    fall = [0.02 * FLOOR] * 4 if schedule == "floor" else [top * left / 922 for left in (768, 512, 256, 0)]
    assert rates[1:] == pytest.approx(fall)  # the first one is still of the last update before
    assert folder.metrics()[: len(old)] == old
    assert (folder.best_metadata()["exact"], -folder.best_metadata()["best_loss"]) >= (
        best["exact"],
        -best["best_loss"],
    )


def test_two_extensions_one_of_them_killed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("whole", "cut"):
        run(tmp_path / name)
        extend(tmp_path / name, UPDATE)
    whole, _ = extend(tmp_path / "whole", 3 * UPDATE)
    with monkeypatch.context() as patch:
        between = Monitor._between_updates

        def dying(self: Monitor, **options: Any) -> None:
            between(self, **options)
            if self.num_timesteps > 4 * UPDATE:
                raise KeyboardInterrupt

        patch.setattr(Monitor, "_between_updates", dying)
        with pytest.raises(KeyboardInterrupt):
            extend(tmp_path / "cut", 3 * UPDATE)
    assert_same(whole, run(tmp_path / "cut", resume="run")[0])
    config = json.loads((whole.path / "config.json").read_text())
    assert config["options"]["total_timesteps"] == 6 * UPDATE
    assert config["extensions"] == [
        {"at": 2 * UPDATE, "steps": UPDATE, "schedule": "rewarm"},
        {"at": 3 * UPDATE, "steps": 3 * UPDATE, "schedule": "rewarm"},
    ]
    assert len((whole.path / "command.txt").read_text().splitlines()) == 3


def test_a_finished_agent_says_so(tmp_path: Path) -> None:
    folder, _ = run(tmp_path)
    before = {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}
    _, shown = run(tmp_path, resume="run")
    assert shown == f"{folder.path} is already finished after 512 steps: add --extend STEPS to train it longer\n"
    with pytest.raises(InputError, match=r"leave it out, and add --extend 88 to train it longer"):
        run(tmp_path, resume="run", total_timesteps=600)
    assert before == {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}
