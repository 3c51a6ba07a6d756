"""``python -m benchmarks.ppo_learning_curve``: how many steps and seconds PPO needs to 90, 95 and 99 % exact.

Ours (native vector environment, GRU or Transformer extractor, with and without the action mask) against stock
Stable-Baselines3: ``DummyVecEnv`` of 8 scalar environments, ``MlpPolicy`` on one-hot tokens, default hyperparameters.
Levels are read off evaluations on 1000 validation cases, free decoding; the final columns are the best model on 1000
cases of the test split. A seed that never reaches a level within its budget of N steps counts as ">N".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.common import (
    CurvePlot,
    FittingTable,
    GridOptions,
    Result,
    Settings,
    command,
    curve,
    figures,
    grouped,
    levels_reached,
    median_worst,
    publish,
    quiet_runs,
    run_grid,
    seeds_of,
    steps_needed,
    table,
    task_name,
)
from benchmarks.common.plots import learning_curves, panels, save

LEVELS = (0.90, 0.95, 0.99)
SEEDS = range(5)
COLOURS = {
    "gru": "#0072B2",
    "gru-mask": "#56B4E9",
    "transformer": "#D55E00",
    "transformer-mask": "#E69F00",
    "stock": "#666666",
}


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
class LearningCurve(CurvePlot, Settings, GridOptions):
    """Learning curves of PPO on Close and CloseDeep, seeds 0-4: steps and seconds to 90, 95, 99 % exact."""

    agents: tuple[str, ...] = ("gru", "gru-mask", "transformer", "stock")
    """Which agents."""


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
    if job.agent == "stock":
        from benchmarks.common.stock_sb3 import train_stock

        points, scores = train_stock(job.setting, job.seed, job.total_timesteps, job.eval_every)
        return {"curve": points, **figures(scores.to_json())}
    encoder, _, masked = job.agent.partition("-")
    with quiet_runs("benchmarks.ppo_learning_curve") as runs:
        run_folder = runs.train_ppo(
            setting=job.setting,
            arch=encoder,
            mask=bool(masked),
            seed=job.seed,
            total_timesteps=job.total_timesteps,
            eval_every=job.eval_every,
        )
        return {"curve": curve(run_folder, "timesteps", "seconds", "exact"), **runs.test_figures()}


def rows(results: Sequence[Result]) -> list[dict[str, Any]]:
    """One row an agent and task."""
    found = []
    for (setting, agent, budget), members in grouped(results, ("setting", "agent", "total_timesteps")).items():
        steps, seconds = levels_reached(members, LEVELS)
        found.append(
            {
                "setting": setting,
                "agent": agent,
                "budget": budget,
                "seeds": seeds_of(members),
                "exact": [result["exact"] for _, result in members],
                "needs_stack": [result["needs_stack"] for _, result in members],
                "steps": steps,
                "seconds": seconds,
                "total_seconds": [result["curve"][-1][1] for _, result in members],
            }
        )
    return found


def by_agent(found: Sequence[dict[str, Any]]) -> FittingTable:
    """Median and, in parentheses, worst seed."""
    view = table(
        "PPO: median (worst) seed; first evaluation at a level, best model on 1000 test cases",
        ("task", "agent", "seeds", "to 90 %", "to 95 %", "to 99 %", "s to 95 %", "exact %", "stack %"),
        left=("task", "agent"),
    )
    for row in found:
        cells = [steps_needed(hits, row["budget"]) for hits in row["steps"].values()]
        cells += [steps_needed(row["seconds"]["0.95"], None)]
        cells += [median_worst(row[name]) for name in ("exact", "needs_stack")]
        view.add_row(task_name(row), row["agent"], str(len(row["seeds"])), *cells)
    return view


def main(config: LearningCurve) -> None:
    """Run what is missing, print the table and draw the curves."""
    results = run_grid("ppo_learning_curve", jobs(config), work, config)
    found = rows(results)
    publish(config, {"rows": found}, by_agent(found))
    if config.plot is not None:
        settings = sorted({job.setting for job, _ in results})
        figure, axes = panels(len(settings), 6 * len(settings), 4)
        for axis, setting in zip(axes[0], settings, strict=True):
            here = grouped([(job, result) for job, result in results if job.setting == setting], ("agent",))
            curves = {agent: [result["curve"] for _, result in members] for (agent,), members in here.items()}
            learning_curves(axis, curves, COLOURS)
            axis.set(title=setting, ylabel="exact match, %")
            axis.legend(loc="lower right")
        save(figure, Path(config.plot))


if __name__ == "__main__":
    command(LearningCurve, main, "ppo_learning_curve")
