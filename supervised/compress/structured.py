"""Structured pruning: whole units or heads are taken out, and what is left is an ordinary, smaller model.

A *group* is what goes together: unit i of a recurrent layer is one row of each gate's matrices and biases, one column
of every matrix that reads the state, and so on. The units with the smallest weights in all of these places together are
removed (by the sum of their squares; Li et al. 2017, "Pruning Filters", with the outgoing weights counted too).

    gru, lstm      units of each layer, the same number from every layer      units 96 -> 48
    transformer    heads, and units of the MLP in multiples of the width      heads 4 -> 2, mlp_ratio 4 -> 2

The architectures say where their units lie and which options are left (``unit_groups``, ``with_fewer_units``).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import Tensor

from bracket_env import InputError
from supervised.models import ENCODERS, SequenceModel, check_params
from supervised.models.parts.base import Place
from supervised.runs import RunConfig


def check_removable(architecture: str) -> None:
    """Raises InputError for an architecture that has no units to remove."""
    if not ENCODERS[architecture].loses_units:
        removable = ", ".join(name for name, encoder in ENCODERS.items() if encoder.loses_units)
        raise InputError(f"--structured removes units of {removable}, not of {architecture}: prune weights without it")


def remove_units(model: SequenceModel, run: RunConfig, share: float) -> tuple[SequenceModel, RunConfig]:
    """A smaller model without the least important ``share`` of the units, and its configuration.

    At least one unit of each kind is left.

    Raises:
        InputError: the architecture has no units to remove, or the share is too small to remove any.
    """
    small = replace(run, params=fewer_units(run, share))
    smaller = small.build()
    weights = dict(model.state_dict())
    sizes = {name: tensor.shape for name, tensor in smaller.state_dict().items()}
    for places in model.encoder.unit_groups().values():
        importance = sum(place_units(weights[p.weight], p).square().flatten(2).sum((0, 2)) for p in places)
        assert isinstance(importance, Tensor)
        first = places[0]
        count = sizes[first.weight][first.axis] // (first.blocks * first.span)
        kept = importance.argsort(descending=True, stable=True)[:count].sort().values
        for place in places:
            weights[place.weight] = _taken(weights[place.weight], place, kept)
    smaller.load_state_dict(weights)
    return smaller, small


def fewer_units(run: RunConfig, share: float) -> dict[str, Any]:
    """The architecture's options after :func:`remove_units`. Raises as it does."""
    check_removable(run.architecture)
    config = check_params(run.architecture, run.params)
    smaller = config.with_fewer_units(share)
    if smaller == config:
        raise InputError(f"--prune {share:g} of the units removes none of this {run.architecture}: ask for more")
    return smaller.to_dict()


def place_units(weight: Tensor, place: Place) -> Tensor:
    """``(blocks, units, span, everything else...)``: the units that lie in a place, as a view of the weight."""
    return weight.movedim(place.axis, 0).unflatten(0, (place.blocks, -1, place.span))


def _taken(weight: Tensor, place: Place, kept: Tensor) -> Tensor:
    """The weight with these units only."""
    return place_units(weight, place).index_select(1, kept).flatten(0, 2).movedim(0, place.axis).contiguous()
