"""The options that say what a meter's file leaves open."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MeterOptions:
    """How a meter's file is read; what is not said is found by itself."""

    time_column: str | None = None
    """Name of the time column (found by itself)."""
    power_columns: tuple[str, ...] | None = None
    """Names of the power columns, which are summed (found by themselves)."""
    occupancy_column: str | None = None
    """Name of the label column, 1 for somebody at home (found by itself)."""
