"""A study from the command line to its report: begun or gone on with, run, and what came of it."""

from __future__ import annotations

import json
import math
import os
import shlex
import time
import warnings
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import optuna
from rich.console import Console

from bracket_env import InputError, get_setting, quote
from bracket_env.atomic import write_json
from bracket_env.scores.report import score_table, scores_json
from bracket_env.words.suggestions import did_you_mean
from supervised.learning.devices import choose_device
from supervised.learning.display import print_line
from supervised.learning.report import evaluate_solvers
from supervised.options.checks import custom_pairs
from supervised.options.durations import parse_duration
from supervised.options.ranges import check_output
from supervised.runs import load as load_run
from supervised.runs.files.evaluation_result import write_evaluation_result
from supervised.runs.files.history import plot_history as plot_training
from supervised.runs.folder import METADATA, RunFolder, free_name
from supervised.study.best_files import DEFAULT_MODEL, MODEL, PARAMS, keep_model, refresh
from supervised.study.best_trial import BestTrial, best_trials, rank
from supervised.study.plots import plot_history, plot_importances, plot_parallel, plot_pareto, plot_slices
from supervised.study.pool import Pool
from supervised.study.problem import Options, Problem
from supervised.study.report import (
    StudyDisplay,
    best_table,
    gain_line,
    importance_table,
    objective_names,
    params_text,
    pareto_table,
    what_is_there,
)
from supervised.study.storages.location import Location, find_location, new_location, remember_location
from supervised.study.storages.opening import one_line
from supervised.study.study import OPTIONS, check_options, check_signs, create, load, resumed
from supervised.study.trials import Task, default_trial

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
    check_output("json", options.json)
    new = options.resume is None and options.best is None
    run = (_begun if new else _found)(kind, options, console)
    if options.best is not None:
        run.show_best()
    else:
        run.work()
    return run.folder


def _begun(kind: type[Problem[Options]], options: Options, console: Console) -> _StudyRun:
    problem = kind(options)
    problem.check()
    root = Path(options.studies_dir)
    name = options.name or free_name(problem.stem(), root)
    folder = root / name
    if Path(name).name != name or name in ("", ".."):
        raise InputError(f"a study's name is one folder name, not {quote(name)}")
    location = new_location(folder, options.storage, options.jobs)
    check_signs(options, options, location)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            go_on = f"go on with --resume {shlex.quote(name)}"
            raise InputError(f"study {folder} exists: choose another --name, or {go_on}")
    except OSError as error:
        raise InputError(f"cannot make study folder {folder}: {error.strerror}") from None
    try:
        create(problem, name, location)
    except InputError:
        with suppress(OSError):  # something is in it after all
            folder.rmdir()
        raise
    study = load(name, location, options, folder, say=partial(print_line, console))
    return _opened(problem, folder, location, study, console)


def _found(kind: type[Problem[Options]], options: Options, console: Console) -> _StudyRun:
    name = options.resume or options.best or ""
    folder = Path(options.studies_dir) / name
    if not folder.is_dir() and Path(name).is_dir():
        folder = Path(name)
    if not folder.is_dir() and options.storage is None:
        near = did_you_mean(name, (path.name for path in Path(options.studies_dir).glob("*") if path.is_dir()))
        raise InputError(f"there is no study {folder}: no folder has this name{near}")
    location = find_location(folder, options.storage)
    study = load(folder.name, location, options, folder, say=partial(print_line, console))
    with one_line(location):
        problem = kind(resumed(options, study, kind))
    if options.best is None:
        check_signs(options, problem.options, location)
    if location.on_server:  # the signs of life that the study's own options ask for
        study = load(folder.name, location, problem.options, folder, say=partial(print_line, console))
    try:
        folder.mkdir(parents=True, exist_ok=True)  # another machine joins
    except OSError as error:
        raise InputError(f"cannot make study folder {folder}: {error.strerror}") from None
    return _opened(problem, folder, location, study, console)


