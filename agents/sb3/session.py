"""One training from its first step, or from where it stopped, to its last: the same for every PPO command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from stable_baselines3.common.logger import configure
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

from agents.sb3 import checkpoint
from agents.sb3.learner import plain_errors
from agents.sb3.monitor import KEPT, Measure, Monitor
from agents.sb3.options import PPOOptions
from supervised.learning.display import Display
from supervised.learning.report import PICTURE, report_finished, report_interruption
from supervised.learning.stopping import Observer, Record
from supervised.options.durations import format_duration
from supervised.runs import RunFolder
from supervised.runs.files.history import plot_history


def learn(
    model: OnPolicyAlgorithm,
    folder: RunFolder,
    measure: Measure,
    restored: Mapping[str, Any] | None,
    options: PPOOptions,
    console: Console,
    observer: Observer | None = None,
) -> Monitor:
    """Train to the end, or to a reason to stop.

    Args:
        model: fresh, or as its checkpoint left it.
        measure: how well a policy does.
        restored: what has been measured so far, as :func:`agents.sb3.checkpoint.go_on` gave it.
        options: how long, and when to measure and stop.
        observer: who watches instead of a report.

    Returns:
        What watched it, and knows why it ended.

    Raises:
        InputError: divergence, or a folder that cannot be written.
    """
    record, total = Record(options, restored, extensions=len(folder.config.extensions)), options.total_timesteps
    with Display(total, start=model.num_timesteps, console=console) as display:
        monitor = Monitor(folder, measure, record, display, observer)
        left = total - model.num_timesteps  # negative after a finished run, and nothing is done
        with monitor.interrupt, plain_errors(model, folder.path, KEPT):
            model.set_logger(configure(str(folder.path / "tensorboard"), ["tensorboard"]))
            try:
                model.learn(left, callback=monitor, reset_num_timesteps=False, log_interval=10)
            finally:
                model.logger.close()
    return monitor


def nothing_left(folder: RunFolder, options: PPOOptions, console: Console, *, report: bool = True) -> bool:
    """Whether a run that is to be gone on with has ended before; then that is said.

    Args:
        options: to go on with.
        report: whether a run ends with a report.
    """
    if not (folder.checkpoint / checkpoint.FILE).exists():
        return False
    done, known = checkpoint.progress(folder.checkpoint)
    record = Record(options, known, extensions=len(folder.config.extensions))
    total = options.total_timesteps
    return report_finished(folder, record, options, console, done=done, total=total, report=report)


def report_end(
    folder: RunFolder, monitor: Monitor, prog: str, root: str, console: Console, *, report: bool = True
) -> None:
    """Draw the history, and say why the training ended and how to go on.

    Args:
        prog: the command.
        root: where runs are.
        report: whether to draw.

    Raises:
        KeyboardInterrupt: the reason was Ctrl-C.
    """
    if report:
        plot_history(folder.path / PICTURE, folder.metrics(), x="timesteps", title=folder.name)
    steps, reason, seconds = monitor.steps, monitor.stop_reason, monitor.record.seconds
    console.print(f"{reason} after {steps:,} steps and {format_duration(seconds)} of training", highlight=False)
    report_interruption(folder, reason, prog, root, console)
