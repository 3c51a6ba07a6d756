"""The arm without a rule book (``supervised.train --conditioned``): what sentences mean is learned from examples.

An example is a sentence of :mod:`bracket_env.instructions.catalogue`, a prefix, and the answer that the sentence's
meaning gives. The sentence reaches the model as a vector alone (:class:`supervised.models.film.FiLMEncoder`), and
nothing tells it which sentences mean the same:

    Work from the inside out.                   ({      })
    Brackets leave in the order they came.      ({      )}
    Only close curly braces.                    ({      }

Training sees the train sentences of the train meanings; sentence and prefix are a pure function of the seed, the step
and the row. What is reported are prefixes of the test split, under sentences that were seen, under *unseen paraphrases*
of seen meanings, and under sentences whose meaning is an *unseen combination* of seen parts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NamedTuple, final

import numpy as np
import torch
from rich.console import Console
from torch import Tensor, nn

from bracket_env import FIRST_SYMBOL, INSTRUCT, BracketTokenizer, Case, Estimate
from bracket_env.atomic import write_text
from bracket_env.instructions.catalogue import Instruction, choose_instructions
from bracket_env.instructions.meanings import Part
from bracket_env.instructions.sentence_vectors import NO_SENTENCE
from bracket_env.random_streams import below, bits, key, subkey
from bracket_env.tasks.instruct import InstructTask
from supervised.data.batches import Batches, EncodedCases, StreamSource, TrainingBatches, encode_cases
from supervised.learning.figures import answer_shares
from supervised.learning.lesson import Lesson, Outcome
from supervised.learning.objective import LossInputs, NextToken, Objective, TokenLoss
from supervised.models import SequenceModel
from supervised.models.film import ConditionedModel
from supervised.runs import RunConfig, RunFolder, load_best
from supervised.runs.files.evaluation_result import write_evaluation_result
from supervised.runs.sentences import complete_conditioned, sentence_vectors
from supervised.told.scores import exact_table
from supervised.train.options import PROG, Train

GROUPS: dict[str, tuple[Part, Part]] = {
    "seen sentences": ("train", "train"),
    "unseen paraphrases": ("unseen", "train"),
    "unseen combinations": ("all", "unseen"),
}
"""What is reported -> which sentences and which meanings."""


VectorsOf = Callable[[str, Sequence[str]], np.ndarray]


class ConditionedCases(NamedTuple):
    """n cases, each with the vector of its sentence."""

    cases: EncodedCases
    vectors: np.ndarray  # (n, dim) float32

    @property
    def length(self) -> np.ndarray:
        """``(n,)`` int64: tokens of every row."""
        return self.cases.length

    def take(self, rows: np.ndarray) -> ConditionedCases:
        """Some rows."""
        return ConditionedCases(self.cases.take(rows), self.vectors[rows])


class ConditionedBatches:
    """Batch number s for every s.

    Args:
        batch_size: examples a batch.
        vectors: ``(n, dim)`` float32, of the train sentences of the train meanings, in their order.
        seed: everything random follows from it.
    """

    def __init__(self, batch_size: int, vectors: np.ndarray, seed: int) -> None:
        self._task = InstructTask(split="train", encoder=NO_SENTENCE)
        self._prefixes = Batches(StreamSource(INSTRUCT.sampler(split="train"), seed), batch_size, seed)
        self._vectors, self._seed = vectors, seed

    def __getitem__(self, step: int) -> ConditionedCases:
        cases = self._prefixes[step]
        stream = np.array([key(self._seed, "supervised/sentences", step)], dtype=np.uint64)
        words = bits(subkey(stream, np.arange(len(cases.length), dtype=np.uint64)), 0)
        sentences = below(words, len(self._vectors)).astype(np.int64)
        return ConditionedCases(instructed(cases, sentences, self._task), self._vectors[sentences])


def instructed(cases: EncodedCases, sentences: np.ndarray, task: InstructTask) -> EncodedCases:
    """The cases with the answers that sentences ask for.

    Args:
        cases: with ordinary answers.
        sentences: ``(n,)`` int64, rows in ``task.instructions``.
    """
    prompt = cases.prompt_length
    columns = np.arange(int((cases.length - prompt).max()))
    ids = np.pad(cases.ids, ((0, 0), (0, len(columns))))
    written = np.take_along_axis(ids, prompt[:, None] + columns, axis=1).astype(np.int16)
    closers = np.where(written >= FIRST_SYMBOL, (written - FIRST_SYMBOL - 1) // 2, task.end).astype(np.int16)
    actions, count = task.instructed(closers, sentences)
    answers = task.sampler.tokenizer.action_ids[actions]
    answers[columns >= count[:, None]] = 0
    np.put_along_axis(ids, prompt[:, None] + columns, answers, axis=1)
    return EncodedCases(ids[:, : int((prompt + count).max())], prompt, prompt + count)


class ConditionedNext(Objective[ConditionedCases]):
    """The next token of cases under their sentences."""

    def __init__(self, *, label_smoothing: float = 0.0) -> None:
        self._next = NextToken(everywhere=False, label_smoothing=label_smoothing)

    def loss(self, model: SequenceModel) -> ConditionedLoss:
        return ConditionedLoss(self._next.loss(model))

    def tokens(self, batch: ConditionedCases) -> int:
        return self._next.tokens(batch.cases)

    def inputs(self, batch: ConditionedCases, device: torch.device) -> LossInputs:
        return *self._next.inputs(batch.cases, device), torch.as_tensor(batch.vectors, device=device)


class ConditionedLoss(nn.Module):
    """:class:`~supervised.learning.objective.TokenLoss` of a model under a sentence a row."""

    def __init__(self, inner: TokenLoss) -> None:
        super().__init__()
        self.inner = inner

    @property
    def model(self) -> SequenceModel:
        """What is trained."""
        return self.inner.model

    def forward(self, ids: Tensor, lengths: Tensor, rows: Tensor, positions: Tensor, vectors: Tensor) -> Tensor:
        """Summed nats; arguments as for ``TokenLoss``, and ``vectors`` ``(B, dim)``."""
        conditioned = ConditionedModel(self.model, vectors)
        inner = TokenLoss(conditioned, everywhere=False, label_smoothing=self.inner.label_smoothing)
        return inner(ids, lengths, rows, positions)


def instructed_cases(split: Any, instructions: Sequence[Instruction], n: int) -> list[Case]:
    """n evaluation cases; case i is answered as instruction i mod m asks."""
    cases = INSTRUCT.evaluation_cases(split, n)
    return [
        Case(case.prefix, instructions[i % len(instructions)].meaning.answer(case.prefix))
        for i, case in enumerate(cases)
    ]


def conditioned_answers(
    model: SequenceModel, tokenizer: BracketTokenizer, cases: Sequence[Case], vectors: np.ndarray
) -> list[str]:
    """The answers to :func:`instructed_cases`, given the vectors ``(m, dim)`` of its instructions."""
    rows = np.arange(len(cases)) % len(vectors)
    return complete_conditioned(model, tokenizer, [case.prefix for case in cases], vectors[rows])


@final
class ConditionedLesson(Lesson):
    """Measured on seen sentences and validation prefixes; reported on unseen sentences and meanings too.

    Args:
        config: the options of ``supervised.train``.
        run: what they make.
        vectors_of: (encoder, sentences) -> vectors ``(n, dim)``, which the model reads.
    """

    prog = PROG

    def __init__(self, config: Train, run: RunConfig, vectors_of: VectorsOf = sentence_vectors) -> None:
        self.config, self.run = config, run
        self.stem, self.goal = config.arch, config.loss
        self._vectors_of = vectors_of

    def examples(self) -> tuple[TrainingBatches, Objective[Any]]:
        config = self.config
        batches = ConditionedBatches(config.batch_size, self._seen, config.seed)
        return batches, ConditionedNext(label_smoothing=config.label_smoothing)

    def model(self, *, begun: bool) -> SequenceModel:
        return self.run.build()

    @cached_property
    def _seen(self) -> np.ndarray:
        return self._vectors(choose_instructions())

    def begin(self, model: SequenceModel, folder: RunFolder | None, console: Console) -> dict[str, float]:
        if folder is not None:
            self._cases = instructed_cases("validation", choose_instructions(), self.config.eval_cases)
        return {}

    def _vectors(self, instructions: Sequence[Instruction]) -> np.ndarray:
        return self._vectors_of(self.config.ncl_encoder, [i.text for i in instructions])

    def figures(self, model: SequenceModel) -> dict[str, float]:
        answers = conditioned_answers(model, BracketTokenizer(self.run.language), self._cases, self._seen)
        return {**answer_shares(answers, self._cases), "loss": self._loss(model)}

    @torch.inference_mode()
    def _loss(self, model: SequenceModel) -> float:
        """Mean nats a token of the right answers."""
        encoded = encode_cases(self._cases, BracketTokenizer(self.run.language))
        rows, objective, total = np.arange(len(self._cases)), ConditionedNext(), 0.0
        loss = objective.loss(model).eval()
        for low in range(0, len(rows), 1024):
            part = rows[low : low + 1024]
            batch = ConditionedCases(encoded.take(part), self._seen[part % len(self._seen)])
            total += float(loss(*objective.inputs(batch, model.head.weight.device)))
        return total / encoded.token_count(everywhere=False)

    def finish(self, folder: RunFolder, outcome: Outcome, console: Console) -> None:
        model, scores = load_best(folder, device=outcome.device), {}
        for name, (sentences, meanings) in GROUPS.items():
            chosen = choose_instructions(sentences, meanings)
            cases = instructed_cases("test", chosen, self.config.eval_cases)
            answers = conditioned_answers(model, BracketTokenizer(self.run.language), cases, self._vectors(chosen))
            right = sum(a == case.completion for a, case in zip(answers, cases, strict=True))
            scores[name] = Estimate.of(right, len(cases))
            if name == "unseen paraphrases":
                told = [chosen[i % len(chosen)].text for i in range(len(cases))]
                write_evaluation_result(folder.path / "evaluation_result.txt", cases, answers, told)
        if self.config.json is not None:
            rows = [{"sentences": name, "exact": vars(exact)} for name, exact in scores.items()]
            write_text(self.config.json, json.dumps({"setting": INSTRUCT.id, "rows": rows}, indent=2) + "\n")
        title = f"{folder.name}: prefixes of the test split; trained with seed {self.config.seed}"
        console.print(exact_table("sentences", scores, title))
