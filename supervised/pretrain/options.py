"""``python -m supervised.pretrain``: read balanced words without labels, for ``supervised.train --init-from``.

Only the configuration lives here, so that ``--help`` needs no torch; the work is in :mod:`supervised.pretrain.run`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from bracket_env.settings import DEFAULT_SETTING

PROG = "python -m supervised.pretrain"


@dataclass(frozen=True)
class Pretrain:
    """Train a model on unlabelled balanced words of the train split.

    Nothing in a word says where an answer begins; all the same, the words show which closer ends which bracket. Writes
    a run folder that python -m supervised.train --init-from starts from (encoder and head). Ctrl-C saves; --resume goes
    on exactly where it stopped.
    """

    objective: Literal["clm", "mlm"] = "clm"
    """clm: tell the next symbol; mlm: tell hidden symbols from both sides (bert)."""
    words: str = "stream"
    """stream: fresh words for ever; a number: that many fixed words."""

    name: str | None = None
    """Name of the run, the folder RUNS_DIR/NAME; by default the first free OBJECTIVE-ARCH-N."""
    runs_dir: str = "runs"
    """Where run folders are."""
    resume: str | None = None
    """Go on with this run (name or folder); its own options are used."""
    init_from: str | None = None
    """Start from the best weights of this run; new pairs get new embeddings, old ones stay."""

    setting: str = DEFAULT_SETTING
    """The task whose words are read, a registered environment id."""
    pairs: tuple[str, ...] | None = None
    """Other bracket pairs than the setting's, such as --pairs '()' '[]'."""

    arch: Literal["gru", "lstm", "transformer", "gpt", "bert", "stack", "tree"] = "gru"
    """The network; tree is given the structure: what opens, what closes and so what belongs together."""
    layers: int | None = None
    """Layers (gru, lstm, stack 1; others 2)."""
    units: int | None = None
    """gru, lstm, stack: units of each layer (96, stack 64); tree: size of a node (64)."""
    embedding_size: int | None = None
    """gru, lstm, stack, tree: size of a token's embedding (32, stack 64)."""
    cell_size: int | None = None
    """stack: size of a cell of the stack (16)."""
    attention: bool = False
    """gru, lstm: attend to the states of the prefix."""
    width: int | None = None
    """transformer, gpt, bert: size of a position's features (64)."""
    heads: int | None = None
    """transformer, gpt, bert: attention heads, a divisor of the width (4)."""
    mlp_ratio: int | None = None
    """transformer: width of the MLP in multiples of the width (4)."""
    positions: Literal["rope", "alibi", "learned", "none"] | None = None
    """transformer: how positions are told apart (rope)."""
    max_length: int | None = None
    """gpt, bert, transformer with learned positions: the longest input (the setting's longest)."""
    dropout: float | None = None
    """Share of features dropped in training (0)."""

    steps: int = 1500
    """Optimiser steps."""
    batch_size: int = 256
    """Words a step, over all processes."""
    micro_batch: int | None = None
    """Words a forward pass; gradients are accumulated to the batch. Halved by itself when memory runs out."""
    learning_rate: float = 4e-3
    """AdamW's step size after the warm-up."""
    warmup_steps: int = 50
    """Steps over which the learning rate rises from 0."""
    lr_schedule: Literal["cosine", "linear", "constant"] = "cosine"
    """How it falls afterwards, to 0 at the last step."""
    weight_decay: float = 0.01
    """Decoupled weight decay (L2) of the weight matrices."""
    max_grad_norm: float = 1.0
    """Gradients are scaled down to this norm."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """auto: bf16 on a GPU that has it, fp32 elsewhere."""

    target: float | None = None
    """Stop when this share of the closers of the validation words is told right."""
    patience: int | None = None
    """Stop after this many evaluations without a lower loss."""
    time_limit: str | None = None
    """Stop after this long (10min); the run can be resumed."""
    eval_every: int = 125
    """Steps between two evaluations on the validation split."""
    eval_cases: int = 1000
    """Words of an evaluation, validation and final test alike."""

    seed: int = 0
    """Everything random follows from it."""
    threads: int = 1
    """Torch threads; the same seed and threads give the same bits."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the network runs."""
    json: str | None = None
    """Write the final figures to this file."""

    label_smoothing: ClassVar[float] = 0.0

    @property
    def loss(self) -> Literal["all", "masked"]:
        """Which tokens are predicted, in the words of ``supervised.learning.objective``."""
        return "masked" if self.objective == "mlm" else "all"
