"""What a study tunes: the contract between the two families and the machinery that they share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import optuna
from optuna.samplers import RandomSampler
from optuna.study import StudyDirection
from optuna.trial import BaseTrial

from supervised.study.options import StudyOptions

Options = TypeVar("Options", bound=StudyOptions)
Watch = Callable[[int, Mapping[str, float]], None]
_SPACE_DRAWS = 64


@dataclass(frozen=True)
class Problem(ABC, Generic[Options]):
    """What a family tunes: a search space, and how one configuration is trained. Abstract.

    It travels to worker processes, so it is plain data.
    """

    options: Options

    kind: ClassVar[str]
    """The family, as in a run's ``config.json``."""
    prog: ClassVar[str]
    """The command."""
    diverged: ClassVar[tuple[type[Exception], ...]]
    """What training raises when a configuration does not learn at all."""

    @abstractmethod
    def check(self) -> None:
        """Raises :class:`InputError` for options that no trial could be trained with."""

    @abstractmethod
    def sample(self, trial: BaseTrial) -> dict[str, Any]:
        """Options of the training command, drawn with ``trial``."""

    @abstractmethod
    def defaults(self) -> dict[str, Any]:
        """The parameters with which :meth:`sample` gives the command's defaults."""

    @abstractmethod
    def stem(self) -> str:
        """What the name of a study begins with."""

    @abstractmethod
    def prepare(self, folder: Path) -> None:
        """Make what all trials share in the study's folder, if it is not there."""

    @abstractmethod
    def budget(self) -> tuple[int, int]:
        """Steps of a whole trial, and between two of its evaluations."""

    @abstractmethod
    def train(self, drawn: Mapping[str, Any], study: Path, name: str, threads: int, watch: Watch) -> Path:
        """Train one configuration, quietly and without a look at test cases.

        Args:
            drawn: what :meth:`sample` gave.
            study: the study's folder.
            name: of the run folder, in ``study/trials``.
            watch: called after each evaluation with the step and the figures; what it raises ends the training.

        Returns:
            The run folder, which keeps the model of the evaluation that ranks first by the objective.

        Raises:
            KeyboardInterrupt: Ctrl-C.
        """

    @abstractmethod
    def parameters(self, drawn: Mapping[str, Any]) -> int:
        """How many parameters the model of a configuration has."""

    @abstractmethod
    def command_options(self, drawn: Mapping[str, Any]) -> dict[str, Any]:
        """The content of ``best_params.json``: what the training command needs to do the same."""

    def shared_options(self, study: Path, name: str | None, threads: int) -> dict[str, Any]:
        """Options of the training command that every trial of the study has; arguments as for :meth:`train`."""
        options = self.options
        return {
            "name": name,
            "runs_dir": str(study / "trials"),
            "setting": options.setting,
            "pairs": options.pairs,
            "instruction": options.instruction,
            "eval_every": self.budget()[1],
            "eval_cases": options.eval_cases,
            "seed": options.seed,
            "threads": threads,
            "device": options.device,
        }

    def file_options(self, fixed: Mapping[str, Any], drawn: Mapping[str, Any]) -> dict[str, Any]:
        """The content of ``best_params.json``: fixed options, those of the study and drawn ones."""
        options = self.options
        given = {name: list(getattr(options, name)) for name in ("pairs", "instruction") if getattr(options, name)}
        measured = {"seed": options.seed, "eval_every": self.budget()[1], "eval_cases": options.eval_cases}
        return {**fixed, **given, **drawn, **measured}

    @property
    def directions(self) -> list[StudyDirection]:
        """Of the objectives."""
        first = StudyDirection.MINIMIZE if self.options.objective == "loss" else StudyDirection.MAXIMIZE
        return [first] if self.options.second == "none" else [first, StudyDirection.MINIMIZE]

    def rank(self, figures: Mapping[str, float]) -> tuple[float, float]:
        """Orders evaluations of one trial, the best one last; the first entry is never negative."""
        return (figures["exact"] if self.options.objective == "exact" else 0.0), -figures["loss"]

    def space(self) -> dict[str, str]:
        """The search space: parameter -> distribution."""
        study = optuna.create_study(sampler=RandomSampler(seed=0))
        found: dict[str, str] = {}
        for _ in range(_SPACE_DRAWS):
            trial = study.ask()
            self.sample(trial)
            found |= {name: optuna.distributions.distribution_to_json(d) for name, d in trial.distributions.items()}
        return dict(sorted(found.items()))
