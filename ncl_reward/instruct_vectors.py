"""``python -m ncl_reward.instruct_vectors FILE``: the sentences of ``bracket/Instruct-v0`` through a real encoder.

The file is what the environment's ``encoder=`` takes. Importing this module registers ``bracket/InstructUSE-v0``, the
same task with the vectors of the multilingual Universal Sentence Encoder, which are made when they are first needed and
kept in the cache folder:

    import gymnasium as gym
    import ncl_reward.instruct_vectors
    env = gym.make("bracket/InstructUSE-v0", language="ja")

With the same seed it has the same episodes as ``bracket/Instruct-v0``; only the vectors differ.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import tyro

from bracket_env import InputError, InstructEnv, InstructVectorEnv, TaskEnv, TaskVectorEnv, quote
from bracket_env.command import run
from bracket_env.instructions.catalogue import INSTRUCTIONS
from bracket_env.instructions.sentence_vectors import HASH, HASH_DIM, NO_SENTENCE, vectors_of, write_vectors
from ncl_reward.encoders.encoders import make_encoder
from ncl_reward.encoders.options import DEFAULT_ENCODER, EncoderName, EncoderOptions
from ncl_reward.encoders.vector_cache import cache_folder

PROG = "python -m ncl_reward.instruct_vectors"
USE_ID = "bracket/InstructUSE-v0"
USE = "use"


@dataclass(frozen=True, kw_only=True)
class InstructVectors(EncoderOptions):
    """Write the vectors of all instructions' sentences to a file, for encoder= of bracket/Instruct-v0."""

    file: tyro.conf.Positional[str]
    """The .npz file to write."""
    ncl_encoder: EncoderName = DEFAULT_ENCODER


def write_instruct_vectors(path: str | os.PathLike[str], encoder: str = DEFAULT_ENCODER) -> int:
    """Encode every sentence and write the file. Returns the size of a vector.

    Raises:
        InputError: as :func:`ncl_reward.encoders.encoders.make_encoder`, or the file cannot be written.
    """
    sentences = [instruction.text for instruction in INSTRUCTIONS]
    made = make_encoder(encoder)
    write_vectors(path, sentences, made.encode(sentences), f"{made.name} {made.version}")
    return made.dim


def cached_instruct_vectors(encoder: str = DEFAULT_ENCODER) -> Path:
    """The file of an encoder in the cache folder, written if it is not there.

    Its name holds the encoder's version and a hash of the sentences, so a file of others is never taken.

    Raises:
        InputError: as :func:`write_instruct_vectors`.
    """
    made = make_encoder(encoder)
    what = json.dumps([made.name, made.version, [instruction.text for instruction in INSTRUCTIONS]])
    path = cache_folder() / "instructions" / f"{hashlib.blake2b(what.encode(), digest_size=10).hexdigest()}.npz"
    if not path.exists():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot make the cache folder {path.parent}: {error.strerror}") from None
        write_instruct_vectors(path, encoder)
    return path


def instruct_vectors(encoder: str, sentences: Sequence[str]) -> np.ndarray:
    """The vectors that an agent with ``--ncl-encoder`` is told sentences by: ``(n, dim)`` float32.

    Args:
        encoder: ``use`` (the multilingual encoder), ``hash``, ``none`` (zeros), or the name of an ``.npz`` file.

    Raises:
        InputError: the encoder is missing, the file cannot be read, or a sentence is none that the file has.
    """
    known = [instruction.text for instruction in INSTRUCTIONS]
    if encoder in (HASH, NO_SENTENCE):
        return vectors_of(encoder, sentences, sentences) if sentences else np.zeros((0, HASH_DIM), dtype=np.float32)
    unknown = [sentence for sentence in sentences if sentence not in set(known)]
    if unknown and encoder == USE:
        return make_encoder(DEFAULT_ENCODER).encode(sentences)
    if unknown:
        raise InputError(
            f"{encoder} has no vector of {quote(unknown[0], 120)}, which is no sentence of bracket/Instruct-v0: "
            "only a run with --ncl-encoder use or hash takes others"
        )
    return vectors_of(vectors_file(encoder), sentences, known)


def vectors_file(encoder: str) -> str | Path:
    """What ``encoder=`` of the environment takes for ``--ncl-encoder``: ``use`` is a file in the cache folder.

    Raises:
        InputError: as :func:`cached_instruct_vectors`.
    """
    return cached_instruct_vectors() if encoder == USE else encoder


def use_env(**options: Any) -> TaskEnv:
    """The entry point of ``bracket/InstructUSE-v0``; options as for ``InstructEnv``, but for the encoder."""
    return InstructEnv(encoder=cached_instruct_vectors(), **options)


def use_vector_env(num_envs: int = 1, **options: Any) -> TaskVectorEnv:
    """Its vector entry point; options as for ``InstructVectorEnv``."""
    return InstructVectorEnv(num_envs, encoder=cached_instruct_vectors(), **options)


use_env.metadata = InstructEnv.metadata  # type: ignore[attr-defined]  # where gymnasium.make looks for render modes
use_vector_env.metadata = InstructVectorEnv.metadata  # type: ignore[attr-defined]

# ``python -m`` runs the module a second time, under another name.
if USE_ID not in gym.registry:
    gym.register(
        id=USE_ID,
        entry_point="ncl_reward.instruct_vectors:use_env",
        vector_entry_point="ncl_reward.instruct_vectors:use_vector_env",
    )


def main(config: InstructVectors) -> None:
    """Write the file and say so."""
    dim = write_instruct_vectors(config.file, config.ncl_encoder)
    print(f"{config.file}: {len(INSTRUCTIONS)} sentences, {dim} numbers each, encoder {config.ncl_encoder}")


if __name__ == "__main__":
    sys.exit(run(InstructVectors, main, prog=PROG))
