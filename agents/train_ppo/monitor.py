"""The callback that watches a PPO run: evaluation, best model, checkpoints, display, and when to stop.

Everything happens between two updates (``on_rollout_start``), where the state of a run is small and whole: nothing is
left in the rollout buffer. Stopping means breaking off the rollout that begins then; a resumed run starts at the
snapshot taken before it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

from agents.sb3 import checkpoint
from agents.sb3.features import as_sequence_model
from bracket_env.cases import Case
from bracket_env.errors import InputError
from bracket_env.scores.scoring import share_answered
from supervised.learning.display import Display
from supervised.learning.interrupt import GracefulInterrupt
from supervised.models import SequenceModel
from supervised.runs.folder import RunFolder
from supervised.runs.solver import ModelSolver, answer_loss

_SAVE_EVERY_SECONDS = 15.0
# The others may be undefined in good health: the variance explained of equal returns, say.
_LOSSES = ("train/loss", "train/policy_gradient_loss", "train/value_loss", "train/entropy_loss")


Rank = Callable[[Mapping[str, float]], tuple[float, float]]
Watch = Callable[[int, Mapping[str, float]], None]


def best_first(figures: Mapping[str, float]) -> tuple[float, float]:
    """The best evaluation has the highest exact match, then the lowest loss."""
    return figures["exact"], -figures["loss"]


class DivergedError(InputError):
    """Weights or losses are no longer finite; the last good checkpoint stands."""


class Monitor(BaseCallback):
    """Watches one run.

    Args:
        folder: where everything goes.
        solver: decodes with ``solver.model``, which is overwritten with the policy before each evaluation.
        cases: of the validation split.
        eval_every: steps between evaluations.
        target: exact match at which to stop, or ``None``.
        time_limit: seconds after which to stop, or ``None``.
        display: shows progress.
        restored: what the last run's monitor left in the checkpoint, when resuming.
        rank: orders evaluations: the best one is the largest.
        watch: called after each evaluation with the steps and the figures; what it raises ends the training.

    Attributes:
        steps: environment steps of the state that the checkpoint holds, or will.
        stop_reason: why training ended, ``None`` before.
        interrupt: a context for ``learn``; a Ctrl-C in it stops training after the update.
    """

    model: OnPolicyAlgorithm

    def __init__(
        self,
        folder: RunFolder,
        solver: ModelSolver,
        cases: Sequence[Case],
        *,
        eval_every: int,
        target: float | None,
        time_limit: float | None,
        display: Display,
        restored: dict[str, Any] | None = None,
        rank: Rank = best_first,
        watch: Watch | None = None,
    ) -> None:
        super().__init__()
        self.folder = folder
        self.solver = solver
        self.cases = cases
        self.eval_every = eval_every
        self.target = target
        self.time_limit = time_limit
        self.display = display
        self.rank, self.watch = rank, watch
        restored = restored or {}
        self.next_eval: int = restored.get("next_eval", 0)
        self.last_eval: int = restored.get("last_eval", -1)
        self.best: tuple[float, float] = tuple(restored.get("best", (-1.0, -math.inf)))
        self.exact: float = restored.get("exact", 0.0)
        self.seconds_before: float = restored.get("seconds", 0.0)
        self.steps = 0
        self.stop_reason: str | None = None
        self.interrupt = GracefulInterrupt(
            lambda: display.say("stopping after this update; press Ctrl-C again to stop at once")
        )
        self._snapshot: bytes | None = None
        self._saved_at = self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Training time so far, evaluations and earlier parts of a resumed run included."""
        return self.seconds_before + time.monotonic() - self._began

    def _on_training_start(self) -> None:
        self._began = self._saved_at = time.monotonic()

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
        self.steps = self.num_timesteps
        evaluated = self.steps >= self.next_eval or (last and self.steps != self.last_eval)
        if evaluated:
            self._evaluate()
        if last or (self.target is not None and evaluated and self.exact >= self.target):
            self.stop_reason = "finished" if last else "target reached"
        elif self.interrupt.requested:
            self.stop_reason = "interrupted"
        elif self.time_limit is not None and time.monotonic() - self._began >= self.time_limit:
            self.stop_reason = "time limit"
        self._snapshot = checkpoint.pack(
            self.model,
            {
                "next_eval": self.next_eval,
                "last_eval": self.last_eval,
                "best": list(self.best),
                "exact": self.exact,
                "seconds": self.seconds,
            },
        )
        if evaluated or time.monotonic() - self._saved_at >= _SAVE_EVERY_SECONDS:
            checkpoint.save(self.folder.checkpoint, self._snapshot)
            self._saved_at = time.monotonic()
        self.display.update(self.steps, self.exact)

    def check_finite(self) -> None:
        """Raises :class:`DivergedError` when the weights or the last losses are not finite."""
        losses = [self.logger.name_to_value.get(name, 0.0) for name in _LOSSES]
        if all(math.isfinite(loss) for loss in losses) and all(
            bool(torch.isfinite(p).all()) for p in self.model.policy.parameters()
        ):
            return
        raise self.diverged()

    def diverged(self) -> DivergedError:
        """What to raise then."""
        return DivergedError(
            f"training diverged before step {self.num_timesteps} (losses or weights are not finite): try a smaller "
            f"--learning-rate; {self.folder.path} keeps its last good checkpoint and best model"
        )

    def _evaluate(self) -> None:
        self.next_eval = (self.steps // self.eval_every + 1) * self.eval_every
        self.last_eval = self.steps
        model = self._policy_model()
        answers = self.solver.complete([case.prefix for case in self.cases])
        shares = [share_answered(a, case.completion) for a, case in zip(answers, self.cases, strict=True)]
        self.exact = sum(share == 1 for share in shares) / len(shares)
        share = sum(shares) / len(shares)
        loss = answer_loss(model, self.solver.tokenizer, self.cases, masked=self.solver.masked)
        returns = [episode["r"] for episode in self.model.ep_info_buffer or ()]
        entry = {
            "timesteps": self.steps,
            "exact": self.exact,
            "share": share,
            "loss": loss,
            "episode_return": sum(returns) / len(returns) if returns else None,
            "seconds": round(self.seconds, 3),
        }
        self.folder.log(entry)
        for name in ("exact", "share", "loss"):
            self.logger.record(f"validation/{name}", entry[name])
        shown = {"exact": self.exact, "share": share, "loss": loss}
        if self.rank(shown) > self.best:
            self.best = self.rank(shown)
            figures = {"timesteps": self.steps, "best_loss": loss, "exact": self.exact, "share": share}
            self.folder.save_best(model, {**figures, "seconds": entry["seconds"], "split": "validation"})
        self.display.evaluated(self.steps, self.exact, share, loss)
        if self.watch is not None:
            self.watch(self.steps, shown)

    def _policy_model(self) -> SequenceModel:
        return as_sequence_model(self.model.policy, self.solver.tokenizer, self.solver.model)
