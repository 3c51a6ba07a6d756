"""What is tuned: for each architecture a pure function from a trial to options of the training command.

A space is written in quantities that cannot contradict each other: a width is drawn as heads times head size, and is
divisible by the heads whatever is drawn. The defaults of the training command lie in every space.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from optuna.trial import BaseTrial

from supervised.models import ENCODERS
from supervised.train.options import Train

AUGMENTATIONS: dict[str, tuple[str, ...]] = {
    "none": ("none",),
    "permute": ("permute",),
    "permute, wrap and concatenate": ("permute", "wrap", "concatenate"),
    "all": ("all",),
}
"""Sets of augmentations to choose from."""


def sample_recurrent_size(trial: BaseTrial, prefix: str = "") -> dict[str, Any]:
    """The shape of a GRU or LSTM."""
    return {
        "layers": trial.suggest_int(f"{prefix}layers", 1, 3),
        "units": trial.suggest_int(f"{prefix}units", 16, 256, log=True),
        "embedding_size": trial.suggest_int(f"{prefix}embedding_size", 8, 64, log=True),
        "attention": trial.suggest_categorical(f"{prefix}attention", [False, True]),
        "dropout": trial.suggest_float(f"{prefix}dropout", 0.0, 0.4),
    }


def sample_attention_size(trial: BaseTrial, prefix: str = "") -> dict[str, Any]:
    """The shape of a stack of attention blocks: heads always divide the width."""
    heads = trial.suggest_categorical(f"{prefix}heads", [1, 2, 4, 8])
    return {
        "layers": trial.suggest_int(f"{prefix}layers", 1, 4),
        "heads": heads,
        "width": heads * trial.suggest_categorical(f"{prefix}head_size", [8, 16, 32]),
        "dropout": trial.suggest_float(f"{prefix}dropout", 0.0, 0.4),
    }


def sample_transformer_size(trial: BaseTrial, prefix: str = "") -> dict[str, Any]:
    """The shape of our own Transformer."""
    return {
        **sample_attention_size(trial, prefix),
        "mlp_ratio": trial.suggest_categorical(f"{prefix}mlp_ratio", [2, 4]),
        "positions": trial.suggest_categorical(f"{prefix}positions", ["rope", "alibi", "learned"]),
    }


def sample_stack_size(trial: BaseTrial, prefix: str = "") -> dict[str, Any]:
    """The shape of a stack-augmented network."""
    return {
        "layers": trial.suggest_int(f"{prefix}layers", 1, 2),
        "units": trial.suggest_int(f"{prefix}units", 16, 256, log=True),
        "embedding_size": trial.suggest_int(f"{prefix}embedding_size", 16, 128, log=True),
        "cell_size": trial.suggest_int(f"{prefix}cell_size", 4, 64, log=True),
        "dropout": trial.suggest_float(f"{prefix}dropout", 0.0, 0.4),
    }


def sample_tree_size(trial: BaseTrial, prefix: str = "") -> dict[str, Any]:
    """The shape of a recursive network."""
    return {
        "units": trial.suggest_int(f"{prefix}units", 16, 256, log=True),
        "embedding_size": trial.suggest_int(f"{prefix}embedding_size", 8, 64, log=True),
        "dropout": trial.suggest_float(f"{prefix}dropout", 0.0, 0.4),
    }


SIZES: dict[str, Callable[[BaseTrial, str], dict[str, Any]]] = {
    "gru": sample_recurrent_size,
    "lstm": sample_recurrent_size,
    "transformer": sample_transformer_size,
    "gpt": sample_attention_size,
    "bert": sample_attention_size,
    "stack": sample_stack_size,
    "tree": sample_tree_size,
}
"""Architecture -> its shape, for both families; the second argument is put before the parameters' names."""


def sample_learning(trial: BaseTrial) -> dict[str, Any]:
    """How a supervised model learns from a fixed data set, whatever its architecture."""
    return {
        "learning_rate": trial.suggest_float("learning_rate", 3e-4, 2e-2, log=True),
        "batch_size": trial.suggest_categorical("batch_size", [32, 64, 128, 256, 512]),
        "weight_decay": trial.suggest_float("weight_decay", 1e-4, 0.3, log=True),
        "label_smoothing": trial.suggest_float("label_smoothing", 0.0, 0.1),
        "augment": AUGMENTATIONS[trial.suggest_categorical("augment", list(AUGMENTATIONS))],
    }


def sample_gru_params(trial: BaseTrial) -> dict[str, Any]:
    """Options of ``supervised.train --arch gru``."""
    return {**sample_recurrent_size(trial), **sample_learning(trial)}


def sample_lstm_params(trial: BaseTrial) -> dict[str, Any]:
    """Options of ``supervised.train --arch lstm``."""
    return {**sample_recurrent_size(trial), **sample_learning(trial)}


def sample_transformer_params(trial: BaseTrial) -> dict[str, Any]:
    """Options of ``supervised.train --arch transformer``."""
    return {**sample_transformer_size(trial), **sample_learning(trial)}


def sample_gpt_params(trial: BaseTrial) -> dict[str, Any]:
    """Options of ``supervised.train --arch gpt``."""
    return {**sample_attention_size(trial), **sample_learning(trial)}


def sample_bert_params(trial: BaseTrial) -> dict[str, Any]:
    """Options of ``supervised.train --arch bert``."""
    return {**sample_attention_size(trial), **sample_learning(trial)}


def sample_stack_params(trial: BaseTrial) -> dict[str, Any]:
    """Options of ``supervised.train --arch stack``."""
    return {**sample_stack_size(trial), **sample_learning(trial)}


def sample_tree_params(trial: BaseTrial) -> dict[str, Any]:
    """Options of ``supervised.train --arch tree``."""
    return {**sample_tree_size(trial), **sample_learning(trial)}


SEARCH_SPACES: dict[str, Callable[[BaseTrial], dict[str, Any]]] = {
    "gru": sample_gru_params,
    "lstm": sample_lstm_params,
    "transformer": sample_transformer_params,
    "gpt": sample_gpt_params,
    "bert": sample_bert_params,
    "stack": sample_stack_params,
    "tree": sample_tree_params,
}
"""Architecture -> its search space; each that is registered has one."""


def sample_sentence_weight(trial: BaseTrial) -> dict[str, Any]:
    """With ``--instruction``, for both families: how much the sentences weigh."""
    return {"ncl_weight": trial.suggest_float("ncl_weight", 0.05, 20.0, log=True)}


def usual_size(arch: str) -> dict[str, Any]:
    """The parameters with which ``SIZES[arch]`` gives the architecture's defaults."""
    defaults: dict[str, Any] = {field.name: field.default for field in fields(ENCODERS[arch][0])}
    if "heads" in defaults:
        defaults["head_size"] = defaults["width"] // defaults["heads"]
    return defaults


def usual_params(arch: str) -> dict[str, Any]:
    """The parameters with which ``SEARCH_SPACES[arch]`` gives the defaults of ``supervised.train --arch ARCH``."""
    command: Mapping[str, Any] = {field.name: field.default for field in fields(Train)}
    names = ("learning_rate", "batch_size", "weight_decay", "label_smoothing", "ncl_weight")
    learning = {name: command[name] for name in names}
    return {**usual_size(arch), **learning, "augment": "none"}
