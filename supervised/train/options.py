"""``python -m supervised.train``: train a model on bracket closing and print its score table.

Only the configuration lives here, so that ``--help`` needs no torch; the work is in :mod:`supervised.train.run`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import tyro

from bracket_env.settings import DEFAULT_SETTING
from supervised.options.params_file import read_params

PROG = "python -m supervised.train"


@dataclass(frozen=True)
class Train:
    """Train a supervised model to close brackets.

    Writes a run folder (weights, metrics, checkpoint, plot, every answer) and prints how the best model does on unseen
    cases of the test split, beside the yardsticks. Ctrl-C saves; --resume goes on exactly where it stopped.
    """

    name: str | None = None
    """Name of the run, the folder RUNS_DIR/NAME; by default the first free ARCH-N."""
    runs_dir: str = "runs"
    """Where run folders are."""
    resume: str | None = None
    """Go on with this run (name or folder); its own options are used."""
    init_from: str | None = None
    """Start from the best weights of this run, of either family; new pairs get new embeddings, old ones stay."""
    params: str | None = None
    """Options from this JSON file (studies/NAME/best_params.json); those that are typed win."""

    setting: str = DEFAULT_SETTING
    """The task, a registered environment id."""
    pairs: tuple[str, ...] | None = None
    """Other bracket pairs than the setting's, such as --pairs '()' '[]'."""
    dataset_size: str = "stream"
    """stream: fresh cases for ever; a number: that many fixed cases."""
    dataset: str | None = None
    """Train on the cases of this folder (made by python -m supervised.dataset) instead; prefixes of the validation and
    test splits are left out."""
    augment: tuple[Literal["none", "all", "permute", "wrap", "concatenate", "insert", "remove", "mirror"], ...] = (
        "none",
    )
    """With a fixed data set: more cases from it by symmetries of brackets, any of these (permute wrap), all or none."""
    labelled_pairs: tuple[str, ...] | None = None
    """With --instruction: the pairs of the labelled cases, when sentences speak of others too."""
    instruction: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """A sentence in Japanese or English about the answers, such as 'The bracket opened last is closed first.'; it says
    what may follow on prefixes without a label. May be given several times."""
    ncl_weight: float = 1.0
    """With --instruction: weight of what the sentences say, beside the labels."""
    ncl_encoder: str = "default"
    """With --instruction or --conditioned: what turns a sentence into a vector (default, bert or hf:FOLDER_OR_NAME;
    with --conditioned also hash, its characters, none, zeros, or both joined, such as default+hash)."""
    ncl_adapter: Literal["none", "linear", "mlp"] = "none"
    """With --instruction: tune the sentences' vectors by how well the labels bear them out."""
    unlabelled: str = "stream"
    """With --instruction: prefixes without a label, fresh ones for ever (stream) or that many."""
    unlabelled_batch: int | None = None
    """With --instruction: how many of them a step has (a third of --batch-size)."""
    conditioned: bool = False
    """Learn from examples what sentences mean: each has a sentence of bracket/Instruct-v0, whose vector is an input of
    the model, and the answer that it asks for. There is no rule book in this."""
    replay: str | None = None
    """With --init-from: mix in cases of this setting, so that the old task is not forgotten."""
    replay_share: float = 0.5
    """The share of replayed cases in each batch."""

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
    tokenizer: str | None = None
    """Start the symbols' embedding from a language model's: lm:FOLDER, or lm:bert for the packaged English one."""

    loss: Literal["answer", "all"] = "answer"
    """answer: the tokens after the prefix; all: the next token everywhere (needed for the closing measure)."""
    steps: int = 1500
    """Optimiser steps."""
    batch_size: int = 256
    """Cases a step, over all processes."""
    micro_batch: int | None = None
    """Cases a forward pass; gradients are accumulated to the batch. Halved by itself when memory runs out."""
    learning_rate: float = 4e-3
    """AdamW's step size after the warm-up."""
    warmup_steps: int = 50
    """Steps over which the learning rate rises from 0."""
    lr_schedule: Literal["cosine", "linear", "constant"] = "cosine"
    """How it falls afterwards, to 0 at the last step."""
    weight_decay: float = 0.01
    """Decoupled weight decay (L2) of the weight matrices."""
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

    def defaults(self) -> Train | None:
        """The options that ``--params`` asks for; those that are typed are parsed over them."""
        return None if self.params is None else read_params(self.params, Train, PROG)
