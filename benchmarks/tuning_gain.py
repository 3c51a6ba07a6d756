"""``python -m benchmarks.tuning_gain``: what tuning brings, and what pruning saves.

One study a row, on CloseDeep: 40 trials of the GRU with at most 20 000 parameters, with the median pruner and without,
and with --full 15 short trials of PPO (GRU and mask, judged by exact match on validation cases). The first trial of a
study is the shipped default, which is larger, so it is compared with and never chosen; it and the best trial have the
same number of optimiser (or environment) steps and are scored on the same test cases. ``steps`` are those of all trials
together. Two studies never draw the same trials, so the pruner also looks once more at the learning curves of the study
without one: what it would have saved there, and the best value that would have been left.

Then the best parameters, the default ones and the default made as narrow as the limit asks for are trained with five
seeds, each of which brings its own data and weights, again with equal steps: what was tuned on the data of one seed
must hold on the others.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

from rich.console import Console

from benchmarks.common import (
    FittingTable,
    GridOptions,
    QuietRuns,
    Result,
    command,
    publish,
    quiet_runs,
    run_grid,
    table,
)

if TYPE_CHECKING:
    import optuna
    from optuna.pruners import BasePruner

    from supervised.study.problem import Problem

Family = Literal["gru", "ppo"]
Pruner = Literal["median", "none"]
SETTING = "bracket/CloseDeep-v0"
MOST_PARAMETERS = 20_000
CASES, STEPS, PPO_STEPS = 3000, 400, 150_000
NARROW = 64  # units of the widest GRU of the default depth and embedding within the limit: 19 883 parameters
AGAIN = range(5)


@dataclass(frozen=True)
class StudyJob:
    """One study."""

    family: Family
    pruner: Pruner
    n_trials: int
    steps: int
    seed: int
    setting: str = SETTING
    max_parameters: int = MOST_PARAMETERS
    dataset_size: int = CASES


@dataclass(frozen=True)
class TrainJob:
    """One training with parameters that are given."""

    name: str
    options: str
    """JSON of options of the training command."""
    steps: int
    seed: int
    setting: str = SETTING
    dataset_size: int = CASES


@dataclass(frozen=True)
class TuningGain(GridOptions):
    """Tuned against default on CloseDeep at an equal step budget, and the steps that pruning saves."""

    families: tuple[Family, ...] = ("gru", "ppo")
    """What is tuned; ppo with --full only."""
    seeds: tuple[int, ...] = (0,)
    """Of the studies: their samplers, data sets and trainings."""


def jobs(config: TuningGain) -> list[StudyJob]:
    """With and without pruning; PPO with --full."""
    found = []
    for seed in config.seeds:
        if "gru" in config.families:
            found += [StudyJob("gru", pruner, 40, STEPS, seed) for pruner in ("median", "none")]
        if config.full and "ppo" in config.families:
            found.append(StudyJob("ppo", "median", 15, PPO_STEPS, seed))
    return found


def train_jobs(results: Sequence[Result]) -> list[TrainJob]:
    """What each study of the GRU found, and what it is held against, with every seed."""
    if not any(job.family == "gru" for job, _ in results):
        return []
    arms = [("default", "{}"), (f"default, {NARROW} units", json.dumps({"units": NARROW}))]
    for job, result in results:
        if job.family == "gru":
            arms.append((f"tuned ({job.pruner}, {job.seed})", json.dumps(result["options"])))
    return [TrainJob(name, options, STEPS, seed) for name, options in arms for seed in AGAIN]


def work(job: StudyJob | TrainJob) -> dict[str, Any]:
    """Run a job."""
    with quiet_runs("benchmark") as runs:
        return _train(job, runs) if isinstance(job, TrainJob) else _study(job, runs)


def _train(job: TrainJob, runs: QuietRuns) -> dict[str, Any]:
    """The scores on the test split."""
    options: dict[str, Any] = json.loads(job.options)
    if "augment" in options:
        options["augment"] = tuple(options["augment"])
    run_folder = runs.train(
        setting=job.setting,
        dataset_size=str(job.dataset_size),
        steps=job.steps,
        eval_every=max(1, job.steps // 10),
        seed=job.seed,
        **options,
    )
    exact = runs.scores_written()["solvers"][0]["exact"]
    return {"exact": exact, "parameters": run_folder.best_metadata()["parameters"]}


def _study(job: StudyJob, runs: QuietRuns) -> dict[str, Any]:
    """The scores of the best and the default model on the test split, and what all trials cost."""
    import optuna
    from optuna.trial import TrialState

    from supervised.study.run import run_study
    from supervised.study.storages.location import SQLITE, sqlite
    from supervised.study.study import OPTIONS, TOO_LARGE, make_pruner

    shared: dict[str, Any] = {
        "name": "study",
        "studies_dir": str(runs.folder),
        "setting": job.setting,
        "n_trials": job.n_trials,
        "pruner": job.pruner,
        "seed": job.seed,
        "threads": 1,
        "max_parameters": job.max_parameters,
        "json": str(runs.json),
    }
    problem = _problem(job, shared)
    folder = run_study(type(problem), problem.options, runs.console)
    study = optuna.load_study(study_name="study", storage=str(sqlite(folder / SQLITE)))
    result = runs.scores_written()
    # The default is trained for the comparison alone; of the other large ones nothing was trained.
    trials = [trial for trial in study.trials if TOO_LARGE not in trial.user_attrs]
    complete = sum(trial.state == TrialState.COMPLETE for trial in trials)
    solvers = {solver["name"]: solver["exact"] for solver in result["test"]["solvers"]}
    found = {
        "value": result["value"],
        "best": solvers["best"],
        "default": solvers["default"],
        "params": result["params"],
        "options": study.trials[result["trial"]].user_attrs[OPTIONS],
        "steps": sum(_steps(trial, job.steps) for trial in trials),
        "complete": complete,
        "trials": len(trials),
        "too_large": len(study.trials) - len(trials),
        "curves": [
            {
                "value": trial.value if trial.state == TrialState.COMPLETE else None,
                "steps": _steps(trial, job.steps),
                "reports": {str(step): value for step, value in sorted(trial.intermediate_values.items())},
            }
            for trial in trials
        ],
    }
    if job.pruner == "none" and complete == len(trials):
        options = {**shared, "pruner": "median"}
        found["replayed"] = replay(trials, make_pruner(_problem(job, options)), job.steps)
    return found


def _problem(job: StudyJob, shared: dict[str, Any]) -> Problem[Any]:
    if job.family == "ppo":
        from agents.tune.options import TunePPO
        from agents.tune.run import PPOProblem

        # Without the mask no agent finds END in so few steps, see docs/learning_curves.md.
        own: dict[str, Any] = {"archs": ("gru",), "mask": True, "objective": "exact"}
        return PPOProblem(TunePPO(total_timesteps=job.steps, **own, **shared))
    from supervised.tune.options import Tune
    from supervised.tune.run import SupervisedProblem

    return SupervisedProblem(Tune(dataset_size=job.dataset_size, steps=job.steps, **shared))


def _steps(trial: optuna.trial.FrozenTrial, budget: int) -> int:
    from optuna.trial import TrialState

    return budget if trial.state == TrialState.COMPLETE else max(trial.intermediate_values, default=0)


def replay(trials: Sequence[optuna.trial.FrozenTrial], pruner: BasePruner, budget: int) -> dict[str, Any]:
    """What a pruner would have made of trials that were all trained to the end, one after the other.

    Args:
        trials: complete ones; a smaller value is better.
        budget: steps of each.

    Returns:
        The steps that would have been made, and the best value that would have been left.
    """
    import optuna

    again = optuna.create_study(pruner=pruner)
    steps, values = 0, list[float]()
    for trial in trials:
        asked = again.ask()
        for step, value in sorted(trial.intermediate_values.items()):
            asked.report(value, step)
            if asked.should_prune():
                again.tell(asked, state=optuna.trial.TrialState.PRUNED)
                steps += step
                break
        else:
            values.append(trial.values[0])
            again.tell(asked, values[-1])
            steps += budget
    return {"steps": steps, "value": min(values)}


def rows(results: Sequence[Result]) -> list[dict[str, Any]]:
    """One row a study."""
    return [{"family": job.family, "pruner": job.pruner, "seed": job.seed, **result} for job, result in results]


def seed_rows(results: Sequence[Result]) -> list[dict[str, Any]]:
    """One row for each set of parameters."""
    found: dict[str, dict[str, Any]] = {}
    for job, result in results:
        row = found.setdefault(job.name, {"name": job.name, "parameters": result["parameters"], "exact": {}})
        row["exact"][job.seed] = result["exact"]
    return list(found.values())


def _percent(exact: dict[str, float]) -> str:
    return f"{100 * exact['value']:.1f} ({100 * exact['low']:.1f}-{100 * exact['high']:.1f})"


def study_table(found: Sequence[dict[str, Any]]) -> FittingTable:
    """What :func:`rows` gives."""
    title = "tuning on CloseDeep: exact % of 1000 test cases (95 %), validation loss (ppo: exact)"
    headings = ("study", "default", "best", "validation", "ended", "steps")
    view = table(title, headings, left=("study",))
    for row in found:
        view.add_row(
            f"{row['family']}, {row['pruner']}",
            _percent(row["default"]),
            _percent(row["best"]),
            f"{row['value']:.4f}",
            f"{row['complete']}/{row['trials']}",
            f"{row['steps']:,}",
        )
    return view


def pruning_lines(found: Sequence[dict[str, Any]]) -> list[str]:
    """What the pruner saved beside each study without one, and what it would have saved on that one's own curves."""
    lines = []
    for row in found:
        if "replayed" not in row:
            continue
        for other in found:
            if other["pruner"] == "median" and all(other[name] == row[name] for name in ("family", "seed")):
                lines.append(
                    f"seed {row['seed']}: the study with the median pruner made {_saved(other, row)} fewer steps; best "
                    f"loss {other['value']:.4f}, without pruner {row['value']:.4f}"
                )
        again = row["replayed"]
        lines.append(
            f"seed {row['seed']}: on the curves of the study without one it saves {_saved(again, row)} "
            f"({again['steps']:,} steps); best loss {again['value']:.4f}, without pruner {row['value']:.4f}"
        )
    return lines


