"""Supervised models of bracket closing, and what they share with the agents: encoders, solvers and run folders.

Every name below is imported when it is asked for: ``import supervised`` loads no torch.
"""

from typing import TYPE_CHECKING

from bracket_env import __version__
from ncl_reward.lazy_names import lazy_names

if TYPE_CHECKING:
    from supervised.data.dataset_folder import generate_dataset
    from supervised.data.reading import read_dataset
    from supervised.models import ENCODERS, Encoder, EncoderConfig, SequenceModel, build_model, decode
    from supervised.runs import ModelSolver, RunConfig, RunFolder, load, load_best
    from supervised.study.best_trial import BestTrial, best_from_database

__all__ = [
    "ENCODERS",
    "BestTrial",
    "Encoder",
    "EncoderConfig",
    "ModelSolver",
    "RunConfig",
    "RunFolder",
    "SequenceModel",
    "__version__",
    "best_from_database",
    "build_model",
    "decode",
    "generate_dataset",
    "load",
    "load_best",
    "read_dataset",
]

__getattr__ = lazy_names(
    __name__,
    {
        "data.dataset_folder": ("generate_dataset",),
        "data.reading": ("read_dataset",),
        "models": ("ENCODERS", "Encoder", "EncoderConfig", "SequenceModel", "build_model", "decode"),
        "runs.config": ("RunConfig",),
        "runs.folder": ("RunFolder",),
        "runs.loading": ("load", "load_best"),
        "runs.solver": ("ModelSolver",),
        "study.best_trial": ("BestTrial", "best_from_database"),
    },
)
