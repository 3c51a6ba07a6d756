"""Training with sentences: labelled cases as ever, and unlabelled prefixes on which the rules say what may follow.

A batch holds the labelled cases of a step and, behind them, unlabelled prefixes with an answer drawn from the rules
themselves (:mod:`ncl_reward.grounding.modified`). Both go through the model together. With n tokens of labelled answers
and m places of drawn ones, a step makes

    Σ labelled cross-entropy / n  +  weight · Σ NCL loss / m

smaller. Like everything about data, the drawn answers are a pure function of the seed and the step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from bracket_env import PAD, BracketLanguage, get_setting
from bracket_env.random_streams import key, subkey
from ncl_reward.encoders.encoders import make_encoder
from ncl_reward.grounding.modified import DrawnAnswers, draw_answers
from ncl_reward.grounding.stated import effective, state_rules
from ncl_reward.loss import NCLLoss
from ncl_reward.reading.sentence import introduced_pairs
from ncl_reward.rules.bracket_rules import BRACKET_RULES, BracketRule
from ncl_reward.rules.rule import StatedRule
from supervised.data.batches import BUCKET_BATCHES, Batches, EncodedCases, Source, bucket_order
from supervised.learning.objective import LossInputs, NextToken, Objective, TokenLoss
from supervised.models import SequenceModel
from supervised.train.options import Train

_LONG = 64  # tokens; answers to longer prompts are drawn batch by batch, so that short ones are not padded to them


def with_introduced_pairs(config: Train) -> Train:
    """The options with the pairs that sentences introduce; labelled cases keep to the others.

    Raises:
        InputError: a sentence that cannot be read, or a pair that the language cannot take.
    """
    language = get_setting(config.setting).language(config.pairs)
    introduced = introduced_pairs(config.instruction, language)
    if not introduced:
        return config
    labelled = config.labelled_pairs or language.pairs
    return replace(config, pairs=(*language.pairs, *introduced), labelled_pairs=labelled)


def instructed_batches(
    config: Train,
    language: BracketLanguage,
    labelled: Batches | None,
    evidence: EncodedCases | None,
    unlabelled: Source,
    labels: NextToken,
) -> InstructedBatches | None:
    """The batches that the sentences make of a run; None where they state nothing that counts.

    Args:
        evidence: the labelled cases that speak for or against a rule.
        language, labelled, unlabelled, labels: see :class:`InstructedBatches`.

    Raises:
        InputError: a sentence or an encoder that cannot be used.
    """
    rules = state_rules(
        config.instruction,
        make_encoder(config.ncl_encoder),
        language,
        BRACKET_RULES,
        labelled=evidence,
        adapter=config.ncl_adapter,
        seed=config.seed,
    )
    if not effective(rules) or config.ncl_weight == 0:
        return None
    return InstructedBatches(
        labelled,
        unlabelled,
        rules,
        language=language,
        batch_size=unlabelled_batch(config),
        weight=config.ncl_weight,
        labels=labels,
        seed=config.seed,
    )


def unlabelled_batch(config: Train) -> int:
    """How many prefixes without a label a step has."""
    return config.unlabelled_batch or max(config.batch_size // 3, 1)


class InstructedCases(NamedTuple):
    """Labelled cases, then unlabelled prefixes with drawn answers."""

    cases: EncodedCases
    labelled: np.ndarray  # (n,) bool
    first: np.ndarray  # (n,) int64: where the row's places begin in log_q
    log_q: np.ndarray  # (m, K) float32
    applies: np.ndarray  # (m,) bool
    tokens: int  # what the summed loss of the whole batch is divided by
    scale: float  # of the NCL loss before that

    @property
    def length(self) -> np.ndarray:
        """``(n,)`` int64: tokens of every row."""
        return self.cases.length

    def take(self, rows: np.ndarray) -> InstructedCases:
        """Some rows, in increasing order; the divisor and the scale stay those of the whole batch."""
        cases = self.cases.take(rows)
        labelled = self.labelled[rows]
        sizes = np.where(labelled, 0, cases.length - cases.prompt_length)
        first = np.cumsum(sizes) - sizes
        places = np.repeat(self.first[rows] - first, sizes) + np.arange(int(sizes.sum()))
        return self._replace(
            cases=cases, labelled=labelled, first=first, log_q=self.log_q[places], applies=self.applies[places]
        )


class InstructedBatches:
    """Batch number s for every s.

    Args:
        labelled: the labelled cases; ``None`` trains on sentences alone.
        unlabelled: whose prefixes are used; their completions are not looked at.
        rules: what the sentences state; at least one is worth something.
        language: of the run.
        batch_size: unlabelled prefixes a batch.
        weight: of the NCL loss.
        labels: what is learned from the labelled cases.
        seed: of the drawn answers.

    Attributes:
        rules: as given.
        objective: what to make smaller.
    """

    def __init__(
        self,
        labelled: Batches | None,
        unlabelled: Source,
        rules: Sequence[StatedRule[BracketRule]],
        *,
        language: BracketLanguage,
        batch_size: int,
        weight: float,
        labels: NextToken,
        seed: int,
    ) -> None:
        self.rules = rules
        self.objective = Instructed(labels, weight)
        self._labelled, self._unlabelled = labelled, unlabelled
        self._effective = effective(rules)
        self._pairs = len(language.pairs)
        self._batch_size, self._weight = batch_size, weight
        self._everywhere = labels.everywhere
        self._seed = seed
        self._stream = np.array([key(seed, "ncl/answers")], dtype=np.uint64)
        self._bucket: tuple[int, list[tuple[np.ndarray, DrawnAnswers]]] = (-1, [])

    def __getitem__(self, step: int) -> InstructedCases:
        prompt_length, drawn = self._drawn(step)
        sizes = drawn.length - prompt_length
        places = int(sizes.sum())
        free = EncodedCases(drawn.ids, prompt_length, drawn.length)
        labelled = None if self._labelled is None else self._labelled[step]
        n = 0 if labelled is None else len(labelled.length)
        tokens = places if labelled is None else labelled.token_count(self._everywhere)
        return InstructedCases(
            free if labelled is None else labelled.followed_by(free),
            np.arange(n + len(sizes)) < n,
            np.concatenate([np.zeros(n, dtype=np.int64), np.cumsum(sizes) - sizes]),
            drawn.log_q,
            drawn.applies,
            tokens,
            self._weight * tokens / places,
        )

    def _drawn(self, step: int) -> tuple[np.ndarray, DrawnAnswers]:
        """Lengths of the prompts and the answers of one batch; several batches are drawn together, which is cheaper."""
        number, position = divmod(step, BUCKET_BATCHES)
        if self._bucket[0] != number:
            count = BUCKET_BATCHES * self._batch_size
            items = np.arange(number * count, (number + 1) * count, dtype=np.uint64)
            prompts, lengths = _prompts(self._unlabelled.items(number * count, count))
            order = np.argsort(lengths, kind="stable")
            streams = subkey(self._stream, items)
            found = []
            for rows in order.reshape(BUCKET_BATCHES, -1) if prompts.shape[1] > _LONG else [order]:
                prompt = prompts[rows, : int(lengths[rows].max())]
                drawn = draw_answers(prompt, lengths[rows], self._effective, pairs=self._pairs, streams=streams[rows])
                found += drawn.cut(lengths[rows], self._batch_size)
            # The shortest go with the shortest labelled ones: a batch of both kinds pads little and has few steps.
            self._bucket = (number, [found[i] for i in bucket_order(self._seed, number)])
        return self._bucket[1][position]


class Instructed(Objective[InstructedCases]):
    """The next token of labelled cases, and what the rules say of unlabelled ones."""

    def __init__(self, labelled: NextToken, weight: float) -> None:
        self.labelled = labelled
        self.scale = 1.0 + weight

    def loss(self, model: SequenceModel) -> InstructedLoss:
        return InstructedLoss(self.labelled.loss(model))

    def tokens(self, batch: InstructedCases) -> int:
        return batch.tokens

    def inputs(self, batch: InstructedCases, device: torch.device) -> LossInputs:
        labelled = np.flatnonzero(batch.labelled)
        columns = np.arange(batch.cases.ids.shape[1] - 1)
        first = batch.cases.prompt_length - 1
        if self.labelled.everywhere:
            first = np.where(batch.labelled, 0, first)
        rows, positions = np.nonzero((columns >= first[:, None]) & (columns < batch.cases.length[:, None] - 1))
        right = int(np.searchsorted(rows, len(labelled)))  # places of labelled rows come first
        ruled = right + np.flatnonzero(batch.applies)
        arrays = (
            batch.cases.ids.astype(np.int64), batch.cases.length - 1, rows, positions, np.array([right]), ruled,
            batch.log_q[batch.applies], np.array([batch.scale], dtype=np.float32),
        )  # fmt: skip
        return tuple(torch.as_tensor(array, device=device) for array in arrays)


class InstructedLoss(nn.Module):
    """Summed cross-entropy of the labels and scaled NCL loss of the rest, from one pass through the model."""

    def __init__(self, labelled: TokenLoss) -> None:
        super().__init__()
        self.labelled = labelled
        self.ncl: Callable[[Tensor, Tensor], Tensor] = NCLLoss()

    @property
    def model(self) -> SequenceModel:
        """What is trained."""
        return self.labelled.model

    def forward(
        self,
        ids: Tensor,
        lengths: Tensor,
        rows: Tensor,
        positions: Tensor,
        right: Tensor,
        ruled: Tensor,
        log_q: Tensor,
        scale: Tensor,
    ) -> Tensor:
        """Summed nats.

        Args:
            ids, lengths, rows, positions: as for :class:`~supervised.learning.objective.TokenLoss`.
            right: int64 ``(1,)``, how many of the places have a label; they come first.
            ruled: int64 ``(m,)``, the places at which a rule says something.
            log_q: ``(m, K)``, what it says.
            scale: ``(1,)`` of the NCL loss.
        """
        logits, targets = self.labelled.predict(ids, lengths, rows, positions)
        n = int(right)
        labels = functional.cross_entropy(
            logits[:n].float(), targets[:n], reduction="sum", label_smoothing=self.labelled.label_smoothing
        )
        return labels + scale[0] * self.ncl(logits[ruled], log_q)


def _prompts(cases: EncodedCases) -> tuple[np.ndarray, np.ndarray]:
    """``BOS prefix SEP`` of cases: the completions are cut off."""
    columns = int(cases.prompt_length.max())
    ids = cases.ids[:, :columns].copy()
    ids[np.arange(columns) >= cases.prompt_length[:, None]] = PAD
    return ids, cases.prompt_length
