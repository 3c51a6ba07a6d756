"""Run folders: what a training leaves behind, and how it is read back.

Every name below is imported when it is asked for: ``import supervised.runs`` loads no torch.
"""

from typing import TYPE_CHECKING

from ncl_reward.lazy_names import lazy_names

if TYPE_CHECKING:
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

__getattr__ = lazy_names(
    __name__,
    {
        "config": ("Extension", "RunConfig"),
        "folder": ("DEFAULT_ROOT", "WEIGHTS", "RunFolder", "checked_path", "free_name"),
        "loading": ("load", "load_best", "model_of"),
        "resuming": ("new_run", "to_resume"),
        "solver": ("ModelSolver",),
    },
)
