"""What one sees of a study: while it runs, and at its end."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from math import sqrt
from types import TracebackType
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState
from rich.console import Console
from rich.live import Live

from bracket_env import Scores
from bracket_env.scores.report import percent
from bracket_env.scores.tables import FittingTable, table
from supervised.learning.display import print_line
from supervised.options.durations import format_duration
from supervised.study.best_trial import best_trials
from supervised.study.problem import Problem
from supervised.study.study import DEFAULT, ERROR, STOPPED, TOO_LARGE, is_counted

_SHOWN_BEST = 10
_SILENCE_SECONDS = 30.0  # the longest that nothing is said in a pipe
_Z95 = 1.959963984540054


class StudyDisplay:
    """A live table on a terminal, one line a finished trial elsewhere; use it as a context manager.

    Args:
        problem: names the objectives and how many trials there shall be.
        deadline: seconds of ``time.time()``, infinity for none.
    """

    def __init__(self, study: optuna.Study, problem: Problem[Any], console: Console, deadline: float) -> None:
        self._study, self._problem, self._console, self._deadline = study, problem, console, deadline
        self._began = self._said = time.time()
        self._shown = {trial.number for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()}
        self._before = _done(study.get_trials(deepcopy=False))
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None

    def __enter__(self) -> StudyDisplay:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def print_line(self, text: str) -> None:
        """A line above the table."""
        self._said = time.time()
        print_line(self._console, text)

    def show(self) -> None:
        """Bring the display up to date."""
        trials = self._study.get_trials(deepcopy=False)
        best = best_trials(trials, self._study.directions)[:1]
        for trial in trials:
            if trial.state.is_finished() and trial.number not in self._shown:
                self._shown.add(trial.number)
                if is_counted(trial) or trial.user_attrs.get(DEFAULT):
                    self.print_line(self._line(trial, best))
        if self._live is not None:
            self._live.update(self._table(trials, best), refresh=True)
        elif time.time() - self._said >= _SILENCE_SECONDS:
            self.print_line(self._status(trials, best))

    def _status(self, trials: Sequence[FrozenTrial], best: Sequence[FrozenTrial]) -> str:
        """How far the study is: ``after 1:30: 3 of 50 trials; trial 4 at step 600 of 1,500, loss 0.123; ...``."""
        total = self._problem.options.n_trials
        parts = [f"after {format_duration(time.time() - self._began)}: {_done(trials)} of {total} trials"]
        for trial in trials:
            if trial.state == TrialState.RUNNING:
                parts.append(f"trial {trial.number} {self._reached(trial)}")
        if best:
            parts.append(f"best: trial {best[0].number}, {values_text(best[0].values, self._problem)}")
        return "; ".join([*parts, f"{self._left(trials, total)} left"])

    def _reached(self, trial: FrozenTrial) -> str:
        step = trial.last_step
        if step is None:  # with two objectives there is no telling
            return "running"
        name = objective_names(self._problem)[0]
        return f"at step {step:,} of {self._problem.budget()[0]:,}, {name} {trial.intermediate_values[step]:.6g}"

    def _line(self, trial: FrozenTrial, best: Sequence[FrozenTrial]) -> str:
        stopped = trial.user_attrs.get(STOPPED)
        name = "stopped" if stopped else "failed" if trial.state == TrialState.FAIL else trial.state.name.lower()
        words = [f"trial {trial.number} {name}"]
        if trial.state == TrialState.COMPLETE:
            words.append(values_text(trial.values, self._problem))
        elif trial.state == TrialState.FAIL and not trial.user_attrs.get(ERROR):
            words.append("queued again" if stopped else "lost with its worker, and queued again")
        elif trial.user_attrs.get(ERROR):
            words.append(str(trial.user_attrs[ERROR]))
        elif TOO_LARGE in trial.user_attrs:
            words.append(f"(only to compare with: {trial.user_attrs[TOO_LARGE]:,} parameters are too many)")
        if trial.duration is not None:
            words.append(f"in {format_duration(trial.duration.total_seconds())}")
        if best:
            words.append(f"(best: trial {best[0].number}, {values_text(best[0].values, self._problem)})")
        return "  ".join(words)

    def _table(self, trials: Sequence[FrozenTrial], best: Sequence[FrozenTrial]) -> FittingTable:
        numbers = counts(trials)
        total = self._problem.options.n_trials
        headings = ["done", "running", "pruned", "failed", "of", "left"]
        cells = [*map(str, numbers), str(total), self._left(trials, total)]
        if self._problem.options.max_parameters is not None:
            headings.insert(4, "too large")
            cells.insert(4, str(sum(TOO_LARGE in trial.user_attrs for trial in trials)))
        view = table("", (*headings, "best so far"), left=("best so far",))
        found = f"trial {best[0].number}: {values_text(best[0].values, self._problem)}; " if best else "–"
        params = params_text(best[0].params) if best else ""
        view.add_row(*cells, found + params)
        return view

    def _left(self, trials: Sequence[FrozenTrial], total: int) -> str:
        done, now = _done(trials), time.time()
        here = done - self._before
        rest = (total - done) * (now - self._began) / here if here else float("inf")
        rest = min(rest, self._deadline - now)
        return format_duration(max(rest, 0)) if rest < float("inf") else "–"


def counts(trials: Sequence[FrozenTrial]) -> tuple[int, int, int, int]:
    """How many are done, running, pruned and failed."""
    states = [trial.state for trial in trials if is_counted(trial)]
    order = (TrialState.COMPLETE, TrialState.RUNNING, TrialState.PRUNED, TrialState.FAIL)
    return tuple(states.count(state) for state in order)  # type: ignore[return-value]


def _done(trials: Sequence[FrozenTrial]) -> int:
    done, _, pruned, _ = counts(trials)
    return done + pruned


def what_is_there(study: optuna.Study, problem: Problem[Any]) -> str:
    """One line about a study that is gone on with."""
    trials = study.get_trials(deepcopy=False)
    done, running, pruned, failed = counts(trials)
    waiting = sum(trial.state == TrialState.WAITING for trial in trials)
    line = f"there: {done} done, {running} running, {pruned} pruned, {failed} failed, {waiting} queued"
    best = best_trials(trials, study.directions)
    if best:
        line += f"; best {values_text(best[0].values, problem)} (trial {best[0].number}: {params_text(best[0].params)})"
    return line


def best_table(study: optuna.Study, problem: Problem[Any]) -> FittingTable:
    """The ten best trials."""
    headings = ("trial", *objective_names(problem), "time", "hyperparameters")
    view = table(f"the best trials of {study.study_name}", headings, left=("hyperparameters",))
    for trial in best_trials(study.get_trials(deepcopy=False), study.directions)[:_SHOWN_BEST]:
        took = format_duration(trial.duration.total_seconds()) if trial.duration else ""
        note = " (the default)" if trial.user_attrs.get(DEFAULT) else ""
        values = [f"{value:.6g}" for value in trial.values]
        view.add_row(f"{trial.number}{note}", *values, took, params_text(trial.params))
    return view


def pareto_table(study: optuna.Study, problem: Problem[Any]) -> FittingTable:
    """The trials that no other one beats in both objectives."""
    headings = ("trial", *objective_names(problem), "hyperparameters")
    view = table("Pareto front", headings, left=("hyperparameters",))
    for trial in best_trials(study.best_trials, study.directions):
        view.add_row(str(trial.number), *(f"{value:.6g}" for value in trial.values), params_text(trial.params))
    return view


def importance_table(importances: Mapping[str, float]) -> FittingTable:
    """How much each parameter matters for being among the best."""
    view = table("importance (PED-ANOVA)", ("hyperparameter", "share"), left=("hyperparameter",))
    for name, share in importances.items():
        view.add_row(name, f"{share:.1%}")
    return view


def gain_line(best: Scores, default: Scores, answers: Sequence[str]) -> str:
    """How far the best model beats the default one on the test cases.

    Args:
        best, default: scored on the same cases.
        answers: the right ones.
    """
    right = [[given == answer for given, answer in zip(s.answers, answers, strict=True)] for s in (best, default)]
    gained = sum(a and not b for a, b in zip(*right, strict=True))
    lost = sum(b and not a for a, b in zip(*right, strict=True))
    middle, low, high = (100 * x for x in paired_difference(gained, lost, len(answers)))
    return (
        f"exact match on the test cases: best {percent(best.exact, 2)}%, default {percent(default.exact, 2)}%, "
        f"difference {middle:+.2f} points (95 %: {low:+.2f} to {high:+.2f}; {gained} cases won, {lost} lost)"
    )


def paired_difference(gained: int, lost: int, n: int) -> tuple[float, float, float]:
    """Difference of two proportions over the same n cases, with its 95 % interval.

    The interval of Agresti and Min (2005), "Simple improved confidence intervals for comparing matched proportions":
    Wald's after half a case is added to each cell of the table.

    Args:
        gained: cases that only the first one got right.
        lost: cases that only the second one got right.
    """
    a, b, m = gained + 0.5, lost + 0.5, n + 2
    middle = (a - b) / m
    half = _Z95 * sqrt(max((a + b) - (a - b) ** 2 / m, 0.0)) / m
    return (gained - lost) / n, max(-1.0, middle - half), min(1.0, middle + half)


def objective_names(problem: Problem[Any]) -> list[str]:
    """What the values of a trial are called."""
    first = "loss" if problem.options.objective == "loss" else "exact"
    second = {"none": [], "parameters": ["parameters"], "latency": ["ms an answer"]}[problem.options.second]
    return [first, *second]


def values_text(values: Sequence[float], problem: Problem[Any]) -> str:
    """``loss 0.0123``."""
    return ", ".join(f"{name} {value:.6g}" for name, value in zip(objective_names(problem), values, strict=True))


def params_text(params: Mapping[str, Any]) -> str:
    """``units 96, learning_rate 0.004``."""
    return ", ".join(
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}" for name, value in params.items()
    )
