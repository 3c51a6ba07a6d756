"""``python -m benchmarks.ppo_learning_curve``: how many steps and seconds PPO needs to 90, 95 and 99 % exact.

Ours (native vector environment, GRU or Transformer extractor, with and without the action mask) against stock
Stable-Baselines3: ``DummyVecEnv`` of 8 scalar environments, ``MlpPolicy`` on one-hot tokens, default hyperparameters.
Levels are read off evaluations on 1000 validation cases, free decoding; the final columns are the best model on 1000
cases of the test split. A seed that never reaches a level within its budget of N steps counts as ">N".
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.common.grid import GridOptions, percent_of_seeds, run_grid
from bracket_env.atomic import write_bytes, write_text
from bracket_env.command import run

LEVELS = (0.90, 0.95, 0.99)
SEEDS = range(5)


@dataclass(frozen=True)
class PPOJob:
    """One training run."""

    setting: str
    agent: str
    """gru, gru-mask, transformer, transformer-mask or stock."""
    seed: int
    total_timesteps: int
    eval_every: int = 20_000


@dataclass(frozen=True)
class LearningCurve(GridOptions):
    """Learning curves of PPO on Close and CloseDeep, seeds 0-4: steps and seconds to 90, 95, 99 % exact."""

    agents: tuple[str, ...] = ("gru", "gru-mask", "transformer", "stock")
    """Which agents."""
    settings: tuple[str, ...] = ("Close", "CloseDeep")
    """Which tasks."""
    plot: str | None = None
    """Draw the curves into this PNG."""


def jobs(config: LearningCurve) -> list[PPOJob]:
    """The runs asked for.

    With --full all agents run on both tasks, stock SB3 for 2 M steps; without, the Transformer and stock SB3 run on
    Close only, and stock SB3 for 400 k steps, which takes it longer than ours takes to finish.
    """
    found = []
    for setting in config.settings:
        for agent in config.agents:
            ours_first = agent in ("gru", "gru-mask")
            if setting != "Close" and not (ours_first or config.full):
                continue
            budget = 2_000_000 if agent == "stock" and config.full else 400_000 if setting == "Close" else 500_000
            every = 20_000 if setting == "Close" else 50_000
            found += [PPOJob(f"bracket/{setting}-v0", agent, seed, budget, every) for seed in SEEDS]
    return found


def work(job: PPOJob) -> dict[str, Any]:
    """Train once; the curve and the final scores."""
    return _stock(job) if job.agent == "stock" else _ours(job)


def _ours(job: PPOJob) -> dict[str, Any]:
    from agents.train_ppo.options import TrainPPO
    from agents.train_ppo.run import train

    encoder, _, masked = job.agent.partition("-")
    with tempfile.TemporaryDirectory() as folder:
        scores = Path(folder) / "scores.json"
        config = TrainPPO(
            name="run",
            runs_dir=folder,
            setting=job.setting,
            arch=encoder,  # type: ignore[arg-type]
            mask=bool(masked),
            seed=job.seed,
            total_timesteps=job.total_timesteps,
            eval_every=job.eval_every,
            json=str(scores),
        )
        with open("/dev/null", "w", encoding="utf-8") as silence:
            run_folder = train(config, ["benchmarks.ppo_learning_curve"], Console(file=silence))
        curve = [[e["timesteps"], e["seconds"], e["exact"]] for e in run_folder.metrics()]
        solver = json.loads(scores.read_text(encoding="utf-8"))["solvers"][0]
    return {"curve": curve, "exact": solver["exact"]["value"], "needs_stack": _value(solver["needs_stack"])}


def _stock(job: PPOJob) -> dict[str, Any]:
    from benchmarks.common.stock_sb3 import train_stock

    curve, scores = train_stock(job.setting, job.seed, job.total_timesteps, job.eval_every)
    solver = scores.to_json()
    return {"curve": curve, "exact": solver["exact"]["value"], "needs_stack": _value(solver["needs_stack"])}


def _value(estimate: dict[str, Any] | None) -> float | None:
    return None if estimate is None else estimate["value"]


def reached(curve: Sequence[Sequence[float]], level: float) -> tuple[float, float] | None:
    """Steps and seconds of the first evaluation at or above ``level``."""
    return next(((steps, seconds) for steps, seconds, exact in curve if exact >= level), None)


def median_and_worst(values: Sequence[float | None], budget: int | None) -> str:
    """``median (worst)``; a missing value is worse than any other."""
    ordered = sorted(float("inf") if value is None else value for value in values)
    beyond = "never" if budget is None else f">{budget / 1000:,.0f}k"

    def show(value: float) -> str:
        if value == float("inf"):
            return beyond
        return f"{value / 1000:,.0f}k" if budget is not None else f"{value:,.0f}"

    return f"{show(statistics.median_low(ordered))} ({show(ordered[-1])})"


def rows(results: Sequence[tuple[PPOJob, dict[str, Any]]]) -> list[dict[str, Any]]:
    """One row an agent and task."""
    groups: dict[tuple[str, str, int], list[tuple[PPOJob, dict[str, Any]]]] = {}
    for job, result in results:
        groups.setdefault((job.setting, job.agent, job.total_timesteps), []).append((job, result))
    table = []
    for (setting, agent, budget), members in groups.items():
        levels = {level: [reached(result["curve"], level) for _, result in members] for level in LEVELS}
        table.append(
            {
                "setting": setting,
                "agent": agent,
                "budget": budget,
                "seeds": [job.seed for job, _ in members],
                "exact": [result["exact"] for _, result in members],
                "needs_stack": [result["needs_stack"] for _, result in members],
                "steps": {str(level): [hit and hit[0] for hit in hits] for level, hits in levels.items()},
                "seconds": {str(level): [hit and hit[1] for hit in hits] for level, hits in levels.items()},
                "total_seconds": [result["curve"][-1][1] for _, result in members],
            }
        )
    return table


def show(table: Sequence[dict[str, Any]], console: Console) -> None:
    """Median and, in parentheses, worst seed."""
    view = Table(
        title="PPO: median (worst) seed; first evaluation at a level, best model on 1000 test cases",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    headings = ("task", "agent", "seeds", "to 90 %", "to 95 %", "to 99 %", "s to 95 %", "exact %", "stack %")
    for heading in headings:
        view.add_column(heading, justify="left" if heading in ("task", "agent") else "right", no_wrap=True)
    for row in table:
        steps = [median_and_worst(row["steps"][str(level)], row["budget"]) for level in LEVELS]
        exact, stack = percent_of_seeds(row["exact"]), percent_of_seeds(row["needs_stack"])
        seconds = median_and_worst(row["seconds"]["0.95"], None)
        task = row["setting"].removeprefix("bracket/").removesuffix("-v0")
        view.add_row(task, row["agent"], str(len(row["seeds"])), *steps, seconds, exact, stack)
    console.print(view)


def plot(results: Sequence[tuple[PPOJob, dict[str, Any]]], path: Path) -> None:
    """Exact match over steps: the median seed as a line, the range of all seeds shaded."""
    import io

    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    settings = sorted({job.setting for job, _ in results})
    figure = Figure(figsize=(6 * len(settings), 4), layout="constrained")
    FigureCanvasAgg(figure)
    colours = {
        "gru": "#0072B2",
        "gru-mask": "#56B4E9",
        "transformer": "#D55E00",
        "transformer-mask": "#E69F00",
        "stock": "#666666",
    }
    for axis, setting in zip(figure.subplots(1, len(settings), squeeze=False)[0], settings, strict=True):
        for agent, colour in colours.items():
            curves = [result["curve"] for job, result in results if (job.setting, job.agent) == (setting, agent)]
            if not curves:
                continue
            length = min(map(len, curves))
            steps = np.array([point[0] for point in curves[0][:length]])
            exact = 100 * np.array([[point[2] for point in curve[:length]] for curve in curves])
            axis.fill_between(steps, exact.min(0), exact.max(0), color=colour, alpha=0.2, linewidth=0)
            axis.plot(
                steps, np.median(exact, 0), color=colour, label=f"{agent} ({len(curves)} seed{'s' * (len(curves) > 1)})"
            )
        axis.set(title=setting, xlabel="environment steps", ylabel="exact match, %", ylim=(0, 101))
        axis.grid(alpha=0.3)
        axis.legend(loc="lower right")
    image = io.BytesIO()
    figure.savefig(image, dpi=110)
    write_bytes(path, image.getvalue())


def main(config: LearningCurve) -> None:
    """Run what is missing and print the table."""
    results = run_grid("ppo_learning_curve", jobs(config), work, config)
    table = rows(results)
    show(table, Console())
    if config.json is not None:
        write_text(config.json, json.dumps({"rows": table}, indent=2) + "\n")
    if config.plot is not None:
        plot(results, Path(config.plot))


if __name__ == "__main__":
    sys.exit(run(LearningCurve, main, prog="python -m benchmarks.ppo_learning_curve"))
