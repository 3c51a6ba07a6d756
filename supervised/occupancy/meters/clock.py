"""Times as they are written -> rows in the order of time, elapsed seconds and local time.

A time with an offset is local as it stands. UTC becomes local with ``--timezone``; without it stays as it is, and the
report says so. A local time without an offset may come twice in autumn: with ``--timezone`` the first is summer time;
without, one hour back in a night to Sunday is taken for the change of clocks. Newest first is turned round.
"""

from __future__ import annotations

import difflib
import zoneinfo
from dataclasses import dataclass

import numpy as np
import polars as pl

from bracket_env import InputError, quote
from supervised.occupancy.meters.grid import Grid
from supervised.occupancy.meters.times.stamps import DAY, Stamps

_HOUR = 3600.0


@dataclass(frozen=True)
class Clock:
    """When the rows were written, in the order of time."""

    grid: Grid
    elapsed: np.ndarray  # (n,) float64 seconds since 1970, rising
    offsets: np.ndarray  # (n,) float64, to be added for local time
    zone: str  # what was taken for local time
    warnings: tuple[str, ...]


def check_zone(name: str | None) -> None:
    """A time zone of the IANA database.

    Raises:
        InputError: there is no such zone; one that is spelt alike is named.
    """
    if name is None:
        return
    try:
        _local(np.zeros(1), name)
    except pl.exceptions.PolarsError:
        like = difflib.get_close_matches(name, zoneinfo.available_timezones(), 1) or ["Asia/Tokyo"]
        raise InputError(f"--timezone must be a zone such as {like[0]}, not {quote(name)}") from None


def in_order(grid: Grid, stamps: Stamps, texts: pl.Series, said: float | None, timezone: str | None) -> Clock:
    """Put rows in the order of time.

    Args:
        grid: the rows.
        stamps: their times.
        texts: the times as they are written.
        said: seconds east of Greenwich by the column's name, which hold where no row has an offset; None: it says none.
        timezone: of the home.

    Raises:
        InputError: times with and without a zone, times that go back, come twice or do not exist.
    """
    zoned = np.isfinite(stamps.offsets)
    if zoned.any() and not zoned.all():
        row = int(np.argmax(zoned != zoned[0]))
        has = "has a time zone and the rows before have none" if zoned[row] else "has no time zone"
        raise grid.error(f"{quote(str(texts[row]))} {has}: a file must not mix them", row)
    if said is not None and not zoned.any():
        zoned, offsets = np.ones(len(zoned), bool), np.full(len(zoned), said)
    else:
        offsets = np.where(zoned, stamps.offsets, 0.0)
    at = stamps.seconds - offsets
    warnings = []
    if len(at) > 1 and (np.diff(at) < 0).sum() > (np.diff(at) > 0).sum():
        grid, texts, at, offsets = _reversed(grid, texts, at, offsets)
        warnings.append("the newest row stands first: the order was turned round")
    if grid.shape == "days" and (np.diff(at) < 0).any():
        order = pl.Series(np.argsort(at, kind="stable"))
        grid, texts, at, offsets = (
            grid.rows(order),
            texts.gather(order),
            at[order.to_numpy()],
            offsets[order.to_numpy()],
        )
        warnings.append("days do not follow each other: they were put in order")
    grid, kept, twice = _once(grid, at)
    if twice:
        warnings.append(f"{twice} rows are there twice, one of each is taken")
        texts, at, offsets = texts.filter(pl.Series(kept)), at[kept], offsets[kept]
    if timezone is not None:
        if zoned.all():
            elapsed, local = at, _local(at, timezone)
            zone = f"UTC, or with an offset, put into {timezone}"
        else:
            elapsed = _utc(grid, texts, at, timezone)
            local, zone = at, f"local in {timezone}"
        offsets = local - elapsed
    elif zoned.any():
        elapsed = at
        zone = "local by the offset that is written"
        if not offsets.any():
            zone = "UTC"
            warnings.append("times are UTC and were taken as they are: say where the home is, --timezone Asia/Tokyo")
    else:
        elapsed, zone = _by_order(at, warnings), "without a zone, taken for local (else --timezone)"
        offsets = at - elapsed
    _check_rising(grid, texts, elapsed)
    return Clock(grid, elapsed, offsets, zone, tuple(warnings))


def _reversed(
    grid: Grid, texts: pl.Series, at: np.ndarray, offsets: np.ndarray
) -> tuple[Grid, pl.Series, np.ndarray, np.ndarray]:
    back = pl.Series(np.arange(len(at))[::-1])
    return grid.rows(back), texts.reverse(), at[::-1], offsets[::-1]


