"""Distillation: a small model learns the answers of a trained one, from prefixes without a label.

For every prefix the teacher writes its answer (Kim & Rush 2016, section 3.2), and at each of the answer's positions the
student is drawn towards the teacher's distribution over the next token (Hinton et al. 2015):

    loss = T² Σ_t KL( softmax(teacher logits_t / T) ‖ softmax(student logits_t / T) )

T² keeps the gradients' size when T changes. A teacher that may only write what the count mask allows (an agent) gives
probability 0 to everything else. No right answer is ever looked at: the labels that the training cases come with are
cut off before the teacher sees them.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.functional import one_hot

from bracket_env import EOS, FIRST_SYMBOL, PAD, BracketTokenizer
from supervised.data.batches import EncodedCases, TrainingBatches
from supervised.learning.objective import LossInputs, Objective, loss_inputs
from supervised.models import SequenceModel, decode
from supervised.models.decoding import CountMask


class AnsweredBatches:
    """Prompts with the teacher's answers in the place of the right ones.

    Args:
        batches: cases; only their prompts are read.
        teacher: answers greedily.
        tokenizer: of both.
        masked: the teacher may only write what the count mask allows.
    """

    def __init__(
        self, batches: TrainingBatches, teacher: SequenceModel, tokenizer: BracketTokenizer, *, masked: bool
    ) -> None:
        self._batches, self._teacher, self._tokenizer, self._masked = batches, teacher, tokenizer, masked

    def __getitem__(self, step: int) -> EncodedCases:
        cases: EncodedCases = self._batches[step]
        prompts = int(cases.prompt_length.max())
        beyond = np.arange(prompts) >= cases.prompt_length[:, None]
        ids = np.where(beyond, PAD, cases.ids[:, :prompts].astype(np.int64))
        device = self._teacher.head.weight.device
        tokens = torch.as_tensor(ids, device=device)
        lengths = torch.as_tensor(cases.prompt_length, device=device)
        mask = CountMask(tokens, self._tokenizer) if self._masked else None
        answers = decode(self._teacher, tokens, lengths, max_new=lengths - 1, eos=EOS, mask=mask)
        written = np.array([len(answer) for answer in answers], dtype=np.int64)
        answered = np.full((len(ids), int((cases.prompt_length + written).max())), PAD, dtype=cases.ids.dtype)
        answered[:, :prompts] = ids
        for row, begin, answer in zip(answered, cases.prompt_length, answers, strict=True):
            row[begin : begin + len(answer)] = answer
        return EncodedCases(answered, cases.prompt_length, cases.prompt_length + written)


class Distillation(Objective[EncodedCases]):
    """The student's distance from the teacher on the answers' tokens.

    Args:
        teacher: is not changed.
        temperature: T.
        masked: see :class:`AnsweredBatches`.
    """

    def __init__(self, teacher: SequenceModel, *, temperature: float, masked: bool) -> None:
        self._teacher = teacher
        self._temperature = temperature
        self._masked = masked

    def loss(self, model: SequenceModel) -> DistillationLoss:
        return DistillationLoss(model, self._temperature)

    def tokens(self, batch: EncodedCases) -> int:
        return batch.token_count(everywhere=False)

    @torch.no_grad()
    def inputs(self, batch: EncodedCases, device: torch.device) -> LossInputs:
        ids, lengths, rows, positions = loss_inputs(batch, False, device)
        features = self._teacher.encoder.at(ids[:, :-1], lengths, rows, positions)
        logits = self._teacher.head(features).float()
        if self._masked:
            logits = logits.masked_fill(~_possible(ids, logits.shape[1])[rows, positions], -torch.inf)
        return ids, lengths, rows, positions, (logits / self._temperature).softmax(-1)


class DistillationLoss(nn.Module):
    """Summed T² KL(teacher ‖ student), in nats.

    Args:
        model: the student.
        temperature: T.
    """

    def __init__(self, model: SequenceModel, temperature: float) -> None:
        super().__init__()
        self.model = model
        self.temperature = temperature

    def forward(self, ids: Tensor, lengths: Tensor, rows: Tensor, positions: Tensor, teacher: Tensor) -> Tensor:
        """The summed loss.

        Args:
            ids, lengths, rows, positions: as for :class:`supervised.learning.objective.TokenLoss`.
            teacher: ``(n, V)``: the teacher's probabilities at T; some may be 0.
        """
        features = self.model.encoder.at(ids[:, :-1], lengths, rows, positions)
        student = (self.model.head(features).float() / self.temperature).log_softmax(-1)
        return self.temperature**2 * functional.kl_div(student, teacher, reduction="sum")


def _possible(ids: Tensor, vocab_size: int) -> Tensor:
    """bool ``(B, T, vocab_size)``: what may follow each position by count: EOS, and closers of types still open."""
    seen = one_hot(ids, vocab_size).cumsum(1)
    possible = torch.zeros_like(seen, dtype=torch.bool)
    possible[:, :, EOS] = True
    possible[:, :, FIRST_SYMBOL + 1 :: 2] = seen[:, :, FIRST_SYMBOL::2] > seen[:, :, FIRST_SYMBOL + 1 :: 2]
    return possible
