"""Optimiser steps that survive what goes wrong: bad losses, lack of memory, kills.

- A loss or gradient that is not finite, or a loss far beyond that of guessing, takes the model back to the last good
  snapshot with half the learning rate; after three times training ends with the best model intact.
- When memory runs out the micro-batch is halved and gradients are accumulated, which is the same computation.
- A snapshot is the whole state at a step that is a multiple of :data:`SNAPSHOT_EVERY`, or one of an evaluation. It is
  at once what a rollback goes back to and what a checkpoint holds, so a resumed run rolls back to the same place.
- Dropout follows from (seed, step, process), so a step that is done again, or in another process's life, is the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from bracket_env import InputError
from bracket_env.random_streams import key
from supervised.data.batches import TrainingBatches
from supervised.learning.objective import Objective
from supervised.learning.schedule import learning_rate
from supervised.models import SequenceModel
from supervised.options.groups import Optimiser
from supervised.runs.config import Extension
from supervised.runs.files import checkpoint

SNAPSHOT_EVERY = 25
MOST_ROLLBACKS = 3
WHOLE = 2**31 - 1  # a micro-batch that every batch fits in, whatever it adds to the cases of --batch-size
EXPLODED = 20.0  # times the loss of guessing uniformly


class DivergedError(InputError):
    """Training went wrong once more after all its rollbacks."""


class Trainer:
    """One model, its optimiser and its batches.

    Args:
        options: of the optimiser.
        model: what is trained.
        batches: batch number s for every s.
        objective: what to make smaller.
        accelerator: devices and processes.
        seed: of dropout.
        extensions: of the training.
    """

    def __init__(
        self,
        options: Optimiser,
        model: SequenceModel,
        batches: TrainingBatches,
        objective: Objective[Any],
        accelerator: Accelerator,
        *,
        seed: int,
        extensions: Sequence[Extension] = (),
    ) -> None:
        self.extensions = extensions
        self.options, self.batches, self.accelerator = options, batches, accelerator
        self.objective, self._seed = objective, seed
        groups = parameter_groups(model, options.weight_decay)
        optimizer = torch.optim.AdamW(groups, lr=options.learning_rate, fused=True)
        self._loss, self.optimizer = accelerator.prepare(self.objective.loss(model), optimizer)
        self.model: SequenceModel = accelerator.unwrap_model(self._loss).model
        self.micro_batch = options.micro_batch or WHOLE
        self.step = 0
        self.rollbacks = 0
        self.loss_sum = 0.0  # since the last reading of mean_loss
        self.loss_steps = 0
        self._guess = math.log(model.head.out_features) * self.objective.scale
        self._snapshot: bytes | None = None

    @property
    def learning_rate(self) -> float:
        """Of the coming step; halved by every rollback."""
        options = self.options
        rate = learning_rate(
            self.step,
            peak=options.learning_rate,
            steps=options.steps,
            warmup_steps=options.warmup_steps,
            kind=options.lr_schedule,
            extensions=self.extensions,
        )
        return rate * 0.5**self.rollbacks

    def advance(self) -> bool:
        """One optimiser step.

        Returns:
            Whether it was good; if not, the last snapshot is back.

        Raises:
            DivergedError: it was not, for the fourth time.
        """
        loss = self._measured(learning=True)
        norm = self.accelerator.clip_grad_norm_(self._loss.parameters(), self.options.max_grad_norm)
        if not self._good(loss) or not bool(torch.isfinite(norm)):
            self._roll_back(loss)
            return False
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate
        self.optimizer.step()
        self.step += 1
        self.loss_sum += loss
        self.loss_steps += 1
        return True

    def sound(self) -> bool:
        """Whether the last step left a model that can go on: its loss on the coming batch is good.

        Asked before every snapshot, since a snapshot of a ruined model could not be gone back to.

        Returns:
            Whether it did; if not, the last snapshot is back.

        Raises:
            DivergedError: it did not, for the fourth time.
        """
        loss = self._measured(learning=False)
        if self._good(loss):
            return True
        self._roll_back(loss)
        return False

    def snapshot(self, extra: Mapping[str, Any]) -> bytes:
        """The whole state, which also becomes what a rollback goes back to.

        Args:
            extra: the caller's own JSON state.
        """
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        tensors |= {f"optimizer.{name}": t for name, t in checkpoint.optimizer_tensors(self.optimizer).items()}
        state = {
            "step": self.step,
            "rollbacks": self.rollbacks,
            "micro_batch": self.micro_batch,
            "loss_sum": self.loss_sum,
            "loss_steps": self.loss_steps,
            "param_groups": self.optimizer.state_dict()["param_groups"],
            "extra": dict(extra),
        }
        self._snapshot = checkpoint.pack(tensors, {}, state)
        return self._snapshot

    def restore(self, saved: checkpoint.Unpacked) -> dict[str, Any]:
        """Go back to a snapshot of the same model.

        Returns:
            The ``extra`` it was taken with.

        Raises:
            ValueError, KeyError: it is of another model.
        """

        def part(prefix: str) -> dict[str, Tensor]:
            return {n.removeprefix(prefix): t for n, t in saved.tensors.items() if n.startswith(prefix)}

        checkpoint.copy_into(self.model.state_dict(), part("model."))
        checkpoint.restore_optimizer(self.optimizer, part("optimizer."), saved.state["param_groups"])
        self.step, self.rollbacks = saved.state["step"], saved.state["rollbacks"]
        self.micro_batch = saved.state["micro_batch"]
        self.loss_sum, self.loss_steps = saved.state["loss_sum"], saved.state["loss_steps"]
        return saved.state["extra"]

    def resume(self, path: Path) -> dict[str, Any]:
        """:meth:`restore` from a checkpoint file.

        Raises:
            InputError: no checkpoint, a damaged one, or one of another model.
        """
        saved = checkpoint.read(path)
        try:
            extra = self.restore(saved)
            self.snapshot(extra)
            return extra
        except (KeyError, ValueError, RuntimeError) as error:
            raise checkpoint.unusable(path, error) from None

    def close(self) -> None:
        """Leave the other processes, after which there is no further step. Alone, nothing happens.

        What still holds a process group when the interpreter ends takes the process down with it ("terminate called
        without an active exception"), so the module that shares gradients goes first.
        """
        if self.accelerator.num_processes > 1:
            del self._loss
            self.accelerator.free_memory()
            self.accelerator.end_training()

    def mean_loss(self) -> float:
        """Mean training loss a token since the last call."""
        mean = self.loss_sum / max(self.loss_steps, 1)
        self.loss_sum, self.loss_steps = 0.0, 0
        return mean

    def _good(self, loss: float) -> bool:
        return math.isfinite(loss) and loss < EXPLODED * self._guess

    def _roll_back(self, loss: float) -> None:
        rollbacks = self.rollbacks + 1
        if rollbacks > MOST_ROLLBACKS or self._snapshot is None:
            raise DivergedError(
                f"training diverged at step {self.step} (loss {loss:.3g}) after {self.rollbacks} rollbacks: "
                f"try a smaller --learning-rate than {self.options.learning_rate}"
            )
        micro_batch = self.micro_batch
        self.restore(checkpoint.unpack(self._snapshot))
        # What was learned about the memory stays.
        self.rollbacks, self.micro_batch = rollbacks, min(micro_batch, self.micro_batch)

    def _measured(self, *, learning: bool) -> float:
        """The loss of the coming batch a token, over all processes; learning also leaves its gradients behind."""
        batch = self.batches[self.step]
        world, rank = self.accelerator.num_processes, self.accelerator.process_index
        tokens = self.objective.tokens(batch)
        mine = range(rank, len(batch.length), world)
        while True:
            try:
                loss = self._summed(batch, mine, tokens, learning=learning)
                break
            except RuntimeError as error:  # torch.OutOfMemoryError is one
                if not _out_of_memory(error):
                    raise
                self.micro_batch = min(self.micro_batch, len(mine))
                if self.micro_batch == 1:
                    raise InputError("out of memory with one case at a time: use a smaller model") from None
                self.micro_batch = (self.micro_batch + 1) // 2
        return float(self.accelerator.reduce(loss, reduction="sum") if world > 1 else loss)

    def _summed(self, batch: Any, mine: range, tokens: int, *, learning: bool) -> Tensor:
        """This process's share of ``sum of losses / tokens of the whole batch``, and its gradients when learning."""
        self._loss.train(learning)
        self.optimizer.zero_grad(set_to_none=True)
        if learning:
            purpose = f"supervised/dropout/{self.accelerator.process_index}"
            seed_device(self.accelerator.device, key(self._seed, purpose, self.step) >> 1)
        rows = torch.arange(mine.start, mine.stop, mine.step).numpy()
        parts = [rows[low : low + self.micro_batch] for low in range(0, max(len(rows), 1), self.micro_batch)]
        loss = torch.zeros((), device=self.accelerator.device)
        for number, part in enumerate(parts):
            inputs = self.objective.inputs(batch.take(part), self.accelerator.device)
            waits = number < len(parts) - 1
            with (
                self.accelerator.no_sync(self._loss) if waits else nullcontext(),
                self.accelerator.autocast(),
                torch.set_grad_enabled(learning),
            ):
                share = self._loss(*inputs) / tokens
                if learning:
                    # Several processes average their gradients; the loss is a sum over them.
                    self.accelerator.backward(share * self.accelerator.num_processes)
            loss += share.detach()
        return loss


def parameter_groups(model: SequenceModel, weight_decay: float) -> list[dict[str, Any]]:
    """Weight matrices decay; embeddings, biases and norms do not. What is frozen has no place here."""
    embeddings = {id(m.weight) for m in model.modules() if isinstance(m, torch.nn.Embedding)}
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    # peft keeps the trained rows of an embedding in a table of its own.
    rows = {id(p) for name, p in trained.items() if "trainable_tokens" in name}
    decaying = [p for p in trained.values() if p.ndim >= 2 and id(p) not in embeddings | rows]
    chosen = {id(p) for p in decaying}
    rest = [p for p in trained.values() if id(p) not in chosen]
    return [{"params": decaying, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]


def seed_device(device: torch.device, seed: int) -> None:
    """Seed the generator that a device draws from.

    ``torch.manual_seed`` would seed those of every kind of device that torch knows, and for each that is not there it
    notes the whole call stack: a twentieth of a training step.
    """
    generator = torch.cuda.default_generators[device.index or 0] if device.type == "cuda" else torch.default_generator
    generator.manual_seed(seed)


def _out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)
