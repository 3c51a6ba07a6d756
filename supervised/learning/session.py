"""A training session, whatever is learned: build or restore, the loop, evaluations, checkpoints, and when to stop."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, nullcontext
from typing import Any, Generic, TypeVar

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from rich.console import Console
from torch.utils.tensorboard import SummaryWriter

from bracket_env.atomic import write_bytes
from bracket_env.cases import Case
from bracket_env.errors import InputError
from bracket_env.random_streams import key
from bracket_env.settings import Setting
from bracket_env.tokenizer import BracketTokenizer
from supervised.adapt.options import Adapt
from supervised.data.batches import TrainingBatches
from supervised.learning.devices import choose_device
from supervised.learning.display import Display
from supervised.learning.history import plot_history
from supervised.learning.interrupt import GracefulInterrupt
from supervised.learning.report import report_interruption
from supervised.learning.trainer import SNAPSHOT_EVERY, Trainer
from supervised.models import SequenceModel
from supervised.options.checks import custom_pairs
from supervised.options.durations import format_duration, parse_duration
from supervised.options.ranges import check_output
from supervised.pretrain.options import Pretrain
from supervised.runs.config import RunConfig
from supervised.runs.folder import RunFolder, free_name
from supervised.runs.sentences import setting_of
from supervised.train.options import Train
from supervised.transfer.transplant import initialise_from

Config = TypeVar("Config", Train, Pretrain, Adapt)
CHECKPOINT = "supervised.safetensors"
_SAVE_EVERY_SECONDS = 15.0


def _check_files(config: Train | Pretrain | Adapt, processes: int) -> None:
    """What would only be missed at the end of the training, or in the middle.

    Raises:
        InputError: there is no folder for ``--json``, or fewer cases in a batch than processes.
    """
    check_output("json", config.json)
    if config.batch_size < processes:
        raise InputError(f"--batch-size {config.batch_size} is less than the {processes} processes that share a batch")


def _accelerator(config: Train | Pretrain | Adapt) -> Accelerator:
    device = choose_device(config.device)
    half = device.type == "cuda" and torch.cuda.is_bf16_supported()
    if config.precision == "bf16" and not half:
        raise InputError("--precision bf16 needs a GPU that has it: use fp32 or auto")
    precision = "bf16" if half and config.precision != "fp32" else "no"
    return Accelerator(cpu=device.type == "cpu", mixed_precision=precision)


class Session(ABC, Generic[Config]):
    """The loop around a :class:`Trainer`: evaluation, best model, checkpoints, display, and when to stop. Abstract.

    What is measured and what is reported at the end is left to :meth:`figures` and :meth:`finish`.

    Attributes:
        prog: the command.
        unit: what a batch is made of.
        shares: the two figures that are shown; ``--target`` is about the first one.

    Args:
        folder: the run; ``None`` in the processes that do not write.
        restored: what the last session left in the checkpoint.
    """

    prog: str
    unit: str
    shares: tuple[str, str]

    def __init__(
        self,
        config: Config,
        run: RunConfig,
        folder: RunFolder | None,
        trainer: Trainer,
        setting: Setting,
        console: Console,
        restored: dict[str, Any],
    ) -> None:
        self.config: Config = config
        self.folder, self.trainer, self.setting, self.console = folder, trainer, setting, console
        self.architecture = run.architecture
        self.pairs = custom_pairs(config.pairs, setting)
        self.main = trainer.accelerator.is_main_process
        self.tokenizer = BracketTokenizer(run.language)
        self.cases: list[Case] = []
        if self.main:
            self.cases = setting.evaluation_cases("validation", config.eval_cases, pairs=self.pairs)
        self.best: tuple[float, float] = tuple(restored.get("best", (-1.0, -math.inf)))
        self.reached: float = restored.get("reached", 0.0)
        self.evaluated_at: int = restored.get("evaluated_at", -1)
        self.waited: int = restored.get("waited", 0)
        self.seconds_before: float = restored.get("seconds", 0.0)
        self.limit = None if config.time_limit is None else parse_duration(config.time_limit)
        self._began = self._saved_at = time.monotonic()
        self._writer = SummaryWriter(str(folder.path / "tensorboard")) if folder is not None else None

    @property
    def seconds(self) -> float:
        """Training time so far, evaluations and earlier parts of a resumed run included."""
        return self.seconds_before + time.monotonic() - self._began

    def run(self) -> None:
        """Train to the end, or to a reason to stop; then report."""
        config, trainer = self.config, self.trainer
        parameters = sum(p.numel() for p in trainer.model.parameters())
        begun = f", from step {trainer.step:,}" if trainer.step else ""
        where = self.folder.path if self.folder is not None else ""
        self._say(f"run {where}: {self.architecture} of {parameters:,} parameters on {self.setting.id}{begun}")
        self.begin()
        self._began = self._saved_at = time.monotonic()
        with (
            Display(
                config.steps,
                start=trainer.step,
                unit=self.unit,
                per_step=config.batch_size,
                console=self.console,
                shares=self.shares,
            ) as self.display,
            GracefulInterrupt(
                lambda: self._say("stopping at the next checkpoint; Ctrl-C again stops at once")
            ) as ctrl_c,
            nullcontext() if self._writer is None else closing(self._writer),
        ):
            resumed = trainer.step > 0  # at a boundary; a run that has ended is not to go beyond it
            while True:
                boundary = resumed or trainer.step % SNAPSHOT_EVERY == 0 or self._evaluation_due()
                resumed = False
                if boundary and trainer.sound():
                    reason = self._boundary(interrupted=ctrl_c.requested)
                    if reason is not None:
                        break
                    boundary = False
                if boundary or not trainer.advance():
                    self._say(f"the loss went wrong; back to step {trainer.step}, learning rate halved")
        if self.folder is not None:
            self.report(self.folder, reason)

    def begin(self) -> None:
        """What there is to say or keep before the first step; nothing by default."""

    def _evaluation_due(self) -> bool:
        step = self.trainer.step
        return (step % self.config.eval_every == 0 or step >= self.config.steps) and self.evaluated_at != step

    def _boundary(self, *, interrupted: bool) -> str | None:
        """Between two steps: evaluate when due, keep a snapshot, and say whether to stop (and why)."""
        evaluated = self._evaluation_due()
        if evaluated and self.folder is not None:
            self._evaluate(self.folder)
        self.evaluated_at = self.trainer.step if evaluated else self.evaluated_at
        reason = self._agreed(self._stop_reason(evaluated, interrupted))
        snapshot = self.trainer.snapshot(
            {
                "best": list(self.best),
                "reached": self.reached,
                "evaluated_at": self.evaluated_at,
                "waited": self.waited,
                "seconds": self.seconds,
            }
        )
        late = time.monotonic() - self._saved_at >= _SAVE_EVERY_SECONDS
        if self.folder is not None and (evaluated or reason is not None or late):
            write_bytes(self.folder.checkpoint / CHECKPOINT, snapshot)
            self._saved_at = time.monotonic()
        self.display.update(self.trainer.step, self.reached)
        return reason

    def _stop_reason(self, evaluated: bool, interrupted: bool) -> str | None:
        config = self.config
        if self.trainer.step >= config.steps:
            return "finished"
        if config.target is not None and evaluated and self.reached >= config.target:
            return "target reached"
        if config.patience is not None and self.waited >= config.patience:
            return f"no better for {self.waited} evaluations"
        if interrupted:
            return "interrupted"
        if self.limit is not None and time.monotonic() - self._began >= self.limit:
            return "time limit"
        return None

    def _agreed(self, reason: str | None) -> str | None:
        """The first process's reason to stop, in all of them."""
        if self.trainer.accelerator.num_processes == 1:
            return reason
        box = [reason]
        broadcast_object_list(box)
        return box[0]

    def _evaluate(self, folder: RunFolder) -> None:
        step = self.trainer.step
        figures = self.figures()
        first, second, loss = (figures[name] for name in (*self.shares, "loss"))
        self.reached = first
        entry = {
            "step": step,
            **figures,
            "train_loss": self.trainer.mean_loss() if step else None,
            "learning_rate": self.trainer.learning_rate,
            "seconds": round(self.seconds, 3),
        }
        folder.log(entry)
        if self._writer is not None:
            for name, figure in figures.items():
                self._writer.add_scalar(f"validation/{name}", figure, step)
            if step:
                self._writer.add_scalar("train/loss", entry["train_loss"], step)
                self._writer.add_scalar("train/learning_rate", entry["learning_rate"], step)
            self._writer.flush()
        self.waited += 1
        rank = self.rank(figures)
        if math.isfinite(loss) and rank > self.best:
            self.best, self.waited = rank, 0
            told = {"step": step, "best_loss": loss, **{name: figures[name] for name in self.shares}}
            self.keep(folder, {**told, "seconds": entry["seconds"], "split": "validation", "objective": self.objective})
        self.display.evaluated(step, first, second, loss)
        self.evaluated(step, figures)

    def keep(self, folder: RunFolder, metadata: Mapping[str, Any]) -> None:
        """Save the model as the best one so far."""
        folder.save_best(self.trainer.model, metadata)

    def evaluated(self, step: int, figures: Mapping[str, float]) -> None:
        """Called after each evaluation; what it raises ends the training."""

    def report(self, folder: RunFolder, reason: str) -> None:
        """Say why the training ended and how the best model does.

        Raises:
            KeyboardInterrupt: it was Ctrl-C.
        """
        plot_history(
            folder.path / "training_history.png", folder.metrics(), x="step", title=folder.name, shares=self.shares
        )
        self._say(f"{reason} after {self.trainer.step:,} steps and {format_duration(self.seconds)} of training")
        report_interruption(folder, reason, self.prog, self.config.runs_dir, self.console)
        self.finish(folder)

    def _say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    @classmethod
    def model(cls, config: Config, run: RunConfig, *, begun: bool) -> SequenceModel:
        """The model to train.

        Args:
            begun: a checkpoint will overwrite its weights.
        """
        model = run.build()
        if config.init_from is not None and not begun:
            initialise_from(model, run, RunFolder.open(config.init_from, root=config.runs_dir))
        return model

    @classmethod
    @abstractmethod
    def stem(cls, config: Config) -> str:
        """What the name of a run begins with."""

    @property
    @abstractmethod
    def objective(self) -> str:
        """What the best model's record says it was trained for."""

    @abstractmethod
    def figures(self) -> dict[str, float]:
        """The model on the validation split: the two shares and ``loss``."""

    @abstractmethod
    def rank(self, figures: Mapping[str, float]) -> tuple[float, float]:
        """Orders evaluations: the best one is the largest. Its first part is at least 0."""

    @abstractmethod
    def finish(self, folder: RunFolder) -> None:
        """Report how the best model does on the test split."""


