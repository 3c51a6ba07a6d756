"""What a training run shows: a live line on a terminal, one line an evaluation in a pipe or log file."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from bracket_env.scores.report import share_percent
from supervised.options.durations import format_duration

QUIET_SECONDS = 30.0
"""After this long without a line a pipe or log file gets one, so that nobody takes long work for stuck work."""


def print_line(console: Console, text: str) -> None:
    """Print text as it is: no markup, no colours, no line breaks of rich's own."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


class _Roomy(TextColumn):
    """Text that gives way to the bar and the times where the terminal is narrower than so many columns."""

    def __init__(self, text: str, least: int, console: Console) -> None:
        super().__init__(text)
        self._least, self._console = least, console

    def render(self, task: Task) -> Text:
        return super().render(task) if self._console.width >= self._least else Text("")


class _Times(ProgressColumn):
    """``1:23 passed, 0:45 left``."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        left = task.time_remaining
        rest = "" if left is None else f", {format_duration(left)} left"
        return Text(f"{format_duration(task.elapsed or 0)} passed{rest}", style="progress.elapsed", no_wrap=True)


class Display:
    """Progress of one run; use it as a context manager.

    Args:
        total: steps to go to.
        start: steps done before (a resumed run).
        unit: what the speed counts, such as steps or cases.
        per_step: how many of them a step is.
        console: where to print.
        shares: what the two shares of an evaluation are called; the first one stands beside the bar.
    """

    def __init__(
        self,
        total: int,
        *,
        start: int = 0,
        unit: str = "steps",
        per_step: int = 1,
        console: Console | None = None,
        shares: tuple[str, str] = ("exact", "share"),
    ) -> None:
        self.console = console or Console()
        self._unit, self._per_step, self._shares = unit, per_step, shares
        self.total, self._start = total, start
        self._began = self._said = time.monotonic()
        self._progress = Progress(
            TextColumn("{task.completed:>9,.0f} / {task.total:,.0f} steps"),
            BarColumn(bar_width=None),
            _Roomy("{task.fields[rate]} " + f"{unit}/s", 100, self.console),
            _Roomy(shares[0] + " [bold]{task.fields[first]}[/bold]", 76, self.console),
            _Times(),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self._task = self._progress.add_task("train", total=total, completed=start, rate="-", first="-")

    def __enter__(self) -> Display:
        self._began = time.monotonic()
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def print_line(self, text: str) -> None:
        """A line above the bar."""
        print_line(self.console, text)
        self._said = time.monotonic()

    def rate(self, steps: int) -> float:
        """Steps a second since the display began."""
        return (steps - self._start) / max(time.monotonic() - self._began, 1e-9)

    def update(self, steps: int, first: float) -> None:
        """Move the bar; the first share stands beside it."""
        rate = f"{self._per_step * self.rate(steps):,.0f}"
        self._progress.update(self._task, completed=min(steps, self.total), rate=rate, first=share_percent(first) + "%")
        if not self.console.is_terminal and time.monotonic() - self._said > QUIET_SECONDS:
            self.print_line(f"step {steps:>9,} of {self.total:,}{self._speed(steps)}")

    def _speed(self, steps: int) -> str:
        """The rate and the time left, once there is a rate."""
        rate = self.rate(steps)
        left = format_duration(max(self.total - steps, 0) / rate) if rate else ""
        return f"   {self._per_step * rate:>6,.0f} {self._unit}/s   {left} left" if rate else ""

    def evaluated(self, steps: int, first: float, second: float, loss: float) -> None:
        """Say what an evaluation found: the two shares and the loss."""
        shares = "   ".join(
            f"{name} {share_percent(share, 2):>6}%" for name, share in zip(self._shares, (first, second), strict=True)
        )
        self.print_line(f"step {steps:>9,}   {shares}   loss {loss:.4f}{self._speed(steps)}")
