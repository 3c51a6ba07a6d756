"""Vectors of sentences: the built-in hash, and files that are of the right size and for the right sentences."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bracket_env import InputError, InstructEnv, InstructVectorEnv
from bracket_env.instructions.catalogue import INSTRUCTIONS
from bracket_env.instructions.sentence_vectors import HASH_DIM, hash_vectors, read_vectors, vectors_of, write_vectors

TEXTS = [instruction.text for instruction in INSTRUCTIONS]


def random_vectors(n: int = len(TEXTS), dim: int = 12) -> np.ndarray:
    vectors = np.random.default_rng(0).normal(size=(n, dim))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


# The hash ------------------------------------------------------------------------------------------------------------


def test_the_hash_counts_character_n_grams() -> None:
    counts = np.zeros(HASH_DIM)
    halves = {0: ["\2", "a", "\2a", "ab", "\2ab", "ab\3"], 1: ["b", "\3", "b\3"]}  # by where an n-gram begins
    for half, grams in halves.items():
        for feature in [*grams, *(f"{half}\0{gram}" for gram in grams)]:
            word = int.from_bytes(hashlib.blake2b(feature.encode(), digest_size=8).digest(), "little")
            counts[word % HASH_DIM] += 1 if word >> 63 else -1
    np.testing.assert_allclose(hash_vectors(["Ab"])[0], counts / np.linalg.norm(counts), rtol=1e-6)


def test_hash_vectors_are_unit_vectors_and_no_two_are_the_same() -> None:
    vectors = hash_vectors(TEXTS)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, rtol=1e-6)
    assert len({row.tobytes() for row in vectors}) == len(TEXTS)
    np.testing.assert_array_equal(hash_vectors(TEXTS[5:6])[0], vectors[5])


def test_without_a_sentence_all_vectors_are_zero() -> None:
    vectors = vectors_of("none", TEXTS[:3], TEXTS)
    assert vectors.shape == (3, HASH_DIM)
    assert not vectors.any()


# Files ---------------------------------------------------------------------------------------------------------------


def test_a_file_gives_every_sentence_its_vector_whatever_the_order(tmp_path: Path) -> None:
    vectors, path = random_vectors(), tmp_path / "vectors.npz"
    order = np.random.default_rng(1).permutation(len(TEXTS))
    write_vectors(path, [TEXTS[i] for i in order], vectors[order], "test")
    np.testing.assert_array_equal(read_vectors(path, TEXTS), vectors)
    env = InstructEnv(encoder=path, sentences="all", meanings="all")
    assert env.observation_space["instruction"].shape == (12,)  # type: ignore[index]
    for text in TEXTS[::100]:
        obs, _ = env.reset(seed=0, options={"sentence": text})
        np.testing.assert_array_equal(obs["instruction"], vectors[TEXTS.index(text)])
    native = InstructVectorEnv(2, encoder=str(path), sentences="unseen")
    obs, infos = native.reset(seed=0)
    for row, instruction in zip(obs["instruction"], infos["instruction"], strict=True):
        np.testing.assert_array_equal(row, vectors[TEXTS.index(instruction.text)])


def npz(**arrays: Any) -> bytes:
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


def npy() -> bytes:
    content = io.BytesIO()
    np.save(content, np.zeros(3))
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no encoder file"),
        (b"vectors", "no encoder file"),
        (npy(), "no encoder file"),
        (npz(vectors=random_vectors()), "no encoder file .*: .*sentences"),
        (npz(sentences=np.array([object()]), vectors=random_vectors(1)), "no encoder file .*: Object arrays"),
        (npz(sentences=np.array(TEXTS), vectors=random_vectors()[:-1]), r"vectors of shape \(849, 12\) for sentences"),
        (npz(sentences=np.array(TEXTS), vectors=random_vectors()[:, 0]), r"vectors of shape \(850,\)"),
        (npz(sentences=np.array(TEXTS[1:]), vectors=random_vectors(849)), "other sentences: .*'Close the bracket that"),
        (npz(sentences=np.array(["a", *TEXTS[1:]]), vectors=random_vectors()), "other sentences: it has no vector of"),
        (npz(sentences=np.array([*TEXTS, "b"]), vectors=random_vectors(851)), "851 vectors, not 850 .'b' beyond"),
        (npz(sentences=np.array([*TEXTS, TEXTS[0]]), vectors=random_vectors(851)), "'the same ones twice' beyond"),
        (npz(sentences=np.array(TEXTS), vectors=random_vectors().astype(float)), "float32 numbers, not float64"),
        (npz(sentences=np.array(TEXTS), vectors=random_vectors() * np.nan), "finite float32"),
        (npz(sentences=np.array(TEXTS), vectors=random_vectors() * 2), "not of length one"),
    ],
)
def test_another_file_is_refused_by_name(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "vectors.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        InstructEnv(encoder=str(path))
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the encoder file"):
        InstructEnv(encoder=str(tmp_path))
