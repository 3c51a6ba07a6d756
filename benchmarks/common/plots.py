"""The figures of the benchmarks: panels side by side, and lines with the range of all seeds shaded."""

from __future__ import annotations

import io
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bracket_env.atomic import write_bytes

COLOURS = ("#666666", "#E69F00", "#0072B2", "#009E73", "#CC79A7", "#D55E00")
Curve = Mapping[int, Sequence[float]]
"""Labels -> exact match of each seed, in shares."""


def panels(columns: int, width: float, height: float, lines: int = 1) -> tuple[Any, Any]:
    """A figure, and its axes as an array ``(lines, columns)``.

    Args:
        width, height: of the whole figure, in inches.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(lines, columns, squeeze=False)


def save(figure: Any, path: Path) -> None:
    """Write a figure to this PNG."""
    image = io.BytesIO()
    figure.savefig(image, dpi=110)
    write_bytes(path, image.getvalue())


def seed_line(
    axis: Any,
    x: Sequence[float],
    shares: Sequence[Sequence[float]],
    colour: str,
    *style: str,
    median: Callable[[Sequence[float]], float] = statistics.median,
    **more: Any,
) -> None:
    """The median seed as a line, the range of all seeds shaded, in percent.

    Args:
        shares: for each x the seeds' values from 0 to 1.
        median: which one of an even number.
        style, more: further arguments of ``axis.plot``.
    """
    low, high, middle = ([100 * of(values) for values in shares] for of in (min, max, median))
    axis.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
    axis.plot(x, middle, *style, color=colour, **more)


def learning_curves(
    axis: Any, curves: Mapping[Any, Sequence[Sequence[Sequence[float]]]], colours: Mapping[Any, str]
) -> None:
    """Exact match over environment steps, one line a name.

    Args:
        curves: name -> the curve of each seed: points (steps, seconds, exact match).
        colours: name -> colour, in the order of the legend; names without a curve are left out.
    """
    drawn: list[list[Sequence[float]]] = []
    for name, colour in colours.items():
        found = curves.get(name, ())
        if found:
            points = list(zip(*found, strict=False))  # as far as the shortest one
            steps = [point[0][0] for point in points]
            label = f"{name} ({len(found)} seed{'s' * (len(found) > 1)})"
            shares = [[exact for _, _, exact in point] for point in points]
            # A line that is another one again is dashed, so that both are seen.
            style = (0, (3, 3)) if shares in drawn else "-"
            drawn.append(shares)
            seed_line(axis, steps, shares, colour, label=label, linestyle=style, clip_on=False)
    axis.set(xlabel="environment steps", ylim=(0, 101))
    axis.xaxis.set_major_locator(_few_ticks())
    axis.xaxis.set_major_formatter(lambda steps, _: f"{steps:,.0f}")
    axis.grid(alpha=0.3)


def _few_ticks() -> Any:
    """Places for numbers of six digits beside each other."""
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(5)


def plot_by_labels(tasks: Mapping[str, Mapping[str, Curve]], path: Path) -> None:
    """Exact match by number of labels: one panel a task, one line a method.

    Args:
        tasks: task -> method -> curve.
        path: a PNG.
    """
    figure, axes = panels(len(tasks), 5.5 * len(tasks), 3.8)
    for axis, (task, methods) in zip(axes[0], tasks.items(), strict=True):
        ticks = sorted({n for curve in methods.values() for n in curve})
        place = {n: i for i, n in enumerate(ticks)}  # evenly spaced: 0 has no logarithm
        for colour, (method, curve) in zip(COLOURS, methods.items(), strict=False):
            labels = sorted(curve)
            x = [place[n] for n in labels]
            shares, look = [curve[n] for n in labels], {"markersize": 4, "label": method}
            seed_line(axis, x, shares, colour, "o-", median=statistics.median_low, **look)
        axis.set(title=task, xlabel="labels", ylabel="exact match, %", ylim=(0, 101))
        axis.set_xticks(range(len(ticks)), [f"{n:,}" for n in ticks])
        axis.grid(alpha=0.3)
        axis.legend(loc="lower right")
    save(figure, path)
