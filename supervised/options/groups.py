"""The options that several commands have, in groups: each option, its default and its help is declared here, once.

A command is a frozen dataclass that inherits the groups it needs, and a function takes the group it needs:

    class Train(Machine, Stopping, Optimiser, Architecture, SentenceOptions, TaskOptions, RunName):  ...
    def trainer(optimiser: Optimiser): ...                                              trainer(config)

Fields stand in the help from the last base to the first. A command that wants another default says ``steps: int = 500``
and keeps the help. Nothing here is heavy, so that ``--help`` answers at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import tyro

from bracket_env import DEFAULT_SETTING
from bracket_env.cases import ReadFormat
from bracket_env.tasks.setting_name import SettingName
from bracket_env.wrong_targets import WrongTargets
from ncl_reward.encoders.options import EncoderOptions
from supervised.options.params_file import read_params

ArchitectureName = Literal["gru", "lstm", "transformer", "gpt", "bert", "stack", "tree"]
AugmentationName = Literal["none", "all", "remove", "mirror", "concatenate", "insert", "wrap", "permute"]
ExtensionSchedule = Literal["rewarm", "floor"]
DeviceName = Literal["auto", "cpu", "cuda"]
LossName = Literal["answer", "all"]
Positions = Literal["rope", "alibi", "learned", "none"]


@dataclass(frozen=True)
class RunsDir:
    """Where runs are kept."""

    section: ClassVar[str] = "run"
    runs_dir: str = "runs"
    """Where run folders are."""


@dataclass(frozen=True)
class RunName(RunsDir):
    """The run that a command makes."""

    name: str | None = None
    """Name of the new run, the folder RUNS_DIR/NAME; by default the first free one of its kind, such as gru-1."""


@dataclass(frozen=True)
class Resume(RunName):
    """A run that can be gone on with."""

    length: ClassVar[str] = "steps"
    """The option that says how long the training is."""

    resume: str | None = None
    """Go on with this run (name or folder); its own options are used."""
    extend: int | None = None
    """With --resume: train for this many steps more than the run was to have, also when it has finished."""
    extend_schedule: ExtensionSchedule = "rewarm"
    """With --extend, where the learning rate falls: rewarm: it rises to a quarter of its peak over the first tenth of
    the new steps, then falls to 0 as before; floor: it stays at a twentieth of its peak."""


@dataclass(frozen=True)
class InitFrom(Resume):
    """A run that can start from another one."""

    init_from: str | None = None
    """Start from the best weights of this run, of either family; old pairs keep their rows, new ones get new ones (an
    agent's begin as those of the nearest known pair). An agent takes another agent's value head too. To train the same
    task longer, --resume RUN --extend STEPS is the better way."""


@dataclass(frozen=True)
class ParamsFile:
    """Options from a study."""

    section: ClassVar[str] = "run"
    prog: ClassVar[str]

    params: str | None = None
    """Options from this JSON file (studies/NAME/best_params.json); those that are typed win."""

    def defaults(self) -> Any:
        """The options that ``--params`` asks for; those that are typed are parsed over them."""
        return None if self.params is None else read_params(self.params, type(self), self.prog)


@dataclass(frozen=True)
class TaskOptions:
    """Which brackets, which prefixes."""

    section: ClassVar[str] = "task"
    setting: SettingName = DEFAULT_SETTING
    """The task, a registered environment id."""
    pairs: tuple[str, ...] | None = None
    """Other bracket pairs than the setting's, such as --pairs '()' '[]'."""


@dataclass(frozen=True)
class CaseFormat:
    """How a case file is read."""

    section: ClassVar[str] = "task"
    format: ReadFormat = "auto"
    """The form of the case file."""


@dataclass(frozen=True)
class CaseReading(CaseFormat):
    """How a case file is read, and what becomes of its wrong targets."""

    wrong_targets: WrongTargets = "refuse"
    """When a target of the file is not the completion: refuse the file, drop the case, correct the target, or keep it
    as it is, to be learned or scored against."""


@dataclass(frozen=True)
class TrainingCases(CaseReading):
    """Which labelled cases are learned from."""

    section: ClassVar[str] = "task"
    dataset_size: str = "stream"
    """stream: fresh cases without end; a number: that many fixed cases."""
    dataset: str | None = None
    """Train on the cases of this file, or of this folder (made by python -m supervised.dataset), instead; prefixes of
    the validation and test splits are left out."""
    augment: tuple[AugmentationName, ...] = ("none",)
    """With a fixed data set: more cases from it by symmetries of brackets, any of these (permute wrap), all or none."""


@dataclass(frozen=True)
class SentenceOptions(EncoderOptions):
    """What is said about the answers."""

    section: ClassVar[str] = "sentences"
    instruction: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """A sentence in Japanese or English about the answers, such as 'The bracket opened last is closed first.'; it says
    what may follow on prefixes without a label, or shapes an agent's reward, which leaves its optimal policy
    as it is."""
    ncl_weight: float = 1.0
    """With --instruction: weight of what the sentences say, beside the labels; for an agent what one violation of a
    rule that is surely meant costs, until the episode ends."""


@dataclass(frozen=True)
class ConditionedOptions:
    """What a model is asked for that takes a sentence."""

    section: ClassVar[str] = "sentences"
    instruction: str | None = None
    """What a run that takes a sentence is asked for, in Japanese or English: one of supervised.train --conditioned or
    of agents.train_instruct."""


@dataclass(frozen=True)
class Sizes:
    """The shape of a network; options that its architecture does not use are refused."""

    section: ClassVar[str] = "network"
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
    positions: Positions | None = None
    """transformer: how positions are told apart (rope)."""
    max_length: int | None = None
    """gpt, bert, transformer with learned positions: the longest input (the setting's longest)."""
    dropout: float | None = None
    """Share of features dropped in training (0)."""


@dataclass(frozen=True)
class Network:
    """Which network."""

    section: ClassVar[str] = "network"
    arch: ArchitectureName = "gru"
    """The network; tree is given the structure: what opens, what closes and so what belongs together."""


@dataclass(frozen=True)
class Architecture(Network, Sizes):
    """A network and its shape."""


@dataclass(frozen=True)
class Predicted:
    """What is learned from a labelled case."""

    section: ClassVar[str] = "optimiser"
    loss: LossName = "answer"
    """answer: the tokens after the prefix; all: the next token everywhere (needed for the closing measure)."""


@dataclass(frozen=True)
class Loss(Predicted):
    """What is learned from a labelled case, and how firmly."""

    label_smoothing: float = 0.0
    """Share of the target spread over all tokens."""


@dataclass(frozen=True)
class Optimiser:
    """Supervised gradient steps: AdamW on batches of examples."""

    section: ClassVar[str] = "optimiser"
    steps: int = 1500
    """Optimiser steps."""
    batch_size: int = 256
    """Examples a step, over all processes."""
    micro_batch: int | None = None
    """Examples a forward pass; gradients are accumulated to the batch. Halved by itself when memory runs out."""
    learning_rate: float = 4e-3
    """AdamW's step size after the warm-up."""
    warmup_steps: int = 50
    """Steps over which the learning rate rises from 0."""
    lr_schedule: Literal["cosine", "linear", "constant"] = "cosine"
    """How it falls afterwards, to 0 at the last step."""
    weight_decay: float = 0.01
    """Decoupled weight decay (L2) of the weight matrices that are trained."""
    max_grad_norm: float = 1.0
    """Gradients are scaled down to this norm."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """auto: bf16 on a GPU that has it, fp32 elsewhere."""


@dataclass(frozen=True)
class EvaluationCases:
    """How much is measured."""

    section: ClassVar[str] = "evaluation"
    eval_cases: int = 1000
    """Cases of an evaluation, validation and final test alike."""


@dataclass(frozen=True)
class Evaluation(EvaluationCases):
    """When a training is measured."""

    eval_every: int = 125
    """Steps between two evaluations on the validation split; the best one is kept."""


@dataclass(frozen=True)
class TimeLimit:
    """How long work may take."""

    section: ClassVar[str] = "stopping"
    time_limit: str | None = None
    """Stop after this long (10min); what was begun can be resumed."""


@dataclass(frozen=True)
class Stopping(Evaluation, TimeLimit):
    """When a training ends before its last step."""

    section: ClassVar[str] = "stopping"
    target: float | None = None
    """Stop when the validation split reaches this exact match; in pre-training, this share of right closers."""


@dataclass(frozen=True)
class Patience(Stopping):
    """The same for trainings that may stop when nothing improves."""

    patience: int | None = None
    """Stop after this many evaluations without a better one."""


@dataclass(frozen=True)
class Seed:
    """Where randomness comes from."""

    section: ClassVar[str] = "machine"
    seed: int = 0
    """Everything random follows from it."""


@dataclass(frozen=True)
class Output:
    """What a program can read."""

    section: ClassVar[str] = "machine"
    json: str | None = None
    """Write what is shown at the end to this file."""


@dataclass(frozen=True)
class Device:
    """Where networks run."""

    section: ClassVar[str] = "machine"
    device: DeviceName = "auto"
    """Where the network runs."""


@dataclass(frozen=True)
class Machine(Output, Device, Seed):
    """What a computation runs on, and what it is drawn from."""

    section: ClassVar[str] = "machine"
    threads: int = 1
    """Torch threads; the same seed and threads give the same bits."""


@dataclass(frozen=True)
class Training(Machine, Patience, Optimiser, Resume):
    """What every supervised training has."""
