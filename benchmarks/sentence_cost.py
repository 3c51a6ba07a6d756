"""``python -m benchmarks.sentence_cost``: what two sentences cost a training step, and how long explaining one takes.

A row an architecture and kind of labels (30 as they are, 30 with all augmentations, a stream of fresh ones):
milliseconds of a whole training step (drawing cases, the model, the loss, clipping, AdamW) without sentences and with
two of them at the default ``--unlabelled-batch``, on one thread, and their ratio. Rounds of both are interleaved and
the best one counts, in CPU time: nothing waits here, and a busy machine changes it little. A recurrent network computes
every distinct prefix of a batch once, so 30 cases as they are cost it next to nothing, and sentences seem dear.

Below the rows, the CPU seconds that ``ncl_reward.explain`` takes as a command: for a sentence that it never saw, with
the book's vectors in the cache (``new``), and for one whose vector is there too (``known``).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from benchmarks.common import TimingOptions, best_of, command, publish, table
from benchmarks.common.timing import advance, make_trainer

SENTENCES = ("開き括弧と閉じ括弧は必ず一対一に対応する。", "Stop as soon as everything is closed.")
LABELS: dict[str, dict[str, Any]] = {
    "30": {"dataset_size": "30"},
    "30 augmented": {"dataset_size": "30", "augment": ("all",)},
    "stream": {},
}


@dataclass(frozen=True)
class SentenceCost(TimingOptions):
    """Time of a training step with and without sentences, and of explaining one."""

    labels: tuple[Literal["30", "30 augmented", "stream"], ...] = ("30", "30 augmented", "stream")
    """Which labelled cases."""


def step_times(arch: str, labels: str, steps: int, rounds: int) -> dict[str, Any]:
    """One row: milliseconds of a step without and with sentences."""
    calls = {}
    for name, sentences in (("without", ()), ("with", SENTENCES)):
        trainer = make_trainer(arch=arch, instruction=sentences, **LABELS[labels])
        calls[name] = partial(advance, trainer, steps)
        calls[name]()  # what is done once is no part of a step
    ms = {name: 1000 * seconds / steps for name, seconds in best_of(rounds, calls, time.process_time).items()}
    return {
        "arch": arch,
        "labels": labels,
        "without_ms": ms["without"],
        "with_ms": ms["with"],
        "ratio": ms["with"] / ms["without"],
    }


def explain_seconds(rounds: int) -> dict[str, float]:
    """CPU seconds of the command, its start included, by what the cache holds."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "BRACKETGYM_CACHE": cache}
        numbers = iter(range(rounds))

        def explain(sentence: str) -> None:
            typed = [sys.executable, "-m", "ncl_reward.explain", sentence]
            subprocess.run(typed, env=environment, check=True, stdout=subprocess.DEVNULL)

        explain(SENTENCES[1])
        calls = {
            "new": lambda: explain(f"The bracket opened last is closed first, {next(numbers)} times."),
            "known": lambda: explain(SENTENCES[1]),
        }
        return best_of(rounds, calls, _children)


def _children() -> float:
    """CPU seconds of all commands that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def main(config: SentenceCost) -> None:
    """Measure and print."""
    import torch

    torch.set_num_threads(1)
    view = table(
        "a training step with two sentences, one thread",
        ("arch", "labels", "without, ms", "with, ms", "ratio"),
        left=("arch", "labels"),
    )
    found = []
    for arch in config.archs:
        for labels in config.labels:
            row = step_times(arch, labels, config.steps, config.rounds)
            found.append(row)
            figures = (f"{row['without_ms']:.1f}", f"{row['with_ms']:.1f}", f"{row['ratio']:.2f}")
            view.add_row(arch, labels, *figures)
    explained = explain_seconds(config.rounds)
    line = f"explaining a sentence: new {explained['new']:.2f} s, known {explained['known']:.2f} s"
    publish(config, {"rows": found, "explain_s": explained}, view, line)


if __name__ == "__main__":
    command(SentenceCost, main, "sentence_cost")
