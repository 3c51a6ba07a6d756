"""Exact match by number of labels: a plot, and how many labels one method saves another.

The saving of method A over method B at n labels is how many labels B needs, among the numbers that were measured, for a
median at least that of A with n; divided by n. It is a bound from below where B never gets there:

    labels                 30     100     300            A with 30 labels saves B a factor of 300 / 30 = 10
    A, exact %             99
    B, exact %             72      91      99.5
"""

from __future__ import annotations

import io
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bracket_env.atomic import write_bytes

COLOURS = ("#666666", "#E69F00", "#0072B2", "#009E73", "#CC79A7", "#D55E00")

Curve = Mapping[int, Sequence[float]]
"""Labels -> exact match of each seed, in shares."""


@dataclass(frozen=True)
class Saving:
    """How many labels another method needs for what this one reaches."""

    labels: int
    """Of this method."""
    exact: float
    """What its median seed reaches with them."""
    other: int
    """Labels with which the other one is at least as good, or the most that were tried."""
    reached: bool
    """Whether it is, with that many."""

    def __str__(self) -> str:
        bound = "" if self.reached else "more than "
        return f"{bound}{self.other / self.labels:.3g}-fold ({self.labels} against {bound}{self.other} labels)"


def saving(curve: Curve, other: Curve, labels: int) -> Saving:
    """What ``curve`` saves ``other`` at ``labels``, by the medians of the seeds.

    Args:
        curve: has ``labels``, which is at least 1.
        other: not empty.
    """
    exact = statistics.median_low(curve[labels])
    enough = [n for n in sorted(other) if n > 0 and statistics.median_low(other[n]) >= exact]
    return Saving(labels, exact, enough[0] if enough else max(other), bool(enough))


def plot_curves(tasks: Mapping[str, Mapping[str, Curve]], path: Path) -> None:
    """One panel a task, one line a method: the median seed, the range of all seeds shaded.

    Args:
        tasks: task -> method -> curve.
        path: a PNG.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.5 * len(tasks), 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    for axis, (task, methods) in zip(figure.subplots(1, len(tasks), squeeze=False)[0], tasks.items(), strict=True):
        ticks = sorted({n for curve in methods.values() for n in curve})
        place = {n: i for i, n in enumerate(ticks)}  # evenly spaced: 0 has no logarithm
        for colour, (method, curve) in zip(COLOURS, methods.items(), strict=False):
            labels = sorted(curve)
            x = [place[n] for n in labels]
            low, high = ([100 * bound(curve[n]) for n in labels] for bound in (min, max))
            middle = [100 * statistics.median_low(curve[n]) for n in labels]
            axis.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
            axis.plot(x, middle, "o-", color=colour, markersize=4, label=method)
        axis.set(title=task, xlabel="labels", ylabel="exact match, %", ylim=(0, 101))
        axis.set_xticks(range(len(ticks)), [f"{n:,}" for n in ticks])
        axis.grid(alpha=0.3)
        axis.legend(loc="lower right")
    image = io.BytesIO()
    figure.savefig(image, dpi=110)
    write_bytes(path, image.getvalue())
