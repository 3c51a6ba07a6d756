"""``python -m supervised.compress RUN``: a smaller run from a trained one, and a table of what it cost and saved.

Only the configuration lives here, so that ``--help`` needs no torch; the work is in :mod:`supervised.compress.run`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import tyro

from supervised.options.groups import ArchitectureName, Evaluation, Machine, RunName, Sizes

PROG = "python -m supervised.compress"


@dataclass(frozen=True)
class Compress(Machine, Evaluation, Sizes, RunName):
    """Make a run smaller: distil, prune, quantise, export, in this order, whichever are asked for.

    Writes a run folder that every other command takes, and prints size, speed and accuracy before and after. The run
    it starts from is not touched. Nothing is written before everything is done, so Ctrl-C leaves nothing behind.
    """

    run: tyro.conf.Positional[str] = field(kw_only=True)
    """Name or folder of the run to make smaller, of either family."""
    force: bool = False
    """Replace the run --name or the file --onnx if there is one already."""

    distill_to: ArchitectureName | None = None
    """Teach a new network of this architecture the run's answers, on prefixes of the train split without labels; the
    options from --layers to --dropout are its shape."""
    distill_steps: int = 3000
    """Optimiser steps of the student."""
    distill_temperature: float = 1.0
    """What both networks' logits are divided by; above 1 the teacher's doubts count for more."""

    prune: float | None = None
    """Share of the weights to make zero, the smallest ones; with --structured share of the units to remove."""
    prune_scope: Literal["global", "layer"] | None = None
    """One threshold for all weight matrices (global), or the same share of each; global by default."""
    prune_schedule: Literal["gradual", "one-shot"] | None = None
    """Raise the sparsity over the first two thirds of the fine-tuning, or prune before it; gradual by default."""
    structured: bool = False
    """Remove whole units (gru, lstm) or heads and MLP units (transformer): the network really becomes smaller."""
    fine_tune_steps: int = 2000
    """Optimiser steps after or while pruning, on the cases that the run was trained on; 0 for none."""

    quantize: Literal["int8-dynamic", "int8-weights"] | None = None
    """Keep weights as int8: int8-dynamic also computes with them (gru, lstm, linear layers; on the CPU), int8-weights
    computes with the floats that they stand for."""

    onnx: str | None = None
    """Also write the result to this ONNX file, once it has answered --eval-cases cases as torch does."""

    batch_size: int = 256
    """Cases a training step."""
    learning_rate: float | None = None
    """AdamW's highest step size (fine-tuning: what the run was trained with; a student: 4e-3)."""
