"""``python -m benchmarks.train_throughput``: the training step against the bare torch layers it is made of.

Rows, all on the same batches of the default task, forward and backward, one thread:

- ``bare``: embedding, ``torch.nn`` layer and linear head on the padded batch, cross-entropy at the answer positions;
- ``step``: a whole training step as ``supervised.train`` makes it: drawing cases, the model, the loss, clipping, AdamW;
- ``decode``: cases completed a second, batched; ``one``: milliseconds for one 20-symbol completion.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.common import TimingOptions, best_of, command, publish, table
from benchmarks.common.timing import advance, make_trainer


@dataclass(frozen=True)
class Throughput(TimingOptions):
    """Cases a second of training and decoding, beside the bare torch layers."""

    archs: tuple[str, ...] = ("gru", "lstm", "transformer", "gpt", "bert")
    batch_size: int = 256
    """Cases a step."""


def main(config: Throughput) -> None:
    """Measure and print."""
    import torch

    from benchmarks.common.bare_layers import LAYERS, BareLayers, forward_backward
    from bracket_env import DEFAULT_SETTING, BracketTokenizer, get_setting
    from supervised.learning.objective import TokenLoss, loss_inputs
    from supervised.runs import ModelSolver

    torch.set_num_threads(1)
    setting = get_setting(DEFAULT_SETTING)
    tokenizer = BracketTokenizer(setting.language())
    prefixes = [case.prefix for case in setting.evaluation_cases("test", 1000)]
    headings = ("arch", "bare layers", "training step", "ratio", "decode", "one completion, ms")
    view = table("training and decoding, cases/s, one thread", headings, left=("arch",))
    found = []
    for arch in config.archs:
        room = {"max_length": 64} if arch in ("gpt", "bert") else {}
        trainer = make_trainer(arch=arch, batch_size=config.batch_size, **room)
        batches: Any = trainer.batches
        inputs = [loss_inputs(batches[s], False, torch.device("cpu")) for s in range(config.steps)]
        model = trainer.model
        bare = BareLayers(arch, tokenizer.vocab_size) if arch in LAYERS else TokenLoss(model, everywhere=False)
        solver = ModelSolver(model, tokenizer)
        untouched = model.head.bias.detach().clone()
        with torch.no_grad():
            model.head.bias[6] = 50.0  # writes a closer every time: 20 symbols and no EOS before the cap
        one = best_of(config.rounds, {"one": partial(solver.complete, ["(" * 20])})["one"]
        with torch.no_grad():
            model.head.bias.copy_(untouched)
        calls: dict[str, Callable[[], object]] = {
            "bare": partial(forward_backward, bare, inputs),
            "step": partial(advance, trainer, config.steps),
            "decode": partial(solver.complete, prefixes),
        }
        seconds = best_of(config.rounds, calls)
        cases = config.steps * config.batch_size
        rates = {"bare": cases / seconds["bare"], "step": cases / seconds["step"]}
        rates["decode"] = len(prefixes) / seconds["decode"]
        found.append({"arch": arch, **rates, "one_ms": 1000 * one})
        bare_rate, step_rate, decoded = (f"{rate:,.0f}" for rate in rates.values())
        view.add_row(arch, bare_rate, step_rate, f"{rates['step'] / rates['bare']:.2f}", decoded, f"{1000 * one:.1f}")
    publish(config, {"rows": found}, view)


if __name__ == "__main__":
    command(Throughput, main, "train_throughput")
