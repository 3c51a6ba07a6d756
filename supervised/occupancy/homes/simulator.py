"""Simulated homes: power and who is in, from a seed and a home's number.

People first (:mod:`supervised.occupancy.homes.routines`), then what they switch on
(:mod:`supervised.occupancy.homes.appliances`), minute by minute; a record of longer slots is the mean of its minutes,
so every resolution shows the same home.

The simulator knows nothing of the rules that are later tried on it. It was held to what a real home shows (ECO data
set, household 02, Beckel et al., "The ECO Data Set and the Performance of Non-Intrusive Load Monitoring Algorithms",
BuildSys 2014; 15 minutes, 56 labelled days): how often somebody is in, how good the bare four-hour rule is, and what
logistic regression reaches with 20 to 200 labels (``tests/supervised/occupancy/homes/test_calibration.py``).

    home 0 of seed 0, slots of 15 minutes, is the same whether it is made alone or among others
"""

from __future__ import annotations

from functools import partial
from typing import Literal

import numpy as np

from bracket_env import InputError, quote
from bracket_env.random_streams import bits, key
from supervised.occupancy.homes.appliances import load
from supervised.occupancy.homes.record import DAY, PowerRecord, check_minutes
from supervised.occupancy.homes.routines import live

Split = Literal["train", "validation", "test"]
FIRST_DAY = np.datetime64("2024-01-01", "D")
_TENTHS: tuple[Split, ...] = ("train",) * 6 + ("validation",) * 2 + ("test",) * 2


def simulate(seed: int, home: int, days: int, minutes: int = 15, start: np.datetime64 = FIRST_DAY) -> PowerRecord:
    """One home.

    Args:
        seed: of the collection of homes.
        home: its number in the collection.
        days: whole days to simulate, from 1.
        minutes: length of a slot.
        start: the first day; weekdays and seasons follow from it.

    Raises:
        InputError: fewer days than one, or a slot length that does not divide a day.
    """
    check_minutes(minutes)
    if type(days) is not int or not 1 <= days <= 36_525:
        raise InputError(f"a home can be simulated for 1 to 36525 days, not {quote(days)}")
    first_day = int(start.astype("datetime64[D]").astype(np.int64))
    stream = partial(key, seed, index=home)
    life = live(_generator(stream("supervised.occupancy/people")), first_day, days)
    watts = load(_generator(stream("supervised.occupancy/appliances")), life, first_day)
    slots = days * DAY // minutes
    present = life.present.reshape(slots, minutes).mean(1) >= 0.5
    return PowerRecord(
        f"home {home}",
        start.astype("datetime64[m]"),
        minutes,
        watts.reshape(slots, minutes).mean(1),
        present.astype(np.int8),
    )


def split_of(seed: int, home: int) -> Split:
    """Where a home belongs: six in ten for training, two for validation, two for the test."""
    return _TENTHS[bits(key(seed, "supervised.occupancy/split", home), 0) % 10]


def homes_of(seed: int, split: Split, count: int) -> list[int]:
    """The numbers of the first ``count`` homes of a split."""
    found: list[int] = []
    home = 0
    while len(found) < count:
        if split_of(seed, home) == split:
            found.append(home)
        home += 1
    return found


def _generator(word: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=word))
