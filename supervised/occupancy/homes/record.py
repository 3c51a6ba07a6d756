"""One home's power over time: what the simulator makes, the CSV reader reads and the models are trained on.

Slots of equal length follow each other without gaps. Slot i covers ``start + i * minutes`` up to the next one:

    slot       0      1      2            minutes = 15, start = 2024-01-01T00:00
    watts     63.2  171.0   nan           nan: nothing was measured
    present     1      1     -1           1 somebody is at home, 0 nobody, -1 nobody knows
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bracket_env import InputError, quote

ABSENT, PRESENT, UNKNOWN = 0, 1, -1
DAY = 24 * 60


@dataclass(frozen=True)
class PowerRecord:
    """A home.

    Raises:
        InputError: slots that do not fill a day evenly, or that are shorter than a minute or longer than an hour.
    """

    name: str
    start: np.datetime64  # local time, to the minute
    minutes: int  # length of a slot
    watts: np.ndarray  # (n,) float64, mean power of the slot
    present: np.ndarray  # (n,) int8

    def __post_init__(self) -> None:
        check_minutes(self.minutes)

    def __len__(self) -> int:
        return len(self.watts)

    @property
    def times(self) -> np.ndarray:
        """``(n,)`` datetime64[m]: when each slot begins."""
        return self.start.astype("datetime64[m]") + self.minutes * np.arange(len(self))

    @property
    def hours(self) -> np.ndarray:
        """``(n,)``: time of day at the middle of each slot, from 0 to 24."""
        return (self._minutes_since_1970() % DAY + self.minutes / 2) / 60

    @property
    def days(self) -> np.ndarray:
        """``(n,)`` int64: the calendar day of each slot, counted from 1970-01-01, a Thursday."""
        return self._minutes_since_1970() // DAY

    @property
    def slots_per_hour(self) -> float:
        """How many slots an hour has; a fraction where 60 is no multiple of the slot."""
        return 60 / self.minutes

    def part(self, begin: int, end: int) -> PowerRecord:
        """Slots ``begin`` up to ``end``."""
        start = self.start.astype("datetime64[m]") + np.timedelta64(self.minutes * begin, "m")
        return PowerRecord(self.name, start, self.minutes, self.watts[begin:end], self.present[begin:end])

    def _minutes_since_1970(self) -> np.ndarray:
        return self.times.astype(np.int64)


def check_minutes(minutes: int) -> None:
    """A slot length: a whole number of minutes from 1 to 60 of which a day is a multiple.

    Raises:
        InputError: it is not.
    """
    if type(minutes) is not int or not 1 <= minutes <= 60 or DAY % minutes:
        raise InputError(
            f"a slot must last a whole number of minutes from 1 to 60 that divides a day, not {quote(minutes)}"
        )


def is_weekend(days: np.ndarray) -> np.ndarray:
    """Whether days counted from 1970-01-01 are Saturdays or Sundays."""
    return (days + 3) % 7 >= 5
