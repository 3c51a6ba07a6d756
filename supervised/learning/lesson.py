"""What a supervised training is about: the model, its examples, how it is measured and what is said at the end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from rich.console import Console

from supervised.data.batches import TrainingBatches
from supervised.learning.objective import Objective
from supervised.learning.stopping import Figures, Rank, best_first
from supervised.models import SequenceModel
from supervised.runs import RunFolder


@dataclass(frozen=True)
class Outcome:
    """How a training ended."""

    steps: int
    seconds: float
    device: torch.device


class Lesson(ABC):
    """What a :class:`~supervised.learning.session.Session` trains. Abstract; each command has its own.

    Attributes:
        prog: the command.
        unit: what a batch is made of.
        shares: the two figures that are shown; ``--target`` is about the first one.
        stem: what the name of a run begins with.
        goal: what the best model's record says it was trained for.
    """

    prog: ClassVar[str]
    unit: ClassVar[str] = "cases"
    shares: ClassVar[tuple[str, str]] = ("exact", "share")
    stem: str
    goal: str

    @abstractmethod
    def examples(self) -> tuple[TrainingBatches, Objective[Any]]:
        """The training batches, and what is made smaller on them.

        Raises:
            InputError: data or sentences that cannot be used.
        """

    @abstractmethod
    def model(self, *, begun: bool) -> SequenceModel:
        """The model to train.

        Args:
            begun: a checkpoint will overwrite its weights.
        """

    @abstractmethod
    def figures(self, model: SequenceModel) -> dict[str, float]:
        """The model on the validation split: the two shares and ``loss``."""

    @abstractmethod
    def finish(self, folder: RunFolder, outcome: Outcome, console: Console) -> None:
        """Report how the best model does on the test split."""

    def rank(self, figures: Figures) -> Rank:
        """Orders evaluations: the best one is the largest. Its first part is at least 0."""
        return best_first(figures)

    def begin(self, model: SequenceModel, folder: RunFolder | None, console: Console) -> dict[str, float]:
        """What there is to print or keep before the first step; nothing by default.

        Args:
            folder: ``None`` in the processes that do not write.

        Returns:
            Figures that are drawn at the first step, by name.
        """
        return {}

    def keep(self, model: SequenceModel, folder: RunFolder, metadata: Mapping[str, Any]) -> None:
        """Save the model as the best one so far."""
        folder.save_best(model, metadata)
