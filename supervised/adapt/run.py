"""Adapts a run or a model of transformers from its options, and prints what was learned, trained and forgotten."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from bracket_env.settings import get_setting
from supervised.adapt.check import base_of, check_adaptation
from supervised.adapt.options import PROG, Adapt
from supervised.adapt.scores import score_adapters
from supervised.data.batches import Batches
from supervised.learning.report import report_old_task, report_scores
from supervised.learning.session import Session, run_session
from supervised.models import SequenceModel
from supervised.options.checks import to_resume
from supervised.runs.config import RunConfig
from supervised.runs.folder import WEIGHTS as MODEL_WEIGHTS
from supervised.runs.folder import RunFolder
from supervised.train.run import completion_figures, training_source
from supervised.transfer.adapter_files import FOLDER, Base, base_digest, copy_head, save_adapter, widened
from supervised.transfer.adapter_files import WEIGHTS as ADAPTER_WEIGHTS
from supervised.transfer.export import export_transformers
from supervised.transfer.lora import add_adapter, merged, target_names
from supervised.transfer.pretrained import Pretrained, transfer
from supervised.transfer.transplant import initialise_from

ADAPTER = "adapter"


def adapt(config: Adapt, command: Sequence[str], console: Console | None = None) -> RunFolder | None:
    """Adapt, or go on adapting, and report; with ``adapters`` or ``export_transformers`` do that instead.

    Arguments, result and errors as of :func:`supervised.train.run.train`; ``None`` also when nothing was trained.
    """
    if config.export_transformers is not None:
        export_transformers(config, console or Console())
        return None
    if config.adapters is not None:
        score_adapters(config, console or Console())
        return None
    folder, config = to_resume(config, "adapt")
    config, run = check_adaptation(config)

    def batches() -> Batches:
        return Batches(training_source(config, run, get_setting(run.setting)), config.batch_size, config.seed)

    return run_session(AdaptationSession, config, run, folder, batches, command, console)


class AdaptationSession(Session[Adapt]):
    """Learns another task from what a model knows: measured as training is, by answers that are decoded freely."""

    prog = PROG
    unit = "cases"
    shares = ("exact", "share")

    @classmethod
    def model(cls, config: Adapt, run: RunConfig, *, begun: bool) -> SequenceModel:
        base = base_of(config)
        if config.tune == "lora":
            return _with_adapter(config, run, base)
        model = run.build()
        if not begun:
            _take_over(model, config, run, base)
        if config.tune == "head":
            model.encoder.requires_grad_(False)
        return model

    @classmethod
    def stem(cls, config: Adapt) -> str:
        return f"{Path(config.base or config.pretrained or '').name}-{config.tune}"

    @property
    def objective(self) -> str:
        return self.config.loss

    def begin(self) -> None:
        self.base = _identity(self.config)
        model = self.trainer.model
        parameters = sum(p.numel() for p in model.parameters())
        trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
        self.account: dict[str, Any] = {
            "tune": self.config.tune,
            "parameters": parameters,
            "trained_parameters": trained,
            "trained_share": trained / parameters,
            # float32 weights; a gradient and the two moments of AdamW for those that are trained
            "training_bytes": 4 * (parameters + 3 * trained),
        }
        self._say(f"tune {self.config.tune}: {trained:,} of {parameters:,} parameters, {trained / parameters:.2%}")

    def figures(self) -> dict[str, float]:
        return completion_figures(self.trainer.model, self.tokenizer, self.cases)

    def rank(self, figures: Mapping[str, float]) -> tuple[float, float]:
        return figures["exact"], -figures["loss"]

    def keep(self, folder: RunFolder, metadata: Mapping[str, Any]) -> None:
        """Save the model, merged, and the adapter alone beside it."""
        model = self.trainer.model
        if self.config.tune == "lora":
            save_adapter(folder.path / FOLDER, model, ADAPTER, self.base)
            model = merged(model)
        folder.save_best(model, {**metadata, **self.account})

    def finish(self, folder: RunFolder) -> None:
        config = self.config
        report_scores(
            folder,
            self.setting,
            self.pairs,
            cases=config.eval_cases,
            seed=config.seed,
            steps=self.trainer.step,
            seconds=self.seconds,
            device=self.trainer.accelerator.device,
            console=self.console,
            json=config.json,
        )
        self.console.print(_account_table(folder, self.account))
        if config.base is not None:
            old = RunFolder.open(config.base, root=config.runs_dir)
            if old.config.kind != "pretrain":  # nothing was asked for before that could be forgotten
                report_old_task(folder, old, config.eval_cases, self.console)
                if config.tune == "lora":
                    self._say("with the adapter off nothing is forgotten: what is left is the base, bit for bit")


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


def _account_table(folder: RunFolder, account: Mapping[str, Any]) -> Table:
    """What was trained, and what it takes in memory and on disk."""
    table = Table(title="what was trained", title_justify="left")
    for heading in ("tune", "parameters", "trained", "trained %", "weights, gradients, moments MB", "on disk MB"):
        table.add_column(heading, justify="left" if heading == "tune" else "right")
    alone = folder.path / FOLDER / ADAPTER_WEIGHTS
    kept = alone if alone.exists() else folder.path / MODEL_WEIGHTS
    table.add_row(
        account["tune"],
        f"{account['parameters']:,}",
        f"{account['trained_parameters']:,}",
        f"{account['trained_share']:.2%}",
        f"{account['training_bytes'] / 1e6:.2f}",
        f"{kept.stat().st_size / 1e6:.2f}" + (" (the adapter)" if kept is alone else ""),
    )
    return table
