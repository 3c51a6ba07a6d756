"""A week of one home as a picture: power, the truth, the bare rule and the networks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from supervised.occupancy.answers import Answer
from supervised.occupancy.homes.record import ABSENT, DAY, PRESENT, UNKNOWN, PowerRecord
from supervised.occupancy.scores import known_labels
from supervised.runs.files.history import new_figure, save_figure

_COLOURS = {ABSENT: "#D55E00", PRESENT: "#56B4E9", UNKNOWN: "#EEEEEE"}


def plot_week(path: str, record: PowerRecord, begin: int, found: Sequence[Answer], title: str) -> None:
    """Write a PNG of a week: power above, one strip each below.

    Args:
        path: the file.
        record: the home.
        begin: the week's first slot.
        found: answers to it; always-home is left out.
        title: above the picture.

    Raises:
        InputError: the file cannot be written.
    """
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    week = slice(begin, min(len(record), begin + 7 * DAY // record.minutes))
    times = record.times[week]
    truth = known_labels(record)[week]
    strips = [("truth", truth)] if (truth != UNKNOWN).any() else []
    strips += [
        (_title(answer), answer.present[week])
        for answer in found
        if answer.model not in ("always_home", "random_forest")
    ]
    figure = new_figure(11, 3 + 0.35 * len(strips))
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[2.5, 0.35 * len(strips)])
    above.plot(times, record.watts[week], color="black", linewidth=0.8)
    above.set(ylabel="power, W", title=title)
    above.set_ylim(bottom=0)
    edges = np.append(times, times[-1] + np.timedelta64(record.minutes, "m"))
    for place, (_, values) in enumerate(strips):
        colours = ListedColormap([_COLOURS[value] for value in (UNKNOWN, ABSENT, PRESENT)])
        below.pcolormesh(edges, [place + 0.1, place + 0.9], values[None], cmap=colours, vmin=UNKNOWN, vmax=PRESENT)
    below.set_yticks([place + 0.5 for place in range(len(strips))], [name for name, _ in strips])
    below.invert_yaxis()
    patches = [Patch(color=_COLOURS[PRESENT], label="at home"), Patch(color=_COLOURS[ABSENT], label="nobody")]
    below.legend(handles=patches, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    save_figure(path, figure, dpi=110)


def _title(answer: Answer) -> str:
    name = answer.model.replace("_", " ")
    return f"{name} + sentence" if answer.instruction else name
