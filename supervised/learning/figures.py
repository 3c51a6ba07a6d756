"""The three figures of every evaluation: ``exact``, ``share`` and ``loss``."""

from __future__ import annotations

from collections.abc import Sequence

from bracket_env.cases import Case
from bracket_env.scores.scoring import share_answered
from supervised.runs.solver import ModelSolver, answer_loss


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
