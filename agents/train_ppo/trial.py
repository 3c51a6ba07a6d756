"""Trainings whose options nobody typed, such as the trials of a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console

from agents.train_ppo.check import check
from agents.train_ppo.options import TrainPPO
from agents.train_ppo.run import train
from bracket_env.command import current_names
from supervised.learning.stopping import Observer
from supervised.runs import RunConfig, RunFolder

DEFAULTS: Mapping[str, Any] = asdict(TrainPPO())
"""Every option of the command."""


def trial_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of older trials under the names that they have today."""
    return current_names(TrainPPO, options)


def trial_config(options: Mapping[str, Any]) -> RunConfig:
    """The run that these options ask for; the others have their defaults. Raises as :func:`check`."""
    return check(TrainPPO(**options))[0]


def run_trial(options: Mapping[str, Any], command: Sequence[str], observer: Observer) -> RunFolder:
    """Train quietly, without a look at test cases.

    Args:
        options: as for :func:`trial_config`.
        command: what was typed, for the record.
        observer: sees each evaluation, and says which one is the best.

    Raises:
        InputError, KeyboardInterrupt: as :func:`agents.train_ppo.run.train`.
    """
    return train(TrainPPO(**options), command, Console(quiet=True), observer=observer)
