"""What the appliances of a simulated home draw, minute by minute, in watts.

never rest        standby, fridge, freezer (compressor cycles; a frost-free one also defrosts)
need somebody     light, cooking, kettle, screens, chores: they stop when the people leave or fall asleep
once started      washing machine and dishwasher run to their end, also in an empty home
by the clock      in some homes a water heater or a pump, which comes on whether anybody is there or not
"""

from __future__ import annotations

import numpy as np

from supervised.occupancy.homes.record import DAY
from supervised.occupancy.homes.routines import Generator, Life


def load(rng: Generator, life: Life, first_day: int) -> np.ndarray:
    """Total power ``(n,)`` of a home.

    Args:
        rng: decides the appliances and when they run.
        life: the people.
        first_day: counted from 1970-01-01; the season follows from it.
    """
    total = len(life.present)
    hour = np.arange(DAY) / 60
    day_of_year = (first_day + np.arange(total // DAY)) % 365.25
    watts = rng.uniform(25, 80) + 1.5 * rng.standard_normal(total, dtype=np.float32)  # standby
    watts += _compressor(rng, total, period=(35, 60), duty=(0.28, 0.42), watts=(60, 110))
    watts += _compressor(rng, total, period=(60, 110), duty=(0.25, 0.4), watts=(60, 100))
    if rng.random() < 0.2:
        watts += _runs(rng, _every(rng, total, 60 * rng.uniform(18, 40)), (15, 25), (180, 320), total)  # defrosting
    watts += _attended(rng, life, hour, day_of_year)
    watts += _unattended(rng, life, hour)
    if rng.random() < 0.12:
        watts += _timer(rng, total)
    return np.maximum(watts, 0.0)


def _attended(rng: Generator, life: Life, hour: np.ndarray, day_of_year: np.ndarray) -> np.ndarray:
    busy = life.busy.reshape(-1, DAY)
    season = np.sin(2 * np.pi * (day_of_year - 80) / 365.25)[:, None]
    dark = (hour < 7.0 - 1.6 * season) | (hour > 18.0 + 2.6 * season)  # (days, DAY)
    light = rng.uniform(30, 110) * (dark & (busy > 0.05)).ravel()
    meal = _bump(hour, 7.2, 0.7) + 0.6 * _bump(hour, 12.5, 0.8) + 1.3 * _bump(hour, 18.8, 0.9)
    evening = 0.5 + 1.2 * _bump(hour, 20.5, 1.8)
    cooking = _sessions(rng, busy * meal * rng.uniform(0.5, 0.9) / 60, (8, 45), (500, 1700))
    kettle = _sessions(rng, busy * rng.uniform(0.25, 0.5) / 60, (2, 5), (1500, 2200))
    screens = _sessions(rng, busy * evening * rng.uniform(1.0, 1.6) / 60, (30, 150), (70, 200))
    chores = _sessions(rng, busy * rng.uniform(0.08, 0.2) / 60, (5, 40), (300, 1400))
    return life.awake * (light + cooking + kettle + screens + chores)


def _unattended(rng: Generator, life: Life, hour: np.ndarray) -> np.ndarray:
    """Washing and dishes: started by somebody, above all in the morning and after dinner."""
    when = 0.5 + _bump(hour, 8.0, 1.0) + _bump(hour, 20.0, 1.0)
    return _sessions(rng, life.busy.reshape(-1, DAY) * when * rng.uniform(0.015, 0.04) / 60, (50, 100), (250, 600))


def _timer(rng: Generator, total: int) -> np.ndarray:
    """Comes on at the same time on most days."""
    midnight = np.arange(0, total, DAY)
    start = midnight + 60 * rng.uniform(0, 24) + rng.normal(0, 3, len(midnight))
    start = start[rng.random(len(start)) < 0.7]
    return _runs(rng, start, (20, 60), (200, 1200), total)


def _compressor(
    rng: Generator, total: int, *, period: tuple[float, float], duty: tuple[float, float], watts: tuple[float, float]
) -> np.ndarray:
    """On and off in cycles whose lengths vary by a tenth."""
    mean, share, level = rng.uniform(*period), rng.uniform(*duty), rng.uniform(*watts)
    count = int(1.3 * total / mean) + 10
    lengths = mean * np.maximum(rng.normal(1, 0.1, count), 0.5)
    begin = np.cumsum(lengths) - lengths - rng.uniform(0, mean)
    end = begin + share * lengths * np.maximum(rng.normal(1, 0.1, count), 0.5)
    return _pulses(begin, end, np.full(count, level), total)


def _sessions(rng: Generator, rate: np.ndarray, minutes: tuple[float, float], watts: tuple[float, float]) -> np.ndarray:
    """Uses that begin at ``rate`` ``(days, DAY)`` a minute."""
    begin = np.flatnonzero(rng.random(rate.size, dtype=np.float32) < rate.ravel())
    return _runs(rng, begin, minutes, watts, rate.size)


def _runs(
    rng: Generator, begin: np.ndarray, minutes: tuple[float, float], watts: tuple[float, float], total: int
) -> np.ndarray:
    end = begin + rng.uniform(*minutes, len(begin))
    return _pulses(begin, end, rng.uniform(*watts, len(begin)), total)


def _every(rng: Generator, total: int, minutes: float) -> np.ndarray:
    return np.arange(rng.uniform(0, minutes), total, minutes)


def _pulses(begin: np.ndarray, end: np.ndarray, watts: np.ndarray, total: int) -> np.ndarray:
    """``(total,)``: the sum of pulses of ``watts`` from ``begin`` up to ``end``, which are clipped."""
    first, last = (np.clip(np.round(x).astype(np.int64), 0, total) for x in (begin, end))
    steps = np.bincount(first, watts, total + 1) - np.bincount(last, watts, total + 1)
    return np.cumsum(steps[:-1])


def _bump(hour: np.ndarray, centre: float, width: float) -> np.ndarray:
    return np.exp(-(((hour - centre) / width) ** 2) / 2)
