"""Sentences as inputs of a model (``--conditioned``): their vectors, and models and runs that take them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from bracket_env import EOS, INSTRUCT, BracketTokenizer, InputError, Setting, get_setting
from bracket_env.instructions.sentence_vectors import HASH, HASH_DIM, NO_SENTENCE, hash_vectors, vectors_of
from ncl_reward.encoders.encoders import make_encoder
from supervised.models import SequenceModel, decode
from supervised.models.film import ConditionedModel, FiLMEncoder

_BATCH = 1024
_AND_HASH = f"+{HASH}"


def is_conditioned(options: Mapping[str, Any]) -> bool:
    """Whether a run with these options has a sentence as an input."""
    return bool(options.get("conditioned"))


def refuse_conditioned(run: object, options: Mapping[str, Any]) -> None:
    """For commands that cannot give a sentence.

    Raises:
        InputError: the run with these options needs one.
    """
    if is_conditioned(options):
        raise InputError(f"{run} answers what a sentence says (--conditioned): only evaluate and predict take it")


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


def with_sentences(model: SequenceModel, encoder: str) -> SequenceModel:
    """The model with a sentence's vector as a second input.

    Args:
        encoder: as for :func:`sentence_vectors`; it decides the vector's size.
    """
    model.encoder = FiLMEncoder(model.encoder, _dim(encoder))
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
