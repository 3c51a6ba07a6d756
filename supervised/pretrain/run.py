"""Pre-training: a model reads balanced words without labels; what it learned is the start of a supervised run."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import Any, Literal, final

import numpy as np
import torch
from rich.console import Console

from bracket_env import BOS, DEFAULT_SETTING, EOS, FIRST_SYMBOL, BracketTokenizer, Case, get_setting
from bracket_env.atomic import write_text
from bracket_env.random_streams import key
from bracket_env.sampling.splits import Split
from bracket_env.scores.report import share_percent
from supervised.data.batches import Batches, EncodedCases, FixedSource, Source, TrainingBatches
from supervised.data.sources import evaluation_cases
from supervised.data.words import MaskedBatches, MaskedWords, WordSource, mask_words
from supervised.learning.display import print_line
from supervised.learning.lesson import Lesson, Outcome
from supervised.learning.objective import MaskedTokens, NextToken, Objective
from supervised.learning.session import run_session
from supervised.learning.stopping import Figures, Rank
from supervised.models import SequenceModel
from supervised.options.checks import custom_pairs, fixed_size
from supervised.pretrain.check import check
from supervised.pretrain.options import PROG, Pretrain
from supervised.runs import RunConfig, RunFolder, load_best, to_resume
from supervised.transfer.transplant import fresh_model

_BATCH = 256


def pretrain(
    config: Pretrain, command: Sequence[str], console: Console | None = None, *, report: bool = True
) -> RunFolder | None:
    """Pre-train, or go on pre-training, and report; see :func:`supervised.learning.session.run_session`.

    Args:
        command: what was typed, for the record.
        console: where progress and tables go, standard output by default.
        report: whether to plot and score at the end.
    """
    folder, config = to_resume(config, "pretrain")
    run = check(config)
    return run_session(PretrainingLesson(config, run), config, run, folder, command, console, report=report)


def word_source(config: Pretrain, run: RunConfig) -> Source:
    """Where the run's words come from.

    Raises:
        InputError: the setting has no words of the train split over these pairs.
    """
    setting = get_setting(config.setting)
    sampler = setting.sampler(split="train", pairs=custom_pairs(run.pairs, setting))
    stream, size = WordSource(sampler, config.seed), fixed_size(config.words, "words")
    return stream if size is None else FixedSource(stream.items(0, size), config.seed)


def encode_words(cases: Sequence[Case], tokenizer: BracketTokenizer) -> EncodedCases:
    """Prefix and completion of each case as one word, ``BOS word EOS``; the empty case is left out."""
    rows = [[BOS, *tokenizer.encode(case.prefix + case.completion), EOS] for case in cases if case.prefix]
    length = np.array([len(row) for row in rows], dtype=np.int64)
    ids = np.zeros((len(rows), int(length.max(initial=0))), dtype=tokenizer.dtype)
    for row, encoded in zip(ids, rows, strict=True):
        row[: len(encoded)] = encoded
    return EncodedCases(ids, np.ones_like(length), length)


@torch.inference_mode()
def word_figures(
    model: SequenceModel, objective: Literal["clm", "mlm"], words: EncodedCases, stream: int
) -> dict[str, float]:
    """How well a model tells the symbols of words.

    Args:
        objective: ``clm`` tells the next symbol, ``mlm`` hidden ones.
        words: at least one.
        stream: with mlm, the key of the masks.

    Returns:
        ``closers``: where a closer is to be told, how often the likeliest closer is the right one; ``symbols``: how
        often the likeliest token is the right one, everywhere; ``loss``: nats a token.
    """
    task, device = word_objective(objective), model.head.weight.device
    loss: Any = task.loss(model)
    shown: EncodedCases | MaskedWords = words
    if objective == "mlm":
        shown = mask_words(words, stream, model.head.out_features)
    was_training = model.training
    model.eval()
    parts = []
    for low in range(0, len(words.length), _BATCH):
        part = shown.take(np.arange(low, min(low + _BATCH, len(words.length))))
        parts.append(loss.predict(*task.inputs(part, device)))
    logits, targets = (torch.cat(part).cpu() for part in zip(*parts, strict=True))
    model.train(was_training)
    closers = torch.arange(FIRST_SYMBOL + 1, logits.shape[1], 2)
    asked = torch.isin(targets, closers)
    right = closers[logits[asked][:, closers].argmax(-1)] == targets[asked]
    nats = -logits.double().log_softmax(-1).gather(1, targets[:, None])
    return {
        "closers": int(right.sum()) / max(len(right), 1),
        "symbols": int((logits.argmax(-1) == targets).sum()) / len(targets),
        "loss": float(nats.mean()),
    }


def word_objective(objective: Literal["clm", "mlm"]) -> Objective[Any]:
    """What is made smaller on words."""
    return MaskedTokens() if objective == "mlm" else NextToken(everywhere=True)


@final
class PretrainingLesson(Lesson):
    """Learns to tell symbols of words: measured by the closers.

    Args:
        config: the command's options.
        run: what they make.
    """

    prog = PROG
    unit = "words"
    shares = ("closers", "symbols")

    def __init__(self, config: Pretrain, run: RunConfig) -> None:
        self.config, self.run = config, run
        self.stem, self.goal = f"{config.objective}-{config.arch}", config.objective

    def examples(self) -> tuple[TrainingBatches, Objective[Any]]:
        config, objective = self.config, word_objective(self.config.objective)
        words = Batches(word_source(config, self.run), config.batch_size, config.seed)
        if config.objective == "clm":
            return words, objective
        return MaskedBatches(words, BracketTokenizer(self.run.language).vocab_size, config.seed), objective

    def model(self, *, begun: bool) -> SequenceModel:
        return fresh_model(self.run, self.config, begun=begun)

    def figures(self, model: SequenceModel) -> dict[str, float]:
        return self._figures(model, self._validation, "validation")

    def begin(self, model: SequenceModel, folder: RunFolder | None, console: Console) -> dict[str, float]:
        if folder is not None:
            self._validation = self._words("validation")
        return {}

    def _words(self, split: Split) -> EncodedCases:
        cases = evaluation_cases(self.run, split, self.config.eval_cases)
        return encode_words(cases, BracketTokenizer(self.run.language))

    def _figures(self, model: SequenceModel, words: EncodedCases, split: Split) -> dict[str, float]:
        return word_figures(model, self.config.objective, words, key(0, f"evaluation/mask/{split}"))

    def rank(self, figures: Figures) -> Rank:
        return 0.0, -figures["loss"]

    def finish(self, folder: RunFolder, outcome: Outcome, console: Console) -> None:
        config, test = self.config, self._words("test")
        figures = self._figures(load_best(folder, device=outcome.device), test, "test")
        if config.json is not None:
            shown = {"objective": config.objective, "setting": self.run.setting, "words": len(test.length), **figures}
            if custom_pairs(self.run.pairs, get_setting(self.run.setting)) is not None:
                shown["pairs"] = list(self.run.pairs)
            shown |= {"steps": outcome.steps, "seconds": round(outcome.seconds, 3)}
            write_text(config.json, json.dumps(shown, indent=2) + "\n")
        where = "" if config.runs_dir == "runs" else f" --runs-dir {shlex.quote(config.runs_dir)}"
        name = shlex.quote(folder.name)
        if self.run.setting != DEFAULT_SETTING:
            where += f" --setting {self.run.setting}"
        if custom_pairs(self.run.pairs, get_setting(self.run.setting)) is not None:
            where += f" --pairs {shlex.join(self.run.pairs)}"
        for line in (
            f"{len(test.length)} words of the test split: closers {share_percent(figures['closers'], 2)}%   "
            f"symbols {share_percent(figures['symbols'], 2)}%   loss {figures['loss']:.4f}",
            f"start from it: python -m supervised.train --arch {config.arch} --init-from {name}{where}",
        ):
            print_line(console, line)
