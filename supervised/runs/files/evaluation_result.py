"""``evaluation_result.txt``: every case with the answer given and the right one, and the accuracies at the end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bracket_env import Case, share_answered
from bracket_env.atomic import write_text
from bracket_env.scores.report import share_percent


def write_evaluation_result(
    path: Path, cases: Sequence[Case], answers: Sequence[str], told: Sequence[str] | None = None
) -> None:
    """Write the file.

    Args:
        cases: the questions, at least one.
        answers: what the model wrote, in the same order.
        told: the sentence that each was to be answered under, of a model that takes one.
    """
    lines = []
    shares = [share_answered(answer, case.completion) for case, answer in zip(cases, answers, strict=True)]
    for number, (case, answer, share) in enumerate(zip(cases, answers, shares, strict=True), 1):
        verdict = "correct" if share == 1 else f"wrong ({share_percent(share, 0)}% answered before the first mistake)"
        lines += [
            f"Question {number}: {case.prefix}",
            *([] if told is None else [f"  Sentence:     {told[number - 1]}"]),
            f"  Answer:       {answer or '(stop)'}",
            f"  Right answer: {case.completion or '(stop)'}",
            f"  Verdict:      {verdict}",
        ]
    exact = sum(share == 1 for share in shares)
    lines += [
        "",
        f"Complete accuracy: {share_percent(exact / len(cases), 2)}% ({exact}/{len(cases)})",
        f"Partial accuracy:  {share_percent(sum(shares) / len(cases), 2)}% "
        "(mean share before the first mistake, stop counted)",
    ]
    write_text(path, "\n".join(lines) + "\n")
