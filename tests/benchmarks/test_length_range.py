"""The map of lengths and depths: its cells, what counts as exact, and that a run fills it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from benchmarks import length_range
from benchmarks.common.range_map import (
    DEPTHS,
    LENGTHS,
    LONGER,
    TRAINED,
    Cell,
    cells,
    exact_answers,
    plot_costs,
    plot_maps,
    seconds_a_symbol,
)
from benchmarks.length_range import RECIPES, SHORT, LengthRange, RangeJob, jobs, rows, work
from bracket_env import SETTINGS, BracketLanguage, InputError, split_of
from supervised.models import build_model
from supervised.runs import ModelSolver, load
from supervised.train.options import Train
from supervised.train.run import train

LANGUAGE = BracketLanguage(SHORT.pairs)


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


# The map -------------------------------------------------------------------------------------------------------------


def test_no_word_of_the_training_is_longer_than_50() -> None:
    assert SHORT.max_length + SHORT.max_depth == 50
    assert (1, SHORT.max_length) == LENGTHS[0]
    assert SHORT.max_depth == TRAINED[1]


def test_every_length_and_every_depth_is_measured_on_a_thousand_prefixes() -> None:
    for bounds in LENGTHS[1:]:
        assert sum(cell.n for cell in cells() if cell.lengths == bounds) >= 1000
    for bounds in DEPTHS:
        assert sum(cell.n for cell in cells() if cell.depths == bounds) >= 1000
    assert Cell(LONGER, TRAINED, 1000) in cells()
    assert {(500, 500), (1000, 1000)} == {cell.lengths for cell in set(cells(marks=True)) - set(cells())}


@pytest.mark.parametrize("cell", [cell for cell in cells(marks=True) if cell.lengths[1] <= 200], ids=str)
def test_cases_of_a_cell_lie_in_it(cell: Cell) -> None:
    cases = cell._replace(n=30).cases(LANGUAGE)
    assert len({case.prefix for case in cases}) > 10
    for case in cases:
        assert cell.lengths[0] <= len(case.prefix) <= cell.lengths[1]
        assert cell.depths[0] <= LANGUAGE.depth(case.prefix) <= cell.depths[1]
        assert split_of(case.prefix) == "test"
    assert cases == cell._replace(n=30).cases(LANGUAGE)


# What is exact -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def half_trained(tmp_path_factory: pytest.TempPathFactory) -> ModelSolver:
    """A network that is right about some of the longer prefixes."""
    config = Train(
        name="half", runs_dir=str(tmp_path_factory.mktemp("runs")), setting="bracket/CloseTiny-v0", steps=150,
        batch_size=64, learning_rate=1e-2, eval_every=150, eval_cases=50,
    )  # fmt: skip
    folder = train(config, ["train"], Console(file=StringIO()))
    assert folder is not None
    return load(folder.path)


def test_exact_is_what_free_decoding_writes(half_trained: ModelSolver) -> None:
    cases = [
        case for cell in (Cell((1, 40), (1, 10), 150), Cell((1, 40), (11, 20), 20)) for case in cell.cases(LANGUAGE)
    ]
    answers = half_trained.complete([case.prefix for case in cases])
    expected = sum(answer == case.completion for answer, case in zip(answers, cases, strict=True))
    assert 0 < expected < len(cases)
    assert exact_answers(half_trained.model, half_trained.tokenizer, cases) == expected


def test_exact_does_not_depend_on_how_many_are_decoded_together(
    half_trained: ModelSolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = Cell((1, 40), (1, 10), 40).cases(LANGUAGE)
    together = exact_answers(half_trained.model, half_trained.tokenizer, cases)
    monkeypatch.setattr("benchmarks.common.range_map._TOKENS_AT_ONCE", 100)
    assert exact_answers(half_trained.model, half_trained.tokenizer, cases) == together


@pytest.mark.parametrize("arch", ["stack", "transformer"])
def test_a_symbol_takes_time(half_trained: ModelSolver, arch: str) -> None:
    model = build_model(arch, {}, half_trained.tokenizer.vocab_size)
    assert 0 < seconds_a_symbol(model, half_trained.tokenizer, 64) < 1


# Runs and tables -----------------------------------------------------------------------------------------------------


def test_seeds_and_rows_of_a_part_and_of_everything() -> None:
    part = jobs(LengthRange())
    assert [job.seed for job in part] == [0] * len(part)
    assert {job.arch for job in part} == {"gru", "lstm", "transformer", "gpt", "bert", "stack", "tree"}
    everything = jobs(LengthRange(full=True))
    assert {job.model for job in everything} == set(RECIPES)
    seeds = {name: [job.seed for job in everything if job.model == name] for name in RECIPES}
    assert seeds.pop("stack") == list(range(10))
    assert all(found == list(range(5)) for found in seeds.values())
    assert [job.model for job in jobs(LengthRange(models=("tree",)))] == ["tree"]
    with pytest.raises(InputError, match=r"--models must be some of .*, not 'ufo'"):
        jobs(LengthRange(models=("gru", "ufo")))


def filled(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The result of a run that hardly learns, on a small map."""
    few = (Cell((1, 40), (1, 10), 8), Cell((51, 100), (11, 20), 4))
    monkeypatch.setattr(length_range, "cells", lambda *, marks: few)
    monkeypatch.setattr(length_range, "COST_LENGTHS", (64, 128))
    monkeypatch.setitem(SETTINGS, SHORT.id, SHORT)  # and out again
    return work(RangeJob("gru", 0, 3, 8, 1e-3, (("units", 8),), timed=True))


def test_a_run_fills_the_map(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = filled(monkeypatch)
    job = RangeJob("gru", 0, 3, 8, 1e-3, timed=True)
    (row,) = rows([(job, result), (replace(job, seed=1, timed=False), {**result, "cost": []})])
    assert row["seeds"] == [0, 1]
    assert [(cell["length"], cell["depth"], cell["n"]) for cell in row["cells"]] == [
        ("1-40", "1-10", 8),
        ("51-100", "11-20", 4),
    ]
    assert all(len(cell["exact"]) == 2 for cell in row["cells"])
    assert [point["length"] for point in row["cost"]] == [64, 128]
    for plot, name in ((plot_maps, "maps.png"), (plot_costs, "costs.png")):
        plot([row], tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
