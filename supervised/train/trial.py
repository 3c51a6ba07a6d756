"""Trainings whose options nobody typed, such as the trials of a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from supervised.learning.stopping import Observer
from supervised.runs import RunConfig, RunFolder
from supervised.train.check import check
from supervised.train.options import Train
from supervised.train.run import train


def trial_config(options: Mapping[str, Any]) -> RunConfig:
    """The run that these options ask for; the others have their defaults. Raises as :func:`check`."""
    return check(Train(**options))


def run_trial(options: Mapping[str, Any], command: Sequence[str], observer: Observer) -> RunFolder:
    """Train quietly, without a look at test cases.

    Args:
        options: as for :func:`trial_config`.
        command: what was typed, for the record.
        observer: sees each evaluation, and says which one is the best.

    Raises:
        InputError, KeyboardInterrupt: as :func:`supervised.train.run.train`.
    """
    folder = train(Train(**options), command, Console(quiet=True), observer)
    assert folder is not None  # there is one process
    return folder
