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

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from benchmarks.common import SeededGridOptions, command, publish, quiet_runs, run_grid, table_console
from benchmarks.common.compression_tables import (
    AS_TRAINED,
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
class CompressionBenchmark(SeededGridOptions):
    """Size, speed and exact match of compressed models."""

    archs: tuple[Arch, ...] = get_args(Arch)
    """Which models; gru-256: the gru with 256 units."""
    settings: tuple[Literal["Close", "CloseDeep"], ...] = ("Close", "CloseDeep")
    """Which tasks; CloseDeep for the gru only, with --full for all."""
    plot: str | None = None
    """Draw size against exact match into this PNG."""


def jobs(config: CompressionBenchmark) -> list[CompressionJob]:
    """One a model, task and seed."""
    found = []
    for setting in config.settings:
        steps, batch_size = (1500, 256) if setting == "Close" else (3000, 128)
        for arch in config.archs:
            if setting != "Close" and (arch == WIDE or (arch != "gru" and not config.full)):
                continue
            rate = {"transformer": 2e-3, "gpt": 2e-3, WIDE: 2e-3}.get(arch, 4e-3)
            found += [
                CompressionJob(arch, f"bracket/{setting}-v0", seed, steps, batch_size, rate)
                for seed in config.chosen_seeds()
            ]
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
    shared: dict[str, Any] = {"setting": job.setting, "seed": job.seed, "steps": job.steps}
    shared |= {"batch_size": job.batch_size, "learning_rate": job.learning_rate}
    steps = {"fine_tune_steps": job.fine_tune_steps, "distill_steps": job.distill_steps}
    size: dict[str, Any] = {"arch": "gru", "units": 256} if job.arch == WIDE else {"arch": job.arch}
    with quiet_runs("benchmarks.compression") as runs:
        runs.train(AS_TRAINED, **size, target=1.0, **shared)
        rows: dict[str, Any] = {}
        for name, way in ways(job.arch).items():
            runs.compress(name, **{"run": AS_TRAINED, **way, **steps})
            before, after = runs.scores_written()["rows"]
            rows.setdefault(AS_TRAINED, before)
            rows[name] = after
        if job.arch == "gru":
            runs.train("labels", dataset_size="300", units=STUDENT_OPTIONS["units"], **shared)
            rows[LABELS] = {"exact": runs.scores_written()["solvers"][0]["exact"]}
        return {"rows": rows, "onnx": _exported(runs.folder / AS_TRAINED, job.setting)}


def _exported(path: Path, setting: str) -> dict[str, Any] | None:
    """How far the ONNX file of a run agrees with it on 1000 test cases; None without the packages."""
    from bracket_env import BracketTokenizer, InputError, get_setting
    from supervised.compress.onnx.check import compare
    from supervised.compress.onnx.export import check_packages, export
    from supervised.runs import RunFolder, load_best

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
    rows = table_rows(run_grid("compression", jobs(config), work, config))
    publish(config, {"rows": rows}, by_sparsity(rows), marks(rows), all_models(rows), console=table_console())
    if config.plot is not None:
        plot(rows, Path(config.plot))


if __name__ == "__main__":
    command(CompressionBenchmark, main, "compression")
