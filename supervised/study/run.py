"""A study from the command line to its report: begun or gone on with, run, and what came of it."""

from __future__ import annotations

import json
import math
import os
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import optuna
from rich.console import Console

from bracket_env.atomic import write_text
from bracket_env.errors import InputError, quote
from bracket_env.scores.report import score_table, scores_json
from bracket_env.settings import get_setting
from supervised.learning.devices import choose_device
from supervised.learning.history import plot_history as plot_training
from supervised.learning.report import evaluate_solvers
from supervised.options.checks import custom_pairs
from supervised.options.durations import parse_duration
from supervised.runs.evaluation_result import write_evaluation_result
from supervised.runs.folder import METADATA, RunFolder
from supervised.runs.loading import load as load_run
from supervised.study.best_files import MODEL, PARAMS, USUAL_MODEL, keep_model, refresh
from supervised.study.best_trial import BestTrial, rank
from supervised.study.options import StudyOptions
from supervised.study.plots import plot_history, plot_importances, plot_pareto, plot_slices
from supervised.study.pool import Pool
from supervised.study.problem import Options, Problem
from supervised.study.report import (
    StudyDisplay,
    best_table,
    best_trials,
    gain_line,
    importance_table,
    objective_names,
    params_text,
    pareto_table,
    what_is_there,
)
from supervised.study.storages import find_location, new_location, one_line, remember_location, shown
from supervised.study.study import OPTIONS, check_options, create, load, resumed
from supervised.study.trials import Task, usual_trial

_ENOUGH_TO_TELL = 10


