"""``python -m benchmarks.warm_starts``: what a model of one task is worth on a task that is new to it.

``ppo`` rows: a gru learned Close from labels; its encoder and head become a PPO agent (``--init-from``), which goes on
with ``CloseDeep`` (with the action mask; without it, ``CloseDeep-free``) or with a new pair beside the old ones,
against an agent from scratch with the options as shipped. The warm agent has a third of the steps, twice the passes
over each rollout and a fifth of the entropy bonus (:data:`WARM`): it knows END already, which the bonus is there to
find. *Level* is the best evaluation of the agent from scratch in its whole budget, and the step at which the warm one
is there stands beside it.

``adapt`` rows: a Transformer of width 128 that learned Close is adapted to a new pair, and to ``CloseDeep``, in full
and with LoRA. *Old task* is what is left of the first one afterwards, LoRA's with the adapter on; with it off the base
is there again, bit for bit.

Scores are of the best model on 1000 cases of the test split, decoded freely; with a new pair of those that have it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.common import (
    Result,
    SeededGridOptions,
    code_version,
    command,
    curve,
    figures,
    publish,
    quiet_runs,
    run_grid,
    table,
    table_console,
)

CLOSE, DEEP = "bracket/Close-v0", "bracket/CloseDeep-v0"
NEW_PAIR = "<>"
PAIRS = ("()", "【】", "{}", NEW_PAIR)
COMMAND = "benchmarks.warm_starts"
BUDGETS = {"CloseDeep": 500_000, "CloseDeep-free": 500_000, "new pair": 300_000}
"""Task -> steps of PPO from scratch; the warm start has a third."""
WARM = {"n_epochs": 6, "ent_coef": 0.01}
"""What a warm PPO does differently: with the options of a cold one it stayed 1.5 points below it."""


@dataclass(frozen=True)
class WarmStartJob:
    """One run on the new task."""

    family: str
    """ppo or adapt."""
    task: str
    start: str
    """ppo: scratch or warm; adapt: full or lora."""
    seed: int
    steps: int
    models_dir: str = "results/warm_start_models"
    n_epochs: int = 3
    """ppo: passes over each rollout."""
    ent_coef: float = 0.05
    """ppo: weight of the entropy bonus."""


@dataclass(frozen=True)
class WarmStarts(SeededGridOptions):
    """PPO and LoRA on what is new to a model of Close, against from scratch and against full training."""

    families: tuple[str, ...] = ("ppo", "adapt")
    """Which of the two parts."""


def jobs(config: WarmStarts) -> list[WarmStartJob]:
    """With --full seeds 0-4 and CloseDeep without the mask; without, seed 0."""
    folder = str(Path(config.results_dir) / "warm_start_models")
    tasks = [task for task in BUDGETS if config.full or task != "CloseDeep-free"]
    found = []
    for seed in config.chosen_seeds():
        if "ppo" in config.families:
            for task in tasks:
                found.append(WarmStartJob("ppo", task, "scratch", seed, BUDGETS[task], folder))
                found.append(WarmStartJob("ppo", task, "warm", seed, BUDGETS[task] // 3, folder, **WARM))  # type: ignore[arg-type]
        if "adapt" in config.families:
            found += [
                WarmStartJob("adapt", task, start, seed, 600, folder)
                for task in ("new pair", "CloseDeep")
                for start in ("full", "lora")
            ]
    return found


def work(job: WarmStartJob) -> dict[str, Any]:
    """Train once on the new task."""
    setting = CLOSE if job.task == "new pair" else DEEP
    shared: dict[str, Any] = {"setting": setting, "pairs": PAIRS if job.task == "new pair" else None, "seed": job.seed}
    return _ppo(job, shared) if job.family == "ppo" else _adapt(job, shared)


def _ppo(job: WarmStartJob, shared: dict[str, Any]) -> dict[str, Any]:
    base = base_model(job, "gru") if job.start == "warm" else None
    with quiet_runs(COMMAND) as runs:
        made = runs.train_ppo(
            **shared,
            mask=job.task == "CloseDeep",
            init_from=base,
            total_timesteps=job.steps,
            n_epochs=job.n_epochs,
            ent_coef=job.ent_coef,
            eval_every=10_000,
        )
        return {
            **_scores(made.path, shared["setting"]),
            "old_task": None,
            "trained_share": 1.0,
            "curve": curve(made, "timesteps", "exact"),
            "seconds": made.metrics()[-1]["seconds"],
        }


def _adapt(job: WarmStartJob, shared: dict[str, Any]) -> dict[str, Any]:
    from supervised.adapt.options import RATES

    tune: Any = job.start
    base = base_model(job, "transformer")
    with quiet_runs(COMMAND) as runs:
        made = runs.adapt(base=base, tune=tune, learning_rate=RATES[False, tune], steps=job.steps, **shared)
        return {
            **_scores(made.path, shared["setting"]),
            "old_task": _scores(made.path, CLOSE, old_pairs=True)["exact"],
            "trained_share": made.best_metadata()["trained_share"],
            "curve": curve(made, "step", "exact"),
            "seconds": made.metrics()[-1]["seconds"],
        }


def _scores(run_folder: Path, setting_id: str, *, old_pairs: bool = False) -> dict[str, Any]:
    """Exact match on 1000 test cases, and on those of them that have the new pair."""
    from bracket_env import get_setting, score
    from supervised.options.checks import custom_pairs
    from supervised.runs import RunFolder, load

    config, setting = RunFolder.open(run_folder).config, get_setting(setting_id)
    pairs = setting.pairs if old_pairs else config.pairs
    cases = setting.evaluation_cases("test", 1000, pairs=custom_pairs(pairs, setting))
    new = [case for case in cases if set(NEW_PAIR) & set(case.prefix)]
    solver = load(run_folder)
    found = score(solver, cases, config.language, name="run").to_json()
    of_new = score(solver, new, config.language, name="run").exact.value if new else None
    return {**figures(found), "new_cases": of_new}


def base_model(job: WarmStartJob, arch: str) -> str:
    """The folder of the model of Close that this seed starts from, trained if it is not there yet."""
    root = Path(job.models_dir) / code_version()
    path = root / f"{arch}-{job.seed}"
    if not path.exists():
        root.mkdir(parents=True, exist_ok=True)
        sizes = {"width": 128, "learning_rate": 1e-3} if arch == "transformer" else {}
        with quiet_runs(COMMAND, root) as runs:
            made = runs.train(path.name, arch=arch, seed=job.seed, target=0.999, **sizes)
            if not path.exists():  # another worker may have been quicker
                made.path.rename(path)
    return str(path)


def rows(results: Sequence[Result]) -> list[dict[str, Any]]:
    """One row a run; a warm start has the step at which it reached the best of its run from scratch."""
    levels = {
        (job.task, job.seed): max(exact for _, exact in result["curve"])
        for job, result in results
        if job.family == "ppo" and job.start == "scratch"
    }
    found = []
    for job, result in results:
        level = levels.get((job.task, job.seed)) if job.family == "ppo" else None
        at = None if level is None else next((step for step, exact in result["curve"] if exact >= level), None)
        shown = {"family": job.family, "task": job.task, "start": job.start, "seed": job.seed, "steps": job.steps}
        found.append({**shown, "level": level, "level_at": at, **result})
    return found


def main(config: WarmStarts) -> None:
    """Run what is missing and print the table."""
    found = rows(run_grid("warm_starts", jobs(config), work, config))
    view = table(
        "what is new to a model of Close: 1000 test cases of the new task",
        (
            "family", "task", "start", "seed", "steps", "level %", "reached at", "exact %", "needs a stack %",
            "new cases %", "old task %", "trained %", "seconds",
        ),
        left=("family", "task", "start"),
        keys=4,
    )  # fmt: skip
    for row in found:
        reached = "–" if row["level"] is None else f"{row['level_at']:,}" if row["level_at"] is not None else "never"
        shares = ("exact", "needs_stack", "new_cases", "old_task", "trained_share")
        view.add_row(
            row["family"], row["task"], row["start"], str(row["seed"]), f"{row['steps']:,}", _percent(row["level"]),
            reached, *(_percent(row[name]) for name in shares), f"{row['seconds']:.0f}",
        )  # fmt: skip
    publish(config, {"rows": found}, view, console=table_console())


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


if __name__ == "__main__":
    command(WarmStarts, main, "warm_starts")
