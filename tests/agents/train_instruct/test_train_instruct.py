"""Agents that follow instructions: what they see, how they are scored, and that they learn."""

from __future__ import annotations

import io
import itertools
import json
import shutil
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from rich.console import Console
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv

from agents.sb3 import monitor
from agents.sb3.features import as_sequence_model
from agents.sb3.film import InstructedFeatures
from agents.sb3.vec_adapter import VectorEnvAdapter
from agents.train_instruct import run as instruct_training
from agents.train_instruct.check import check
from agents.train_instruct.options import TrainInstruct
from agents.train_instruct.run import train
from bracket_env import INSTRUCT, BracketTokenizer, InputError, InstructEnv, InstructVectorEnv
from bracket_env.command import configuration
from bracket_env.instructions.catalogue import INSTRUCTIONS
from bracket_env.instructions.meanings import Meaning
from bracket_env.instructions.sentence_vectors import hash_vectors, write_vectors
from supervised.evaluate import Evaluate
from supervised.evaluate import main as evaluate
from supervised.models.film import FiLMBlock
from supervised.predict import Predict
from supervised.predict import main as predict
from supervised.runs import RunFolder, load, load_best
from supervised.runs.sentences import complete_conditioned
from supervised.told.report import Drawn, told_scores
from supervised.told.scores import TESTS, ask

SMALL: dict[str, Any] = {
    "ncl_encoder": "hash", "n_envs": 64, "n_steps": 4, "batch_size": 64, "n_epochs": 1, "total_timesteps": 1000,
    "eval_every": 500, "eval_cases": 40, "seed": 3,
}  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def small(runs: Path, name: str = "run", **more: Any) -> TrainInstruct:
    return TrainInstruct(name=name, runs_dir=str(runs), **{**SMALL, **more})


def trained(config: TrainInstruct) -> RunFolder:
    return train(config, ["test"], Console(file=io.StringIO()))


# What an agent sees --------------------------------------------------------------------------------------------------


def test_the_adapter_behaves_as_sb3s_vector_environment_step_by_step() -> None:
    n = 5
    ours = VectorEnvAdapter(InstructVectorEnv(n, autoreset_mode="SameStep"))
    theirs = DummyVecEnv([lambda: Monitor(InstructEnv())] * n)
    assert ours.observation_space == theirs.observation_space
    for env in (ours, theirs):
        env.seed(5)
    first, second = ours.reset(), theirs.reset()
    ends = 0
    for counter in range(60):
        assert isinstance(first, dict)
        assert isinstance(second, dict)
        for name in ("tokens", "instruction"):
            np.testing.assert_array_equal(first[name], second[name])
        right = ours.env.right_actions()  # type: ignore[attr-defined]
        actions = np.where((right < 0) | (np.arange(n) == counter % 7), 3, right)
        first, rewards, dones, infos = ours.step(actions)
        second, expected, expected_dones, expected_infos = theirs.step(actions)
        np.testing.assert_array_equal(rewards, expected)
        np.testing.assert_array_equal(dones, expected_dones)
        for i in np.flatnonzero(dones):
            ends += 1
            assert infos[i]["is_success"] == expected_infos[i]["is_success"]
            for name, part in expected_infos[i]["terminal_observation"].items():
                np.testing.assert_array_equal(infos[i]["terminal_observation"][name], part)
    assert ends > 50


def test_film_scales_and_shifts_a_residual_layer() -> None:
    block = FiLMBlock(3, 2)
    x, z = torch.tensor([[1.0, -2.0, 0.5]]), torch.tensor([[0.3, -0.7]])
    gamma, beta = block.modulation(z).chunk(2, 1)
    expected = x + torch.clamp((1 + gamma) * (x @ block.linear.weight.T + block.linear.bias) + beta, min=0)
    torch.testing.assert_close(block(x, z), expected)


def features(**options: Any) -> InstructedFeatures:
    torch.manual_seed(0)
    space = InstructEnv().observation_space
    return InstructedFeatures(space, "gru", {"units": 8, "embedding_size": 4}, 11, **options)  # type: ignore[arg-type]


def test_features_depend_on_tokens_and_on_the_sentence_and_not_on_the_padding() -> None:
    extractor = features().eval()
    obs, _ = InstructVectorEnv(6).reset(seed=0)
    seen = {name: torch.as_tensor(part).float() for name, part in obs.items()}
    whole = extractor(seen)
    assert whole.shape == (6, 8) == (6, extractor.features_dim)
    for name in seen:
        turned = extractor({**seen, name: seen[name].roll(1, 0)})
        assert ((turned - whole).abs().max(dim=1).values > 1e-4).all()
    for i in range(6):
        alone = extractor({name: part[i : i + 1] for name, part in seen.items()})
        torch.testing.assert_close(alone[0], whole[i])


