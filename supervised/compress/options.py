"""``python -m supervised.compress RUN``: a smaller run from a trained one, and a table of what it cost and saved.

Only the configuration lives here, so that ``--help`` needs no torch; the work is in :mod:`supervised.compress.run`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import tyro

PROG = "python -m supervised.compress"


@dataclass(frozen=True)
class Compress:
    """Make a run smaller: distil, prune, quantise, export, in this order, whichever are asked for.

    Writes a run folder that every other command takes, and prints size, speed and accuracy before and after. The run
    it starts from is not touched. Nothing is written before everything is done, so Ctrl-C leaves nothing behind.
    """

    run: tyro.conf.Positional[str]
    """Name or folder of the run to make smaller, of either family."""
    runs_dir: str = "runs"
    """Where run folders are."""
    name: str | None = None
    """Name of the new run; by default the first free RUN-small-N."""
    force: bool = False
    """Replace the run --name or the file --onnx if there is one already."""

    distill_to: Literal["gru", "lstm", "transformer", "gpt", "bert", "stack", "tree"] | None = None
    """Teach a new network of this architecture the run's answers, on prefixes of the train split without labels."""
    layers: int | None = None
    """With --distill-to: layers (gru, lstm, stack 1; others 2)."""
    units: int | None = None
    """With --distill-to gru, lstm, stack: units of each layer (96, stack 64); tree: size of a node (64)."""
    embedding_size: int | None = None
    """With --distill-to gru, lstm, stack, tree: size of a token's embedding (32, stack 64)."""
    cell_size: int | None = None
    """With --distill-to stack: size of a cell of the stack (16)."""
    attention: bool = False
    """With --distill-to gru, lstm: attend to the states of the prefix."""
    width: int | None = None
    """With --distill-to transformer, gpt, bert: size of a position's features (64)."""
    heads: int | None = None
    """With --distill-to transformer, gpt, bert: attention heads, a divisor of the width (4)."""
    mlp_ratio: int | None = None
    """With --distill-to transformer: width of the MLP in multiples of the width (4)."""
    positions: Literal["rope", "alibi", "learned", "none"] | None = None
    """With --distill-to transformer: how positions are told apart (rope)."""
    max_length: int | None = None
    """With --distill-to gpt, bert, transformer with learned positions: the longest input (the setting's longest)."""
    dropout: float | None = None
    """With --distill-to: share of features dropped in training (0)."""
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
    eval_every: int = 125
    """Training steps between two evaluations on the validation split; the best one is kept."""
    eval_cases: int = 1000
    """Cases of an evaluation, of the final table and of the check of --onnx."""

    seed: int = 0
    """Of a student's first weights and of its prefixes."""
    threads: int = 1
    """Torch threads."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where training runs; what is measured runs on the CPU."""
    json: str | None = None
    """Write the table to this file."""
