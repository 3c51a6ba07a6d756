"""``python -m benchmarks.wrong_labels``: what wrongly ordered targets in a training file cost.

3000 labelled cases of Close; in a share of them the target has the right closers in another order, as in the files of
BracketCloser-LLM. They are learned as they are (``plain``), with ``--label-smoothing 0.1``, without the wrong ones
(``--wrong-targets drop``), or beside a sentence. Figures are the best model (chosen on 1000 validation cases) on right
answers to 1000 cases of the test split, decoded freely: median (worst) of the seeds.

Only where several types of brackets are open can the order be wrong, so the share of wrong targets among *those* is
about three times as high; the table shows it.

The table of docs/case_files.md, from the results that are kept there:

    python -m benchmarks.wrong_labels --show --any-commit --results-dir docs/results
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.common import (
    Archs,
    Arms,
    CurvePlot,
    SeededGridOptions,
    by_seed,
    command,
    median_worst,
    publish,
    quiet_runs,
    run_grid,
    table,
)
from benchmarks.common.plots import COLOURS, panels, save, seed_line
from bracket_env import Case, get_setting, write_cases
from bracket_env.random_streams import bits, key, subkey

SETTING = "bracket/Close-v0"
LABELS = 3000
LEVELS = (0, 2, 5, 10, 20)
SENTENCE = "The bracket opened last is closed first."
ARMS: dict[str, dict[str, Any]] = {
    "plain": {"wrong_targets": "keep"},
    "label smoothing": {"wrong_targets": "keep", "label_smoothing": 0.1},
    "drop": {"wrong_targets": "drop"},
    "sentence": {"wrong_targets": "keep", "instruction": (SENTENCE,)},
}
"""What is done about wrong targets -> options of ``supervised.train``."""
WHOLE = ("gru", "transformer")
OTHERS = ("lstm", "gpt", "bert", "stack", "tree")
Cells = Mapping[tuple[str, str, int], dict[str, Any]]


@dataclass(frozen=True)
class WrongLabelsJob:
    """One training run."""

    arch: str
    level: int
    """Wrong targets in percent."""
    arm: str
    seed: int
    steps: int = 500
    labels: int = LABELS


@dataclass(frozen=True)
class WrongLabels(CurvePlot, Archs, Arms, SeededGridOptions):
    """Exact match on right answers by the share of wrongly ordered targets in 3000 labels."""

    archs: tuple[str, ...] = (*WHOLE, *OTHERS)
    arms: tuple[str, ...] = tuple(ARMS)
    levels: tuple[int, ...] = LEVELS
    """Wrong targets in percent (the last five architectures: 5, plain)."""


def jobs(config: WrongLabels) -> list[WrongLabelsJob]:
    """Seed by seed, so that what is stopped early has every cell."""
    found = []
    for seed in range(3) if config.seeds is None and not config.full else config.chosen_seeds():
        for arch in config.archs:
            cells = [(level, arm) for level in config.levels for arm in config.arms if (level, arm) != (0, "drop")]
            if arch not in WHOLE:
                cells = [cell for cell in cells if cell == (5, "plain")]
            found += [WrongLabelsJob(arch, level, arm, seed) for level, arm in cells]
    return found


def mislabelled(cases: Sequence[Case], wrong: int, seed: int) -> list[Case]:
    """The cases with another order of the closers in the targets of ``wrong`` of them.

    Which ones, among those whose order can be wrong, follows from the seed; fewer wrong ones are among the more.
    """
    stream = key(seed, "benchmarks/wrong_labels")
    able = [i for i, case in enumerate(cases) if len(set(case.completion)) > 1]
    chosen = set(sorted(able, key=lambda i: bits(subkey(stream, i), 0))[:wrong])
    return [
        Case(case.prefix, _other_order(case.completion, subkey(stream, i))) if i in chosen else case
        for i, case in enumerate(cases)
    ]


def _other_order(completion: str, stream: int) -> str:
    """Another order of the same closers, drawn."""
    for attempt in range(1, 100):
        places = sorted(range(len(completion)), key=lambda i: bits(stream, 16 * attempt + i))
        if (found := "".join(completion[i] for i in places)) != completion:
            return found
    return completion[::-1]


def work(job: WrongLabelsJob) -> dict[str, Any]:
    """Write the file, train once; the scores of the best model on the test split."""
    setting = get_setting(SETTING)
    cases = setting.sampler(split="train").cases(key(job.seed, f"supervised/dataset/{setting.id}/train"), job.labels)
    labels = mislabelled(cases, job.labels * job.level // 100, job.seed)
    with quiet_runs("benchmarks.wrong_labels") as runs:
        path = Path(runs.folder, "bracket_dataset.json")
        write_cases(path, labels, format="array")
        options: dict[str, Any] = {"dataset": str(path), "arch": job.arch, "steps": job.steps, "seed": job.seed}
        options["learning_rate"] = 2e-3 if job.arch in ("transformer", "gpt", "bert") else 4e-3
        last = runs.train(**options, **ARMS[job.arm]).metrics()[-1]
        able = sum(len(set(case.completion)) > 1 for case in cases)
        return {
            **runs.test_figures(),
            "wrong_of_able": job.labels * job.level // 100 / able,
            "last_validation": last["exact"],
            "seconds": last["seconds"],
        }


def main(config: WrongLabels) -> None:
    """Run what is missing and print the table: a row an architecture and arm, a column a level."""
    rows = by_seed(run_grid("wrong_labels", jobs(config), work, config), ("arch", "arm", "level"), ("steps",))
    cells = {(row["arch"], row["arm"], row["level"]): row for row in rows}
    view = table(
        f"{LABELS} labels of Close: exact % on right answers to 1000 test cases, median (worst) seed",
        ("arch", "arm", "seeds", *(f"{level} % wrong" for level in config.levels)),
        left=("arch", "arm"),
    )
    shares = {level: [s for row in rows if row["level"] == level for s in row["wrong_of_able"]] for level in LEVELS}
    view.add_row("", "wrong where order matters", "", *(_share(shares[level]) for level in config.levels))
    for arch in config.archs:
        for arm in config.arms:
            found = [cells.get((arch, _measured(arm, level), level)) for level in config.levels]
            if any(found):
                seeds = {str(len(row["seeds"])) for row in found if row is not None}
                view.add_row(arch, arm, "-".join(sorted(seeds)), *(_cell(row) for row in found))
    if config.plot is not None:
        draw(cells, config.arms, Path(config.plot))
    publish(config, {"rows": rows}, view)


def draw(cells: Cells, arms: Sequence[str], path: Path) -> None:
    """Exact match over the share of wrong targets: a panel for each of the two, a line an arm, and what is wrong.

    Args:
        cells: (architecture, arm, level) -> the row of its seeds.
        path: a PNG.
    """
    figure, axes = panels(len(WHOLE), 5.5 * len(WHOLE), 3.8)
    for axis, arch in zip(axes[0], WHOLE, strict=True):
        for colour, arm in zip(COLOURS, arms, strict=False):
            found = [(level, cells.get((arch, _measured(arm, level), level))) for level in LEVELS]
            points = [(level, row["exact"]) for level, row in found if row is not None]
            if points:
                x, shares = zip(*points, strict=True)
                seed_line(axis, x, shares, colour, "o-", median=statistics.median_low, markersize=4, label=arm)
        axis.set(title=arch, xlabel="wrong targets, %", ylabel="exact match on right answers, %", ylim=(70, 100.5))
        axis.set_xticks(LEVELS)
        axis.grid(alpha=0.3)
        if axis.lines:
            axis.legend(loc="lower left")
    save(figure, path)


def _measured(arm: str, level: int) -> str:
    """The arm that was run for another one: without wrong targets none can be dropped."""
    return "plain" if (arm, level) == ("drop", 0) else arm


def _cell(row: dict[str, Any] | None) -> str:
    return "not run" if row is None else median_worst(row["exact"])


def _share(values: Sequence[float]) -> str:
    return f"{100 * sum(values) / len(values):.0f} %" if values else "-"


if __name__ == "__main__":
    command(WrongLabels, main, "wrong_labels")
