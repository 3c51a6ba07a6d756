"""A training session, whatever is learned: build or restore, the loop, evaluations, checkpoints, and when to stop."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import closing, nullcontext
from typing import Any, final

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from rich.console import Console
from torch.utils.tensorboard import SummaryWriter

from bracket_env import InputError
from bracket_env.atomic import write_bytes
from bracket_env.random_streams import key
from supervised.learning.devices import choose_device
from supervised.learning.display import Display, print_line
from supervised.learning.interrupt import GracefulInterrupt
from supervised.learning.lesson import Lesson, Outcome
from supervised.learning.report import PICTURE, report_finished, report_interruption, to_new_end
from supervised.learning.stopping import WORST, Observer, Record
from supervised.learning.trainer import SNAPSHOT_EVERY, Trainer
from supervised.options.durations import format_duration
from supervised.options.groups import Training
from supervised.options.ranges import check_output
from supervised.runs import RunConfig, RunFolder, free_name
from supervised.runs.files import checkpoint
from supervised.runs.files.history import plot_history
from supervised.runs.sentences import setting_of

CHECKPOINT = "supervised.safetensors"


@final
class Session:
    """The loop around a :class:`Trainer`: evaluation, best model, checkpoints, display, and when to stop.

    Args:
        lesson: what is measured, kept and reported.
        options: of the training.
        run: its configuration.
        folder: the run; ``None`` in the processes that do not write.
        trainer: takes the steps.
        record: what has been measured so far.
        console: where everything is printed.
        observer: who watches instead of a report.
        report: whether the end is more than a line: a plot, and how the best model does.
    """

    def __init__(
        self,
        lesson: Lesson,
        options: Training,
        run: RunConfig,
        folder: RunFolder | None,
        trainer: Trainer,
        record: Record,
        console: Console,
        observer: Observer | None = None,
        report: bool = True,
    ) -> None:
        self.lesson, self.options, self.run_config, self.folder = lesson, options, run, folder
        self.trainer, self.record, self.console, self.observer = trainer, record, console, observer
        self.report = report
        self._writer = SummaryWriter(str(folder.path / "tensorboard")) if folder is not None else None

    def run(self) -> None:
        """Train to the end, or to a reason to stop; then report.

        Raises:
            KeyboardInterrupt: Ctrl-C, after saving.
        """
        options, trainer, run = self.options, self.trainer, self.run_config
        parameters = sum(p.numel() for p in trainer.model.parameters())
        begun = f", from step {trainer.step:,}{to_new_end(self.options)}" if trainer.step else ""
        where, task = self.folder.path if self.folder is not None else "", setting_of(run.setting).called(run.pairs)
        self._print(f"run {where}: {run.architecture} of {parameters:,} parameters on {task}{begun}")
        self._draw(self.lesson.begin(trainer.model, self.folder, self.console))
        self.record.begin()
        with (
            Display(
                options.steps,
                start=trainer.step,
                unit=self.lesson.unit,
                per_step=options.batch_size,
                console=self.console,
                shares=self.lesson.shares,
            ) as display,
            GracefulInterrupt(
                lambda: self._print("stopping at the next checkpoint; Ctrl-C again stops at once")
            ) as ctrl_c,
            nullcontext() if self._writer is None else closing(self._writer),
        ):
            resumed = trainer.step > 0  # at a boundary; a run that has ended is not to go beyond it
            while True:
                boundary = resumed or trainer.step % SNAPSHOT_EVERY == 0 or self._due()
                resumed = False
                if boundary and trainer.sound():
                    reason = self._boundary(display, interrupted=ctrl_c.requested)
                    if reason is not None:
                        break
                    boundary = False
                if boundary or not trainer.advance():
                    self._print(f"the loss went wrong; back to step {trainer.step}, learning rate halved")
        if self.observer is not None:
            if reason == "interrupted":
                raise KeyboardInterrupt
        elif self.folder is not None:
            self._report(self.folder, reason)

    @property
    def _last(self) -> bool:
        return self.trainer.step >= self.options.steps

    def _due(self) -> bool:
        return self.record.due(self.trainer.step, last=self._last)

    def _boundary(self, display: Display, *, interrupted: bool) -> str | None:
        """Between two steps: evaluate when due, keep a snapshot, and say whether to stop (and why)."""
        record, trainer = self.record, self.trainer
        measured = self._due()
        if measured and self.folder is not None:
            self._evaluate(self.folder, display)
        elif measured:
            record.evaluated_at = trainer.step
        reason = self._agreed(record.reason(last=self._last, measured=measured, interrupted=interrupted))
        snapshot = trainer.snapshot(record.state())
        if self.folder is not None and (measured or reason is not None or record.saving_due()):
            write_bytes(self.folder.checkpoint / CHECKPOINT, snapshot)
            record.saved()
        display.update(trainer.step, record.reached)
        return reason

    def _agreed(self, reason: str | None) -> str | None:
        """The first process's reason to stop, in all of them."""
        if self.trainer.accelerator.num_processes == 1:
            return reason
        box = [reason]
        broadcast_object_list(box)
        return box[0]

    def _evaluate(self, folder: RunFolder, display: Display) -> None:
        step, lesson = self.trainer.step, self.lesson
        figures = lesson.figures(self.trainer.model)
        first, second, loss = (figures[name] for name in (*lesson.shares, "loss"))
        train_loss, rate = self.trainer.mean_loss() if step else None, self.trainer.learning_rate
        seconds = round(self.record.seconds, 3)
        folder.log({"step": step, **figures, "train_loss": train_loss, "learning_rate": rate, "seconds": seconds})
        self._draw({f"validation/{name}": figure for name, figure in figures.items()})
        if train_loss is not None:
            self._draw({"train/loss": train_loss, "train/learning_rate": rate})
        rank = (self.observer or lesson).rank(figures) if math.isfinite(loss) else WORST
        if self.record.evaluated(step, first, rank):
            shares = {name: figures[name] for name in lesson.shares}
            metadata: dict[str, Any] = {"step": step, "best_loss": loss, **shares, "seconds": seconds}
            metadata |= {"split": "validation", "objective": lesson.goal}
            lesson.keep(self.trainer.model, folder, metadata)
        display.evaluated(step, first, second, loss)
        if self.observer is not None:
            self.observer.evaluated(step, figures)

    def _draw(self, figures: dict[str, float]) -> None:
        """Figures at the present step, for TensorBoard."""
        if self._writer is None or not figures:
            return
        for name, figure in figures.items():
            self._writer.add_scalar(name, figure, self.trainer.step)
        self._writer.flush()

    def _report(self, folder: RunFolder, reason: str) -> None:
        """Say why the training ended and how the best model does."""
        shares, steps, seconds = self.lesson.shares, self.trainer.step, self.record.seconds
        if self.report:
            path = folder.path / PICTURE
            plot_history(path, folder.metrics(), x="step", title=folder.name, shares=shares)
        self._print(f"{reason} after {steps:,} steps and {format_duration(seconds)} of training")
        report_interruption(folder, reason, self.lesson.prog, self.options.runs_dir, self.console)
        if self.report:
            self.lesson.finish(folder, Outcome(steps, seconds, self.trainer.accelerator.device), self.console)

    def _print(self, text: str) -> None:
        print_line(self.console, text)