def run_session(
    session: type[Session[Config]],
    config: Config,
    run: RunConfig,
    folder: RunFolder | None,
    batches: Callable[[], TrainingBatches],
    command: Sequence[str],
    console: Console | None,
) -> RunFolder | None:
    """Build the model and its trainer, begin or restore the run, and run the session.

    Args:
        folder: the run to resume.
        batches: makes the training batches, once everything that is quicker to check is checked.

    Returns, Raises: see :func:`supervised.train.run.train`.
    """
    torch.set_num_threads(config.threads)
    accelerator = _accelerator(config)
    console = console or Console()
    main = accelerator.is_main_process
    console.quiet = console.quiet or not main
    _check_files(config, accelerator.num_processes)
    data = batches()
    torch.manual_seed(key(config.seed, "supervised/weights") >> 1)
    # A run that was killed before its first checkpoint starts at the beginning.
    begun = folder is not None and (folder.checkpoint / CHECKPOINT).exists()
    if folder is not None and not begun and any(entry.get("step") for entry in folder.metrics()):
        raise InputError(f"nothing to resume: no {folder.checkpoint / CHECKPOINT}")
    model = session.model(config, run, begun=begun)
    trainer = Trainer(config, model, data, accelerator, getattr(data, "objective", None))
    restored: dict[str, Any] = {}
    if folder is not None and begun:
        restored = trainer.resume(folder.checkpoint / CHECKPOINT)
    if folder is not None and main:
        folder.rewind("step", trainer.step if begun else -1)
    elif main:
        name = config.name or free_name(session.stem(config), config.runs_dir)
        folder = RunFolder.create(name, run, command, root=config.runs_dir)
    folder = folder if main else None
    try:
        session(config, run, folder, trainer, setting_of(run.setting), console, restored).run()
    finally:
        trainer.close()
    return folder