def _saved(row: dict[str, Any], whole: dict[str, Any]) -> str:
    return f"{1 - row['steps'] / whole['steps']:.0%}"


def seed_table(found: Sequence[dict[str, Any]]) -> FittingTable:
    """What :func:`seed_rows` gives."""
    title = f"the same parameters with {len(AGAIN)} seeds, {STEPS} steps each: exact % of 1000 test cases"
    headings = ("parameters of", "size", *map(str, AGAIN), "median", "worst")
    view = table(title, headings, left=("parameters of",))
    for row in found:
        values = [exact["value"] for exact in row["exact"].values()]
        view.add_row(
            row["name"],
            f"{row['parameters']:,}",
            *(f"{100 * row['exact'][seed]['value']:.1f}" if seed in row["exact"] else "" for seed in AGAIN),
            f"{100 * median(values):.1f}",
            f"{100 * min(values):.1f}",
        )
    return view


def main(config: TuningGain) -> None:
    """Run what is missing and print the tables."""
    studies = run_grid("tuning_gain", jobs(config), work, config)
    trained = run_grid("tuning_gain", train_jobs(studies), work, config)
    found, again = rows(studies), seed_rows(trained)
    console = Console()
    console.print(study_table(found))
    for line in pruning_lines(found):
        console.print(line, highlight=False, soft_wrap=True)
    publish(config, {"rows": found, "seeds": again}, *([seed_table(again)] if again else []))


if __name__ == "__main__":
    command(TuningGain, main, "tuning_gain")
