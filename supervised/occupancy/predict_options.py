"""``supervised.occupancy predict``: is somebody at home, told by a saved run from new meter data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import tyro

from supervised.occupancy.meters.options import MeterOptions
from supervised.options.groups import Device, Output, RunsDir

PROG = "python -m supervised.occupancy predict"


@dataclass(frozen=True, kw_only=True)
class PredictOccupancy(Output, Device, RunsDir, MeterOptions):
    """Label a meter's file with a run that supervised.occupancy --name saved.

    Slots are as long as those of the run. Says how often somebody is at home and, where the file has labels, how often
    that is right.
    """

    run: tyro.conf.Positional[str]
    """Name or folder of the run."""
    file: tyro.conf.Positional[str]
    """The meter's file, as for --csv of the training."""
    base_load: Literal["auto", "file", "run"] = "auto"
    """What the home draws when hardly anything runs, which its power is compared with: the file's own, or that of the
    home which the run learned from; auto: the file's where it has a week of measured slots."""
    out: str | None = None
    """Write the probability of "at home" for every slot to this CSV file."""
    plot: str | None = None
    """Write a picture of the first week to this PNG file."""