def run_study(kind: type[Problem[Options]], options: Options, console: Console) -> Path:
    """Begin a study, go on with one or look at one, as the options say.

    Args:
        kind: the family.

    Returns:
        The study's folder.

    Raises:
        InputError: bad options, a storage that cannot be used, a study that is in the way or is another one, trials
            that fail one after the other.
        KeyboardInterrupt: Ctrl-C, after saving.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    check_options(options)
    if sum(given is not None for given in (options.name, options.resume, options.best)) > 1:
        raise InputError("--name, --resume and --best exclude each other")
    if options.json is not None and not Path(options.json).absolute().parent.is_dir():
        raise InputError(f"cannot write --json {options.json}: its folder does not exist")
    run = _begun(kind, options) if options.resume is None and options.best is None else _found(kind, options)
    if options.best is not None:
        run.look(console)
    else:
        run.work(console)
    return run.folder


def _begun(kind: type[Problem[Options]], options: Options) -> _StudyRun:
    problem = kind(options)
    problem.check()
    root = Path(options.studies_dir)
    name = options.name or _free_name(problem.stem(), root)
    folder = root / name
    if Path(name).name != name or name in ("", ".."):
        raise InputError(f"a study's name is one folder name, not {quote(name)}")
    location = new_location(folder, options.storage, options.jobs)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise InputError(f"study {folder} exists: choose another --name, or go on with --resume {name}")
    except OSError as error:
        raise InputError(f"cannot make study folder {folder}: {error.strerror}") from None
    try:
        study = create(problem, name, location)
    except InputError:
        with suppress(OSError):  # something is in it after all
            folder.rmdir()
        raise
    remember_location(folder, location)
    # Whoever is killed from here on leaves a study that --resume goes on with; it makes the data if they are missing.
    problem.prepare(folder)
    return _StudyRun(problem, folder, location, study)


def _found(kind: type[Problem[Options]], options: Options) -> _StudyRun:
    asked = options.resume or options.best or ""
    folder = Path(options.studies_dir) / asked
    if not folder.is_dir() and Path(asked).is_dir():
        folder = Path(asked)
    location = find_location(folder, options.storage)
    study = load(folder.name, location, options)
    with one_line(location):
        problem = kind(resumed(options, study, kind))
    try:
        folder.mkdir(parents=True, exist_ok=True)  # another machine joins
    except OSError as error:
        raise InputError(f"cannot make study folder {folder}: {error.strerror}") from None
    remember_location(folder, location)
    problem.prepare(folder)
    return _StudyRun(problem, folder, location, study)


def _free_name(stem: str, root: Path) -> str:
    number = 1
    while (root / f"{stem}-{number}").exists():
        number += 1
    return f"{stem}-{number}"


class _StudyRun:
    """One command's work on a study."""

    def __init__(self, problem: Problem[Any], folder: Path, location: str, study: optuna.Study) -> None:
        self.problem, self.folder, self.location, self.study = problem, folder, location, study
        self.options: StudyOptions = problem.options
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self.threads = self.options.threads or max(1, cores // self.options.jobs)

    def look(self, console: Console) -> None:
        """``--best``."""
        best = self._refreshed(console)
        if best is None:
            raise InputError(f"no trial of study {self.folder.name} has finished yet")
        metadata = json.loads((self.folder / METADATA).read_text(encoding="utf-8"))
        _say(console, f"best {objective_names(self.problem)[0]}: {best.value!r} (trial {best.number})")
        _say(console, f"best_loss: {metadata['best_loss']!r}")
        _say(console, f"parameters: {params_text(best.params)}")
        _say(console, f"options: {self.folder / PARAMS}")
        _say(console, f"model: {self.folder / MODEL}")
        self._write_json(best, {})

    def work(self, console: Console) -> None:
        """Run trials, then report."""
        options = self.options
        if options.resume is not None:
            _say(console, what_is_there(self.study, self.problem))
        _say(
            console,
            f"study {self.folder}: {options.n_trials} trials, {options.jobs} at once, in {shown(self.location)}",
        )
        _say(console, f"look on with: optuna-dashboard {shown(self.location)}")
        limit = math.inf if options.time_limit is None else parse_duration(options.time_limit)
        deadline = time.time() + limit
        task = Task(self.problem, self.folder, self.study.study_name, self.location, 0, self.threads, deadline)
        root = "" if options.studies_dir == "studies" else f" --studies-dir {options.studies_dir}"
        go_on = f"go on with: {self.problem.prog} --resume {self.folder.name}{root}"
        try:
            with StudyDisplay(self.study, self.problem, console, deadline) as display:
                reason = Pool(task, options.jobs, self.study).run(display.show, display.say)
        except KeyboardInterrupt:  # the second Ctrl-C
            _say(console, go_on)
            raise
        if reason != "finished":
            _say(console, f"{reason}; {go_on}")
        best = self._refreshed(console)
        if reason == "interrupted":
            raise KeyboardInterrupt
        if best is None:
            _say(console, "no trial has finished, so there is no best one")
            return
        self._report(console)
        self._write_json(best, self._test(console))

    def _refreshed(self, console: Console) -> BestTrial | None:
        return refresh(
            self.problem,
            self.folder,
            self.location,
            self.study.study_name,
            self.threads,
            lambda text: _say(console, text),
        )

    def _report(self, console: Console) -> None:
        """The best trials, what mattered, and the pictures."""
        study, names = self.study, objective_names(self.problem)
        console.print(best_table(study, self.problem))
        if len(names) == 2:
            console.print(pareto_table(study, self.problem))
            plot_pareto(self.folder / "pareto.png", study, names)
        plot_history(self.folder / "history.png", study, names[0])
        plot_slices(self.folder / "slices.png", study, names[0])
        importances = _importances(study)
        if importances:
            console.print(importance_table(importances))
            plot_importances(self.folder / "importances.png", importances)

    def _test(self, console: Console) -> dict[str, Any]:
        """The one look at test cases: the best model, and the default one if it was another."""
        options, best = self.options, RunFolder.open(self.folder / MODEL)
        runs = {"best": best}
        usual = usual_trial(self.study.get_trials())
        if usual is not None:
            runs["default"] = keep_model(
                self.problem, self.folder, usual.number, usual.user_attrs[OPTIONS], USUAL_MODEL, self.threads,
                lambda text: _say(console, text),
            )  # fmt: skip
        setting = get_setting(options.setting)
        pairs = custom_pairs(options.pairs, setting)
        cases = setting.evaluation_cases("test", options.eval_cases, pairs=pairs)
        device = choose_device(options.device)
        solvers = {name: load_run(run.path, device=device) for name, run in runs.items()}
        scores = evaluate_solvers(solvers, cases, best.config.language, setting, pairs)
        console.print(score_table(scores, f"{setting.id}, test split"))
        if usual is not None:
            _say(console, gain_line(scores[0], scores[1], [case.completion for case in cases]))
        write_evaluation_result(best.path / "evaluation_result.txt", cases, scores[0].answers)
        metrics = best.metrics()
        x = "step" if "step" in metrics[0] else "timesteps"
        plot_training(best.path / "training_history.png", metrics, x=x, title=self.folder.name)
        return scores_json(scores, len(cases), setting.id)

    def _write_json(self, best: BestTrial, test: dict[str, Any]) -> None:
        if self.options.json is None:
            return
        told: dict[str, Any] = {
            "study": best.study,
            "trial": best.number,
            "objective": self.options.objective,
            "value": best.value,
            "params": best.params,
            "model": str(self.folder / MODEL),
        }
        if test:
            told["test"] = test
        write_text(self.options.json, json.dumps(told, ensure_ascii=False, indent=2) + "\n")


def _importances(study: optuna.Study) -> dict[str, float]:
    """How much each parameter matters for the first objective; nothing where there are too few trials to tell."""
    if len(best_trials(study.get_trials(deepcopy=False), study.directions)) < _ENOUGH_TO_TELL:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it reminds that low targets count as good: see the sign below
        return optuna.importance.get_param_importances(
            study,
            evaluator=optuna.importance.PedAnovaImportanceEvaluator(),
            target=lambda trial: rank(trial.values, study.directions)[0],
        )


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
