"""Pictures as files, drawn without a screen; ``training_history.png`` among them: how a run's figures went."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bracket_env.atomic import write_bytes

if TYPE_CHECKING:  # matplotlib is imported when the first picture is made
    from matplotlib.figure import Figure


_JAPANESE = ("Noto Sans CJK JP", "Noto Sans JP", "IPAexGothic", "Hiragino Sans", "Yu Gothic", "MS Gothic", "Meiryo")


def plot_history(
    path: Path,
    metrics: Sequence[Mapping[str, Any]],
    *,
    x: str,
    title: str,
    shares: tuple[str, str] = ("exact", "share"),
) -> None:
    """Two shares (exact match above all) and the loss on the validation split over ``x``, and that of training.

    Args:
        metrics: the run's log; entries without the first share are left out. ``train_loss`` may be missing.
        x: ``"step"`` or ``"timesteps"``.
        shares: which figures from 0 to 1.
    """
    from matplotlib.ticker import MaxNLocator

    entries = [entry for entry in metrics if shares[0] in entry]
    figure = new_figure(7, 4)
    left = figure.add_subplot()
    xs = [entry[x] for entry in entries]
    names = [{"exact": "exact match"}.get(share, share) for share in shares]
    left.plot(xs, [100 * entry[shares[0]] for entry in entries], color="#0072B2", label=names[0])
    left.plot(xs, [100 * entry[shares[1]] for entry in entries], color="#56B4E9", linestyle="--", label=names[1])
    left.set(xlabel=x, ylabel="validation, %", ylim=(0, 101), title=title)
    left.xaxis.set_major_locator(MaxNLocator(integer=True))
    left.grid(alpha=0.3)
    right = left.twinx()
    right.plot(xs, [entry["loss"] for entry in entries], color="#D55E00", label="loss")
    trained = [(entry[x], entry["train_loss"]) for entry in entries if entry.get("train_loss") is not None]
    if trained:
        right.plot(*zip(*trained, strict=True), color="#E69F00", linestyle=":", label="loss in training")
    right.set_ylabel("loss, nats per token")
    right.set_ylim(bottom=0)
    handles = [*left.get_lines(), *right.get_lines()]
    for line in handles:
        line.set_clip_on(False)  # at 0 and at 100 % it lies on the frame
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))  # where it hides no line
    save_figure(path, figure)


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of this size in inches, whose parts keep clear of each other."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_figure(path: str | Path, figure: Figure, dpi: int = 120) -> None:
    """Write a figure as PNG.

    Raises:
        InputError: the file cannot be written.
    """
    image = io.BytesIO()
    with _any_name():
        figure.savefig(image, dpi=dpi, format="png")
    write_bytes(path, image.getvalue())


@contextmanager
def _any_name() -> Iterator[None]:
    """Names of runs may be Japanese: in a font of this machine that has them, or else as boxes, without a warning."""
    from matplotlib import font_manager, rc_context, rcParams

    there = {font.name for font in font_manager.fontManager.ttflist}
    fonts = [*rcParams["font.sans-serif"][:1], *(name for name in _JAPANESE if name in there)]
    with rc_context({"font.sans-serif": fonts}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        yield
