"""What is tuned: pure functions from a trial to options of the training command.

The shape of a network is drawn by its architecture (:meth:`supervised.models.EncoderConfig.suggest`), in quantities
that cannot contradict each other: a width is drawn as heads times head size, and is divisible by the heads whatever is
drawn. The defaults of the training command lie in every space.
"""

from __future__ import annotations

from typing import Any

from optuna.trial import BaseTrial

from supervised.models import ENCODERS
from supervised.options.groups import Loss, Optimiser, SentenceOptions

AUGMENTATIONS: dict[str, tuple[str, ...]] = {
    "none": ("none",),
    "permute": ("permute",),
    "permute, wrap and concatenate": ("permute", "wrap", "concatenate"),
    "all": ("all",),
}
"""Sets of augmentations to choose from."""


def sample_learning(trial: BaseTrial) -> dict[str, Any]:
    """How a supervised model learns from a fixed data set, whatever its architecture."""
    return {
        "learning_rate": trial.suggest_float("learning_rate", 3e-4, 2e-2, log=True),
        "batch_size": trial.suggest_categorical("batch_size", [32, 64, 128, 256, 512]),
        "weight_decay": trial.suggest_float("weight_decay", 1e-4, 0.3, log=True),
        "label_smoothing": trial.suggest_float("label_smoothing", 0.0, 0.1),
        "augment": AUGMENTATIONS[trial.suggest_categorical("augment", list(AUGMENTATIONS))],
    }


def sample_params(trial: BaseTrial, arch: str) -> dict[str, Any]:
    """Options of ``supervised.train --arch ARCH``: the search space of an architecture."""
    return {**ENCODERS[arch].config_class.suggest(trial), **sample_learning(trial)}


def sample_sentence_weight(trial: BaseTrial) -> dict[str, Any]:
    """With ``--instruction``, for both families: how much the sentences weigh."""
    return {"ncl_weight": trial.suggest_float("ncl_weight", 0.05, 20.0, log=True)}


def default_params(arch: str) -> dict[str, Any]:
    """The parameters with which :func:`sample_params` gives the defaults of ``supervised.train --arch ARCH``."""
    return {
        **ENCODERS[arch].config_class.suggested_defaults(),
        "learning_rate": Optimiser.learning_rate,
        "batch_size": Optimiser.batch_size,
        "weight_decay": Optimiser.weight_decay,
        "label_smoothing": Loss.label_smoothing,
        "ncl_weight": SentenceOptions.ncl_weight,
        "augment": "none",
    }
