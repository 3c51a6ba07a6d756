"""``python -m supervised.occupancy``: is somebody at home, told from household power, with and without a sentence.

Only the configuration lives here, so that ``--help`` needs no torch; the work is in
:mod:`supervised.occupancy.run`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import tyro

from ncl_reward.encoders.options import DEFAULT_ENCODER, EncoderName, EncoderOptions
from supervised.occupancy.meters.options import MeterOptions
from supervised.options.groups import Machine, RunsDir

PROG = "python -m supervised.occupancy"


@dataclass(frozen=True)
class Occupancy(Machine, EncoderOptions, MeterOptions, RunsDir):
    """Learn from a few labels, and from a sentence, when somebody is at home.

    The first two thirds of the days are learned from, the rest is the test. Prints accuracy, balanced accuracy, F1 of
    "absent" and Matthews correlation over all hours and from 06 to 22 h. What --name saves labels other files:
    python -m supervised.occupancy predict RUN FILE.
    """

    csv: str | None = None
    """A meter's file: times, power or energy, perhaps labels; else homes are simulated."""
    homes: int = 3
    """Simulated homes, of the test split; figures are their means."""
    days: int = 365
    """Days of a simulated home."""
    minutes: int = 15
    """Length of a slot; a file is resampled to it."""

    labels: int = 20
    """Labelled slots or days, drawn from the days that are learned from."""
    label_kind: Literal["slots", "days"] = "slots"
    """Whether single slots or whole days are labelled."""
    instruction: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Train a second network with a sentence: "4時間以上、電力が少ないまま一定だったら不在の可能性が高い"."""
    ncl_encoder: EncoderName = DEFAULT_ENCODER

    arch: Literal["gru", "transformer"] = "gru"
    """The network."""
    steps: int = 200
    """Optimiser steps of each network."""

    name: str | None = None
    """Save the network (the one with the sentence, if there is one) as a run of this name, the folder RUNS_DIR/NAME."""
    plot: str | None = None
    """Write a picture of a week to this PNG file."""
    predict_out: str | None = None
    """Write the predicted probability of "at home" for every slot of the first home to this CSV file."""
