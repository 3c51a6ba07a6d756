"""``evaluation_result.txt`` as a person reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bracket_env import Case, InputError
from supervised.runs.files.evaluation_result import write_evaluation_result

CASES = [Case("({", "})"), Case("()", ""), Case("((", "))"), Case("【", "】")]
ANSWERS = ["})", "", ")", "<pad>"]

EXPECTED = """\
Question 1: ({
  Answer:       })
  Right answer: })
  Verdict:      correct
Question 2: ()
  Answer:       (stop)
  Right answer: (stop)
  Verdict:      correct
Question 3: ((
  Answer:       )
  Right answer: ))
  Verdict:      wrong (33% answered before the first mistake)
Question 4: 【
  Answer:       <pad>
  Right answer: 】
  Verdict:      wrong (0% answered before the first mistake)

Complete accuracy: 50.00% (2/4)
Partial accuracy:  58.33% (mean share before the first mistake, stop counted)
"""


def test_every_case_and_both_accuracies(tmp_path: Path) -> None:
    path = tmp_path / "evaluation_result.txt"
    path.write_text("older and much longer\n" * 100)
    write_evaluation_result(path, CASES, ANSWERS)
    assert path.read_text(encoding="utf-8") == EXPECTED
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_an_answer_for_every_case(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="shorter"):
        write_evaluation_result(tmp_path / "result.txt", CASES, ANSWERS[:-1])
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot write .*: No such file or directory"):
        write_evaluation_result(tmp_path / "missing" / "result.txt", CASES, ANSWERS)
