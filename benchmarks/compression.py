"""``python -m benchmarks.compression``: what pruning, int8 and distillation cost and save.

A run trains one architecture on one task and compresses the same model in every way that the architecture can take,
each with the defaults of ``supervised.compress``:

    50 % ... 95 %       that share of the weights zero, after fine-tuning
    half the units      removed, so that the network is smaller (gru, transformer)
    int8-weights, -dynamic
    80 % and int8       both: pruned, then quantised
    gru of 32 units     a student that learned the model's answers; beside it the same network on 300 labels (gru only)

Figures are exact match on 1 000 cases of the test split and on the 1 000 longest of 10 000, the size of the weights'
file, and prefixes answered a second in batches of 256.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.grid import GridOptions, run_grid
from bracket_env.atomic import write_bytes, write_text
from bracket_env.command import run

Way = dict[str, Any]
SPARSITIES = (0.5, 0.8, 0.9, 0.95)
STUDENT: Way = {"distill_to": "gru", "units": 32}
STRUCTURED = ("gru", "transformer")


@dataclass(frozen=True)
class CompressionJob:
    """One model and everything that is made of it."""

    arch: str
    setting: str
    seed: int
    steps: int
    batch_size: int
    learning_rate: float


@dataclass(frozen=True)
class CompressionBenchmark(GridOptions):
    """Size, speed and exact match of compressed models."""

    archs: tuple[str, ...] = ("gru", "transformer", "gpt", "stack")
    """Which architectures."""
    settings: tuple[str, ...] = ("Close", "CloseDeep")
    """Which tasks; CloseDeep for the gru only, with --full for all."""
    seeds: tuple[int, ...] = (0,)
    """Of the models."""
    plot: str | None = None
    """Draw size against exact match into this PNG."""


def jobs(config: CompressionBenchmark) -> list[CompressionJob]:
    """One an architecture, task and seed."""
    found = []
    for setting in config.settings:
        steps, batch_size = (1500, 256) if setting == "Close" else (3000, 128)
        for arch in config.archs:
            if setting != "Close" and arch != "gru" and not config.full:
                continue
            rate = 2e-3 if arch in ("transformer", "gpt") else 4e-3
            found += [
                CompressionJob(arch, f"bracket/{setting}-v0", seed, steps, batch_size, rate) for seed in config.seeds
            ]
    return found


def ways(arch: str) -> dict[str, Way]:
    """What an architecture can take: name -> options of ``supervised.compress``."""
    found: dict[str, Way] = {f"{sparsity:.0%} zeros": {"prune": sparsity} for sparsity in SPARSITIES}
    if arch in STRUCTURED:
        found["half the units"] = {"prune": 0.5, "structured": True}
    found |= {method: {"quantize": method} for method in ("int8-weights", "int8-dynamic")}
    found["80% zeros, int8"] = {"prune": 0.8, "quantize": "int8-weights"}
    if arch == "gru":
        found["gru of 32 units"] = STUDENT
    return found


def work(job: CompressionJob) -> dict[str, Any]:
    """Train, compress in every way; the rows that ``supervised.compress`` tells."""
    from supervised.compress import Compress
    from supervised.compression.pipeline import compress
    from supervised.train import Train
    from supervised.training import train

    command = ["benchmarks.compression"]
    with tempfile.TemporaryDirectory() as folder, open("/dev/null", "w", encoding="utf-8") as silence:
        console, told = Console(file=silence), Path(folder) / "rows.json"
        shared: dict[str, Any] = {"runs_dir": folder, "setting": job.setting, "seed": job.seed}
        shared |= {"steps": job.steps, "batch_size": job.batch_size, "learning_rate": job.learning_rate}
        train(Train(name="model", arch=job.arch, **shared), command, console)  # type: ignore[arg-type]
        rows: dict[str, Any] = {}
        for name, way in ways(job.arch).items():
            config = Compress(run="model", runs_dir=folder, name="small", force=True, json=str(told), **way)
            compress(config, command, console)
            before, after = json.loads(told.read_text(encoding="utf-8"))["rows"]
            rows.setdefault("as trained", before)
            rows[name] = after
        if job.arch == "gru":
            labels = {"dataset_size": "300", "units": STUDENT["units"], "json": str(told)}
            train(Train(name="labels", **labels, **shared), command, console)
            solver = json.loads(told.read_text(encoding="utf-8"))["solvers"][0]
            rows["gru of 32 units, 300 labels"] = {"exact": solver["exact"]}
    return {"rows": rows}


def table_rows(results: Sequence[tuple[CompressionJob, dict[str, Any]]]) -> list[dict[str, Any]]:
    """One row a model."""
    return [
        {"setting": job.setting, "arch": job.arch, "seed": job.seed, "way": way, **row}
        for job, result in results
        for way, row in result["rows"].items()
    ]


def show(table: Sequence[dict[str, Any]], console: Console) -> None:
    """A section a model."""
    view = Table(title="compression", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("task", "arch", "seed", "model", "exact %", "longest %", "kB", "parameters", "prefixes/s"):
        view.add_column(heading, justify="left" if heading in ("task", "arch", "model") else "right", no_wrap=True)
    previous = None
    for row in table:
        model = (row["setting"].removeprefix("bracket/").removesuffix("-v0"), row["arch"], str(row["seed"]))
        if previous not in (None, model):
            view.add_section()
        cells = [f"{100 * row['exact']['value']:.1f}"]
        if "bytes" in row:
            cells += [f"{100 * row['longest']['value']:.1f}", f"{row['bytes'] / 1000:.1f}"]
            cells += [f"{row['parameters']:,}", f"{row['prefixes_per_s']:,.0f}"]
        view.add_row(*(model if model != previous else ("", "", "")), row["way"], *cells)
        previous = model
    console.print(view)


def pareto_front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The (size, exact) points that no other one beats in both, the smallest first."""
    front: list[tuple[float, float]] = []
    for size, exact in sorted(points, key=lambda point: (point[0], -point[1])):
        if not front or exact > front[-1][1]:
            front.append((size, exact))
    return front


