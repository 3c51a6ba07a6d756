"""Tensors of a checkpoint put back: only those of the same model, and only numbers."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from supervised.runs.files.checkpoint import copy_into


@pytest.mark.parametrize(
    ("saved", "message"),
    [
        ({"a": torch.ones(2)}, "it holds another model"),
        ({"a": torch.ones(2), "b": torch.ones(3)}, r"b is \(3,\), not \(2,\)"),
        ({"a": torch.ones(2), "b": torch.tensor([1.0, math.nan])}, "b holds what is no number"),
    ],
)
def test_what_is_not_put_back(saved: dict[str, Tensor], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        copy_into({"a": torch.zeros(2), "b": torch.zeros(2)}, saved)


def test_what_is_put_back() -> None:
    target = {"a": torch.zeros(2), "n": torch.zeros(1, dtype=torch.int64)}
    copy_into(target, {"a": torch.tensor([1.0, -math.inf]), "n": torch.tensor([3])})
    assert [value.tolist() for value in target.values()] == [[1.0, -math.inf], [3]]
