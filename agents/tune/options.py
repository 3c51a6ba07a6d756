"""``python -m agents.tune``: let Optuna find the options with which a PPO agent learns best.

Only the configuration lives here, so that ``--help`` needs neither torch nor Optuna; the work is in
:mod:`agents.tune.run`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro

from agents.sb3.options import Masked
from supervised.options.groups import ArchitectureName
from supervised.study.options import StudyOptions

PROG = "python -m agents.tune"


@dataclass(frozen=True)
class TunePPO(Masked, StudyOptions):
    """Tune a PPO agent.

    The validation split decides; the test split is looked at once, at the end, by the best agent and the default one.
    Ctrl-C stops; --resume goes on.
    """

    archs: Annotated[tuple[ArchitectureName, ...], tyro.conf.arg(aliases=["--encoders"])] = (
        "gru",
        "lstm",
        "transformer",
    )
    """The networks to choose from."""
    total_timesteps: int = 100_000
    """Environment steps of a trial that is not pruned; ten evaluations on the way."""
