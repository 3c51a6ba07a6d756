"""Who is at home, who is awake: the people of a simulated home, minute by minute.

Every adult has a job with its own hours (and days worked at home), errands and evenings out. The household as a whole
sleeps, goes out together, travels, and has visitors, who keep it busy. Only "is anybody in" and "is anybody awake"
leave this file.

    weekday   ____sleep____|wake|leaves........work..........returns|~~evening~~|sleep
    present   1111111111111111110000000000000000000000000000000000001111111111111111
    awake     0000000000000011110000000000000000000000000000000000001111111111110000
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from supervised.occupancy.homes.record import DAY, is_weekend

Generator = np.random.Generator


@dataclass(frozen=True)
class Life:
    """What the people of a home do, at every minute."""

    present: np.ndarray  # (n,) bool: somebody is in
    awake: np.ndarray  # (n,) bool: somebody is in and awake
    busy: np.ndarray  # (n,) float: how much of what they do uses power, 0 for none and about 1 for usual


def live(rng: Generator, first_day: int, days: int) -> Life:
    """The life of one household over ``days`` whole days.

    Args:
        rng: decides the household and its life.
        first_day: counted from 1970-01-01.
        days: how many.
    """
    calendar = first_day + np.arange(days)
    away = np.logical_and.reduce([_adult(rng, calendar) for _ in range(rng.choice([1, 2], p=[0.65, 0.35]))])
    away |= _outings(rng, calendar, chance=(0.05, 0.4), begin=(9.5, 13.0), hours=(4.5, 9.0))
    away |= _travels(rng, days)
    asleep = _nights(rng, calendar)
    visits = _outings(rng, calendar, chance=(0.05, 0.15), begin=(15.0, 19.5), hours=(2.0, 4.0))
    present = ~away
    awake = present & (~asleep | visits)
    busy = _busyness(rng, days) * awake + 0.7 * (visits & awake)
    return Life(present, awake, busy)


def between(begin: np.ndarray, end: np.ndarray, total: int) -> np.ndarray:
    """``(total,)`` bool: the minutes inside any of the intervals ``begin`` up to ``end``, which are clipped."""
    steps = np.zeros(total + 1, dtype=np.int32)
    begin, end = (np.clip(np.round(x).astype(np.int64), 0, total) for x in (begin, end))
    np.add.at(steps, begin, 1)
    np.add.at(steps, np.maximum(begin, end), -1)
    return np.cumsum(steps[:-1]) > 0


def _adult(rng: Generator, calendar: np.ndarray) -> np.ndarray:
    """When one adult is away by himself: work, errands, evenings out."""
    days = len(calendar)
    midnight = DAY * np.arange(days)
    leaves, works_for = rng.normal(8.0, 0.4), rng.normal(9.6, 0.5)
    attendance = rng.uniform(0.75, 0.95) * np.where(is_weekend(calendar), 0.06, 1.0)
    free_weekday = rng.integers(0, 7)  # most part-timers are free on the same day every week
    if rng.random() < 0.35:
        attendance = np.where((calendar + 3) % 7 == free_weekday, 0.1, attendance)
    goes = rng.random(days) < attendance
    begin = midnight + 60 * (leaves + rng.normal(0, 0.35, days))
    hours = works_for + rng.normal(0, 0.8, days)
    short = rng.random(days) < 0.08  # a free afternoon, an appointment
    end = begin + 60 * np.where(short, 4.5, np.maximum(hours, 3.0))
    away = between(begin[goes], end[goes], days * DAY)
    away |= _outings(rng, calendar, chance=(0.07, 0.12), begin=(9.0, 17.5), hours=(0.5, 3.0))
    away |= _outings(rng, calendar, chance=(0.12, 0.2), begin=(17.0, 19.5), hours=(2.5, 5.0))
    return away


def _outings(
    rng: Generator,
    calendar: np.ndarray,
    *,
    chance: tuple[float, float],
    begin: tuple[float, float],
    hours: tuple[float, float],
) -> np.ndarray:
    """At most one outing a day, with one chance on working days and another at weekends."""
    days = len(calendar)
    happens = rng.random(days) < np.where(is_weekend(calendar), chance[1], chance[0])
    start = DAY * np.arange(days) + 60 * rng.uniform(*begin, days)
    end = start + 60 * rng.uniform(*hours, days)
    return between(start[happens], end[happens], days * DAY)


def _travels(rng: Generator, days: int) -> np.ndarray:
    """Holidays of one to two weeks, and weekends and nights elsewhere."""
    count = rng.poisson(days * 3 / 365)
    begin = rng.uniform(0, days, count) * DAY
    away = between(begin, begin + DAY * rng.uniform(4, 12, count), days * DAY)
    nights = rng.poisson(days * 8 / 365)
    begin = (rng.integers(0, days, nights) + rng.uniform(0.7, 0.85, nights)) * DAY
    return away | between(begin, begin + 60 * rng.uniform(14, 40, nights), days * DAY)


def _nights(rng: Generator, calendar: np.ndarray) -> np.ndarray:
    """When the household sleeps. Night i is the one before day i; there is one more after the last day."""
    days = len(calendar)
    early = is_weekend(np.append(calendar, calendar[-1] + 1))  # may sleep late
    midnight = DAY * np.arange(days + 1)
    bed = rng.normal(-1.1, 0.3) + 0.4 * early + rng.normal(0, 0.5, days + 1)
    wake = rng.normal(6.4, 0.3) + 1.2 * early + rng.normal(0, 0.35, days + 1)
    return between(midnight + 60 * bed, midnight + 60 * wake, days * DAY)


def _busyness(rng: Generator, days: int) -> np.ndarray:
    """How eventful the time at home is: constant over spells of some hours, and now and then nothing at all."""
    total, level = days * DAY, rng.uniform(0.8, 1.2)
    quiet = rng.uniform(0.05, 0.14)  # reading, a nap, the garden
    lengths = rng.uniform(60, 480, total // 60)
    levels = np.where(rng.random(len(lengths)) < quiet, 0.02, level * rng.gamma(6.0, 1 / 6, len(lengths)))
    minutes = np.ceil(lengths).astype(np.int64)  # more than total in all: each is at least 60
    return np.repeat(levels, minutes)[:total]
