"""A home's slots as a CSV file, with what was predicted for them."""

from __future__ import annotations

import math

import numpy as np

from bracket_env.atomic import write_text
from supervised.occupancy.homes.record import UNKNOWN, PowerRecord


def write_predictions(path: str, record: PowerRecord, columns: dict[str, np.ndarray]) -> None:
    """Write ``time,watts,present`` and the given columns, one row a slot, atomically; what is unknown stays empty."""
    lines = [",".join(["time", "watts", "present", *columns])]
    values = list(columns.values())
    for i, time in enumerate(np.datetime_as_string(record.times, unit="m")):
        measured = math.isfinite(record.watts[i])
        cells = [time, f"{record.watts[i]:.1f}" if measured else ""]
        cells.append("" if record.present[i] == UNKNOWN else str(record.present[i]))
        cells += [f"{column[i]:.4f}" if measured else "" for column in values]
        lines.append(",".join(cells))
    write_text(path, "\n".join(lines) + "\n")