def _opened(
    problem: Problem[Any], folder: Path, location: Location, study: optuna.Study, console: Console
) -> _StudyRun:
    remember_location(folder, location)
    # A kill from here on leaves a study that --resume goes on with; it makes the data if they are missing.
    problem.prepare(folder)
    options = problem.options
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = options.threads or max(1, cores // options.jobs)
    deadline = math.inf if options.time_limit is None else time.time() + parse_duration(options.time_limit)
    return _StudyRun(Task(problem, folder, study.study_name, location, 0, threads, deadline), study, console)


@dataclass(frozen=True)
class _StudyRun:
    """One command's work on a study."""

    task: Task
    study: optuna.Study
    console: Console

    @property
    def problem(self) -> Problem[Any]:
        return self.task.problem

    @property
    def folder(self) -> Path:
        return self.task.folder

    def show_best(self) -> None:
        """``--best``."""
        best = refresh(self.task, self._print)
        if best is None:
            raise InputError(f"no trial of study {self.folder.name} has finished yet")
        metadata = json.loads((self.folder / METADATA).read_text(encoding="utf-8"))
        self._write_json(best)
        name = objective_names(self.problem)[0]
        self._print(f"best {name}: {best.value!r} (trial {best.number})")
        if name != "loss":
            self._print(f"its loss: {metadata['best_loss']!r}")
        self._print(f"parameters: {params_text(best.params)}")
        self._print(f"options: {self.folder / PARAMS}")
        self._print(f"model: {self.folder / MODEL}")

    def work(self) -> None:
        """Run trials, then report."""
        options, location = self.problem.options, str(self.task.location)
        if options.resume is not None:
            self._print(what_is_there(self.study, self.problem))
        self._print(f"study {self.folder}: {options.n_trials} trials, {options.jobs} at once, in {location}")
        self._print(f"watch it in a browser: optuna-dashboard {shlex.quote(location)}")
        root = "" if options.studies_dir == "studies" else f" --studies-dir {shlex.quote(options.studies_dir)}"
        go_on = f"go on with: {self.problem.prog} --resume {shlex.quote(self.folder.name)}{root}"
        try:
            with StudyDisplay(self.study, self.problem, self.console, self.task.deadline) as display:
                reason = Pool(self.task, options.jobs, self.study).run(display.show, display.print_line)
        except KeyboardInterrupt:  # the second Ctrl-C
            self._print(go_on)
            raise
        if reason != "finished":
            self._print(f"{reason}; {go_on}")
        best = refresh(self.task, self._print)
        if reason == "interrupted":
            raise KeyboardInterrupt
        if best is None:
            self._print("no trial has finished, so there is no best one")
            return
        self._report()
        self._test(best)

    def _print(self, text: str) -> None:
        print_line(self.console, text)

    def _report(self) -> None:
        """The best trials, what mattered, and the pictures."""
        study, names = self.study, objective_names(self.problem)
        plot_history(self.folder / "history.png", study, names[0])
        plot_slices(self.folder / "slices.png", study, names[0])
        plot_parallel(self.folder / "parallel.png", study, names[0])
        importances = _importances(study)
        if importances:
            plot_importances(self.folder / "importances.png", importances)
        if len(names) == 2:
            plot_pareto(self.folder / "pareto.png", study, names)
        self.console.print(best_table(study, self.problem))
        if len(names) == 2:
            self.console.print(pareto_table(study, self.problem))
        if importances:
            self.console.print(importance_table(importances))

    def _test(self, found: BestTrial) -> None:
        """The one look at test cases: the best model, and the default one if it was another."""
        options, best = self.problem.options, RunFolder.open(self.folder / MODEL)
        runs = {"best": best}
        default = default_trial(self.study.get_trials())
        if default is not None:
            drawn = default.user_attrs[OPTIONS]
            runs["default"] = keep_model(self.task, default.number, drawn, DEFAULT_MODEL, self._print)
        setting = get_setting(options.setting)
        pairs = custom_pairs(options.pairs, setting)
        cases = setting.evaluation_cases("test", options.eval_cases, pairs=pairs)
        device = choose_device(options.device)
        solvers = {name: load_run(run.path, device=device) for name, run in runs.items()}
        scores = evaluate_solvers(solvers, cases, best.config.language, setting, pairs)
        write_evaluation_result(best.path / "evaluation_result.txt", cases, scores[0].answers)
        metrics = best.metrics()
        x = "step" if "step" in metrics[0] else "timesteps"
        plot_training(best.path / "training_history.png", metrics, x=x, title=self.folder.name)
        self._write_json(found, test=scores_json(scores, len(cases), setting.id, pairs=pairs))
        self.console.print(score_table(scores, f"{setting.called(pairs)}, test split"))
        if default is not None:
            self._print(gain_line(scores[0], scores[1], [case.completion for case in cases]))

    def _write_json(self, best: BestTrial, **more: Any) -> None:
        options = self.problem.options
        if options.json is None:
            return
        content = {
            "study": best.study,
            "trial": best.number,
            "objective": options.objective,
            "value": best.value,
            "params": best.params,
            "model": str(self.folder / MODEL),
            **more,
        }
        write_json(options.json, content)


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
