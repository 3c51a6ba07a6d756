"""Pictures of a study in its folder, with matplotlib: history, importances, slices, Pareto front."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from textwrap import fill
from typing import Any

import optuna
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, ScalarFormatter
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from supervised.learning.history import new_figure, save_figure

_DOT, _LINE = "#56B4E9", "#D55E00"
_COLUMNS = 4
_LABEL = 11  # characters of a line


def plot_history(path: Path, study: optuna.Study, name: str) -> None:
    """The first objective of every finished trial in the order of their numbers, and the best so far.

    Args:
        name: of the objective.
    """
    trials = _complete(study)
    values = [trial.values[0] for trial in trials]
    better = min if study.directions[0] == StudyDirection.MINIMIZE else max
    figure = new_figure(7, 4)
    axes = figure.add_subplot()
    numbers = [trial.number for trial in trials]
    axes.scatter(numbers, values, color=_DOT, label="trial")
    axes.step(numbers, list(accumulate(values, better)), where="post", color=_LINE, label="best so far")
    axes.set(xlabel="trial", ylabel=name, title=study.study_name)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.legend()
    save_figure(path, figure)


def plot_importances(path: Path, importances: Mapping[str, float]) -> None:
    """A bar a parameter, the longest on top."""
    figure = new_figure(7, 1 + 0.3 * len(importances))
    axes = figure.add_subplot()
    names = list(importances)[::-1]
    axes.barh(names, [importances[name] for name in names], color=_DOT)
    axes.set(xlabel="importance (PED-ANOVA)")
    save_figure(path, figure)


def plot_slices(path: Path, study: optuna.Study, name: str) -> None:
    """The first objective over each parameter.

    Args:
        name: of the objective.
    """
    trials = _complete(study)
    params = sorted({param for trial in trials for param in trial.params})
    rows = math.ceil(len(params) / _COLUMNS)
    figure = new_figure(3 * _COLUMNS, 2.6 * max(rows, 1))
    for index, param in enumerate(params):
        axes = figure.add_subplot(rows, _COLUMNS, index + 1)
        drawn = [trial for trial in trials if param in trial.params]
        distribution = drawn[-1].distributions[param]
        xs: Sequence[Any] = [trial.params[param] for trial in drawn]
        if isinstance(distribution, optuna.distributions.CategoricalDistribution):
            choices = list(distribution.choices)
            xs = [choices.index(x) for x in xs]
            axes.set_xticks(range(len(choices)), [fill(str(choice), _LABEL) for choice in choices])
            axes.set_xlim(-0.5, len(choices) - 0.5)
        elif distribution.log:  # type: ignore[attr-defined]
            axes.set_xscale("log")
            if isinstance(distribution, optuna.distributions.IntDistribution):
                axes.xaxis.set_major_locator(LogLocator(base=2))
                axes.xaxis.set_major_formatter(ScalarFormatter())
                axes.xaxis.set_minor_locator(NullLocator())
        elif isinstance(distribution, optuna.distributions.IntDistribution):
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.scatter(xs, [trial.values[0] for trial in drawn], color=_DOT, s=12)
        axes.set(xlabel=param, ylabel=name if index % _COLUMNS == 0 else "")
        axes.tick_params(axis="x", labelsize=8)
        axes.grid(alpha=0.3)
    save_figure(path, figure)


def plot_pareto(path: Path, study: optuna.Study, names: Sequence[str]) -> None:
    """Both objectives of every finished trial; those that no other one beats are joined.

    Args:
        names: of the two objectives.
    """
    trials, front = _complete(study), sorted(study.best_trials, key=lambda trial: trial.values[1])
    figure = new_figure(6, 4)
    axes = figure.add_subplot()
    axes.scatter([t.values[1] for t in trials], [t.values[0] for t in trials], color=_DOT, label="trial")
    axes.plot([t.values[1] for t in front], [t.values[0] for t in front], "o-", color=_LINE, label="Pareto front")
    axes.set(xlabel=names[1], ylabel=names[0], title=study.study_name)
    axes.grid(alpha=0.3)
    axes.legend()
    save_figure(path, figure)


def _complete(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
