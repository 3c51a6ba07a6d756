"""Run folders: what a training leaves behind, and how it is read back."""

from supervised.runs.config import Extension, RunConfig
from supervised.runs.folder import DEFAULT_ROOT, WEIGHTS, RunFolder, checked_path, free_name
from supervised.runs.loading import load, load_best, model_of
from supervised.runs.resuming import new_run, to_resume
from supervised.runs.solver import ModelSolver

__all__ = [
    "DEFAULT_ROOT",
    "WEIGHTS",
    "Extension",
    "ModelSolver",
    "RunConfig",
    "RunFolder",
    "checked_path",
    "free_name",
    "load",
    "load_best",
    "model_of",
    "new_run",
    "to_resume",
]
