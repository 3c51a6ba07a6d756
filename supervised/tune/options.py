"""``python -m supervised.tune``: let Optuna find the options with which a supervised model learns best.

Only the configuration lives here, so that ``--help`` needs neither torch nor Optuna; the work is in
:mod:`supervised.tune.run`.
"""

from __future__ import annotations

from dataclasses import dataclass

from supervised.options.groups import Network, Predicted
from supervised.study.options import StudyOptions

PROG = "python -m supervised.tune"


@dataclass(frozen=True)
class Tune(Predicted, Network, StudyOptions):
    """Tune a supervised model that learns from a fixed number of cases.

    The cases are generated once into the study's folder; all trials learn from them, the validation split decides, and
    the test split is looked at once, at the end, by the best model and the default one. Ctrl-C stops; --resume goes on.
    """

    dataset_size: int = 3000
    """Cases to learn from, the same for every trial."""
    steps: int = 1500
    """Optimiser steps of a trial that is not pruned; ten evaluations on the way."""
