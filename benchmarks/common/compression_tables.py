"""The tables and the plot of :mod:`benchmarks.compression`, from its rows: one a model and way of compressing it.

A row has ``setting``, ``arch``, ``seed``, ``way`` and what ``supervised.compress --json`` says of the model. Points are
percentage points of exact match; *below* is the figure of the model as trained minus that of the compressed one.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.common.plots import panels, save
from benchmarks.common.report import task_name
from benchmarks.common.seeds import median_worst
from bracket_env import InputError
from bracket_env.scores.tables import FittingTable, table

Row = dict[str, Any]
SPARSITIES = (0.5, 0.8, 0.9, 0.95)
WIDE = "gru-256"
AS_TRAINED, HALF, STUDENT, LABELS = "as trained", "half the units", "gru of 32 units", "gru of 32 units, 300 labels"
INT8 = ("int8-weights", "int8-dynamic")


def zeros(sparsity: float) -> str:
    """The way that makes this share of the weights zero."""
    return f"{sparsity:.0%} zeros" if sparsity else AS_TRAINED


EIGHTY = zeros(0.8)


class Mark(NamedTuple):
    """Something to be reached by every model and seed."""

    what: str
    wanted: str
    figures: list[float]
    """One a model, task, seed and way."""
    met: Callable[[float], bool] | None
    """None: it is only reported."""
    worst: Callable[[Iterable[float]], float] = max
    form: str = "{:.1f}"


def by_sparsity(rows: Sequence[Row]) -> FittingTable:
    """Exact match by the share of zeros, on test cases and on the longest ones: median (worst) seed."""
    shares = (0.0, *SPARSITIES)
    left = ("task", "model", "cases")
    title = "exact match by sparsity, after fine-tuning: median (worst) seed"
    headings = ("task", "model", "seeds", "cases", *(f"{share:.0%}" for share in shares))
    view = table(title, headings, left=left, keys=4)
    models: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        models.setdefault((task_name(row), row["arch"]), []).append(row)
    for model, found in models.items():
        ways = [[row for row in found if row["way"] == zeros(share)] for share in shares]
        if not all(ways):
            continue
        first = (*model, ",".join(str(row["seed"]) for row in ways[0]))
        for measure, cases in (("exact", "test"), ("longest", "longest")):
            values = [[row[measure]["value"] for row in way] for way in ways]
            cells = [median_worst(seeds, median=statistics.median, lone=True) for seeds in values]
            view.add_row(*(first if measure == "exact" else ("", "", "")), cases, *cells)
    return view


def marks(rows: Sequence[Row]) -> FittingTable:
    """What was to be reached, and the worst model and seed."""
    headings = ("mark", "wanted", "models", "worst", "reached")
    view = table("marks: the worst of all models and seeds", headings, left=("mark", "wanted"))
    for mark in _marks(rows):
        if mark.figures:
            worst = mark.worst(mark.figures)
            reached = "-" if mark.met is None else "yes" if mark.met(worst) else "no"
            view.add_row(mark.what, mark.wanted, str(len(mark.figures)), mark.form.format(worst), reached)
    return view


def _marks(rows: Sequence[Row]) -> list[Mark]:
    def within(points: float) -> Callable[[float], bool]:
        return lambda below: round(below, 6) <= points

    found = []
    for setting in dict.fromkeys(row["setting"] for row in rows):
        here = [row for row in rows if row["setting"] == setting]
        name = task_name(here[0])
        found.append(Mark(f"{EIGHTY}, {name}: points below", "at most 1", _below(here, EIGHTY), within(1)))
        found.append(Mark(f"int8, {name}: points below", "at most 0.5", _below(here, *INT8), within(0.5)))
        longest = _below(here, *INT8, measure="longest")
        found.append(Mark(f"int8, {name}, longest: points below", "at most 0.5", longest, within(0.5)))
        student = within(1) if name == "Close" else None
        wanted = "at most 1" if student else "reported"
        found.append(Mark(f"{STUDENT}, {name}: points below its teacher", wanted, _below(here, STUDENT), student))
        gain = [100 * (row["exact"]["value"] - other["exact"]["value"]) for row, other in _pairs(here, STUDENT, LABELS)]
        found.append(Mark(f"{STUDENT}, {name}: points above 300 labels", "above 0", gain, lambda v: v > 0, min))
    wide = [row for row in rows if row["arch"] == WIDE]
    faster = [row["prefixes_per_s"] / other["prefixes_per_s"] for row, other in _pairs(wide, HALF, AS_TRAINED)]
    sizes = [100 * row["bytes"] / other["bytes"] for way in INT8 for row, other in _pairs(wide, way, AS_TRAINED)]
    found.append(Mark(f"{HALF}, {WIDE}: points below", "at most 1", _below(wide, HALF), within(1)))
    found.append(
        Mark(f"{HALF}, {WIDE}: times as fast a batch", "at least 1.5", faster, lambda v: v >= 1.5, min, "{:.2f}")
    )
    found.append(Mark(f"int8, {WIDE}: % of the float file", "at most 30", sizes, lambda v: v <= 30))
    onnx = [row for row in rows if row["way"] == "onnx"]
    differing = [float(row["different_answers"]) for row in onnx]
    found.append(Mark("onnx: answers that differ, of 1000", "0", differing, lambda v: v == 0, max, "{:.0f}"))
    logits = [row["largest_difference"] for row in onnx]
    found.append(Mark("onnx: difference of logits", "at most 1e-4", logits, lambda v: v <= 1e-4, max, "{:.1e}"))
    return found


def all_models(rows: Sequence[Row]) -> FittingTable:
    """A section a model."""
    headings = ("task", "arch", "seed", "model", "exact %", "longest %", "kB", "parameters", "prefixes/s")
    view = table("everything that was made", headings, left=("task", "arch", "model"), keys=4)
    previous = None
    for row in rows:
        if row["way"] == "onnx":
            continue
        model = (task_name(row), row["arch"], str(row["seed"]))
        if previous not in (None, model):
            view.add_section()
        cells = [f"{100 * row['exact']['value']:.1f}"]
        if "bytes" in row:
            cells += [f"{100 * row['longest']['value']:.1f}", f"{row['bytes'] / 1000:.1f}"]
            cells += [f"{row['parameters']:,}", f"{row['prefixes_per_s']:,.0f}"]
        view.add_row(*(model if model != previous else ("", "", "")), row["way"], *cells)
        previous = model
    return view


def _below(rows: Sequence[Row], *ways: str, measure: str = "exact") -> list[float]:
    """Points that each model of these ways is below the one that it was made of."""
    pairs = [pair for way in ways for pair in _pairs(rows, way, AS_TRAINED)]
    return [100 * (other[measure]["value"] - row[measure]["value"]) for row, other in pairs]


def _pairs(rows: Sequence[Row], way: str, other: str) -> list[tuple[Row, Row]]:
    """The models of one way, each with that of another way and the same origin."""
    others = {_origin(row): row for row in rows if row["way"] == other}
    return [(row, others[_origin(row)]) for row in rows if row["way"] == way and _origin(row) in others]


def _origin(row: Row) -> tuple[str, str, int]:
    return row["setting"], row["arch"], row["seed"]


def pareto_front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The (size, exact) points that no other one beats in both, the smallest first."""
    front: list[tuple[float, float]] = []
    for size, exact in sorted(points, key=lambda point: (point[0], -point[1])):
        if not front or exact > front[-1][1]:
            front.append((size, exact))
    return front


