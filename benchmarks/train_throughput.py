"""``python -m benchmarks.train_throughput``: the training step against the bare torch layers it is made of.

Rows, all on the same batches of the default task, forward and backward, one thread:

- ``bare``: embedding, ``torch.nn`` layer and linear head on the padded batch, cross-entropy at the answer positions;
- ``step``: a whole training step as ``supervised.train`` makes it: drawing cases, the model, the loss, clipping, AdamW;
- ``decode``: cases completed a second, batched; ``one``: milliseconds for one 20-symbol completion.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from bracket_env.atomic import write_text
from bracket_env.command import run


@dataclass(frozen=True)
class Throughput:
    """Cases a second of training and decoding, beside the bare torch layers."""

    archs: tuple[str, ...] = ("gru", "lstm", "transformer", "gpt", "bert")
    """Which architectures."""
    batch_size: int = 256
    """Cases a step."""
    steps: int = 16
    """Steps of a round."""
    rounds: int = 5
    """Rounds, interleaved; the best counts."""
    json: str | None = None
    """Write the rows to this file."""


def best_of(
    rounds: int, calls: dict[str, Callable[[], object]], clock: Callable[[], float] = time.process_time
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


def main(config: Throughput) -> None:
    """Measure and print."""
    import torch
    from accelerate import Accelerator
    from torch import nn

    from benchmarks.common.bare_layers import LAYERS, BareLayers
    from bracket_env.sampling.settings import get_setting
    from supervised.data.batches import Batches, StreamSource
    from supervised.learning.objective import NextToken, TokenLoss, loss_inputs
    from supervised.learning.trainer import Trainer
    from supervised.models import build_model
    from supervised.runs.solver import ModelSolver
    from supervised.train.options import Train

    torch.set_num_threads(1)
    setting = get_setting(Train.setting)
    sampler = setting.sampler(split="train")
    vocab = sampler.tokenizer.vocab_size
    device = torch.device("cpu")
    table = Table(title="training and decoding, cases/s, one thread", title_justify="left")
    for heading in ("arch", "bare layers", "training step", "ratio", "decode", "one completion, ms"):
        table.add_column(heading, justify="left" if heading == "arch" else "right")
    found = []
    for arch in config.archs:
        batches = Batches(StreamSource(sampler, 0), config.batch_size, 0)
        options = Train(arch=arch, batch_size=config.batch_size)  # type: ignore[arg-type]
        params = {"max_length": 64} if arch in ("gpt", "bert") else {}
        model = build_model(arch, params, vocab)
        trainer = Trainer(options, model, batches, NextToken(everywhere=False), Accelerator(cpu=True), seed=0)
        inputs = [loss_inputs(batches[s], False, device) for s in range(config.steps)]
        bare = BareLayers(arch, vocab) if arch in LAYERS else TokenLoss(model, everywhere=False)

        def run_bare(module: nn.Module = bare, inputs: list[tuple[torch.Tensor, ...]] = inputs) -> None:
            for batch in inputs:
                module.zero_grad(set_to_none=True)
                module(*batch).backward()

        def run_steps(trainer: Trainer = trainer) -> None:
            for _ in range(config.steps):
                trainer.advance()

        solver = ModelSolver(model, sampler.tokenizer)
        prefixes = [case.prefix for case in setting.evaluation_cases("test", 1000)]
        longest = "(" * 20
        untouched = model.head.bias.detach().clone()
        with torch.no_grad():
            model.head.bias[6] = 50.0  # writes a closer every time: 20 symbols and no EOS before the cap
        one = best_of(config.rounds, {"one": lambda s=solver, p=longest: s.complete([p])})["one"]  # type: ignore[misc]
        with torch.no_grad():
            model.head.bias.copy_(untouched)
        calls = {"bare": run_bare, "step": run_steps, "decode": lambda s=solver, p=prefixes: s.complete(p)}  # type: ignore[misc]
        seconds = best_of(config.rounds, calls)
        cases = config.steps * config.batch_size
        row = {
            "arch": arch,
            "bare": cases / seconds["bare"],
            "step": cases / seconds["step"],
            "decode": len(prefixes) / seconds["decode"],
            "one_ms": 1000 * one,
        }
        found.append(row)
        ratio = row["step"] / row["bare"]  # type: ignore[operator]
        table.add_row(
            arch,
            *(f"{row[k]:,.0f}" for k in ("bare", "step")),
            f"{ratio:.2f}",
            f"{row['decode']:,.0f}",
            f"{row['one_ms']:.1f}",
        )
    Console().print(table)
    if config.json is not None:
        write_text(config.json, json.dumps({"rows": found}, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(run(Throughput, main, prog="python -m benchmarks.train_throughput"))
