"""Sentences as inputs of a model: their vectors, and models and runs that take them.

Two kinds of runs do: those of ``supervised.train --conditioned``, and the agents of ``agents.train_instruct``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from bracket_env import EOS, INSTRUCT, BracketTokenizer, InputError, Setting, get_setting
from bracket_env.instructions.sentence_vectors import HASH, HASH_DIM, NO_SENTENCE, hash_vectors, vectors_of
from ncl_reward.encoders.encoders import make_encoder
from ncl_reward.instruct_vectors import instruct_vectors
from supervised.models import SequenceModel, decode
from supervised.models.film import ConditionedModel, FiLMEncoder

_BATCH = 1024
_AND_HASH = f"+{HASH}"


@dataclass(frozen=True)
class SentenceInput:
    """How a model takes a sentence: as a vector that modulates its features."""

    encoder: str
    """What makes the vector: see :meth:`vectors`."""
    size: int = 64
    blocks: int = 2
    dropout: float = 0.3
    """As for :class:`supervised.models.film.FiLMEncoder`."""
    agent: bool = False
    """Whether an agent was trained with it."""

    def vectors(self, sentences: Sequence[str]) -> np.ndarray:
        """``(n, dim)`` float32, by :func:`sentence_vectors`; an agent's by
        :func:`ncl_reward.instruct_vectors.instruct_vectors`.

        Raises:
            InputError: the encoder is missing, or is a file that has no vector of a sentence.
        """
        return (instruct_vectors if self.agent else sentence_vectors)(self.encoder, sentences)

    @property
    def dim(self) -> int:
        """The size of a vector. Raises as :meth:`vectors`."""
        return instruct_vectors(self.encoder, ()).shape[1] if self.agent else _dim(self.encoder)


def sentence_input(options: Mapping[str, Any]) -> SentenceInput | None:
    """How a run with these options takes a sentence; ``None`` if it takes none."""
    if options.get("conditioned"):
        return SentenceInput(options["ncl_encoder"])
    if "sentence_units" not in options:
        return None
    # The first agents called their encoder of sentences "vectors".
    encoder = options.get("ncl_encoder", options.get("vectors"))
    sizes = options["sentence_units"], options["blocks"], options["sentence_dropout"]
    return SentenceInput(str(encoder), *sizes, agent=True)


def refuse_conditioned(run: object, options: Mapping[str, Any]) -> None:
    """For commands that cannot give a sentence.

    Raises:
        InputError: the run with these options needs one.
    """
    if sentence_input(options) is not None:
        raise InputError(f"{run} answers what a sentence says: only evaluate and predict take it")


def setting_of(name: str) -> Setting:
    """The task of a run: one of the registered ones, or the prefixes of the instructed task.

    Raises:
        InputError: no such setting.
    """
    return INSTRUCT if name == INSTRUCT.id else get_setting(name)


def sentence_vectors(encoder: str, sentences: Sequence[str]) -> np.ndarray:
    """``(n, dim)`` float32 from ``hash``, ``none`` (zeros) or an encoder of :mod:`ncl_reward.encoders.encoders`.

    ``default+hash`` has both, side by side: what a sentence is about, and how it is spelled. An encoder gives "close
    only ( by }" and "close only { by )" nearly the same vector; the hash does not.

    Raises:
        InputError: as :func:`ncl_reward.encoders.encoders.make_encoder`.
    """
    meaning = encoder.removesuffix(_AND_HASH)
    if meaning != encoder:
        return np.hstack([sentence_vectors(meaning, sentences), hash_vectors(sentences)]) / np.float32(2**0.5)
    if encoder in (HASH, NO_SENTENCE):
        return vectors_of(encoder, sentences, sentences)
    return make_encoder(encoder).encode(sentences)


def _dim(encoder: str) -> int:
    """The size of :func:`sentence_vectors`."""
    meaning = encoder.removesuffix(_AND_HASH)
    if meaning != encoder:
        return _dim(meaning) + HASH_DIM
    return HASH_DIM if encoder in (HASH, NO_SENTENCE) else make_encoder(encoder).dim


def with_sentences(model: SequenceModel, sentence: SentenceInput) -> SequenceModel:
    """The model with a sentence's vector as a second input."""
    model.encoder = FiLMEncoder(
        model.encoder, sentence.dim, size=sentence.size, blocks=sentence.blocks, dropout=sentence.dropout
    )
    return model


def conditioned_on(model: SequenceModel, vectors: np.ndarray) -> SequenceModel:
    """A model of :func:`with_sentences` under sentences: ``(B, dim)``, one a row, or ``(1, dim)``, one for all rows."""
    return ConditionedModel(model, torch.as_tensor(vectors, device=model.head.weight.device))


def complete_conditioned(
    model: SequenceModel, tokenizer: BracketTokenizer, prefixes: Sequence[str], vectors: np.ndarray
) -> list[str]:
    """One answer for each prefix under a sentence of its own, as :meth:`supervised.runs.solver.ModelSolver.complete`.

    Args:
        vectors: ``(n, dim)``, one a prefix.
    """
    answers: list[str] = []
    for low in range(0, len(prefixes), _BATCH):
        rows = slice(low, low + _BATCH)
        encoded, n_tokens = tokenizer.encode_prompts(prefixes[rows])
        ids = torch.as_tensor(encoded, dtype=torch.long, device=model.head.weight.device)
        lengths = torch.as_tensor(n_tokens, device=ids.device)
        written = decode(conditioned_on(model, vectors[rows]), ids, lengths, max_new=lengths - 1, eos=EOS)
        answers += [tokenizer.spell(row[:-1] if row[-1] == EOS else row) for row in written]
    return answers