def plot(rows: Sequence[Row], path: Path) -> None:
    """Size of the weights' file against exact match, a panel a task, with the Pareto front over all architectures.

    Raises:
        InputError: there are no results yet.
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    known = [row for row in rows if "bytes" in row]
    settings = sorted({row["setting"] for row in known})
    if not settings:
        raise InputError("no results to draw yet")
    figure, axes = panels(len(settings), 6 * len(settings), 4)
    colours = {"gru": "#0072B2", "transformer": "#D55E00", "gpt": "#009E73", "stack": "#CC79A7", WIDE: "#56B4E9"}
    for axis, setting in zip(axes[0], settings, strict=True):
        here = [row for row in known if row["setting"] == setting]
        for arch in sorted({row["arch"] for row in here}):
            mine = [(row["bytes"] / 1000, 100 * row["exact"]["value"]) for row in here if row["arch"] == arch]
            axis.scatter(*zip(*mine, strict=True), color=colours.get(arch, "#666666"), label=arch, s=24, zorder=3)
        front = pareto_front([(row["bytes"] / 1000, 100 * row["exact"]["value"]) for row in here])
        sizes = sorted(row["bytes"] for row in here)
        axis.step(*zip(*front, strict=True), where="post", color="#666666", linewidth=1, label="Pareto front")
        axis.set(title=setting, xlabel="size of the weights' file, kB", ylabel="exact match, %", xscale="log")
        axis.xaxis.set_major_formatter("{x:g}")
        # Less than two powers of ten: also the numbers between them that have room beside each other.
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if sizes[-1] < 100 * sizes[0] else (1,)))
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.set_ylim(min(axis.get_ylim()[0], 98), 100.2)  # a tenth of a point is one case of 1000
        axis.grid(alpha=0.3)
        axis.legend(loc="lower right")
    save(figure, path)
