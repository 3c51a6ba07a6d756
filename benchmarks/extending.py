"""``python -m benchmarks.extending``: what a finished run gains from half as many steps again, and what it loses.

A run of each kind is trained to its end, and from there ``--resume RUN --extend`` goes on with each schedule; beside
it stands a run that was to be so long from the beginning. The rates fall to 0 (cosine; PPO linear), so the extension
has a schedule of its own. Figures are the exact match (pre-training: the share of right closers) of the *last* model,
not of the best one, on 1000 cases of the validation split, as the run logs them. *Lost* counts the seeds whose
extended model is below the old end by more than the old end's 95 % interval; *lowest* is the worst evaluation in the
extension, seen from the old end.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.common import (
    QuietRuns,
    Result,
    SeededGridOptions,
    command,
    grouped,
    median_worst,
    publish,
    quiet_runs,
    run_grid,
    table,
)
from bracket_env import Estimate

if TYPE_CHECKING:
    from supervised.runs import RunFolder

CASES = 1000
SCHEDULES = ("rewarm", "floor")
PAIRS = ("()", "【】", "{}", "<>")  # what adapted runs learn: one pair more
Make = Callable[[QuietRuns, str, int, int], "RunFolder"]
"""From the runs, a name, a number of steps and a seed to a run."""


def _train(runs: QuietRuns, name: str, steps: int, seed: int) -> RunFolder:
    return runs.train(name, steps=steps, seed=seed, eval_every=50)


def _pretrain(runs: QuietRuns, name: str, steps: int, seed: int) -> RunFolder:
    return runs.pretrain(name, steps=steps, seed=seed, eval_every=50)


def _adapt(runs: QuietRuns, name: str, steps: int, seed: int, tune: Any = "full") -> RunFolder:
    from supervised.adapt.options import RATES

    if not (runs.folder / "base").exists():
        runs.train("base", arch="transformer" if tune == "lora" else "gru", steps=150, seed=seed)
    rate = RATES[False, tune]
    return runs.adapt(
        base="base", name=name, pairs=PAIRS, tune=tune, learning_rate=rate, steps=steps, seed=seed, eval_every=50
    )


def _lora(runs: QuietRuns, name: str, steps: int, seed: int) -> RunFolder:
    return _adapt(runs, name, steps, seed, tune="lora")


def _ppo(runs: QuietRuns, name: str, steps: int, seed: int) -> RunFolder:
    return runs.train_ppo(name=name, total_timesteps=steps, seed=seed, eval_every=12_500)


def _instruct(runs: QuietRuns, name: str, steps: int, seed: int) -> RunFolder:
    return runs.train_instruct(name=name, ncl_encoder="hash", total_timesteps=steps, seed=seed, eval_every=12_500)


KINDS: Mapping[str, tuple[Make, int, str]] = {
    "train": (_train, 300, "exact"),
    "pretrain": (_pretrain, 200, "closers"),
    "adapt": (_adapt, 100, "exact"),
    "adapt, LoRA": (_lora, 100, "exact"),
    "train_ppo": (_ppo, 50_000, "exact"),
    "train_instruct": (_instruct, 50_000, "exact"),
}
"""Kind of run -> what trains it, its steps, and the figure it is measured by; the cheapest first."""


@dataclass(frozen=True)
class ExtendingJob:
    """One run, extended with each schedule, and one of the whole length."""

    kind: str
    seed: int
    steps: int


@dataclass(frozen=True)
class Extending(SeededGridOptions):
    """Extending a run of each kind by half of its length."""

    kinds: tuple[str, ...] = tuple(KINDS)
    """Which kinds of runs."""


def work(job: ExtendingJob) -> dict[str, Any]:
    """Train once, extend with each schedule, and train once for the whole length."""
    make, _, figure = KINDS[job.kind]
    more = job.steps // 2
    with quiet_runs("benchmarks.extending", report=False) as runs:
        old = make(runs, "old", job.steps, job.seed)
        found: dict[str, Any] = {"old": _last(old, figure)}
        before = len(old.metrics())
        for schedule in SCHEDULES:
            copied = type(old)(runs.folder / schedule, old.config)
            shutil.copytree(old.path, copied.path)
            longer = runs.extend(copied, more, schedule)
            found[schedule] = _last(longer, figure)
            found[f"{schedule}_lowest"] = min(entry[figure] for entry in longer.metrics()[before:])
            found[f"{schedule}_loss"] = longer.metrics()[-1]["loss"]
        whole = make(runs, "whole", job.steps + more, job.seed)
        return {**found, "whole": _last(whole, figure), "seconds": whole.metrics()[-1]["seconds"]}


def _last(run: RunFolder, figure: str) -> float:
    return run.metrics()[-1][figure]


def rows(results: Sequence[Result]) -> list[dict[str, Any]]:
    """One row a kind and schedule."""
    found = []
    for (kind, steps), members in grouped(results, ("kind", "steps")).items():
        figures = [result for _, result in members]
        for schedule in SCHEDULES:
            lows = [Estimate.of(CASES * result["old"], CASES).low for result in figures]
            lost = sum(result[schedule] < low for result, low in zip(figures, lows, strict=True))
            found.append(
                {
                    "kind": kind, "steps": steps, "more": steps // 2, "schedule": schedule,
                    "seeds": [job.seed for job, _ in members],
                    "old": [result["old"] for result in figures],
                    "extended": [result[schedule] for result in figures],
                    "lowest": [result[f"{schedule}_lowest"] - result["old"] for result in figures],
                    "whole": [result["whole"] for result in figures],
                    "lost": lost,
                }
            )  # fmt: skip
    return found


def main(config: Extending) -> None:
    """Run what is missing and print the table."""
    jobs = [ExtendingJob(kind, seed, KINDS[kind][1]) for kind in config.kinds for seed in config.chosen_seeds()]
    found = rows(run_grid("extending", jobs, work, config))
    view = table(
        "the last model on 1000 validation cases, %: median (worst) seed",
        ("kind", "steps", "schedule", "old end", "extended", "whole length", "lowest", "lost", "seeds"),
        left=("kind", "schedule"),
    )
    for row in found:
        view.add_row(
            row["kind"], f"{row['steps']:,} + {row['more']:,}", row["schedule"], median_worst(row["old"]),
            median_worst(row["extended"]), median_worst(row["whole"]), median_worst(row["lowest"], "{:+.1f}".format),
            str(row["lost"]), str(len(row["seeds"])),
        )  # fmt: skip
    publish(config, {"rows": found}, view)


if __name__ == "__main__":
    command(Extending, main, "extending")
