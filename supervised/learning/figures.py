"""The three figures of every evaluation: ``exact``, ``share`` and ``loss``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn.functional import one_hot

from bracket_env import BracketTokenizer, Case, share_answered
from supervised.data.batches import encode_cases
from supervised.learning.objective import loss_inputs
from supervised.models import SequenceModel
from supervised.runs import ModelSolver
from supervised.runs.sentences import complete_conditioned, conditioned_on

_BATCH = 1024


def answer_shares(answers: Sequence[str], cases: Sequence[Case]) -> dict[str, float]:
    """``exact``, the share of perfect answers, and ``share``, the mean share of actions before the first mistake.

    Args:
        answers: one a case, decoded freely.
        cases: at least one.
    """
    shares = [share_answered(answer, case.completion) for answer, case in zip(answers, cases, strict=True)]
    return {"exact": sum(share == 1 for share in shares) / len(shares), "share": sum(shares) / len(shares)}


def completion_figures(solver: ModelSolver, cases: Sequence[Case]) -> dict[str, float]:
    """How well a model completes cases: :func:`answer_shares`, and ``loss``, the right answers' nats a token."""
    answers = solver.complete([case.prefix for case in cases])
    loss = answer_loss(solver.model, solver.tokenizer, cases, masked=solver.masked)
    return {**answer_shares(answers, cases), "loss": loss}


def told_figures(
    model: SequenceModel, tokenizer: BracketTokenizer, cases: Sequence[Case], vectors: np.ndarray
) -> dict[str, float]:
    """The same of a model that takes a sentence.

    Args:
        cases: at least one, with the answers that their sentences ask for.
        vectors: ``(n, dim)``, of the sentence of each.
    """
    answers = complete_conditioned(model, tokenizer, [case.prefix for case in cases], vectors)
    loss = 0.0
    for low in range(0, len(cases), _BATCH):
        part = slice(low, low + _BATCH)
        told = conditioned_on(model, vectors[part])
        loss += answer_loss(told, tokenizer, cases[part]) * _tokens(cases[part]) / _tokens(cases)
    return {**answer_shares(answers, cases), "loss": loss}


def _tokens(cases: Sequence[Case]) -> int:
    return sum(len(case.completion) + 1 for case in cases)


@torch.inference_mode()
def answer_loss(
    model: SequenceModel, tokenizer: BracketTokenizer, cases: Sequence[Case], *, masked: bool = False
) -> float:
    """Mean negative log likelihood of the right answers' tokens (EOS counted), in nats, given the right tokens before.

    Args:
        cases: at least one.
        masked: among the syntactically possible tokens only, as :class:`ModelSolver` with ``masked`` writes.
    """
    was_training = model.training
    model.eval()
    device = model.head.weight.device
    total = torch.zeros((), dtype=torch.float64)
    count = 0
    try:
        for low in range(0, len(cases), _BATCH):
            batch = encode_cases(cases[low : low + _BATCH], tokenizer)
            ids, lengths, rows, positions = loss_inputs(batch, everywhere=False, device=device)
            # A BERT reads a sentence for every position that is needed, so no others are read.
            logits = model.head(model.encoder.at(ids[:, :-1], lengths, rows, positions))
            if masked:
                answer = torch.zeros_like(ids[:, 1:], dtype=torch.bool)
                answer[rows, positions] = True
                possible = _still_needed(ids[:, 1:], answer, logits.shape[-1])[rows, positions]
                logits = logits.masked_fill(~possible, -torch.inf)
            log_p = logits.log_softmax(-1).gather(1, ids[rows, positions + 1][:, None])
            total -= log_p.sum(dtype=torch.float64).cpu()
            count += len(log_p)
    finally:
        model.train(was_training)
    return float(total) / count


def _still_needed(tokens: torch.Tensor, answer: torch.Tensor, vocab_size: int) -> torch.Tensor:
    """The tokens that a right answer still has to write: those possible by count, and EOS.

    Args:
        tokens: int64 ``(B, T)``, the targets.
        answer: bool ``(B, T)``, which of them belong to the answer.

    Returns:
        bool ``(B, T, vocab_size)``; within an answer every row has the next right token.
    """
    present = one_hot(tokens, vocab_size) * answer[:, :, None]
    return present.flip(1).cumsum(1).flip(1) > 0
