"""Pictures of a study in its folder, with matplotlib: history, importances, slices, all at once, Pareto front."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from textwrap import fill
from typing import Any

import optuna
from matplotlib import colormaps
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, NullLocator, ScalarFormatter
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from supervised.runs.files.history import new_figure, save_figure
from supervised.study.best_trial import best_trials

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
    bars = axes.barh(names, [100 * importances[name] for name in names], color=_DOT)
    axes.bar_label(bars, fmt="%.1f", padding=3)
    axes.set(xlabel="importance for being among the best, % (PED-ANOVA)")
    axes.margins(x=0.1)
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
    values = [trial.values[0] for trial in trials]
    margin = (max(values) - min(values)) / 20 or 0.01
    low, high = min(values) - margin, max(values) + margin
    for index, param in enumerate(params):
        axes = figure.add_subplot(rows, _COLUMNS, index + 1)
        drawn = [trial for trial in trials if param in trial.params]
        distribution = drawn[-1].distributions[param]
        assert isinstance(distribution, CategoricalDistribution | FloatDistribution | IntDistribution)
        xs: Sequence[Any] = [trial.params[param] for trial in drawn]
        if isinstance(distribution, CategoricalDistribution):
            choices = list(distribution.choices)
            xs = [choices.index(x) for x in xs]
            axes.set_xticks(range(len(choices)), [fill(str(choice), _LABEL) for choice in choices])
            axes.set_xlim(-0.5, len(choices) - 0.5)
        elif distribution.log:
            axes.set_xscale("log")
            axes.set_xlim(distribution.low / 1.2, distribution.high * 1.2)
            if isinstance(distribution, IntDistribution):
                axes.xaxis.set_major_locator(LogLocator(base=2))
                axes.xaxis.set_major_formatter(ScalarFormatter())
                axes.xaxis.set_minor_locator(NullLocator())
            axes.xaxis.set_minor_formatter(NullFormatter())
        else:
            beside = (distribution.high - distribution.low) / 20
            axes.set_xlim(distribution.low - beside, distribution.high + beside)
            axes.xaxis.set_major_locator(MaxNLocator(5, integer=isinstance(distribution, IntDistribution)))
        axes.scatter(xs, [trial.values[0] for trial in drawn], color=_DOT, s=12)
        axes.set_ylim(low, high)
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
    xs, ys = ([t.values[i] for t in front] for i in (1, 0))
    # Between two of its trials nothing better than the smaller one is known.
    ends = axes.get_xlim()
    axes.step([*xs, ends[1]], [*ys, ys[-1]], where="post", color=_LINE, label="Pareto front")
    axes.scatter(xs, ys, color=_LINE, zorder=3)
    axes.set_xlim(ends)
    axes.set(xlabel=names[1], ylabel=names[0], title=study.study_name)
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=2)
    save_figure(path, figure)


def plot_parallel(path: Path, study: optuna.Study, name: str) -> None:
    """Every finished trial as a line through its first objective and all of its parameters, the best one on top.

    Args:
        name: of the objective.
    """
    trials = best_trials(_complete(study), study.directions)[::-1]
    params = sorted({param for trial in trials for param in trial.params})
    drawn = {param: next(t.distributions[param] for t in reversed(trials) if param in t.params) for param in params}
    figure = new_figure(min(1.5 + 1.15 * len(params), 22), 4.5)
    axes = figure.add_subplot()
    values = [trial.values[0] for trial in trials]
    low, high = min(values), max(values)
    colours = colormaps["viridis"]
    for number, trial in enumerate(trials):
        heights = [(trial.values[0] - low) / ((high - low) or 1)]
        heights += [_height(drawn[p], trial.params[p]) if p in trial.params else math.nan for p in params]
        best = number == len(trials) - 1
        colour = _LINE if best else colours(0.9 - 0.8 * number / len(trials))
        axes.plot(heights, color=colour, alpha=1 if best else 0.5, linewidth=2.5 if best else 1, marker=".")
    for place, marks in enumerate([{0.0: f"{low:.4g}", 1.0: f"{high:.4g}"}, *map(_marks, drawn.values())]):
        axes.axvline(place, color="#666666", linewidth=0.8, zorder=0)
        for height, text in marks.items():
            look = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1}
            shift = (4, -9 if height == 0 else 4)
            axes.annotate(text, (place, height), shift, textcoords="offset points", fontsize=7, bbox=look)
    axes.set_xticks(range(len(params) + 1), [fill(label.replace("_", " "), _LABEL) for label in (name, *params)])
    axes.tick_params(axis="x", labelsize=8)
    axes.set_yticks([])
    axes.set(xlim=(-0.2, len(params) + 0.8), ylim=(-0.08, 1.1))
    axes.set_title(f"{study.study_name}: the best trial in orange, the others the darker the better", fontsize=10)
    save_figure(path, figure)


def _height(distribution: BaseDistribution, value: Any) -> float:
    """Where a value lies between the ends of what could be drawn, from 0 to 1."""
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices).index(value) / max(len(distribution.choices) - 1, 1)
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    low, high, place = float(distribution.low), float(distribution.high), float(value)
    if distribution.log:
        low, high, place = math.log(low), math.log(high), math.log(place)
    return (place - low) / ((high - low) or 1)


def _marks(distribution: BaseDistribution) -> dict[float, str]:
    """What stands beside the axis of a parameter, by height."""
    if isinstance(distribution, CategoricalDistribution):
        return {_height(distribution, choice): fill(str(choice), _LABEL) for choice in distribution.choices}
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    return {0.0: f"{distribution.low:g}", 1.0: f"{distribution.high:g}"}


def _complete(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