def test_dropout_is_of_the_sentence_and_only_in_training() -> None:
    extractor = features(sentence_dropout=0.9)
    obs, _ = InstructVectorEnv(2).reset(seed=0)
    seen = {name: torch.as_tensor(part).float() for name, part in obs.items()}
    assert not torch.equal(extractor(seen), extractor(seen))
    extractor.eval()
    torch.testing.assert_close(extractor(seen), extractor(seen))


# Training ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run that nobody stopped, in a folder of its own."""
    runs = tmp_path_factory.mktemp("runs")
    return trained(small(runs, json=str(runs / "scores.json")))


@pytest.fixture
def copied(whole: RunFolder, tmp_path: Path) -> RunFolder:
    """The same, to be changed."""
    shutil.copytree(whole.path, tmp_path / "run")
    return RunFolder.open(tmp_path / "run")


def test_a_run_leaves_what_every_run_leaves(whole: RunFolder) -> None:
    assert [entry["timesteps"] for entry in whole.metrics()] == [0, 512, 1024]
    assert (whole.path / "training_history.png").read_bytes().startswith(b"\x89PNG")
    assert whole.best_metadata()["exact"] == max(entry["exact"] for entry in whole.metrics())
    found = json.loads((whole.path.parent / "scores.json").read_text())
    assert set(found) == {*TESTS, "another meaning's sentence", "no sentence"}
    assert found["seen sentences"]["exact"]["n"] == 40
    assert told_scores(whole, Drawn(40)) == found
    result = (whole.path / "evaluation_result.txt").read_text("utf-8")
    assert result.count("  Sentence:     ") == 40
    assert f"({round(found['unseen sentences']['exact']['value'] * 40)}/40)" in result


def outcome(folder: RunFolder) -> dict[str, Any]:
    """What must not depend on when a run was stopped."""
    metrics = [{k: v for k, v in entry.items() if k != "seconds"} for entry in folder.metrics()]
    last = safetensors.torch.load_file(folder.checkpoint / "ppo.safetensors")
    state = {name: tensor.numpy().tobytes() for name, tensor in last.items()}
    return {"metrics": metrics, "weights": (folder.path / "best_model.safetensors").read_bytes(), "state": state}


