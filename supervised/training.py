"""Builds a supervised run from its options, trains it and prints its score table."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from rich.console import Console
from torch.utils.tensorboard import SummaryWriter

from bracket_env.atomic import write_bytes
from bracket_env.cases import Case
from bracket_env.errors import InputError, quote
from bracket_env.random_streams import key
from bracket_env.scoring import share_answered
from bracket_env.settings import Setting, get_setting
from bracket_env.splits import split_of
from bracket_env.tokenizer import BracketTokenizer
from supervised.data import Batches, FixedSource, MixedSource, Source, StreamSource, encode_cases
from supervised.dataset_folder import read_dataset
from supervised.devices import choose_device
from supervised.durations import format_duration, parse_duration
from supervised.finish import report_interruption, report_old_task, report_scores
from supervised.history import plot_history
from supervised.interrupt import GracefulInterrupt
from supervised.options import check, custom_pairs, fixed_size, resumed
from supervised.progress import Display
from supervised.runs import RunConfig, RunFolder, free_name
from supervised.solver import ModelSolver, answer_loss
from supervised.train import PROG, Train
from supervised.trainer import SNAPSHOT_EVERY, Trainer
from supervised.transplant import initialise_from

CHECKPOINT = "supervised.safetensors"
_SAVE_EVERY_SECONDS = 15.0


def train(config: Train, command: Sequence[str], console: Console | None = None) -> RunFolder | None:
    """Train, or go on training, and report.

    Under ``accelerate launch`` every process calls this; the first one writes and prints.

    Args:
        command: what was typed, for the record.
        console: where progress and tables go, standard output by default.

    Returns:
        The finished run; ``None`` in the processes that do not write.

    Raises:
        InputError: bad options or data, a folder that is in the way or cannot be written, nothing to resume,
            divergence after every rollback (the best model stays in the run folder).
        KeyboardInterrupt: Ctrl-C, after saving.
    """
    folder: RunFolder | None = None
    if config.resume is not None:
        folder = RunFolder.open(config.resume, root=config.runs_dir)
        if folder.config.kind != "supervised":
            raise InputError(f"{folder.path} is a {folder.config.kind} run: resume it with its own command")
        config = resumed(config, folder.config.options)
    run = check(config)
    torch.set_num_threads(config.threads)
    accelerator = _accelerator(config)
    console = console or Console()
    main = accelerator.is_main_process
    console.quiet = console.quiet or not main
    _check_files(config, accelerator.num_processes)
    setting = get_setting(config.setting)
    source = training_source(config, run, setting)
    torch.manual_seed(key(config.seed, "supervised/weights") >> 1)
    model = run.build()
    # A run that was killed before its first checkpoint starts at the beginning.
    begun = folder is not None and (folder.checkpoint / CHECKPOINT).exists()
    if config.init_from is not None and not begun:
        initialise_from(model, run, RunFolder.open(config.init_from, root=config.runs_dir))
    trainer = Trainer(config, model, Batches(source, config.batch_size, config.seed), accelerator)
    restored: dict[str, Any] = {}
    if folder is not None and begun:
        restored = trainer.resume(folder.checkpoint / CHECKPOINT)
    if folder is not None and main:
        folder.rewind("step", trainer.step if begun else -1)
    elif main:
        name = config.name or free_name(config.arch, config.runs_dir)
        folder = RunFolder.create(name, run, command, root=config.runs_dir)
    folder = folder if main else None
    Session(config, run, folder, trainer, setting, console, restored).run()
    return folder


def _check_files(config: Train, processes: int) -> None:
    """What would only be missed at the end of the training, or in the middle.

    Raises:
        InputError: there is no folder for ``--json``, or fewer cases in a batch than processes.
    """
    if config.json is not None and (Path(config.json).is_dir() or not Path(config.json).absolute().parent.is_dir()):
        raise InputError(f"cannot write --json {config.json}: it is a folder, or in one that does not exist")
    if config.batch_size < processes:
        raise InputError(f"--batch-size {config.batch_size} is less than the {processes} processes that share a batch")


def _accelerator(config: Train) -> Accelerator:
    device = choose_device(config.device)
    half = device.type == "cuda" and torch.cuda.is_bf16_supported()
    if config.precision == "bf16" and not half:
        raise InputError("--precision bf16 needs a GPU that has it: use fp32 or auto")
    precision = "bf16" if half and config.precision != "fp32" else "no"
    return Accelerator(cpu=device.type == "cpu", mixed_precision=precision)


def training_source(config: Train, run: RunConfig, setting: Setting) -> Source:
    """Where the run's training cases come from.

    Raises:
        InputError: the data set is missing, damaged, empty or of another language.
    """
    pairs = custom_pairs(config.pairs, setting)
    tokenizer = BracketTokenizer(run.language)
    sampler = setting.sampler(split="train", pairs=pairs)
    size = fixed_size(config.dataset_size)
    source: Source
    if config.dataset is not None:
        source = FixedSource(encode_cases(_train_cases(config.dataset, run), tokenizer), config.seed)
    elif size is not None:
        cases = sampler.cases(key(config.seed, f"supervised/dataset/{setting.id}/train"), size)
        source = FixedSource(encode_cases(cases, tokenizer), config.seed)
    else:
        source = StreamSource(sampler, config.seed)
    if config.replay is None:
        return source
    old = get_setting(config.replay).sampler(split="train", pairs=run.pairs)
    return MixedSource(
        source, StreamSource(old, key(config.seed, "supervised/replay")), config.replay_share, config.seed
    )


def _train_cases(folder: str, run: RunConfig) -> list[Case]:
    """The cases of a dataset folder that a model may be trained on: a folder made elsewhere knows nothing of splits.

    Raises:
        InputError: as :func:`read_dataset`, no case of the train split, or one that is longer than the model can read.
    """
    cases = [case for case in read_dataset(folder, run.language) if split_of(case.prefix) == "train"]
    if not cases:
        raise InputError(
            f"{folder}: every prefix belongs to the validation or test split, so there is nothing to train on"
        )
    longest = max(cases, key=lambda case: len(case.prefix) + len(case.completion))
    tokens, room = len(longest.prefix) + len(longest.completion) + 2, run.params.get("max_length")
    if room is not None and tokens > room:
        raise InputError(
            f"{folder}: {quote(longest.prefix)} takes {tokens} tokens with its answer: --max-length is {room}"
        )
    return cases


class Session:
    """The loop around a :class:`Trainer`: evaluation, best model, checkpoints, display, and when to stop.

    Args:
        folder: the run; ``None`` in the processes that do not write.
        restored: what the last session left in the checkpoint.
    """

    def __init__(
        self,
        config: Train,
        run: RunConfig,
        folder: RunFolder | None,
        trainer: Trainer,
        setting: Setting,
        console: Console,
        restored: dict[str, Any],
    ) -> None:
        self.config, self.folder, self.trainer, self.console = config, folder, trainer, console
        self.setting = setting
        self.pairs = custom_pairs(config.pairs, setting)
        self.main = trainer.accelerator.is_main_process
        self.solver = ModelSolver(trainer.model, BracketTokenizer(run.language))
        self.cases: list[Case] = []
        if self.main:
            self.cases = setting.evaluation_cases("validation", config.eval_cases, pairs=self.pairs)
        self.best: tuple[float, float] = tuple(restored.get("best", (-1.0, -math.inf)))
        self.exact: float = restored.get("exact", 0.0)
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
        self._say(f"run {where}: {config.arch} of {parameters:,} parameters on {self.setting.id}{begun}")
        self._began = self._saved_at = time.monotonic()
        with (
            Display(
                config.steps, start=trainer.step, unit="cases", per_step=config.batch_size, console=self.console
            ) as self.display,
            GracefulInterrupt(
                lambda: self._say("stopping at the next checkpoint; Ctrl-C again stops at once")
            ) as ctrl_c,
        ):
            while True:
                boundary = trainer.step % SNAPSHOT_EVERY == 0 or self._evaluation_due()
                if boundary and trainer.sound():
                    reason = self._boundary(interrupted=ctrl_c.requested)
                    if reason is not None:
                        break
                    boundary = False
                if boundary or not trainer.advance():
                    self._say(f"the loss went wrong; back to step {trainer.step}, learning rate halved")
        if self.main:
            self._report(reason)

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
                "exact": self.exact,
                "evaluated_at": self.evaluated_at,
                "waited": self.waited,
                "seconds": self.seconds,
            }
        )
        late = time.monotonic() - self._saved_at >= _SAVE_EVERY_SECONDS
        if self.folder is not None and (evaluated or reason is not None or late):
            write_bytes(self.folder.checkpoint / CHECKPOINT, snapshot)
            self._saved_at = time.monotonic()
        self.display.update(self.trainer.step, self.exact)
        return reason

    def _stop_reason(self, evaluated: bool, interrupted: bool) -> str | None:
        config = self.config
        if self.trainer.step >= config.steps:
            return "finished"
        if config.target is not None and evaluated and self.exact >= config.target:
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
        step, model = self.trainer.step, self.trainer.model
        answers = self.solver.complete([case.prefix for case in self.cases])
        shares = [share_answered(a, case.completion) for a, case in zip(answers, self.cases, strict=True)]
        self.exact = sum(share == 1 for share in shares) / len(shares)
        share = sum(shares) / len(shares)
        loss = answer_loss(model, self.solver.tokenizer, self.cases)
        entry = {
            "step": step,
            "exact": self.exact,
            "share": share,
            "loss": loss,
            "train_loss": self.trainer.mean_loss() if step else None,
            "learning_rate": self.trainer.learning_rate,
            "seconds": round(self.seconds, 3),
        }
        folder.log(entry)
        if self._writer is not None:
            for name in ("exact", "share", "loss"):
                self._writer.add_scalar(f"validation/{name}", entry[name], step)
            if step:
                self._writer.add_scalar("train/loss", entry["train_loss"], step)
                self._writer.add_scalar("train/learning_rate", entry["learning_rate"], step)
            self._writer.flush()
        self.waited += 1
        if math.isfinite(loss) and (self.exact, -loss) > self.best:
            self.best, self.waited = (self.exact, -loss), 0
            figures = {"step": step, "best_loss": loss, "exact": self.exact, "share": share}
            folder.save_best(
                model, {**figures, "seconds": entry["seconds"], "split": "validation", "objective": self.config.loss}
            )
        self.display.evaluated(step, self.exact, share, loss)

    def _report(self, reason: str | None) -> None:
        assert self.folder is not None
        folder, config = self.folder, self.config
        if self._writer is not None:
            self._writer.close()
        plot_history(folder.path / "training_history.png", folder.metrics(), x="step", title=folder.name)
        self._say(f"{reason} after {self.trainer.step:,} steps and {format_duration(self.seconds)} of training")
        report_interruption(folder, reason, PROG, config.runs_dir, self.console)
        report_scores(
            folder,
            self.setting,
            self.pairs,
            cases=config.eval_cases,
            seed=config.seed,
            steps=self.trainer.step,
            seconds=self.seconds,
            device=self.trainer.accelerator.device,
            console=self.console,
            json=config.json,
        )
        if config.init_from is not None:
            old = RunFolder.open(config.init_from, root=config.runs_dir)
            report_old_task(folder, old, config.eval_cases, self.console)

    def _say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)
