"""Pruning: how many weights go, which, that they stay away, and that removing units leaves the others as they were."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from model_table import LENGTHS, MODELS, VOCAB, batch, make, valid

from bracket_env import InputError
from supervised.compress.matrices import weight_matrices
from supervised.compress.pruning import Masks, cubic_sparsity, smallest
from supervised.compress.structured import check_removable, place_units, remove_units
from supervised.models import ENCODERS, SequenceModel, build_model, check_params
from supervised.runs import RunConfig

shares = st.floats(0, 1, allow_nan=False)


def run_of(name: str) -> RunConfig:
    arch, params = MODELS[name]
    full = check_params(arch, params).to_dict()
    pairs = ("()", "[]", "{}")  # 11 tokens, as the table's models
    return RunConfig("supervised", "bracket/Close-v0", pairs, arch, full, False, {})


# Single weights ------------------------------------------------------------------------------------------------------


@given(st.lists(st.sampled_from([0.0, 1.0, 2.0, 3.0]), min_size=1, max_size=20), shares)
def test_exactly_the_share_goes_and_none_that_stays_is_smaller(sizes: list[float], share: float) -> None:
    magnitudes = torch.tensor(sizes)
    gone = smallest(magnitudes, share)
    assert int(gone.sum()) == round(share * len(sizes))
    if gone.any() and not gone.all():
        assert magnitudes[gone].max() <= magnitudes[~gone].min()


@given(st.integers(1, 1000), shares, shares)
def test_the_cubic_schedule_begins_and_ends_where_it_should_and_never_turns(
    steps: int, low: float, high: float
) -> None:
    low, high = sorted((low, high))
    path = [cubic_sparsity(step, steps=steps, initial=low, final=high) for step in range(steps + 3)]
    assert path[0] == pytest.approx(low)
    assert path[steps:] == [high] * 3
    assert all(later >= earlier - 1e-12 for earlier, later in pairwise(path))


def test_the_cubic_schedule_at_half_time() -> None:
    """Zhu & Gupta 2017, equation 1: 0.8 (1 - 0.5^3)."""
    assert cubic_sparsity(50, steps=100, initial=0.0, final=0.8) == pytest.approx(0.7)
    assert cubic_sparsity(0, steps=0, initial=0.0, final=0.8) == 0.8


@pytest.mark.parametrize("name", ["gru-2", "rope", "gpt", "stack"])
@pytest.mark.parametrize("scope", ["global", "layer"])
def test_a_pruned_model_has_the_sparsity_and_only_matrices_lose(name: str, scope: Any) -> None:
    model = make(name)
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    masks = Masks(model)
    masks.prune(0.6, scope)
    weights = weight_matrices(model)
    total = sum(weight.numel() for weight in weights.values())
    zeros = {key: int((weight == 0).sum()) for key, weight in weights.items()}
    untouched = sum(int((before[key] == 0).sum()) for key in weights)
    assert sum(zeros.values()) == pytest.approx(0.6 * total, abs=len(weights) + untouched)
    assert masks.sparsity == pytest.approx(0.6, abs=0.05)
    if scope == "layer":
        for key, weight in weights.items():
            assert abs(zeros[key] - 0.6 * weight.numel()) <= 1 + int((before[key] == 0).sum())
    for key, tensor in model.state_dict().items():
        if key not in weights:
            assert torch.equal(tensor, before[key])
        kept = tensor != 0
        assert torch.equal(tensor[kept], before[key][kept])


def test_what_is_gone_stays_gone_while_the_rest_learns() -> None:
    model = make("gru")
    masks = Masks(model)
    masks.prune(0.5, "global")
    gone = {key: weight.detach() == 0 for key, weight in weight_matrices(model).items()}
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    for sparsity in (None, None, 0.7):
        model(batch(), LENGTHS).square().sum().backward()
        optimizer.step()
        masks.apply() if sparsity is None else masks.prune(sparsity, "global")
        for key, weight in weight_matrices(model).items():
            assert not weight[gone[key]].any()
    assert masks.sparsity == pytest.approx(0.7, abs=1e-2)


def test_masks_begin_with_the_zeros_that_are_there() -> None:
    model = make("gru")
    Masks(model).prune(0.5, "global")
    assert Masks(model).sparsity == pytest.approx(0.5, abs=1e-2)


# Whole units ---------------------------------------------------------------------------------------------------------

REMOVED = ["gru", "gru-2", "gru-attention", "lstm-2", "lstm-2-attention", "rope", "learned", "none", "alibi"]


def silence(model: SequenceModel, kept: dict[str, list[int]]) -> None:
    """Make all weights of the other units 0."""
    weights = dict(model.named_parameters())
    with torch.no_grad():
        for group, places in model.encoder.unit_groups().items():
            for place in places:
                units = place_units(weights[place.weight], place)
                others = [i for i in range(units.shape[1]) if i not in kept[group]]
                units[:, others] = 0.0


@pytest.mark.parametrize("name", REMOVED)
def test_removing_units_that_do_nothing_changes_no_logit(name: str) -> None:
    model, run = make(name).eval(), run_of(name)
    small = check_params(run.architecture, run.params).with_fewer_units(0.5)
    counts = {}
    for group, places in model.encoder.unit_groups().items():
        sizes = dict(build_model(run.architecture, small.to_dict(), VOCAB).state_dict())
        counts[group] = place_units(sizes[places[0].weight], places[0]).shape[1]
    kept = {group: list(range(1, 1 + count)) for group, count in counts.items()}
    silence(model, kept)
    smaller, its_run = remove_units(model, run, 0.5)
    assert its_run.params == small.to_dict()
    assert sum(p.numel() for p in smaller.parameters()) < sum(p.numel() for p in model.parameters())
    expected, found = model(batch(), LENGTHS)[valid()], smaller.eval()(batch(), LENGTHS)[valid()]
    if "attention" in name:  # its scores are divided by the root of the number of units
        assert found.shape == expected.shape
    else:
        assert torch.allclose(found, expected, atol=1e-5)


def test_the_units_with_the_largest_weights_stay() -> None:
    model, run = make("gru"), run_of("gru")
    kept = [1, 4, 5, 6]
    weights = dict(model.named_parameters())
    with torch.no_grad():
        for place in model.encoder.unit_groups()["units 0"]:
            units = place_units(weights[place.weight], place)
            units[:, [i for i in range(7) if i not in kept]] *= 0.1
    smaller, its_run = remove_units(model, run, 0.5)
    assert its_run.params["units"] == 4
    assert torch.equal(smaller.head.weight, model.head.weight[:, kept])


@pytest.mark.parametrize(
    ("name", "share", "params"),
    [
        ("gru", 0.5, {"units": 4}),
        ("gru", 0.99, {"units": 1}),
        ("lstm", 0.25, {"units": 5}),
        ("rope", 0.5, {"mlp_ratio": 2, "heads": 2, "head_size": 4}),
        ("rope", 0.25, {"mlp_ratio": 3, "heads": 2, "head_size": 4}),
        ("alibi", 0.5, {"mlp_ratio": 2, "heads": 3, "head_size": None}),
    ],
)
def test_the_new_sizes(name: str, share: float, params: dict[str, Any]) -> None:
    run = run_of(name)
    assert check_params(run.architecture, run.params).with_fewer_units(share).to_dict() == run.params | params


def test_a_share_that_removes_nothing_is_refused() -> None:
    with pytest.raises(InputError, match=r"--prune 0\.01 of the units removes none of this gru: ask for more"):
        remove_units(make("gru"), run_of("gru"), 0.01)


@pytest.mark.parametrize("arch", ENCODERS)
def test_every_architecture_loses_units_or_is_refused_by_name(arch: str) -> None:
    if arch in ("gru", "lstm", "transformer"):
        check_removable(arch)
    else:
        with pytest.raises(InputError, match=f"--structured removes units of gru, lstm, transformer, not of {arch}"):
            check_removable(arch)
