"""``training_history.png``: how a run's figures went."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bracket_env.atomic import write_bytes


def plot_history(path: Path, metrics: Sequence[Mapping[str, Any]], *, x: str, title: str) -> None:
    """Exact match and loss on the validation split over ``x`` (``"step"`` or ``"timesteps"``).

    Args:
        metrics: the run's log; entries without ``exact`` are left out.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    entries = [entry for entry in metrics if "exact" in entry]
    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    left = figure.add_subplot()
    xs = [entry[x] for entry in entries]
    left.plot(xs, [100 * entry["exact"] for entry in entries], color="#0072B2", label="exact match")
    left.plot(xs, [100 * entry["share"] for entry in entries], color="#56B4E9", linestyle="--", label="share")
    left.set(xlabel=x, ylabel="validation, %", ylim=(0, 101), title=title)
    left.grid(alpha=0.3)
    right = left.twinx()
    right.plot(xs, [entry["loss"] for entry in entries], color="#D55E00", label="loss")
    right.set_ylabel("loss, nats per token")
    right.set_ylim(bottom=0)
    handles = [*left.get_lines(), *right.get_lines()]
    left.legend(handles=handles, loc="center right")
    image = io.BytesIO()
    figure.savefig(image, dpi=120)
    write_bytes(path, image.getvalue())
