"""What a training's evaluations have shown, and so which model is kept, when to measure again and when to stop.

Both families keep this record; it is part of their checkpoints.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from supervised.options.durations import parse_duration
from supervised.options.groups import Evaluation, Patience, Stopping

SAVE_EVERY_SECONDS = 15.0

Figures = Mapping[str, float]
Rank = tuple[float, float]
WORST: Rank = (-1.0, -math.inf)
"""Less than the rank of any evaluation."""


def best_first(figures: Figures) -> Rank:
    """Orders evaluations: the best one has the highest exact match, then the lowest loss."""
    return figures["exact"], -figures["loss"]


@dataclass(frozen=True)
class Observer:
    """Who watches a training, such as a study. A watched training is not reported and sees no test case."""

    rank: Callable[[Figures], Rank]
    """Orders evaluations: the model of the largest one is kept. The first part is at least 0."""
    evaluated: Callable[[int, Figures], None]
    """Called after each evaluation with the step and the figures; what it raises ends the training."""


class Record:
    """The record of one training.

    Args:
        options: when to measure, and when to stop early.
        restored: what :meth:`state` gave when the training was last interrupted.
        extensions: how many the training has had. One that came since then waits anew.

    Attributes:
        best: rank of the best evaluation.
        reached: first figure of the last evaluation, which ``--target`` is about.
        evaluated_at: step of the last evaluation, -1 before the first.
        waited: evaluations since the best one.
    """

    def __init__(self, options: Evaluation, restored: Mapping[str, Any] | None = None, *, extensions: int = 0) -> None:
        restored = restored or {}
        self._options = options
        self._limit = math.inf
        if isinstance(options, Stopping) and options.time_limit is not None:
            self._limit = parse_duration(options.time_limit)
        self.best: Rank = tuple(restored.get("best", WORST))
        # Agents of the first version wrote the names that come second.
        self.reached: float = restored.get("reached", restored.get("exact", 0.0))
        self.evaluated_at: int = restored.get("evaluated_at", restored.get("last_eval", -1))
        self._extensions = extensions
        self.waited: int = restored.get("waited", 0) if extensions == restored.get("extensions", 0) else 0
        self._seconds_before: float = restored.get("seconds", 0.0)
        self.begin()

    def begin(self) -> None:
        """Start the clock."""
        self._began = self._saved_at = time.monotonic()

    @property
    def seconds(self) -> float:
        """Training time so far, evaluations and earlier parts of a resumed training included."""
        return self._seconds_before + time.monotonic() - self._began

    def due(self, step: int, *, last: bool) -> bool:
        """Whether to measure now.

        Args:
            last: no step follows.
        """
        every = self._options.eval_every
        return step >= (self.evaluated_at // every + 1) * every or (last and step != self.evaluated_at)

    def evaluated(self, step: int, reached: float, rank: Rank) -> bool:
        """Note an evaluation.

        Returns:
            Whether it is the best so far.
        """
        self.reached, self.evaluated_at = reached, step
        self.waited += 1
        better = rank > self.best
        if better:
            self.best, self.waited = rank, 0
        return better

    def reason(self, *, last: bool, measured: bool, interrupted: bool) -> str | None:
        """Why to stop between two steps, if so.

        Args:
            last: no step follows.
            measured: an evaluation was made at this step.
            interrupted: Ctrl-C was pressed.
        """
        options = self._options
        if last:
            return "finished"
        if isinstance(options, Stopping) and options.target is not None and measured and self.reached >= options.target:
            return "target reached"
        if isinstance(options, Patience) and options.patience is not None and self.waited >= options.patience:
            return f"no better for {self.waited} evaluations"
        if interrupted:
            return "interrupted"
        return "time limit" if time.monotonic() - self._began >= self._limit else None

    def saving_due(self) -> bool:
        """Whether the last checkpoint is old; :meth:`saved` makes it young."""
        return time.monotonic() - self._saved_at >= SAVE_EVERY_SECONDS

    def saved(self) -> None:
        """Note that a checkpoint was written."""
        self._saved_at = time.monotonic()

    def state(self) -> dict[str, Any]:
        """JSON to go on from."""
        return {
            "best": list(self.best),
            "reached": self.reached,
            "evaluated_at": self.evaluated_at,
            "waited": self.waited,
            "seconds": self.seconds,
            **({"extensions": self._extensions} if self._extensions else {}),
        }
