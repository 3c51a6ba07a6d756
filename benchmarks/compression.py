"""``python -m benchmarks.compression``: what pruning, int8, distillation and export cost and save.

A job trains one model on one task and compresses that same model in every way that it can take, each with the defaults
of ``supervised.compress``:

    50% ... 95% zeros   that share of the weights zero, after fine-tuning
    half the units      removed, so that the network is smaller (gru, transformer)
    int8-weights, -dynamic
    80% zeros, int8     the pruned one, quantised
    gru of 32 units     a student that learned the model's answers; beside it the same network on 300 labels (gru only)

``gru-256`` is the gru with 256 units, on ``Close`` and without the zeros: what halving and int8 are worth at that
width. Every model is also exported to ONNX and compared with onnxruntime, where that is installed.

Figures are exact match on 1 000 cases of the test split and on the 1 000 longest of 10 000, the size of the weights'
file, and prefixes answered a second in batches of 256. Tables: exact match by sparsity, what the marks ask for, all
models (:mod:`benchmarks.common.compression_tables`).
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from rich.console import Console

from benchmarks.common.compression_tables import (
    EIGHTY,
    HALF,
    LABELS,
    SPARSITIES,
    STUDENT,
    WIDE,
    all_models,
    by_sparsity,
    marks,
    plot,
    zeros,
)
from benchmarks.common.grid import GridOptions, run_grid, table_console
from bracket_env.atomic import write_text
from bracket_env.command import run
from supervised.compress.options import Compress

Way = dict[str, Any]
STUDENT_OPTIONS: Way = {"distill_to": "gru", "units": 32}
Arch = Literal["gru", "gru-256", "stack", "transformer", "gpt"]
STRUCTURED = ("gru", WIDE, "transformer")


@dataclass(frozen=True)
class CompressionJob:
    """One model and everything that is made of it."""

    arch: str
    """An architecture, or gru-256."""
    setting: str
    seed: int
    steps: int
    batch_size: int
    learning_rate: float
    fine_tune_steps: int = Compress.fine_tune_steps
    distill_steps: int = Compress.distill_steps


@dataclass(frozen=True)
class CompressionBenchmark(GridOptions):
    """Size, speed and exact match of compressed models."""

    archs: tuple[Arch, ...] = get_args(Arch)
    """Which models; gru-256: the gru with 256 units."""
    settings: tuple[Literal["Close", "CloseDeep"], ...] = ("Close", "CloseDeep")
    """Which tasks; CloseDeep for the gru only, with --full for all."""
    seeds: tuple[int, ...] | None = None
    """Of the models; by default 0, with --full 0 to 4."""
    plot: str | None = None
    """Draw size against exact match into this PNG."""


def jobs(config: CompressionBenchmark) -> list[CompressionJob]:
    """One a model, task and seed."""
    seeds = config.seeds or range(5 if config.full else 1)
    found = []
    for setting in config.settings:
        steps, batch_size = (1500, 256) if setting == "Close" else (3000, 128)
        for arch in config.archs:
            if setting != "Close" and (arch == WIDE or (arch != "gru" and not config.full)):
                continue
            rate = {"transformer": 2e-3, "gpt": 2e-3, WIDE: 2e-3}.get(arch, 4e-3)
            found += [CompressionJob(arch, f"bracket/{setting}-v0", seed, steps, batch_size, rate) for seed in seeds]
    return found


def ways(arch: str) -> dict[str, Way]:
    """What a model can take: name -> options of ``supervised.compress``."""
    found: dict[str, Way] = {}
    if arch != WIDE:
        found = {zeros(sparsity): {"prune": sparsity} for sparsity in SPARSITIES}
        found["80% zeros, int8"] = {"run": EIGHTY, "quantize": "int8-weights"}
    if arch in STRUCTURED:
        found[HALF] = {"prune": 0.5, "structured": True}
    found |= {method: {"quantize": method} for method in ("int8-weights", "int8-dynamic")}
    if arch == "gru":
        found[STUDENT] = STUDENT_OPTIONS
    return found


def work(job: CompressionJob) -> dict[str, Any]:
    """Train, compress in every way; the rows that ``supervised.compress`` tells, and how far the ONNX file agrees."""
    from supervised.compress.run import compress
    from supervised.train.options import Train
    from supervised.train.run import train

    command = ["benchmarks.compression"]
    with tempfile.TemporaryDirectory() as folder, open("/dev/null", "w", encoding="utf-8") as silence:
        console, told = Console(file=silence), Path(folder) / "rows.json"
        shared: dict[str, Any] = {"runs_dir": folder, "setting": job.setting, "seed": job.seed}
        shared |= {"steps": job.steps, "batch_size": job.batch_size, "learning_rate": job.learning_rate}
        size: dict[str, Any] = {"arch": "gru", "units": 256} if job.arch == WIDE else {"arch": job.arch}
        train(Train(name="as trained", **size, target=1.0, **shared), command, console)
        rows: dict[str, Any] = {}
        for name, way in ways(job.arch).items():
            options: Way = {"run": "as trained", "runs_dir": folder, "name": name, "json": str(told), **way}
            steps = {"fine_tune_steps": job.fine_tune_steps, "distill_steps": job.distill_steps}
            config = Compress(**options, **steps)
            compress(config, command, console)
            before, after = json.loads(told.read_text(encoding="utf-8"))["rows"]
            rows.setdefault("as trained", before)
            rows[name] = after
        if job.arch == "gru":
            labels = {"dataset_size": "300", "units": STUDENT_OPTIONS["units"], "json": str(told)}
            train(Train(name="labels", **labels, **shared), command, console)
            solver = json.loads(told.read_text(encoding="utf-8"))["solvers"][0]
            rows[LABELS] = {"exact": solver["exact"]}
        return {"rows": rows, "onnx": _exported(Path(folder) / "as trained", job.setting)}


def _exported(path: Path, setting: str) -> dict[str, Any] | None:
    """How far the ONNX file of a run agrees with it on 1000 test cases; None without the packages."""
    from bracket_env.errors import InputError
    from bracket_env.sampling.settings import get_setting
    from bracket_env.tokenizer import BracketTokenizer
    from supervised.compress.onnx.check import compare
    from supervised.compress.onnx.export import check_packages, export
    from supervised.runs.folder import RunFolder
    from supervised.runs.loading import load_best

    try:
        check_packages()
    except InputError:
        return None
    folder = RunFolder.open(path)
    model, config = load_best(folder, floats=True), folder.config
    prefixes = [case.prefix for case in get_setting(setting).evaluation_cases("test", 1000)]
    data = export(model, config.pairs, masked=config.masked)
    return asdict(compare(data, model, BracketTokenizer(config.language), prefixes, masked=config.masked))


def table_rows(results: Sequence[tuple[CompressionJob, dict[str, Any]]]) -> list[dict[str, Any]]:
    """One row a model."""
    return [
        {"setting": job.setting, "arch": job.arch, "seed": job.seed, "way": way, **row}
        for job, result in results
        for way, row in [*result["rows"].items(), ("onnx", result["onnx"])]
        if row is not None
    ]


def main(config: CompressionBenchmark) -> None:
    """Run what is missing and print the tables."""
    table = table_rows(run_grid("compression", jobs(config), work, config))
    for view in (by_sparsity(table), marks(table), all_models(table)):
        table_console().print(view)
    if config.json is not None:
        write_text(config.json, json.dumps({"rows": table}, indent=2) + "\n")
    if config.plot is not None:
        plot(table, Path(config.plot))


if __name__ == "__main__":
    sys.exit(run(CompressionBenchmark, main, prog="python -m benchmarks.compression"))
