"""How long something takes: the best of several interleaved rounds, and the training steps that are timed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.common.report import Archs, JsonOption

if TYPE_CHECKING:
    from supervised.learning.trainer import Trainer


@dataclass(frozen=True)
class TimingOptions(Archs, JsonOption):
    """Options of what times training steps."""

    steps: int = 16
    """Steps of a round."""
    rounds: int = 5
    """Rounds, interleaved; the best one counts."""


def best_of(
    rounds: int, calls: Mapping[str, Callable[[], object]], clock: Callable[[], float] = time.process_time
) -> dict[str, float]:
    """Seconds of the fastest round of each call, rounds interleaved.

    They are the process's own seconds: with one thread that is the time it takes, less what other work took from it.
    """
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(rounds):
        for name, call in calls.items():
            began = clock()
            call()
            best[name] = min(best[name], clock() - began)
    return best


def make_trainer(**options: Any) -> Trainer:
    """What ``supervised.train`` with these options makes its steps with, on the CPU."""
    from accelerate import Accelerator

    from supervised.learning.trainer import Trainer
    from supervised.train.check import check
    from supervised.train.examples import train_examples
    from supervised.train.options import Train

    config = Train(**options)
    run = check(config)
    return Trainer(config, run.build(), *train_examples(config, run), Accelerator(cpu=True), seed=config.seed)


def advance(trainer: Trainer, steps: int) -> None:
    """Make so many training steps."""
    for _ in range(steps):
        trainer.advance()
