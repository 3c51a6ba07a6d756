"""``python -m supervised.train``: train a model on bracket closing and print its score table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from bracket_env.tasks.setting_name import SettingName
from supervised.options.groups import (
    Architecture,
    InitFrom,
    Loss,
    ParamsFile,
    SentenceOptions,
    TaskOptions,
    Training,
    TrainingCases,
)

PROG = "python -m supervised.train"


@dataclass(frozen=True)
class Train(Training, Loss, Architecture, SentenceOptions, TrainingCases, TaskOptions, ParamsFile, InitFrom):
    """Train a supervised model to close brackets.

    Writes a run folder (weights, metrics, checkpoint, plot, every answer) and prints how the best model does on unseen
    cases of the test split, beside the yardsticks. Ctrl-C saves; --resume goes on exactly where it stopped.
    """

    prog: ClassVar[str] = PROG

    labelled_pairs: tuple[str, ...] | None = None
    """With --instruction: the pairs of the labelled cases, when sentences speak of others too."""
    ncl_adapter: Literal["none", "linear", "mlp"] = "none"
    """With --instruction: tune the sentences' vectors by how well the labels bear them out."""
    unlabelled: str = "stream"
    """With --instruction: prefixes without a label, fresh ones without end (stream) or that many."""
    unlabelled_batch: int | None = None
    """With --instruction: how many of them a step has (a third of --batch-size)."""
    conditioned: bool = False
    """Learn from examples what sentences mean: each has a sentence of bracket/Instruct-v0, whose vector is an input of
    the model, and the answer that it asks for. There is no rule book in this."""
    replay: SettingName | None = None
    """With --init-from: mix in cases of this setting, so that the old task is not forgotten."""
    replay_share: float = 0.5
    """The share of replayed cases in each batch."""
    tokenizer: str | None = None
    """Start the symbols' embedding from a language model's: lm:FOLDER, or lm:bert for the packaged English one."""
