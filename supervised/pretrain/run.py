"""Pre-training: a model reads balanced words without labels; what it learned is the start of a supervised run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from rich.console import Console

from bracket_env.atomic import write_text
from bracket_env.cases import Case
from bracket_env.random_streams import key
from bracket_env.settings import get_setting
from bracket_env.tokenizer import BOS, EOS, FIRST_SYMBOL, BracketTokenizer
from supervised.data.batches import Batches, EncodedCases, FixedSource, Source
from supervised.data.words import MaskedBatches, MaskedWords, WordSource, mask_words
from supervised.learning.objective import objective_of
from supervised.learning.session import Session, run_session
from supervised.models import SequenceModel
from supervised.options.checks import check_pretraining, custom_pairs, fixed_size, to_resume
from supervised.pretrain.options import PROG, Pretrain
from supervised.runs.config import RunConfig
from supervised.runs.folder import RunFolder
from supervised.runs.loading import load_best

_BATCH = 256


def pretrain(config: Pretrain, command: Sequence[str], console: Console | None = None) -> RunFolder | None:
    """Pre-train, or go on pre-training, and report; arguments, result and errors as of
    :func:`supervised.train.run.train`.
    """
    folder, config = to_resume(config, "pretrain")
    run = check_pretraining(config)

    def batches() -> Batches | MaskedBatches:
        words = Batches(word_source(config, run), config.batch_size, config.seed)
        if config.objective == "clm":
            return words
        return MaskedBatches(words, BracketTokenizer(run.language).vocab_size, config.seed)

    return run_session(PretrainingSession, config, run, folder, batches, command, console)


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
def word_figures(model: SequenceModel, config: Pretrain, words: EncodedCases, stream: int) -> dict[str, float]:
    """How well a model tells the symbols of words.

    Args:
        config: names the objective.
        words: at least one.
        stream: with mlm, the key of the masks.

    Returns:
        ``closers``: where a closer is to be told, how often the likeliest closer is the right one; ``symbols``: how
        often the likeliest token is the right one, everywhere; ``loss``: nats a token.
    """
    objective, device = objective_of(config.loss), model.head.weight.device
    loss: Any = objective.loss(model)
    was_training = model.training
    model.eval()
    logits, targets = (
        torch.cat(parts).cpu()
        for parts in zip(
            *(loss.predict(*objective.inputs(part, device)) for part in _parts(config, words, stream, model)),
            strict=True,
        )
    )
    model.train(was_training)
    closers = torch.arange(FIRST_SYMBOL + 1, logits.shape[1], 2)
    asked = torch.isin(targets, closers)
    told = closers[logits[asked][:, closers].argmax(-1)] == targets[asked]
    nats = -logits.double().log_softmax(-1).gather(1, targets[:, None])
    return {
        "closers": int(told.sum()) / max(len(told), 1),
        "symbols": int((logits.argmax(-1) == targets).sum()) / len(targets),
        "loss": float(nats.mean()),
    }


def _parts(
    config: Pretrain, words: EncodedCases, stream: int, model: SequenceModel
) -> Iterator[EncodedCases | MaskedWords]:
    shown: EncodedCases | MaskedWords = words
    if config.objective == "mlm":
        shown = mask_words(words, stream, model.head.out_features)
    for low in range(0, len(words.length), _BATCH):
        yield shown.take(np.arange(low, min(low + _BATCH, len(words.length))))


class PretrainingSession(Session[Pretrain]):
    """Learns to tell symbols of words: measured by the closers."""

    prog = PROG
    unit = "words"
    shares = ("closers", "symbols")

    @classmethod
    def stem(cls, config: Pretrain) -> str:
        return f"{config.objective}-{config.arch}"

    @property
    def objective(self) -> str:
        return self.config.objective

    def figures(self) -> dict[str, float]:
        words = encode_words(self.cases, self.tokenizer)
        return word_figures(self.trainer.model, self.config, words, key(0, "evaluation/mask/validation"))

    def rank(self, figures: Mapping[str, float]) -> tuple[float, float]:
        return 0.0, -figures["loss"]

    def finish(self, folder: RunFolder) -> None:
        config = self.config
        test = encode_words(self.setting.evaluation_cases("test", config.eval_cases, pairs=self.pairs), self.tokenizer)
        model = load_best(folder, device=self.trainer.accelerator.device)
        figures = word_figures(model, config, test, key(0, "evaluation/mask/test"))
        self._say(
            f"{len(test.length)} words of the test split: closers {figures['closers']:.2%}   "
            f"symbols {figures['symbols']:.2%}   loss {figures['loss']:.4f}"
        )
        where = "" if config.runs_dir == "runs" else f" --runs-dir {config.runs_dir}"
        self._say(f"start from it: python -m supervised.train --arch {config.arch} --init-from {folder.name}{where}")
        if config.json is not None:
            told: dict[str, Any] = {
                "objective": config.objective,
                "setting": self.setting.id,
                "words": len(test.length),
            }
            told |= {**figures, "steps": self.trainer.step, "seconds": round(self.seconds, 3)}
            write_text(config.json, json.dumps(told, indent=2) + "\n")