def _once(grid: Grid, at: np.ndarray) -> tuple[Grid, np.ndarray, int]:
    """Without rows that say what the row before says."""
    kept = np.ones(len(at), bool)
    same = np.flatnonzero(np.diff(at) == 0) + 1
    for row in same:
        kept[row] = grid.cells.row(int(row)) != grid.cells.row(int(row) - 1)
    twice = int((~kept).sum())
    return (grid.rows(pl.Series(kept)) if twice else grid), kept, twice


def _local(at: np.ndarray, timezone: str) -> np.ndarray:
    moments = pl.Series(np.round(at * 1e6).astype(np.int64)).cast(pl.Datetime("us", "UTC"))
    return moments.dt.convert_time_zone(timezone).dt.replace_time_zone(None).cast(pl.Int64).to_numpy() / 1e6


def _utc(grid: Grid, texts: pl.Series, local: np.ndarray, timezone: str) -> np.ndarray:
    walls = pl.Series(np.round(local * 1e6).astype(np.int64)).cast(pl.Datetime("us"))

    def moments(choice: str) -> np.ndarray:
        found = walls.dt.replace_time_zone(timezone, ambiguous=choice, non_existent="null")  # type: ignore[arg-type]
        return found.cast(pl.Int64).cast(pl.Float64).to_numpy() / 1e6

    first, second = moments("earliest"), moments("latest")
    nowhere = np.isnan(first)
    if nowhere.any():
        row = int(np.argmax(nowhere))
        winter = round((local - first)[np.isfinite(first)].min() / _HOUR) if np.isfinite(first).any() else 0
        fixed = f"Etc/GMT{-winter:+d}" if winter else "UTC"
        raise grid.error(
            f"{quote(str(texts[row]))} does not exist in {timezone}, where the clocks go forward: does this meter keep "
            f"winter time all year? Then leave --timezone out or say --timezone {fixed}",
            row,
        )
    seen = np.concatenate([[-np.inf], np.maximum.accumulate(local)[:-1]])
    return np.where((first != second) & (local <= seen), second, first)


def _by_order(at: np.ndarray, warnings: list[str]) -> np.ndarray:
    """Elapsed time where the clocks went back by an hour in the night to a Sunday."""
    steps = np.diff(at)
    if not (steps < 0).any() or not (steps > 0).any():
        return at
    typical = float(np.median(steps[steps > 0]))
    back = np.flatnonzero((steps < 0) & (steps + _HOUR > 0) & (steps + _HOUR <= 2 * typical))
    week = (at[back] + 2 * _HOUR) / DAY + 4  # 1970-01-01 was a Thursday; from Saturday, 22 h
    change = back[(week % 7 < 7 / 24)]
    if not len(change):
        return at
    warnings.append(
        f"{len(change)} times the clock went back by an hour, as in autumn: what was measured twice is averaged "
        "(--timezone makes sure)"
    )
    shift = np.zeros(len(at))
    shift[change + 1] = _HOUR
    return at + np.cumsum(shift)


def _check_rising(grid: Grid, texts: pl.Series, elapsed: np.ndarray) -> None:
    wrong = np.flatnonzero(np.diff(elapsed) <= 0)
    if not len(wrong):
        return
    row = int(wrong[0]) + 1
    several = _several(grid)
    if several:
        raise grid.error(several, row)
    text, before = quote(str(texts[row])), quote(str(texts[row - 1]))
    if elapsed[row] == elapsed[row - 1]:
        raise grid.error(f"the time {text} comes twice, with other values: is this file of several meters?", row)
    raise grid.error(f"the time {text} is earlier than {before} before it: rows must be sorted by time", row)


def _several(grid: Grid) -> str | None:
    """A column of words that tells several meters apart."""
    for name in grid.names:
        cells = grid.column(name)
        words = cells.filter(cells.str.contains(r"[A-Za-z\p{Han}].*\d|\d.*[A-Za-z\p{Han}]|^[A-Za-z_.\p{Han}]+$"))
        kinds = words.unique(maintain_order=True)
        stamped = words.str.contains(r"\d{4}-\d|\d:\d").any()
        if len(words) == len(cells) and 1 < len(kinds) <= max(2, len(cells) // 10) and not stamped:
            listed = ", ".join(map(str, kinds.head(3).to_list()))
            return f"column {quote(name)} holds {listed}: a file must be of one home; write one file for each"
    return None
