"""Agents that follow instructions: what they see, how they are scored, and that they learn."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv

from agents.sb3.film import FiLMBlock, InstructedFeatures
from agents.sb3.vec_adapter import VectorEnvAdapter
from agents.train_instruct import run as instruct_training
from agents.train_instruct.options import TrainInstruct
from agents.train_instruct.run import TESTS, check, load_policy, scores_table, train
from agents.train_instruct.scores import best_without_sentence, play
from bracket_env import INSTRUCT, Estimate, InputError, InstructEnv, InstructVectorEnv
from bracket_env.instructions.meanings import MEANINGS, Meaning
from supervised.runs import RunFolder, load

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


def test_the_table_does_not_flatter() -> None:
    """Only all of the cases read 100.0."""
    scores = {name: asdict(Estimate.of(n, 10_000)) for name, n in {"most": 9_996, "all": 10_000}.items()}
    shown = scores_table(
        {n: {"exact": s, "by_language": {"en": s}, "chance": s["value"]} for n, s in scores.items()}, "scores"
    )
    assert [shown.column(heading) for heading in ("exact %", "en", "ja", "chance")] == [
        ["99.9", "100.0"], ["99.9", "100.0"], ["-", "-"], ["99.9", "100.0"],
    ]  # fmt: skip


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


# Scores --------------------------------------------------------------------------------------------------------------


def test_the_oracle_is_always_right_and_one_meaning_is_right_where_it_is_meant() -> None:
    env = InstructVectorEnv(300, meanings="all", autoreset_mode="SameStep")
    episodes = play(lambda obs: env.right_actions(), env, 0)
    assert episodes.scores()["exact"]["value"] == 1.0
    nester = play(nesting, env, 0)
    expected = [
        i.meaning.answer(prefix) == Meaning().answer(prefix)
        for i, prefix in zip(nester.instructions, nester.prefixes, strict=True)
    ]
    assert nester.success.tolist() == expected
    scores = nester.scores()
    assert scores["by_kind"]["nesting"]["value"] == 1.0
    assert scores["by_kind"]["queue"]["value"] < 0.5
    assert sum(part["n"] for part in scores["by_language"].values()) == scores["exact"]["n"] == 300


def nesting(obs: dict[str, np.ndarray]) -> np.ndarray:
    """Closes what is open, whatever the sentence says."""
    from bracket_env import BracketTokenizer

    tokenizer = BracketTokenizer(INSTRUCT.language())
    actions = []
    for row in obs["tokens"]:
        cut = row.tolist().index(2)
        answer = Meaning().answer(tokenizer.decode(row[:cut])) if 3 not in row else ""
        written = int((row[cut + 1 :] > 0).sum())
        actions.append(")】}".index(answer[written]) if written < len(answer) else 3)
    return np.array(actions)


def test_controls_show_another_sentence_or_none() -> None:
    env = InstructVectorEnv(100, autoreset_mode="SameStep")
    vectors = env.task.vectors
    seen: dict[str, np.ndarray] = {}

    def watch(told: Any) -> np.ndarray:
        def act(obs: dict[str, np.ndarray]) -> np.ndarray:
            seen.setdefault(told, obs["instruction"])
            return env.right_actions()

        episodes = play(act, env, 0, told)
        assert episodes.success.all()  # an oracle listens to nobody
        return np.array([MEANINGS.index(i.meaning) for i in episodes.instructions])

    own = watch("own")
    shuffled, nothing = watch("shuffled"), watch("nothing")
    assert own.tolist() == shuffled.tolist() == nothing.tolist()
    assert not seen["nothing"].any()
    for told, same in (("own", True), ("shuffled", False)):
        rows = [int((vectors == vector).all(axis=1).nonzero()[0][0]) for vector in seen[told]]
        meant = [MEANINGS.index(env.task.instructions[row].meaning) for row in rows]
        assert all((a == b) == same for a, b in zip(meant, own, strict=True))


def test_the_chance_of_the_meanings() -> None:
    nest, queue, only = Meaning(), Meaning("queue"), Meaning(only="()")
    assert best_without_sentence(["({"], [nest, queue]) == 0.5
    assert best_without_sentence(["(("], [nest, queue, only]) == 1.0
    assert best_without_sentence(["({", "(("], [nest, queue]) == 0.75
    assert best_without_sentence(["({"], [nest, queue, only]) == pytest.approx(1 / 3)


# Training ------------------------------------------------------------------------------------------------------------


def test_a_run_leaves_a_policy_that_can_be_loaded_and_repeats_itself(tmp_path: Path) -> None:
    scores = tmp_path / "scores.json"
    one = trained(small(tmp_path, json=str(scores)))
    two = trained(small(tmp_path, "again"))
    assert (one.path / "policy.safetensors").read_bytes() == (two.path / "policy.safetensors").read_bytes()
    assert one.metrics() == two.metrics()
    assert [entry["timesteps"] for entry in one.metrics()] == [0, 512, 1024]
    found = json.loads(scores.read_text())
    assert set(found) == {*TESTS, "another meaning's sentence", "no sentence"}
    assert found["seen sentences"]["exact"]["n"] == 40
    again = instruct_training.evaluate(load_policy(one), "hash", 40)
    assert again == found
    other = trained(small(tmp_path, "other", seed=4))
    assert (one.path / "policy.safetensors").read_bytes() != (other.path / "policy.safetensors").read_bytes()


def test_a_run_is_no_solver_and_a_damaged_policy_is_named(tmp_path: Path) -> None:
    folder = trained(small(tmp_path))
    with pytest.raises(InputError, match="answers a prefix only together with a sentence"):
        load(folder.path)
    (folder.path / "policy.safetensors").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"policy\.safetensors does not fit"):
        load_policy(folder)
    (folder.path / "policy.safetensors").unlink()
    with pytest.raises(InputError, match="holds no policy yet"):
        load_policy(folder)
    with pytest.raises(InputError, match="exists: choose another --name"):
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
    monkeypatch.setattr("bracket_env.tasks.instruct.choose_instructions", lambda *parts: tuple(picked))
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
    env = InstructVectorEnv(400, split="test", autoreset_mode="SameStep")
    act = instruct_training.greedy(model)
    assert play(act, env, 0).success.mean() > 0.85  # 0.54 is the best without the sentence
    assert play(act, env, 0, "shuffled").success.mean() < 0.5
