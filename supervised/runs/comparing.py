"""Several runs in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bracket_env import InputError
from supervised.options.ranges import check_output
from supervised.runs.files.history import new_figure, save_figure
from supervised.runs.folder import RunFolder

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
"""Those of Okabe and Ito, which the colour-blind tell apart; further runs get other dashes."""
DASHES = ("-", "--", "-.", ":")


def plot_together(runs: Sequence[str], root: str, out: str, *, measure: str, x: str) -> None:
    """Draw how a figure on the validation split went, one line a run.

    Args:
        runs: names or folders.
        out: a PNG.
        measure: ``exact``, ``share`` or ``loss``.
        x: ``steps`` or ``seconds``.

    Raises:
        InputError: no run, one that is none or has no such figure, a file that cannot be written.
    """
    if not runs:
        raise InputError("name at least one run, or a folder of one")
    check_output("out", out)
    folders = [RunFolder.open(run, root=root) for run in dict.fromkeys(runs)]
    curves = [_curve(folder, measure, x) for folder in folders]
    figure = new_figure(8, 4.5)
    axis = figure.add_subplot()
    for number, (folder, (xs, ys)) in enumerate(zip(folders, curves, strict=True)):
        dashes = DASHES[number // len(COLOURS) % len(DASHES)]
        look: dict[str, Any] = {"color": COLOURS[number % len(COLOURS)], "linestyle": dashes}
        if len(xs) < 20:
            look |= {"marker": "o", "markersize": 3}
        axis.plot(xs, ys, label=_label(folder), **look)
    if measure == "loss":
        axis.set(ylabel="validation loss, nats per token", ylim=(0, None))
    else:
        axis.set(ylabel=f"{'exact match' if measure == 'exact' else measure} on the validation split, %", ylim=(0, 101))
    kinds = {folder.config.kind in ("ppo", "instruct") for folder in folders}
    steps = {frozenset({True}): "environment steps", frozenset({False}): "optimiser steps"}
    shown = steps.get(frozenset(kinds), "steps: environment steps of agents, optimiser steps of the others")
    axis.set_xlabel(shown if x == "steps" else "seconds of training")
    axis.set_xlim(left=0)
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8)
    save_figure(out, figure)
    print(f"{out}: {len(folders)} run{'s' * (len(folders) != 1)}")


def _curve(folder: RunFolder, measure: str, x: str) -> tuple[list[float], list[float]]:
    """Where the points of a run are."""
    scale = 1 if measure == "loss" else 100
    points = []
    for entry in folder.metrics():
        place = entry.get("seconds") if x == "seconds" else entry.get("step", entry.get("timesteps"))
        if measure in entry and place is not None:
            points.append((place, scale * entry[measure]))
    if not points:
        measures = ("exact", "share", "loss")
        has = ", ".join(name for name in measures if any(name in entry for entry in folder.metrics()))
        raise InputError(f"{folder.path} has no figure {measure!r} over {x} to draw; --measure: {has or 'nothing yet'}")
    return [place for place, _ in points], [value for _, value in points]


def _label(folder: RunFolder) -> str:
    setting = folder.config.setting.removeprefix("bracket/").removesuffix("-v0")
    return f"{folder.name} ({folder.config.architecture}, {setting})"
