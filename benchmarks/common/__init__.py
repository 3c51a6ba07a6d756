"""What benchmarks share. A new benchmark is one file beside this folder, here widths.py:

    @dataclass(frozen=True)
    class Job:                                  what is measured once: fields that JSON knows
        width: int
        seed: int

    def work(job):                              in a worker process; its result is kept in results/widths.jsonl
        with quiet_runs("widths") as runs:
            runs.train(units=job.width, seed=job.seed)
            return runs.test_figures()

    def main(options):
        jobs = [Job(width, seed) for width in (32, 64) for seed in options.default_seeds()]
        rows = by_seed(run_grid("widths", jobs, work, options), ("width",))
        view = table("exact %, median (worst) seed", ("width", "exact"))
        for row in rows:
            view.add_row(str(row["width"]), median_worst(row["exact"]))
        publish(options, {"rows": rows}, view)

    if __name__ == "__main__":
        command(GridOptions, main, "widths")

Beside these names stand :mod:`~benchmarks.common.plots` and what several benchmarks measure with.
"""

from benchmarks.common.grid import GridOptions, SeededGridOptions, code_version, run_grid
from benchmarks.common.quiet import QuietRuns, curve, figures, quiet_runs
from benchmarks.common.report import (
    Archs,
    Arms,
    Augmented,
    Budget,
    CurvePlot,
    JsonOption,
    Labels,
    Settings,
    command,
    publish,
    table_console,
    task_name,
)
from benchmarks.common.seeds import (
    Result,
    by_seed,
    grouped,
    levels_reached,
    median_worst,
    rounded_down,
    seeds_of,
    steps_needed,
)
from benchmarks.common.timing import TimingOptions, best_of
from bracket_env.scores.tables import FittingTable, table

__all__ = [
    "Archs",
    "Arms",
    "Augmented",
    "Budget",
    "CurvePlot",
    "FittingTable",
    "GridOptions",
    "JsonOption",
    "Labels",
    "QuietRuns",
    "Result",
    "SeededGridOptions",
    "Settings",
    "TimingOptions",
    "best_of",
    "by_seed",
    "code_version",
    "command",
    "curve",
    "figures",
    "grouped",
    "levels_reached",
    "median_worst",
    "publish",
    "quiet_runs",
    "rounded_down",
    "run_grid",
    "seeds_of",
    "steps_needed",
    "table",
    "table_console",
    "task_name",
]
