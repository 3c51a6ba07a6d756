"""A problem that takes milliseconds: the loss is known in closed form, and the model is never trained."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from optuna.trial import BaseTrial

from supervised.runs import RunConfig, RunFolder
from supervised.study.problem import Problem, Watch
from supervised.tune.options import Tune

STEPS, EVERY = 10, 2
RUN = {"layers": 1, "units": 4, "embedding_size": 4, "dropout": 0.0, "attention": False}


class ToyDivergedError(Exception):
    """Nothing was learned."""


def loss_at(x: float, step: int) -> float:
    """Smallest at x = 0.3, falling with the steps."""
    return (x - 0.3) ** 2 + 1 / (step + 1)


@dataclass(frozen=True)
class Toy(Problem[Tune]):
    """Find x = 0.3."""

    kind: ClassVar[str] = "supervised"
    prog: ClassVar[str] = "python -m toy"
    diverged: ClassVar[tuple[type[Exception], ...]] = (ToyDivergedError,)
    seconds: ClassVar[float] = 0.0  # of a trial

    def check(self) -> None:
        """Nothing to check."""

    def sample(self, trial: BaseTrial) -> dict[str, Any]:
        return {"x": trial.suggest_float("x", 0.0, 1.0)}

    def defaults(self) -> dict[str, Any]:
        return {"x": 1.0}

    def stem(self) -> str:
        return "toy"

    def prepare(self, folder: Path) -> None:
        (folder / "dataset").mkdir(exist_ok=True)

    def budget(self) -> tuple[int, int]:
        return STEPS, EVERY

    def train(self, drawn: Mapping[str, Any], study: Path, name: str, threads: int, watch: Watch) -> Path:
        config = RunConfig("supervised", "bracket/CloseTiny-v0", ("()", "[]"), "gru", RUN, False, {"loss": "answer"})
        run = RunFolder.create(name, config, ["toy"], root=study / "trials")
        torch.manual_seed(0)
        for step in range(0, STEPS + 1, EVERY):
            time.sleep(self.seconds / (1 + STEPS // EVERY))
            figures = {"exact": 1 - abs(drawn["x"] - 0.3), "share": 1.0, "loss": loss_at(drawn["x"], step)}
            run.log({"step": step, **figures})
            if step == STEPS:
                described = {"best_loss": figures["loss"], "exact": figures["exact"], "share": 1.0}
                run.save_best(config.build(), {**described, "split": "validation"})
            self.at(drawn["x"], step)
            watch(step, figures)
        return run.path

    def at(self, x: float, step: int) -> None:
        """What else happens in the training."""

    def parameters(self, drawn: Mapping[str, Any]) -> int:
        return int(100 * drawn["x"])

    def command_options(self, drawn: Mapping[str, Any]) -> dict[str, Any]:
        return dict(drawn)


class SlowToy(Toy):
    """Long enough to be killed in the middle of a trial."""

    seconds: ClassVar[float] = 1.5


class FailingToy(Toy):
    """Fails where x is above 0.5, the default configuration among them."""

    def at(self, x: float, step: int) -> None:
        if x > 0.5:
            raise ValueError(f"no {x}\nand more")


class HopelessToy(Toy):
    """Fails always."""

    def at(self, x: float, step: int) -> None:
        raise ValueError("the disk is full")


class DivergingToy(Toy):
    """Diverges everywhere but in the default configuration."""

    def at(self, x: float, step: int) -> None:
        if x < 1:
            raise ToyDivergedError("diverged")


class OtherToy(Toy):
    """Another search space."""

    def sample(self, trial: BaseTrial) -> dict[str, Any]:
        return {"x": trial.suggest_float("x", 0.0, 2.0)}


class Agent(Toy):
    """Of the other family."""

    kind: ClassVar[str] = "ppo"
