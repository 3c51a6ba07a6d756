"""A week of one home as a picture: power, the truth, the bare rule and the networks."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np

from bracket_env.atomic import write_bytes
from supervised.occupancy.answers import Answer
from supervised.occupancy.problem import Problem
from supervised.occupancy.record import ABSENT, DAY, UNKNOWN

_AWAY, _HOME, _NOBODY_KNOWS = "#D55E00", "#56B4E9", "#EEEEEE"


def plot_week(path: str, problem: Problem, found: Sequence[Answer]) -> None:
    """Write a PNG of the first week of the test days: power above, one strip each below.

    Args:
        path: the file.
        problem: the home.
        found: its answers; always-home is left out.

    Raises:
        InputError: the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    record = problem.record
    week = slice(problem.learned, min(len(record), problem.learned + 7 * DAY // record.minutes))
    times = record.times[week]
    truth = problem.truth[: len(times)]
    strips = [("truth", truth)]
    strips += [
        (_title(answer), answer.present[week])
        for answer in found
        if answer.model not in ("always_home", "random_forest")
    ]
    figure = Figure(figsize=(11, 3 + 0.35 * len(strips)), layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[2.5, 0.35 * len(strips)])
    above.plot(times, record.watts[week], color="black", linewidth=0.8)
    above.set(ylabel="power, W", title=f"{record.name}: the first week of the test days")
    above.set_ylim(bottom=0)
    for place, (_, values) in enumerate(strips):
        for value, colour in ((ABSENT, _AWAY), (1, _HOME), (UNKNOWN, _NOBODY_KNOWS)):
            where = np.asarray(values) == value
            below.fill_between(times, place + 0.1, place + 0.9, where=where, step="post", color=colour, linewidth=0)
    below.set_yticks([place + 0.5 for place in range(len(strips))], [name for name, _ in strips])
    below.invert_yaxis()
    patches = [Patch(color=_HOME, label="at home"), Patch(color=_AWAY, label="nobody")]
    below.legend(handles=patches, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    image = io.BytesIO()
    figure.savefig(image, dpi=110, format="png")
    write_bytes(path, image.getvalue())


def _title(answer: Answer) -> str:
    name = answer.model.replace("_", " ")
    return f"{name} + sentence" if answer.instruction else name
