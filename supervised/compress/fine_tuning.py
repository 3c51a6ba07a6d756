"""The training that compression needs: going on with a pruned model, or teaching a student. It is never resumed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from accelerate import Accelerator
from rich.console import Console

from bracket_env.cases import Case
from bracket_env.tokenizer import BracketTokenizer
from supervised.data.batches import EncodedCases, TrainingBatches
from supervised.learning.display import Display
from supervised.learning.figures import completion_figures
from supervised.learning.objective import Objective
from supervised.learning.trainer import SNAPSHOT_EVERY, Trainer
from supervised.models import SequenceModel
from supervised.options.groups import Training
from supervised.runs.config import RunConfig
from supervised.runs.solver import ModelSolver
from supervised.train.options import Train

# What says which cases a run was trained on.
_DATA = (
    "dataset", "dataset_size", "augment", "labelled_pairs", "instruction", "ncl_weight", "ncl_encoder", "unlabelled",
    "unlabelled_batch", "replay", "replay_share", "loss", "label_smoothing", "seed", "steps", "batch_size",
    "learning_rate", "weight_decay",
)  # fmt: skip


@dataclass(frozen=True)
class Examination:
    """The validation cases that decide which state of the training is kept."""

    cases: Sequence[Case]
    tokenizer: BracketTokenizer
    masked: bool

    def figures(self, model: SequenceModel) -> dict[str, float]:
        """``exact`` and ``share`` of freely decoded answers, and ``loss``, the right answers' nats a token."""
        return completion_figures(ModelSolver(model, self.tokenizer, masked=self.masked), self.cases)


def train_further(
    model: SequenceModel,
    options: Training,
    batches: TrainingBatches,
    objective: Objective[Any],
    examination: Examination,
    console: Console,
    *,
    after_step: Callable[[int], None] = lambda step: None,
    ready_at: int = 0,
) -> list[dict[str, float]]:
    """Train a model in place; it ends as it was at its best evaluation.

    Args:
        options: steps, batch size, learning rate and so on.
        objective: what to make smaller.
        after_step: called with the number of steps done after each of them, also before the first (with 0) and after
            a rollback, so that it can put right what an optimiser step or an old snapshot has moved.
        ready_at: evaluations before this step do not count.

    Returns:
        One entry an evaluation: ``step``, the figures of :class:`Examination`, ``seconds``.

    Raises:
        supervised.learning.trainer.DivergedError: after every rollback.
    """
    cpu = next(model.parameters()).device.type == "cpu"
    accelerator = Accelerator(cpu=cpu, mixed_precision="no")
    trainer = Trainer(options, model, batches, objective, accelerator, seed=options.seed)
    best, kept = (-1.0, -math.inf), dict[str, torch.Tensor]()
    log: list[dict[str, float]] = []
    began = time.monotonic()
    with Display(options.steps, unit="cases", per_step=options.batch_size, console=console) as display:
        after_step(0)
        trainer.snapshot({})
        while trainer.step < options.steps:
            trainer.advance()
            after_step(trainer.step)
            if trainer.step % SNAPSHOT_EVERY == 0:
                if not trainer.sound():
                    continue
                trainer.snapshot({})
            if trainer.step % options.eval_every and trainer.step < options.steps:
                continue
            figures = examination.figures(model)
            seconds = round(time.monotonic() - began, 3)
            log.append({"step": trainer.step, **figures, "learning_rate": trainer.learning_rate, "seconds": seconds})
            display.evaluated(trainer.step, figures["exact"], figures["share"], figures["loss"])
            display.update(trainer.step, figures["exact"])
            rank = (figures["exact"], -figures["loss"])
            if trainer.step >= ready_at and math.isfinite(rank[1]) and rank > best:
                best, kept = rank, {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.load_state_dict(kept or model.state_dict())
    model.eval()
    return log


class Onward:
    """Batches from some number on: those that come after the ones that a run was trained on."""

    def __init__(self, batches: TrainingBatches, first: int) -> None:
        self._batches, self._first = batches, first

    def __getitem__(self, step: int) -> EncodedCases:
        cases: EncodedCases = self._batches[self._first + step]
        return cases


def data_options(run: RunConfig) -> dict[str, Any]:
    """What a run's options say about its training cases, for the record of what is made from it.

    An agent's cases come from its environment: it goes on with fresh ones of the train split.
    """
    options = run.options.get("training", run.options)
    known = {field.name for field in fields(Train)}
    wanted = ("seed",) if run.kind == "ppo" else _DATA
    return {name: options[name] for name in wanted if name in options and name in known}


def cases_seen(run: RunConfig) -> int:
    """How many training cases a run has had; what comes after them is new to it."""
    data = data_options(run)
    seen: int = run.options.get("cases_seen", data.get("steps", 0) * data.get("batch_size", 0))
    return seen


def training_options(run: RunConfig, data: dict[str, Any], **changes: Any) -> Train:
    """The options for going on with a run's own cases (:func:`data_options`)."""
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}
    return Train(**{"setting": run.setting, "pairs": run.pairs, **given, **changes})
