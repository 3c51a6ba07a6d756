"""The training that compression needs: going on with a pruned model, or teaching a student. It is never resumed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from accelerate import Accelerator
from rich.console import Console

from supervised.data.batches import TrainingBatches
from supervised.learning.display import Display
from supervised.learning.objective import Objective
from supervised.learning.stopping import Figures, Record, best_first
from supervised.learning.trainer import SNAPSHOT_EVERY, Trainer
from supervised.models import SequenceModel
from supervised.options.groups import Training


def train_further(
    model: SequenceModel,
    options: Training,
    batches: TrainingBatches,
    objective: Objective[Any],
    measure: Callable[[SequenceModel], Figures],
    console: Console,
    *,
    after_step: Callable[[int], None] = lambda step: None,
    ready_at: int = 0,
) -> list[dict[str, float]]:
    """Train a model in place; it ends as it was at its best evaluation.

    Args:
        options: steps, batch size, learning rate and so on.
        objective: what to make smaller.
        measure: ``exact``, ``share`` and ``loss`` of an evaluation, which decide what is kept.
        after_step: called with the number of steps done after each of them, also before the first (with 0) and after
            a rollback, so that it can put right what an optimiser step or an old snapshot has moved.
        ready_at: evaluations before this step do not count.

    Returns:
        One entry an evaluation: ``step``, the figures, ``learning_rate``, ``seconds``.

    Raises:
        supervised.learning.trainer.DivergedError: after every rollback.
    """
    cpu = next(model.parameters()).device.type == "cpu"
    accelerator = Accelerator(cpu=cpu, mixed_precision="no")
    trainer = Trainer(options, model, batches, objective, accelerator, seed=options.seed)
    record, kept = Record(options), dict[str, torch.Tensor]()
    log: list[dict[str, float]] = []
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
            step, figures = trainer.step, measure(model)
            seconds = round(record.seconds, 3)
            log.append({"step": step, **figures, "learning_rate": trainer.learning_rate, "seconds": seconds})
            display.evaluated(step, figures["exact"], figures["share"], figures["loss"])
            display.update(step, figures["exact"])
            if (
                step >= ready_at
                and math.isfinite(figures["loss"])
                and record.evaluated(step, figures["exact"], best_first(figures))
            ):
                kept = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.load_state_dict(kept or model.state_dict())
    model.eval()
    return log
