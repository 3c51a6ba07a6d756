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

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.common.grid import GridOptions, code_version, run_grid, table_console
from bracket_env.atomic import write_json
from bracket_env.command import run

CLOSE, DEEP = "bracket/Close-v0", "bracket/CloseDeep-v0"
NEW_PAIR = "<>"
PAIRS = ("()", "【】", "{}", NEW_PAIR)
COMMAND = ["benchmarks.warm_starts"]
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
class WarmStarts(GridOptions):
    """PPO and LoRA on what is new to a model of Close, against from scratch and against full training."""

    families: tuple[str, ...] = ("ppo", "adapt")
    """Which of the two parts."""
    seeds: tuple[int, ...] | None = None
    """By default 0; with --full 0 to 4."""


def jobs(config: WarmStarts) -> list[WarmStartJob]:
    """With --full seeds 0-4 and CloseDeep without the mask; without, seed 0."""
    folder = str(Path(config.results_dir) / "warm_start_models")
    tasks = [task for task in BUDGETS if config.full or task != "CloseDeep-free"]
    found = []
    for seed in config.seeds or range(5 if config.full else 1):
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
    return _ppo(job) if job.family == "ppo" else _adapt(job)


def _ppo(job: WarmStartJob) -> dict[str, Any]:
    from agents.train_ppo.options import TrainPPO
    from agents.train_ppo.run import train

    base = base_model(job, "gru") if job.start == "warm" else None
    with tempfile.TemporaryDirectory() as folder, open("/dev/null", "w", encoding="utf-8") as silence:
        config = TrainPPO(
            name="run",
            runs_dir=folder,
            setting=CLOSE if job.task == "new pair" else DEEP,
            pairs=PAIRS if job.task == "new pair" else None,
            mask=job.task == "CloseDeep",
            init_from=base,
            seed=job.seed,
            total_timesteps=job.steps,
            n_epochs=job.n_epochs,
            ent_coef=job.ent_coef,
            eval_every=10_000,
        )
        made = train(config, COMMAND, Console(file=silence))
        metrics = made.metrics()
        scores = _scores(made.path, CLOSE if job.task == "new pair" else DEEP)
    return {
        **scores,
        "old_task": None,
        "trained_share": 1.0,
        "curve": [[entry["timesteps"], entry["exact"]] for entry in metrics],
        "seconds": metrics[-1]["seconds"],
    }


def _adapt(job: WarmStartJob) -> dict[str, Any]:
    from supervised.adapt.options import RATES, Adapt
    from supervised.adapt.run import adapt

    with tempfile.TemporaryDirectory() as folder, open("/dev/null", "w", encoding="utf-8") as silence:
        tune: Any = job.start
        config = Adapt(
            base=base_model(job, "transformer"),
            tune=tune,
            name="run",
            runs_dir=folder,
            setting=CLOSE if job.task == "new pair" else DEEP,
            pairs=PAIRS if job.task == "new pair" else None,
            learning_rate=RATES[False, tune],
            steps=job.steps,
            seed=job.seed,
        )
        made = adapt(config, COMMAND, Console(file=silence))
        assert made is not None
        metrics = made.metrics()
        scores = _scores(made.path, str(config.setting))
        old = _scores(made.path, CLOSE, old_pairs=True)
        share = made.best_metadata()["trained_share"]
    curve = [[entry["step"], entry["exact"]] for entry in metrics]
    result = {**scores, "old_task": old["exact"], "trained_share": share, "curve": curve}
    return {**result, "seconds": metrics[-1]["seconds"]}


def _scores(run_folder: Path, setting_id: str, *, old_pairs: bool = False) -> dict[str, Any]:
    """Exact match on 1000 test cases, and on those of them that have the new pair."""
    from bracket_env.sampling.settings import get_setting
    from bracket_env.scores.scoring import score
    from supervised.options.checks import custom_pairs
    from supervised.runs.folder import RunFolder
    from supervised.runs.loading import load

    config, setting = RunFolder.open(run_folder).config, get_setting(setting_id)
    pairs = setting.pairs if old_pairs else config.pairs
    cases = setting.evaluation_cases("test", 1000, pairs=custom_pairs(pairs, setting))
    new = [case for case in cases if set(NEW_PAIR) & set(case.prefix)]
    solver = load(run_folder)
    found = score(solver, cases, config.language, name="run").to_json()
    of_new = score(solver, new, config.language, name="run").to_json() if new else None
    return {
        "exact": found["exact"]["value"],
        "needs_stack": found["needs_stack"] and found["needs_stack"]["value"],
        "new_cases": None if of_new is None else of_new["exact"]["value"],
    }


def base_model(job: WarmStartJob, arch: str) -> str:
    """The folder of the model of Close that this seed starts from, trained if it is not there yet."""
    from supervised.train.options import Train
    from supervised.train.run import train

    root = Path(job.models_dir) / code_version()
    name = f"{arch}-{job.seed}"
    if not (root / name).exists():
        root.mkdir(parents=True, exist_ok=True)
        sizes: dict[str, Any] = {"width": 128, "learning_rate": 1e-3} if arch == "transformer" else {}
        with tempfile.TemporaryDirectory(dir=root) as beside, open("/dev/null", "w", encoding="utf-8") as silence:
            config = Train(arch=arch, name=name, runs_dir=beside, seed=job.seed, target=0.999, **sizes)  # type: ignore[arg-type]
            train(config, COMMAND, Console(file=silence))
            if not (root / name).exists():  # another worker may have been quicker
                (Path(beside) / name).rename(root / name)
    return str(root / name)


def rows(results: Sequence[tuple[WarmStartJob, dict[str, Any]]]) -> list[dict[str, Any]]:
    """One row a run; a warm start has the step at which it reached the best of its run from scratch."""
    levels = {
        (job.task, job.seed): max(exact for _, exact in result["curve"])
        for job, result in results
        if job.family == "ppo" and job.start == "scratch"
    }
    table = []
    for job, result in results:
        level = levels.get((job.task, job.seed)) if job.family == "ppo" else None
        at = None if level is None else next((step for step, exact in result["curve"] if exact >= level), None)
        shown = {"family": job.family, "task": job.task, "start": job.start, "seed": job.seed, "steps": job.steps}
        table.append({**shown, "level": level, "level_at": at, **result})
    return table


def main(config: WarmStarts) -> None:
    """Run what is missing and print the table."""
    table = rows(run_grid("warm_starts", jobs(config), work, config))
    view = Table(title="what is new to a model of Close: 1000 test cases of the new task", title_justify="left")
    left = ("family", "task", "start")
    for heading in (
        "family", "task", "start", "seed", "steps", "level %", "reached at", "exact %", "needs a stack %",
        "new cases %", "old task %", "trained %", "seconds",
    ):  # fmt: skip
        view.add_column(heading, justify="left" if heading in left else "right")
    for row in table:
        reached = "–" if row["level"] is None else f"{row['level_at']:,}" if row["level_at"] is not None else "never"
        shares = ("exact", "needs_stack", "new_cases", "old_task", "trained_share")
        view.add_row(
            row["family"], row["task"], row["start"], str(row["seed"]), f"{row['steps']:,}", _percent(row["level"]),
            reached, *(_percent(row[name]) for name in shares), f"{row['seconds']:.0f}",
        )  # fmt: skip
    table_console().print(view)
    if config.json is not None:
        write_json(config.json, {"rows": table})


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


if __name__ == "__main__":
    sys.exit(run(WarmStarts, main, prog="python -m benchmarks.warm_starts"))
