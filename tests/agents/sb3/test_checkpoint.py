"""A checkpoint holds everything: what goes on from it goes on alike, and anything else is refused."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from safetensors import safe_open
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

from agents.sb3 import checkpoint
from agents.train_ppo.check import check
from agents.train_ppo.options import TrainPPO
from agents.train_ppo.run import build
from bracket_env import InputError, atomic

SMALL: dict[str, Any] = {
    "setting": "bracket/CloseTiny-v0", "n_envs": 6, "n_steps": 8, "batch_size": 24, "n_epochs": 2, "seed": 4,
    "units": 8, "embedding_size": 4,
}  # fmt: skip
VARIANTS: dict[str, dict[str, Any]] = {
    "gru": {},
    "masked": {"mask": True},
    "dropout": {"layers": 2, "dropout": 0.3},
    "transformer": {"arch": "transformer", "units": None, "embedding_size": None, "width": 8, "heads": 2},
    "continue": {"on_mistake": "continue", "max_answer": 12},
}
ROLLOUT = 6 * 8


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def agent(updates: int = 0, **options: Any) -> OnPolicyAlgorithm:
    config = TrainPPO(**{**SMALL, **options})
    model = build(config, check(config)[0], torch.device("cpu"))
    model.set_logger(Logger(None, []))
    if updates:
        model.learn(updates * ROLLOUT, reset_num_timesteps=False)
    return model


def saved(folder: Path, updates: int = 2, **options: Any) -> OnPolicyAlgorithm:
    model = agent(updates, **options)
    folder.mkdir(exist_ok=True)
    checkpoint.save(folder, checkpoint.pack(model, {"best": [0.5, -1.25], "note": "【"}))
    return model


def generators() -> tuple[Any, ...]:
    """The next draws of the three global generators."""
    return torch.rand(3).tolist(), np.random.rand(3).tolist(), [random.random() for _ in range(3)]  # noqa: NPY002


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
def test_a_restored_agent_is_the_same_one(tmp_path: Path, options: dict[str, Any]) -> None:
    one = saved(tmp_path, **options)
    expected = generators()
    two = agent(**options)
    assert checkpoint.restore(tmp_path, two) == {"best": [0.5, -1.25], "note": "【"}
    assert generators() == expected
    checkpoint.restore(tmp_path, two)
    packed = checkpoint.pack(two, {})
    checkpoint.restore(tmp_path, one)
    assert packed == checkpoint.pack(one, {})


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
def test_a_restored_agent_goes_on_alike(tmp_path: Path, options: dict[str, Any]) -> None:
    uninterrupted = saved(tmp_path, **options)
    assert uninterrupted.num_timesteps == 2 * ROLLOUT
    uninterrupted.learn(3 * ROLLOUT, reset_num_timesteps=False)
    generators()  # anything may happen in between
    resumed = agent(1, **options)
    checkpoint.restore(tmp_path, resumed)
    resumed.learn(3 * ROLLOUT, reset_num_timesteps=False)
    assert checkpoint.pack(resumed, {}) == checkpoint.pack(uninterrupted, {})


def test_nothing_is_pickled(tmp_path: Path) -> None:
    saved(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["ppo.safetensors"]
    with safe_open(tmp_path / checkpoint.FILE, framework="pt") as file:
        state = json.loads(file.metadata()["checkpoint"])["state"]
    assert state["counters"]["num_timesteps"] == 2 * ROLLOUT
    assert len(state["episodes"]) > 0


def test_packing_changes_nothing() -> None:
    one, two = agent(1), agent(1)
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002
    for _ in range(3):
        checkpoint.pack(one, {})
    one.learn(ROLLOUT, reset_num_timesteps=False)
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002
    two.learn(ROLLOUT, reset_num_timesteps=False)
    weights = two.policy.state_dict()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in one.policy.state_dict().items())


# What is refused -----------------------------------------------------------------------------------------------------


def refused(folder: Path, model: OnPolicyAlgorithm) -> str:
    with pytest.raises(InputError) as caught:
        checkpoint.restore(folder, model)
    message = str(caught.value)
    assert str(folder / checkpoint.FILE) in message
    assert "\n" not in message
    return message.replace(str(folder / checkpoint.FILE), "FILE")


def test_no_checkpoint(tmp_path: Path) -> None:
    assert refused(tmp_path, agent()) == "nothing to resume: no FILE"


def test_a_checkpoint_cut_short(tmp_path: Path) -> None:
    saved(tmp_path)
    path = tmp_path / checkpoint.FILE
    whole = path.read_bytes()
    model = agent()
    for cut in (0, 1, 8, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        assert refused(tmp_path, model).startswith("cannot resume from FILE: ")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"units": 9}, "is (24, 4), not (27, 4)"),
        ({"layers": 2}, "it holds another model ("),
        (VARIANTS["transformer"], "it holds another model ("),
        ({"pairs": ("()", "[]", "<>")}, ", not ("),
        ({"n_envs": 3}, "environment state does not fit: seeded is of shape (6,), not (3,)"),
        ({"on_mistake": "continue", "max_answer": 12}, "environment state does not fit: obs is of shape"),
    ],
)
def test_a_checkpoint_of_another_run(tmp_path: Path, options: dict[str, Any], problem: str) -> None:
    saved(tmp_path)
    message = refused(tmp_path, agent(**options))
    assert message.startswith("cannot resume from FILE: ")
    assert problem in message


@pytest.mark.parametrize("metadata", [None, {}, {"checkpoint": "[]"}, {"checkpoint": "{"}, {"checkpoint": "{}"}])
def test_a_file_that_is_no_checkpoint(tmp_path: Path, metadata: dict[str, str] | None) -> None:
    safetensors.torch.save_file({"x": torch.zeros(1)}, tmp_path / checkpoint.FILE, metadata=metadata)
    assert refused(tmp_path, agent()).startswith("cannot resume from FILE: ")


@pytest.mark.parametrize(
    "part",
    [
        *("state", "arrays", "numpy_generator", "python_generator"),
        *("state.counters", "state.param_groups", "state.episodes", "state.extra"),
    ],
)
def test_a_state_with_a_part_missing(tmp_path: Path, part: str) -> None:
    saved(tmp_path)
    path = tmp_path / checkpoint.FILE
    with safe_open(path, framework="pt") as file:
        described = json.loads(file.metadata()["checkpoint"])
    tensors = safetensors.torch.load_file(path)
    *above, last = part.split(".")
    del (described[above[0]] if above else described)[last]
    safetensors.torch.save_file(tensors, path, metadata={"checkpoint": json.dumps(described)})
    assert refused(tmp_path, agent()).startswith("cannot resume from FILE: ")


@pytest.mark.parametrize("part", ["tensor.policy.action_net.bias", "array.env.streams", "torch_generator"])
def test_a_tensor_missing(tmp_path: Path, part: str) -> None:
    saved(tmp_path)
    path = tmp_path / checkpoint.FILE
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    tensors = safetensors.torch.load_file(path)
    del tensors[part]
    safetensors.torch.save_file(tensors, path, metadata=metadata)
    assert part.split(".")[-1] in refused(tmp_path, agent())


# Writing -------------------------------------------------------------------------------------------------------------


def test_a_disk_that_fills_up_in_mid_write_leaves_the_checkpoint_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(tmp_path)
    before = (tmp_path / checkpoint.FILE).read_bytes()

    class HalfFull(io.FileIO):
        def write(self, data: Any) -> int:
            super().write(data[: len(data) // 2])
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic, "open", lambda path, mode: HalfFull(path, mode), raising=False)
    with pytest.raises(InputError, match=r"cannot write .*ppo\.safetensors: No space left on device"):
        checkpoint.save(tmp_path, b"x" * 1000)
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == [checkpoint.FILE]
    assert (tmp_path / checkpoint.FILE).read_bytes() == before
    checkpoint.restore(tmp_path, agent())
