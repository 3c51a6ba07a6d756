"""The callback that watches a PPO run: evaluation, best model, checkpoints, display, and when to stop.

Everything happens between two updates (``on_rollout_start``), where the state of a run is small and whole: nothing is
left in the rollout buffer. Stopping means breaking off the rollout that begins then; a resumed run starts at the
snapshot taken before it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import final

import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy

from agents.sb3 import checkpoint, value_head
from agents.sb3.learner import not_finite
from supervised.learning.display import Display
from supervised.learning.interrupt import GracefulInterrupt
from supervised.learning.stopping import Figures, Observer, Record, best_first
from supervised.models import SequenceModel
from supervised.runs import RunFolder

Measure = Callable[[ActorCriticPolicy], tuple[Figures, SequenceModel]]
"""A policy -> ``exact``, ``share`` and ``loss`` on the validation split, and the policy as the model to be saved."""
KEPT = "its last good checkpoint and best model"
# The others may be undefined in good health: the variance explained of equal returns, say.
_LOSSES = ("train/loss", "train/policy_gradient_loss", "train/value_loss", "train/entropy_loss")


@final
class Monitor(BaseCallback):
    """Watches one run.

    Args:
        folder: where everything goes.
        measure: how well the policy does.
        record: what has been measured so far, and when to measure and stop.
        display: shows progress.
        observer: who watches instead of a report.

    Attributes:
        steps: environment steps of the state that the checkpoint holds, or will.
        stop_reason: why training ended, ``None`` before.
        interrupt: a context for ``learn``; a Ctrl-C in it stops training after the update.
    """

    model: OnPolicyAlgorithm

    def __init__(
        self,
        folder: RunFolder,
        measure: Measure,
        record: Record,
        display: Display,
        observer: Observer | None = None,
    ) -> None:
        super().__init__()
        self.folder, self.measure = folder, measure
        self.record, self.display, self.observer = record, display, observer
        self.steps = 0
        self.stop_reason: str | None = None
        self.interrupt = GracefulInterrupt(
            lambda: display.print_line("stopping after this update; press Ctrl-C again to stop at once")
        )
        self._snapshot: bytes | None = None

    def _on_training_start(self) -> None:
        self.record.begin()

    def _on_rollout_start(self) -> None:
        self._between_updates()

    def _on_step(self) -> bool:
        return self.stop_reason is None

    def _on_training_end(self) -> None:
        if self.stop_reason is None:  # the last update has not been looked at yet
            self._between_updates(last=True)
        if self._snapshot is not None:
            checkpoint.save(self.folder.checkpoint, self._snapshot)

    def _between_updates(self, *, last: bool = False) -> None:
        self.check_finite()
        self.steps, record = self.num_timesteps, self.record
        measured = record.due(self.steps, last=last)
        if measured:
            self._evaluate()
        self.stop_reason = record.reason(last=last, measured=measured, interrupted=self.interrupt.requested)
        self._snapshot = checkpoint.pack(self.model, record.state())
        if measured or record.saving_due():
            checkpoint.save(self.folder.checkpoint, self._snapshot)
            record.saved()
        self.display.update(self.steps, record.reached)

    def check_finite(self) -> None:
        """Raises :class:`~agents.sb3.learner.DivergedError` when the weights or the last losses are not finite."""
        losses = [self.logger.name_to_value.get(name, 0.0) for name in _LOSSES]
        if all(math.isfinite(loss) for loss in losses) and all(
            bool(torch.isfinite(p).all()) for p in self.model.policy.parameters()
        ):
            return
        raise not_finite(self.model, self.folder.path, KEPT)

    def _evaluate(self) -> None:
        steps, record = self.steps, self.record
        figures, model = self.measure(self.model.policy)
        returns = [episode["r"] for episode in self.model.ep_info_buffer or ()]
        mean_return, seconds = sum(returns) / len(returns) if returns else None, round(record.seconds, 3)
        self.folder.log({"timesteps": steps, **figures, "episode_return": mean_return, "seconds": seconds})
        for name, figure in figures.items():
            self.logger.record(f"validation/{name}", figure)
        exact, share, loss = figures["exact"], figures["share"], figures["loss"]
        rank = best_first if self.observer is None else self.observer.rank
        if record.evaluated(steps, exact, rank(figures)):
            metadata = {"timesteps": steps, "best_loss": loss, "exact": exact, "share": share, "seconds": seconds}
            self.folder.save_best(model, {**metadata, "split": "validation"})
            value_head.save(self.folder, self.model.policy)
        self.display.evaluated(steps, exact, share, loss)
        if self.observer is not None:
            self.observer.evaluated(steps, figures)
