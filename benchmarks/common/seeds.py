"""Figures of several seeds: one row for runs that differ in nothing else, and the median beside the worst seed.

A result is a pair, as :func:`benchmarks.common.grid.run_grid` returns it: a job with a field ``seed``, and its figures.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from typing import Any

Result = tuple[Any, dict[str, Any]]


def grouped(results: Iterable[Result], names: Sequence[str]) -> dict[tuple[Any, ...], list[Result]]:
    """The results of jobs that agree in these fields, by their values, in order of appearance."""
    groups: dict[tuple[Any, ...], list[Result]] = {}
    for job, result in results:
        groups.setdefault(tuple(getattr(job, name) for name in names), []).append((job, result))
    return groups


def seeds_of(members: Sequence[Result]) -> list[int]:
    """The seeds of a group."""
    return [job.seed for job, _ in members]


def by_seed(results: Iterable[Result], names: Sequence[str], shared: Sequence[str] = ()) -> list[dict[str, Any]]:
    """One row for all jobs that differ in nothing but the seed: some fields, the seeds, and each one's figures.

    Args:
        results: all with the same figures.
        names: the fields of a job that tell rows apart.
        shared: further fields, which stand behind the seeds.
    """
    return [
        {
            **dict(zip(names, group, strict=True)),
            "seeds": seeds_of(members),
            **{name: getattr(members[0][0], name) for name in shared},
            **{name: [result[name] for _, result in members] for name in members[0][1]},
        }
        for group, members in grouped(results, names).items()
    ]


def median_worst(
    values: Iterable[float | None],
    form: Callable[[float], str] = "{:.1f}".format,
    *,
    scale: float = 100.0,
    worst: Callable[[Sequence[float]], float] = min,
    median: Callable[[Sequence[float]], float] = statistics.median_low,
    none: str = "-",
    lone: bool = False,
) -> str:
    """Median and worst seed, by default in percent: ``[0.5, 0.25, 1.0]`` is ``50.0 (25.0)``.

    Args:
        values: one a seed; those that are None are left out.
        form: how a value, times the scale, is written.
        worst: min where more is better, else max.
        median: which one of an even number.
        none: what stands for no value at all.
        lone: whether a single value stands without its worst.
    """
    known = [scale * value for value in values if value is not None]
    if not known:
        return none
    middle, bad = form(median(known)), form(worst(known))
    return middle if lone and len(known) == 1 else f"{middle} ({bad})"


def rounded_down(digits: int) -> Callable[[float], str]:
    """Writes a share in percent with so many digits, such that 100 means every case."""
    return lambda share: f"{int(10 ** (2 + digits) * share + 1e-6) / 10**digits:g}"


def reached(curve: Sequence[Sequence[float]], level: float) -> tuple[float, float] | None:
    """Steps and seconds of the first point of a curve (steps, seconds, exact match) at or above ``level``."""
    return next(((steps, seconds) for steps, seconds, exact in curve if exact >= level), None)


def levels_reached(members: Sequence[Result], levels: Sequence[float]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Steps, and seconds, of each seed by level, from the ``curve`` of each; None where it was never reached."""
    hits = {str(level): [reached(result["curve"], level) for _, result in members] for level in levels}
    steps, seconds = ({name: [hit and hit[i] for hit in found] for name, found in hits.items()} for i in (0, 1))
    return steps, seconds


def steps_needed(values: Sequence[float | None], budget: int | None) -> str:
    """Median and worst number of steps in thousands, of seconds without a budget; None is worse than any other."""
    beyond = "never" if budget is None else f">{budget / 1000:,.0f}k"

    def form(value: float) -> str:
        if value == math.inf:
            return beyond
        return f"{value:,.0f}" if budget is None else f"{value / 1000:,.0f}k"

    return median_worst([math.inf if value is None else value for value in values], form, scale=1, worst=max)
