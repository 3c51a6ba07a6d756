"""Adapts a run or a model of transformers from its options, and prints what was learned, trained and forgotten."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, final

import torch
from rich.console import Console

from bracket_env import BracketTokenizer, InputError
from bracket_env.scores.tables import FittingTable, table
from supervised.adapt.check import base_of, check_adaptation
from supervised.adapt.options import PROG, Adapt
from supervised.adapt.scores import score_adapters
from supervised.data.batches import Batches, TrainingBatches
from supervised.data.reading import reading_notes
from supervised.data.sources import evaluation_cases, training_source
from supervised.learning.display import print_line
from supervised.learning.figures import completion_figures
from supervised.learning.lesson import Lesson, Outcome
from supervised.learning.objective import NextToken, Objective
from supervised.learning.report import report_old_task, report_scores
from supervised.learning.session import run_session
from supervised.models import SequenceModel
from supervised.runs import WEIGHTS as MODEL_WEIGHTS
from supervised.runs import ModelSolver, RunConfig, RunFolder, to_resume
from supervised.transfer.adapter_files import FOLDER, Base, base_digest, copy_head, save_adapter, widened
from supervised.transfer.adapter_files import WEIGHTS as ADAPTER_WEIGHTS
from supervised.transfer.export import export_transformers
from supervised.transfer.lora import add_adapter, merged, target_names
from supervised.transfer.pretrained import Pretrained, transfer
from supervised.transfer.transplant import initialise_from

ADAPTER = "adapter"


def adapt(
    config: Adapt, command: Sequence[str], console: Console | None = None, *, report: bool = True
) -> RunFolder | None:
    """Adapt, or go on adapting, and report; with ``adapters`` or ``export_transformers`` do that instead.

    Result and errors as of :func:`supervised.learning.session.run_session`; ``None`` also when nothing was trained.

    Args:
        command: what was typed, for the record.
        console: where progress and tables go, standard output by default.
        report: whether to plot and score at the end.
    """
    if config.export_transformers is not None:
        if config.base is None:
            raise InputError("--export-transformers writes a trained run: name it")
        base, target = RunFolder.open(config.base, root=config.runs_dir), Path(config.export_transformers)
        reader = export_transformers(base, target)
        what = f"{target}: the {base.config.architecture} of {base.path}, head and all, for transformers.{reader}"
        print_line(console or Console(), what)
        return None
    if config.adapters is not None:
        score_adapters(config, console or Console())
        return None
    folder, config = to_resume(config, "adapt")
    config, run = check_adaptation(config)
    return run_session(AdaptationLesson(config, run), config, run, folder, command, console, report=report)


@final
class AdaptationLesson(Lesson):
    """Learns another task from what a model knows: measured as training is, by answers that are decoded freely.

    Args:
        config: the command's options, with the setting and the pairs filled in.
        run: what they make.
    """

    prog = PROG

    def __init__(self, config: Adapt, run: RunConfig) -> None:
        self.config, self.run = config, run
        self.stem, self.goal = f"{Path(config.base or config.pretrained or '').name}-{config.tune}", config.loss

    def examples(self) -> tuple[TrainingBatches, Objective[Any]]:
        config, run = self.config, self.run
        batches = Batches(training_source(config, run, run.language, config.seed), config.batch_size, config.seed)
        return batches, NextToken(everywhere=config.loss == "all", label_smoothing=config.label_smoothing)

    def model(self, *, begun: bool) -> SequenceModel:
        config, base = self.config, base_of(self.config)
        if config.tune == "lora":
            return _with_adapter(config, self.run, base)
        model = self.run.build()
        if not begun:
            _take_over(model, config, self.run, base)
        if config.tune == "head":
            model.encoder.requires_grad_(False)
        return model

    def begin(self, model: SequenceModel, folder: RunFolder | None, console: Console) -> dict[str, float]:
        self._cases = evaluation_cases(self.run, "validation", self.config.eval_cases) if folder else []
        self._base = _identity(self.config)
        parameters = sum(p.numel() for p in model.parameters())
        trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
        self._account: dict[str, Any] = {
            "tune": self.config.tune,
            "parameters": parameters,
            "trained_parameters": trained,
            "trained_share": trained / parameters,
            # float32 weights; a gradient and the two moments of AdamW for those that are trained
            "training_bytes": 4 * (parameters + 3 * trained),
        }
        line = f"tune {self.config.tune}: {trained:,} of {parameters:,} parameters, {trained / parameters:.2%}"
        for told in (line, *reading_notes(self.config, self.run.language)):
            print_line(console, told)
        return {}

    def figures(self, model: SequenceModel) -> dict[str, float]:
        return completion_figures(ModelSolver(model, BracketTokenizer(self.run.language)), self._cases)

    def keep(self, model: SequenceModel, folder: RunFolder, metadata: Mapping[str, Any]) -> None:
        """Save the model, merged, and the adapter alone beside it."""
        if self.config.tune == "lora":
            save_adapter(folder.path / FOLDER, model, ADAPTER, self._base)
            model = merged(model)
        folder.save_best(model, {**metadata, **self._account})

    def finish(self, folder: RunFolder, outcome: Outcome, console: Console) -> None:
        config = self.config
        report_scores(folder, outcome, cases=config.eval_cases, seed=config.seed, console=console, json=config.json)
        console.print(account_table(folder.path, self._account))
        if config.base is None:
            return
        old = RunFolder.open(config.base, root=config.runs_dir)
        if old.config.kind == "pretrain":  # nothing was asked for before that could be forgotten
            return
        report_old_task(folder, old, config.eval_cases, console)
        if config.tune == "lora":
            line = "with the adapter off nothing is forgotten: what is left is the base, bit for bit"
            print_line(console, line)


def _take_over(model: SequenceModel, config: Adapt, run: RunConfig, base: RunFolder | Pretrained) -> dict[str, str]:
    """Overwrite a fresh model with what the base knows.

    Returns:
        Of a model of transformers, what each bracket started from.
    """
    if isinstance(base, RunFolder):
        initialise_from(model, run, base, nearest=True)
        return {}
    return {} if config.random_weights else transfer(base, model, run.language)


def _with_adapter(config: Adapt, run: RunConfig, base: RunFolder | Pretrained) -> SequenceModel:
    """The base with a fresh adapter, ready to be trained."""
    # A model of transformers has no brackets of its own, so all rows are new and its head counts as empty.
    plain = run.build()
    targets = target_names(plain, run.architecture, config.lora_target, config.lora_rank)
    new_ids = range(plain.head.out_features)
    if isinstance(base, RunFolder):
        model, start = widened(base, run)
        new_ids = range(new_ids.stop - 2 * (len(run.pairs) - len(base.config.pairs)), new_ids.stop)
    else:
        _take_over(plain, config, run, base)
        model, start = plain, copy.deepcopy(plain.head)
        torch.nn.init.zeros_(model.head.weight)
        torch.nn.init.zeros_(model.head.bias)
    add_adapter(model, ADAPTER, targets=targets, rank=config.lora_rank, alpha=config.lora_alpha, new_ids=list(new_ids))
    heads: Any = model.head
    copy_head(heads.modules_to_save[ADAPTER], start)
    return model


def _identity(config: Adapt) -> Base:
    """What the adapter of this run will belong to."""
    base = base_of(config)
    assert config.setting is not None
    assert config.pairs is not None
    if isinstance(base, RunFolder):
        return Base(base.name, base_digest(base), config.setting, config.pairs)
    return Base(base.name, "", config.setting, config.pairs)


def account_table(run: Path, account: Mapping[str, Any]) -> FittingTable:
    """What was trained, and what it takes in memory and on disk.

    Args:
        run: the folder.
        account: ``tune``, ``parameters``, ``trained_parameters``, ``trained_share`` and ``training_bytes``.
    """
    headings = ("tune", "parameters", "trained", "trained %", "weights, gradients, moments MB", "on disk MB")
    view = table("what was trained", headings, left=("tune",))
    alone = run / FOLDER / ADAPTER_WEIGHTS
    kept = alone if alone.exists() else run / MODEL_WEIGHTS
    view.add_row(
        account["tune"],
        f"{account['parameters']:,}",
        f"{account['trained_parameters']:,}",
        f"{account['trained_share']:.2%}",
        f"{account['training_bytes'] / 1e6:.2f}",
        f"{kept.stat().st_size / 1e6:.2f}" + (" (the adapter)" if kept is alone else ""),
    )
    return view
