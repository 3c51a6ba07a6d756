"""A meter's file -> a home's record."""

from __future__ import annotations

import os

from supervised.occupancy.homes.csv_reader import Columns, read_csv
from supervised.occupancy.homes.resampling import Resampled
from supervised.occupancy.meters.options import MeterOptions


def read_meter(path: str | os.PathLike[str], minutes: int, options: MeterOptions | None = None) -> Resampled:
    """Read a file into slots of ``minutes``. Raises as :func:`read_csv`."""
    options = options or MeterOptions()
    return read_csv(path, minutes, Columns(options.time_column, options.power_columns, options.occupancy_column))
