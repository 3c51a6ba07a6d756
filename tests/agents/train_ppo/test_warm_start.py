"""Agents that start from a run of either family, and runs that start from an agent."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from rich.console import Console

from agents.sb3.features import EncoderFeatures, as_sequence_model
from agents.train_ppo.__main__ import main
from agents.train_ppo.check import check
from agents.train_ppo.options import PROG, TrainPPO
from agents.train_ppo.run import build, start_from, train
from bracket_env import BracketTokenizer, InputError
from bracket_env.command import run as run_command
from supervised.runs import ModelSolver, RunFolder, load, load_best
from supervised.train.check import check as check_supervised
from supervised.train.options import Train
from supervised.train.run import train as train_supervised

TINY = "bracket/CloseTiny-v0"
SMALL: dict[str, Any] = {
    "setting": TINY, "n_envs": 16, "n_steps": 4, "batch_size": 32, "n_epochs": 1, "total_timesteps": 192,
    "eval_every": 64, "eval_cases": 20, "init_from": "start", "name": "agent",
}  # fmt: skip
SIZES: dict[str, dict[str, Any]] = {
    "gru": {"units": 6, "embedding_size": 4},
    "gpt": {"width": 8, "heads": 2, "layers": 1},
}
PREFIXES = ["([", "((", "[", "[[(", "()"]
CPU = torch.device("cpu")


def make_run(root: Path, arch: str = "gru", pairs: tuple[str, ...] | None = None) -> RunFolder:
    torch.manual_seed(1)
    config = check_supervised(Train(arch=arch, setting=TINY, pairs=pairs, **SIZES[arch]))  # type: ignore[arg-type]
    folder = RunFolder.create("start", config, ["train"], root=root)
    folder.save_best(config.build(), {"best_loss": 1.0})
    return folder


def agent(root: Path, **changes: Any) -> RunFolder:
    config = TrainPPO(**{**SMALL, "runs_dir": str(root), **changes})
    return train(config, ["train_ppo"], Console(file=io.StringIO()), report=False)


@pytest.mark.parametrize("arch", SIZES)
def test_the_first_policy_is_the_supervised_model(arch: str, tmp_path: Path) -> None:
    start = make_run(tmp_path, arch)
    config = TrainPPO(**{**SMALL, "runs_dir": str(tmp_path), "arch": arch})  # type: ignore[arg-type]
    run, _ = check(config)
    sizes = {name: value for name, value in run.params.items() if name != "max_length"}  # an agent reads one more token
    assert sizes.items() <= start.config.params.items()  # they need not be typed again
    model = build(config, run, CPU)
    value = {name: tensor.clone() for name, tensor in model.policy.value_net.state_dict().items()}
    start_from(model, run, start)
    assert all(torch.equal(tensor, value[name]) for name, tensor in model.policy.value_net.state_dict().items())
    tokenizer = BracketTokenizer(run.language)
    back = as_sequence_model(model.policy, tokenizer, run.build()).eval()
    old = load_best(start)
    actions = torch.as_tensor(tokenizer.action_ids.astype("int64"))
    ids = torch.tensor([[1, *tokenizer.encode("([("), 2]])
    assert torch.equal(back(ids)[..., actions], old(ids)[..., actions])


def test_what_the_value_head_reads_is_the_same_encoder(tmp_path: Path) -> None:
    start = make_run(tmp_path)
    config = TrainPPO(**{**SMALL, "runs_dir": str(tmp_path)})
    run, _ = check(config)
    model = build(config, run, CPU)
    start_from(model, run, start)
    assert isinstance(model.policy.features_extractor, EncoderFeatures)
    assert model.policy.vf_features_extractor is model.policy.features_extractor


def test_a_new_pair_begins_as_the_nearest_known_one(tmp_path: Path) -> None:
    start = make_run(tmp_path, pairs=("()", "{}"))
    config = TrainPPO(**{**SMALL, "runs_dir": str(tmp_path), "pairs": ("（）", "{}", "()")})
    run, _ = check(config)
    model = build(config, run, CPU)
    start_from(model, run, start)
    net: Any = model.policy.action_net
    assert torch.equal(net.weight[0], net.weight[2])  # the closers of （） and ()
    assert not torch.equal(net.weight[0], net.weight[1])


def test_an_agent_takes_the_architecture_of_what_it_starts_from(tmp_path: Path) -> None:
    make_run(tmp_path, "gpt")
    made = agent(tmp_path)
    assert (made.config.architecture, made.config.params["width"]) == ("gpt", 8)
    assert load(made.path).complete(PREFIXES)
    assert made.metrics()[0]["timesteps"] == 0


def test_its_first_evaluation_is_that_of_the_model(tmp_path: Path) -> None:
    start = make_run(tmp_path)
    made = agent(tmp_path)
    from bracket_env import get_setting

    cases = get_setting(TINY).evaluation_cases("validation", 20)
    solver = ModelSolver(load_best(start), BracketTokenizer(start.config.language))
    answers = solver.complete([case.prefix for case in cases])
    exact = sum(a == case.completion for a, case in zip(answers, cases, strict=True)) / len(cases)
    assert made.metrics()[0]["exact"] == exact


def test_a_resumed_warm_start_ends_in_the_same_weights(tmp_path: Path) -> None:
    for name in ("straight", "halved"):
        make_run(tmp_path / name)
    straight = agent(tmp_path / "straight")
    agent(tmp_path / "halved", time_limit="0.01s")
    halved = train(
        TrainPPO(resume="agent", runs_dir=str(tmp_path / "halved")), ["x"], Console(file=io.StringIO()), report=False
    )
    first, second = ((folder.path / "best_model.safetensors").read_bytes() for folder in (straight, halved))
    assert first == second
    assert [entry["exact"] for entry in straight.metrics()] == [entry["exact"] for entry in halved.metrics()]


def values(folder: RunFolder, root: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """What a fresh agent thinks of some observations before and after it takes over a run."""
    config = TrainPPO(**{**SMALL, "runs_dir": str(root), "init_from": folder.name, "seed": 9})
    run, _ = check(config)
    model = build(config, run, CPU)
    before = model.policy.value_net.weight.detach().clone()
    assert start_from(model, run, folder)
    return before, model.policy.value_net.weight.detach()


def test_an_agent_takes_the_value_head_of_another(tmp_path: Path) -> None:
    make_run(tmp_path)
    made = agent(tmp_path)
    before, weight = values(made, tmp_path)
    assert not torch.equal(before, weight)
    best = safetensors.torch.load_file(made.path / "value_head.safetensors")
    assert torch.equal(weight, best["weight"])
    (made.path / "value_head.safetensors").unlink()  # a run of an older version
    _, weight = values(made, tmp_path)
    last = safetensors.torch.load_file(made.path / "checkpoint" / "ppo.safetensors")
    assert torch.equal(weight, last["tensor.policy.value_net.weight"])


@pytest.mark.parametrize("content", [b"", b"nonsense", safetensors.torch.save({"weight": torch.zeros(1, 3)})])
def test_a_damaged_value_head_is_named(content: bytes, tmp_path: Path) -> None:
    make_run(tmp_path)
    made = agent(tmp_path)
    (made.path / "value_head.safetensors").write_bytes(content)
    with pytest.raises(InputError, match=r"cannot read the value head from .*value_head\.safetensors: "):
        agent(tmp_path, init_from="agent", name="next")
    assert not (tmp_path / "next").exists()


def test_what_an_agent_starts_with_is_said(tmp_path: Path) -> None:
    make_run(tmp_path)
    shown = io.StringIO()
    for name, start in (("agent", "start"), ("next", "agent")):
        config = TrainPPO(**{**SMALL, "runs_dir": str(tmp_path), "name": name, "init_from": start})
        train(config, ["train_ppo"], Console(file=shown, width=200), report=False)
    assert f"policy of {tmp_path / 'start'}; the value head is new" in shown.getvalue()
    assert f"policy and value head of {tmp_path / 'agent'}" in shown.getvalue()


def test_a_supervised_run_starts_from_an_agent(tmp_path: Path) -> None:
    make_run(tmp_path, "gpt")
    made = agent(tmp_path)
    quick: dict[str, Any] = {"steps": 4, "batch_size": 8, "eval_every": 4, "eval_cases": 20, "setting": TINY}
    config = Train(init_from="agent", name="again", runs_dir=str(tmp_path), **quick)
    again = train_supervised(config, ["train"], Console(file=io.StringIO()), report=False)
    assert again is not None
    assert again.config.params == made.config.params
    solver = load(made.path)
    cases = [case for case in PREFIXES if case]
    assert again.metrics()[0]["step"] == 0
    assert len(solver.complete(cases)) == len(cases)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--init-from", "nowhere"], "there is no run 'nowhere'"),
        (["--init-from", "start", "--encoder", "lstm"], "is of architecture gru, not lstm"),
        (["--init-from", "start", "--units", "7"], "has units 6, not 7"),
        (["--init-from", "start", "--pairs", "()", "<>"], "knows the pair '[]', which the new language lacks"),
    ],
)
def test_what_an_agent_cannot_start_from(
    options: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    make_run(tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    assert run_command(TrainPPO, main, argv=[*options, "--setting", TINY], prog=PROG) == 2
    assert message in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["start"]


def test_a_start_of_another_architecture_is_named(tmp_path: Path) -> None:
    start = make_run(tmp_path)
    run, _ = check(TrainPPO(setting=TINY, arch="lstm", units=6, embedding_size=4))
    model = build(TrainPPO(setting=TINY, arch="lstm", units=6, embedding_size=4), run, CPU)
    with pytest.raises(InputError, match="is of architecture gru, not lstm"):
        start_from(model, run, start)
