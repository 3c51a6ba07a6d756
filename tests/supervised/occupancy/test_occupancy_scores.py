"""The four measures by hand, and over which hours they count."""

from __future__ import annotations

import math

import numpy as np
import pytest

from supervised.occupancy.answers import Answer, rows
from supervised.occupancy.homes.record import UNKNOWN
from supervised.occupancy.homes.simulator import simulate
from supervised.occupancy.labelled_home import label_home
from supervised.occupancy.scores import chosen, score


def test_by_hand() -> None:
    truth = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 1, UNKNOWN])
    said = np.array([0, 0, 0, 1, 0, 1, 1, 1, 1, 1, 0])
    found = score(said, truth)
    assert found.accuracy == pytest.approx(8 / 10)
    assert found.balanced_accuracy == pytest.approx((3 / 4 + 5 / 6) / 2)
    assert found.absent_f1 == pytest.approx(2 * 3 / (2 * 3 + 1 + 1))
    assert found.mcc == pytest.approx((3 * 5 - 1 * 1) / math.sqrt(4 * 4 * 6 * 6))


def test_limits() -> None:
    truth = np.array([0, 1, 1, 0])
    assert score(truth, truth).to_json() == {"accuracy": 1, "balanced_accuracy": 1, "absent_f1": 1, "mcc": 1}
    assert score(1 - truth, truth).mcc == -1
    always = score(np.ones(4), truth)
    assert (always.balanced_accuracy, always.absent_f1, always.mcc) == (0.5, 0, 0)
    assert score(np.ones(2), np.ones(2)).to_json()["balanced_accuracy"] is None


def test_hours_and_means_over_homes() -> None:
    hours = np.array([5.9, 6.0, 21.9, 22.0])
    assert chosen(hours, "06-22").tolist() == [False, True, True, False]
    problems = [label_home(simulate(0, number, 6, minutes=60), 1, "slots", 0) for number in (0, 1)]
    right = [Answer("oracle", False, p.record.present) for p in problems]
    wrong = Answer("oracle", False, 1 - problems[1].record.present)
    [whole, day] = rows(problems, [[right[0]], [wrong]])
    assert (whole["model"], whole["instruction"], whole["hours"]) == ("oracle", False, "all")
    assert whole["accuracy"] == day["accuracy"] == 0.5
    assert day["hours"] == "06-22"