def run_session(
    lesson: Lesson,
    options: Training,
    run: RunConfig,
    folder: RunFolder | None,
    command: Sequence[str],
    console: Console | None,
    observer: Observer | None = None,
    *,
    report: bool = True,
) -> RunFolder | None:
    """Build the model and its trainer, begin or restore the run, and run the session.

    Under ``accelerate launch`` every process calls this; the first one writes and prints.

    Args:
        folder: the run to resume.
        command: what was typed, for the record.
        console: where progress and tables go, standard output by default.
        observer: who watches instead of a report.
        report: see :class:`Session`.

    Returns:
        The finished run; ``None`` in the processes that do not write.

    Raises:
        InputError: bad options or data, a folder that is in the way or cannot be written, nothing to resume,
            divergence after every rollback (the best model stays in the run folder).
        KeyboardInterrupt: Ctrl-C, after saving.
    """
    torch.set_num_threads(options.threads)
    accelerator = _accelerator(options)
    console = console or Console()
    main = accelerator.is_main_process
    console.quiet = console.quiet or not main
    check_output("json", options.json)
    if options.batch_size < accelerator.num_processes:
        processes = accelerator.num_processes
        raise InputError(f"--batch-size {options.batch_size} is less than the {processes} processes that share a batch")
    # A run that was killed before its first checkpoint starts at the beginning.
    begun = folder is not None and (folder.checkpoint / CHECKPOINT).exists()
    if folder is not None and begun and _nothing_left(folder, options, console, report=report):
        return folder if main else None
    extensions = folder.config.extensions if folder is not None else ()
    batches, objective = lesson.examples()
    torch.manual_seed(key(options.seed, "supervised/weights") >> 1)
    if folder is not None and not begun and any(entry.get("step") for entry in folder.metrics()):
        raise InputError(f"nothing to resume: no {folder.checkpoint / CHECKPOINT}")
    model = lesson.model(begun=begun)
    trainer = Trainer(options, model, batches, objective, accelerator, seed=options.seed, extensions=extensions)
    restored: dict[str, Any] = {}
    if folder is not None and begun:
        restored = trainer.resume(folder.checkpoint / CHECKPOINT)
    record = Record(options, restored, extensions=len(extensions))
    if folder is not None and main:
        folder.go_on(command)
        folder.rewind("step", trainer.step if begun else -1)
    elif main:
        folder = RunFolder.create(
            options.name or free_name(lesson.stem, options.runs_dir), run, command, root=options.runs_dir
        )
    folder = folder if main else None
    try:
        Session(lesson, options, run, folder, trainer, record, console, observer, report).run()
    finally:
        trainer.close()
    return folder


def _nothing_left(folder: RunFolder, options: Training, console: Console, *, report: bool) -> bool:
    """Whether a run that is to be gone on with has ended before; then that is said."""
    saved = checkpoint.read_state(folder.checkpoint / CHECKPOINT)
    try:
        step = saved["step"]
        record = Record(options, saved["extra"], extensions=len(folder.config.extensions))
    except KeyError as error:
        raise checkpoint.unusable(folder.checkpoint / CHECKPOINT, error) from None
    return report_finished(folder, record, options, console, done=step, total=options.steps, report=report)


def _accelerator(options: Training) -> Accelerator:
    device = choose_device(options.device)
    half = device.type == "cuda" and torch.cuda.is_bf16_supported()
    if options.precision == "bf16" and not half:
        raise InputError("--precision bf16 needs a GPU that has it: use fp32 or auto")
    precision = "bf16" if half and options.precision != "fp32" else "no"
    return Accelerator(cpu=device.type == "cpu", mixed_precision=precision)
