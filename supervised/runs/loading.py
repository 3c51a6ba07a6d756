"""From a run folder to its best model, and to a solver that answers with it; runs of both families alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from bracket_env import BracketTokenizer, InputError, quote
from ncl_reward.reading.sentence import asked_text
from supervised.models import SequenceModel
from supervised.models.policies import instructed_policy
from supervised.runs.config import RunConfig
from supervised.runs.files.int8 import compute_in_int8
from supervised.runs.files.weights import Stored, unpack
from supervised.runs.folder import CONFIG, DEFAULT_ROOT, METADATA, WEIGHTS, RunFolder
from supervised.runs.sentences import conditioned_on, sentence_input
from supervised.runs.solver import ModelSolver

POLICY = "policy.safetensors"
"""What the first instructed agents kept instead of a model."""


def load(
    run: str | Path,
    *,
    root: str | Path = DEFAULT_ROOT,
    device: str | torch.device = "cpu",
    temperature: float = 0.0,
    seed: int = 0,
    instruction: str | None = None,
) -> ModelSolver:
    """The best model of a run of either family, as a solver.

    Args:
        temperature, seed: see :class:`ModelSolver`.
        instruction: what a model is asked for that takes a sentence (``--conditioned``, or an agent of
            ``agents.train_instruct``); no other run takes one.

    Raises:
        InputError: see :meth:`RunFolder.open` and :func:`load_best`; a sentence that is missing or too much, or that
            cannot be read.
    """
    folder = RunFolder.open(run, root=root)
    sentence = sentence_input(folder.config.options)
    if sentence is None and instruction is not None:
        raise InputError(f"{folder.path} was trained without sentences, so it takes no --instruction")
    if sentence is not None and instruction is None:
        raise InputError(f"{folder.path} answers what a sentence says: give one with --instruction")
    model = load_best(folder, device=device)
    if sentence is not None and instruction is not None:
        text = asked_text(instruction, folder.config.language)
        model = conditioned_on(model, sentence.vectors([text]))
    return ModelSolver(
        model,
        BracketTokenizer(folder.config.language),
        masked=folder.config.masked,
        everywhere=folder.config.options.get("loss") == "all",
        temperature=temperature,
        seed=seed,
    )


def load_best(folder: RunFolder, *, device: str | torch.device = "cpu", floats: bool = False) -> SequenceModel:
    """The best model of a run, ready to use.

    Args:
        floats: floats also for weights that are to be computed with as int8: for training on. A device that is not
            the CPU has no int8 kernels and takes floats in any case.

    Raises:
        InputError: missing or damaged weights, weights that are no numbers, or that do not fit the run's configuration.
    """
    path = folder.path / WEIGHTS
    old = folder.path / POLICY
    policy = not path.is_file() and old.is_file()
    if policy:
        path = old
    if not path.is_file():
        raise InputError(f"{folder.path} holds no trained model yet: no {WEIGHTS}")
    try:
        stored = unpack(path.read_bytes())
    except (ValueError, OSError) as error:
        raise InputError(f"{path} is damaged: {error}") from None
    try:
        _check_same_run(folder)
        if policy:
            weights = instructed_policy(stored.weights, BracketTokenizer(folder.config.language))
            stored = stored._replace(weights=weights)
        return model_of(folder.config, stored, device=device, floats=floats)
    except InputError as error:
        raise InputError(f"{path} {error}") from None


def _check_same_run(folder: RunFolder) -> None:
    """Raises InputError for a configuration that was changed since the weights were written: they mean what it says."""
    try:
        noted = json.loads((folder.path / METADATA).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return  # the figures of a model, which answers without them
    config = folder.config
    own: dict[str, Any] = {"pairs": list(config.pairs), "architecture": config.architecture, "params": config.params}
    for name, now in own.items():
        if isinstance(noted, dict) and noted.get(name, now) != now:
            then = noted[name]
            if isinstance(then, dict) and isinstance(now, dict):
                differing = next(key for key in sorted({*then, *now}) if then.get(key) != now.get(key))
                name, then, now = differing, then.get(differing), now.get(differing)
            raise InputError(f"was trained with {name} {quote(then)}, and {CONFIG} says {quote(now)}")


def model_of(
    config: RunConfig, stored: Stored, *, device: str | torch.device = "cpu", floats: bool = False
) -> SequenceModel:
    """The model of a run with these weights, ready to use.

    Args:
        floats: see :func:`load_best`.

    Raises:
        InputError: the weights do not fit the configuration, without the file's name.
    """
    model = config.build()
    weights, expected = stored.weights, model.state_dict()
    for name in sorted({*expected, *weights}):
        if name not in weights or name not in expected:
            place = "is missing" if name in expected else "is not known to it"
            raise InputError(f"does not fit the {config.architecture} of {CONFIG}: {name} {place}")
        if weights[name].shape != expected[name].shape:
            found, wanted = tuple(weights[name].shape), tuple(expected[name].shape)
            raise InputError(f"does not fit the {config.architecture} of {CONFIG}: {name} is {found}, not {wanted}")
        if weights[name].is_floating_point() and not weights[name].isfinite().all():
            raise InputError(f"holds what is no number (NaN or infinite) in {name}")
    model.load_state_dict(weights)
    if stored.compute == "int8" and not floats and torch.device(device).type == "cpu":
        compute_in_int8(model, stored.quantized)
    return model.to(device).eval()
