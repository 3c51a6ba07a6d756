"""The plots of :mod:`benchmarks.length_range`: a map of length by depth for every model, and what a symbol costs."""

from __future__ import annotations

import io
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common.range_map import DEPTHS, LENGTHS, range_name
from bracket_env.atomic import write_bytes

_A_LINE = 4  # maps side by side


def plot_maps(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Exact match of the median seed, one map a model; the corner at the bottom left is what it was trained on."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    lengths, depths = [range_name(bounds) for bounds in LENGTHS], [range_name(bounds) for bounds in DEPTHS]
    lines, columns = -(-len(rows) // _A_LINE), min(len(rows), _A_LINE)
    figure = Figure(figsize=(3.2 * columns, 2.6 * lines + 0.3), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(lines, columns, squeeze=False)
    for axis in axes.flat[len(rows) :]:
        axis.set_visible(False)
    for number, (axis, row) in enumerate(zip(axes.flat, rows, strict=False)):
        percent = np.full((len(depths), len(lengths)), np.nan)
        for cell in row["cells"]:
            if cell["length"] in lengths:
                place = depths.index(cell["depth"]), lengths.index(cell["length"])
                percent[place] = 100 * statistics.median_low(cell["exact"])
        axis.imshow(percent, cmap="viridis", vmin=0, vmax=100, origin="lower", aspect="auto")
        for (y, x), value in np.ndenumerate(percent):
            if np.isfinite(value):
                # Rounded down: 100 is every case.
                axis.text(x, y, f"{int(value)}", ha="center", va="center", color="white" if value < 60 else "black")
        axis.set_xticks(range(len(lengths)), lengths, fontsize=7)
        axis.set_yticks(range(len(depths)), depths, fontsize=8)
        axis.set_title(f"{row['model']} ({len(row['seeds'])} seed{'s' * (len(row['seeds']) > 1)})", fontsize=10)
        if number % _A_LINE == 0:
            axis.set_ylabel("depth")
        if number + _A_LINE >= len(rows):
            axis.set_xlabel("length of the prefix")
    figure.suptitle("exact match, %; trained at the bottom left")
    _save(figure, path)


def plot_costs(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Time of one written symbol by the length of what was read, for the models that were timed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.add_subplot()
    timed = [row for row in rows if row["cost"]]
    for row, colour in zip(timed, ("#D55E00", "#0072B2", "#009E73", "#CC79A7"), strict=False):
        lengths = [point["length"] for point in row["cost"]]
        axis.plot(lengths, [1e3 * point["seconds"] for point in row["cost"]], "o-", color=colour, label=row["model"])
    axis.set_xscale("log", base=2)
    ticks = sorted({point["length"] for row in timed for point in row["cost"]})
    axis.set_xticks(ticks, [str(length) for length in ticks])
    axis.set(xlabel="open brackets read before", ylabel="ms a written symbol, one row, one thread")
    axis.set_ylim(bottom=0)
    axis.grid(alpha=0.3)
    axis.legend()
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    image = io.BytesIO()
    figure.savefig(image, dpi=110)
    write_bytes(path, image.getvalue())