def test_a_stopped_and_a_killed_run_go_on_exactly(
    whole: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = said(small(tmp_path, "stopped", time_limit="0.001s"))
    assert "time limit after 0 steps" in shown
    assert "go on with: python -m agents.train_instruct --resume stopped --runs-dir" in shown
    monkeypatch.setattr(monitor.Monitor, "_on_rollout_end", kill_at(4))
    with pytest.raises(SystemExit):
        trained(small(tmp_path, "killed"))
    monkeypatch.undo()
    for name in ("stopped", "killed"):
        again = trained(TrainInstruct(resume=name, runs_dir=str(tmp_path)))
        assert outcome(again) == outcome(whole)


@pytest.mark.slow
def test_an_extended_run_is_a_longer_one(tmp_path: Path) -> None:
    """With a constant rate, bit for bit; and a run that has ended says so."""
    constant: dict[str, Any] = {"lr_schedule": "constant", "eval_every": 512}
    longer = trained(small(tmp_path, "longer", total_timesteps=1024, **constant))
    first = trained(small(tmp_path, "first", total_timesteps=512, **constant))
    on = TrainInstruct(resume="first", extend=512, runs_dir=str(tmp_path))
    assert outcome(trained(on))["weights"] == outcome(longer)["weights"]
    assert RunFolder.open(first.path).metrics()[-1]["timesteps"] == 1024
    assert "is already finished after 1,024 steps" in said(TrainInstruct(resume="first", runs_dir=str(tmp_path)))


@pytest.mark.slow
def test_another_seed_is_another_run(whole: RunFolder, tmp_path: Path) -> None:
    other = trained(small(tmp_path, seed=4, total_timesteps=500))
    assert outcome(other)["metrics"][1] != outcome(whole)["metrics"][1]


def kill_at(number: int) -> Any:
    """Ends the process, as far as the code can tell, after some rollouts."""
    rollouts = itertools.count(1)

    def end(self: Any) -> None:
        if next(rollouts) == number:
            raise SystemExit

    return end


def said(config: TrainInstruct) -> str:
    shown = io.StringIO()
    train(config, ["test"], Console(file=shown, width=100))
    return shown.getvalue()


def test_a_target_ends_a_run_and_ctrl_c_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.train_instruct.run.told_figures", lambda *a: {"exact": 0.5, "share": 0.5, "loss": 1.0})
    assert "target reached after 0 steps" in said(small(tmp_path, "aim", target=0.5))
    monkeypatch.undo()
    monkeypatch.setattr(monitor.Monitor, "_on_rollout_end", lambda self: signal.raise_signal(signal.SIGINT))
    shown = io.StringIO()
    with pytest.raises(KeyboardInterrupt):
        train(small(tmp_path, "cut"), ["test"], Console(file=shown, width=200))
    assert "interrupted after 256 steps" in shown.getvalue()
    assert "go on with: python -m agents.train_instruct --resume cut" in shown.getvalue()


# Asking ------------------------------------------------------------------------------------------------------------

QUEUE = "First opened, first closed."
SWAP = "Every ( is closed by 】, and every 【 is closed by )."


def test_a_run_is_asked_under_a_sentence(whole: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    folder = whole
    prefixes = ["({", "【(", "{"]
    model, tokenizer = load_best(folder), BracketTokenizer(INSTRUCT.language())
    for sentence in (QUEUE, SWAP, "Swap the round ones with the curly ones, whoever you are."):
        vectors = np.repeat(hash_vectors([sentence]), 3, axis=0)
        expected = complete_conditioned(model, tokenizer, prefixes, vectors)
        assert load(folder.path, instruction=sentence).complete(prefixes) == expected
        predict(Predict(run=str(folder.path), prefixes=tuple(prefixes), instruction=sentence))
        assert capsys.readouterr().out.splitlines() == expected
    with pytest.raises(InputError, match="answers what a sentence says: give one with --instruction"):
        predict(Predict(run=str(folder.path), prefixes=("({",)))
    with pytest.raises(InputError, match="names '<', which is not in the language"):
        load(folder.path, instruction="Close ( by < .")


def test_evaluate_without_a_sentence_shows_many(
    whole: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = whole, tmp_path / "told.json"
    asked: dict[str, Any] = {"runs": ("run",), "runs_dir": str(whole.path.parent), "n": 40, "json": str(out)}
    evaluate(Evaluate(**asked))
    assert "unseen combinations, seen patterns" in capsys.readouterr().out
    [entry] = json.loads(out.read_text("utf-8"))["runs"]
    assert entry == {"name": "run", "told": told_scores(folder, Drawn(40))}
    evaluate(Evaluate(**asked, instruction=SWAP))
    assert "told to swap () 【】" in capsys.readouterr().out
    [entry] = json.loads(out.read_text("utf-8"))["runs"]
    assert entry["exact"]["n"] == 40
    evaluate(Evaluate(**asked, instruction="Close what was opened last before anything else, please."))
    shown = " ".join(capsys.readouterr().out.split())
    assert "oracle" in shown  # completions have yardsticks
    assert "is no sentence of bracket/Instruct-v0, so it was taken to ask for completions" in shown
    with pytest.raises(InputError, match="--by is about completions"):
        evaluate(configuration(Evaluate, [str(folder.path), "--by", "depth"], "python -m agents.evaluate"))


@pytest.mark.slow
def test_a_file_of_vectors_knows_its_sentences_only(whole: RunFolder, tmp_path: Path) -> None:
    texts = [instruction.text for instruction in INSTRUCTIONS]
    file = tmp_path / "vectors.npz"
    write_vectors(file, texts, hash_vectors(texts), "hash")
    by_file = trained(small(tmp_path, ncl_encoder=str(file)))
    assert outcome(by_file)["weights"] == outcome(whole)["weights"]
    answers = [load(run.path, instruction=SWAP).complete(["(【"]) for run in (by_file, whole)]
    assert answers[0] == answers[1]
    with pytest.raises(InputError, match=r"vectors\.npz has no vector of 'Do as you like\.', which is no sentence of"):
        load(by_file.path, instruction="Do as you like.")
    file.unlink()
    with pytest.raises(InputError, match=r"cannot read the encoder file .*vectors\.npz"):
        load(by_file.path, instruction=SWAP)


def test_a_run_of_the_first_version_answers_and_is_not_resumed(copied: RunFolder, tmp_path: Path) -> None:
    """It had other names for two options, kept its policy as SB3 names it, and no checkpoint."""
    folder = copied
    answers = load(folder.path, instruction=QUEUE).complete(["({【"])
    as_first_version(folder)
    assert load(folder.path, instruction=QUEUE).complete(["({【"]) == answers
    with pytest.raises(InputError, match=r"nothing to resume: no .*ppo\.safetensors"):
        trained(TrainInstruct(resume="run", runs_dir=str(tmp_path)))
    (folder.path / "policy.safetensors").write_bytes(safetensors.torch.save({"mlp.weight": torch.zeros(1)}))
    with pytest.raises(InputError, match=r"policy\.safetensors is no policy that takes a sentence: mlp\.weight"):
        load(folder.path, instruction=QUEUE)
    (folder.path / "policy.safetensors").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"policy\.safetensors is damaged"):
        load(folder.path, instruction=QUEUE)
    (folder.path / "policy.safetensors").unlink()
    with pytest.raises(InputError, match="holds no trained model yet"):
        load(folder.path, instruction=QUEUE)


def as_first_version(folder: RunFolder) -> None:
    """Make a run folder what the first version would have left."""
    parts = {"encoder.inner.": "encoder.", "encoder.sentence.": "sentence.", "encoder.blocks.": "blocks."}
    best = safetensors.torch.load_file(folder.path / "best_model.safetensors")
    policy = {
        f"features_extractor.{old}{name.removeprefix(new)}": weight.contiguous()
        for name, weight in best.items()
        for new, old in parts.items()
        if name.startswith(new)
    }
    rows = BracketTokenizer(INSTRUCT.language()).action_ids.astype("int64")
    policy |= {f"action_net.{name}": best[f"head.{name}"][rows].contiguous() for name in ("weight", "bias")}
    policy |= {"value_net.weight": torch.zeros(1, 96), "value_net.bias": torch.zeros(1)}
    (folder.path / "policy.safetensors").write_bytes(safetensors.torch.save(policy))
    config = json.loads((folder.path / "config.json").read_text())
    for new, old in (("ncl_encoder", "vectors"), ("arch", "encoder")):
        config["options"][old] = config["options"].pop(new)
    for later in ("resume", "extend", "extend_schedule", "lr_schedule", "target", "time_limit"):
        del config["options"][later]
    (folder.path / "config.json").write_text(json.dumps(config))
    shutil.rmtree(folder.checkpoint)
    for name in ("best_model.safetensors", "best_model_metadata.json", "evaluation_result.txt"):
        (folder.path / name).unlink()


def test_a_run_that_is_there_is_not_replaced(copied: RunFolder, tmp_path: Path) -> None:
    assert copied.path == tmp_path / "run"
    with pytest.raises(InputError, match="exists: choose another --name, or go on with --resume run"):
        trained(small(tmp_path))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 60}, "--batch-size 60 does not divide the rollout of 256"),
        ({"n_envs": 0}, "--n-envs must be a whole number"),
        ({"gamma": 1.5}, "--gamma must be from 0 to 1, not 1.5"),
        ({"learning_rate": 0.0}, "--learning-rate must be above 0"),
        ({"sentence_dropout": 1.0}, "--sentence-dropout must be from 0 up to"),
        ({"seed": -1}, "--seed must be a whole number"),
        ({"weight_decay": -1.0}, "--weight-decay must be at least 0"),
    ],
)
def test_impossible_options_are_named(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        check(small(tmp_path, **options))


def test_an_encoder_file_that_is_not_there_leaves_no_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the encoder file"):
        trained(small(tmp_path, ncl_encoder=str(tmp_path / "no.npz")))
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_ppo_learns_what_two_sentences_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    """ "Only ( )" or "only { }", one sentence each: nearly always right, and lost without the sentence."""
    chosen = [Meaning(only="()"), Meaning(only="{}")]
    task = instruct_training.InstructVectorEnv(1).task
    picked = [next(i for i in task.instructions if i.meaning == meaning) for meaning in chosen]
    for module in ("bracket_env.tasks.instruct", "supervised.told.scores"):
        monkeypatch.setattr(f"{module}.choose_instructions", lambda *parts: tuple(picked))
    config = TrainInstruct(
        ncl_encoder="hash",
        n_envs=256,
        batch_size=512,
        n_epochs=3,
        learning_rate=2e-3,
        ent_coef=0.01,
        total_timesteps=80_000,
    )
    model = instruct_training.build(config, check(config))
    model.learn(config.total_timesteps)
    run = check(config)
    told = as_sequence_model(model.policy, BracketTokenizer(run.language), run.build().eval())
    asked = ask(400, "test")
    answer = partial(complete_conditioned, told, BracketTokenizer(run.language))
    shares = {
        seen: asked.scores(answer(asked.prefixes, asked.vectors(hash_vectors, seen)))["exact"]["value"]
        for seen in ("own", "shuffled")
    }
    assert shares["own"] > 0.85  # 0.54 is the best without the sentence
    assert shares["shuffled"] < 0.5