def plot(table: Sequence[dict[str, Any]], path: Path) -> None:
    """Size of the weights' file against exact match, a panel a task, with the Pareto front over all architectures."""
    import io

    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    known = [row for row in table if "bytes" in row]
    settings = sorted({row["setting"] for row in known})
    figure = Figure(figsize=(6 * len(settings), 4), layout="constrained")
    FigureCanvasAgg(figure)
    colours = {"gru": "#0072B2", "transformer": "#D55E00", "gpt": "#009E73", "stack": "#CC79A7"}
    for axis, setting in zip(figure.subplots(1, len(settings), squeeze=False)[0], settings, strict=True):
        here = [row for row in known if row["setting"] == setting]
        for arch in sorted({row["arch"] for row in here}):
            mine = [(row["bytes"] / 1000, 100 * row["exact"]["value"]) for row in here if row["arch"] == arch]
            axis.scatter(*zip(*mine, strict=True), color=colours.get(arch, "#666666"), label=arch, s=24, zorder=3)
        front = pareto_front([(row["bytes"] / 1000, 100 * row["exact"]["value"]) for row in here])
        axis.step(*zip(*front, strict=True), where="post", color="#666666", linewidth=1, label="Pareto front")
        axis.set(title=setting, xlabel="size of the weights' file, kB", ylabel="exact match, %", xscale="log")
        axis.grid(alpha=0.3)
        axis.legend(loc="lower right")
    image = io.BytesIO()
    figure.savefig(image, dpi=110)
    write_bytes(path, image.getvalue())


def main(config: CompressionBenchmark) -> None:
    """Run what is missing and print the table."""
    table = table_rows(run_grid("compression", jobs(config), work, config))
    show(table, Console())
    if config.json is not None:
        write_text(config.json, json.dumps({"rows": table}, indent=2) + "\n")
    if config.plot is not None:
        plot(table, Path(config.plot))


if __name__ == "__main__":
    sys.exit(run(CompressionBenchmark, main, prog="python -m benchmarks.compression"))
