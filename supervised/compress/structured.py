"""Structured pruning: whole units or heads are taken out, and what is left is an ordinary, smaller model.

A *group* is what goes together: unit i of a recurrent layer is one row of each gate's matrices and biases, one column
of every matrix that reads the state, and so on. The units with the smallest weights in all of these places together are
removed (by the sum of their squares; Li et al. 2017, "Pruning Filters", with the outgoing weights counted too).

    gru, lstm      units of each layer, the same number from every layer      units 96 -> 48
    transformer    heads, and units of the MLP in multiples of the width      heads 4 -> 2, mlp_ratio 4 -> 2

The slopes of ALiBi's heads depend on how many heads there are, so such a Transformer keeps its heads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from torch import Tensor

from bracket_env.errors import InputError
from supervised.models import SequenceModel, check_params
from supervised.models.transformer import TransformerConfig
from supervised.runs.config import RunConfig

REMOVABLE = ("gru", "lstm", "transformer")
_GATES = {"gru": 3, "lstm": 4}


class Place(NamedTuple):
    """Where a group's units lie in a weight: along ``axis``, as ``blocks`` blocks of units of ``span`` elements."""

    weight: str
    axis: int
    blocks: int = 1
    span: int = 1


Groups = Mapping[str, list[Place]]


def check_removable(architecture: str) -> None:
    """Raises InputError for an architecture that has no units to remove."""
    if architecture not in REMOVABLE:
        raise InputError(
            f"--structured removes units of {', '.join(REMOVABLE)}, not of {architecture}: prune weights without it"
        )


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
    for places in unit_groups(run).values():
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
    params = smaller_params(run.architecture, run.params, share)
    if params == check_params(run.architecture, run.params).to_dict():
        raise InputError(f"--prune {share:g} of the units removes none of this {run.architecture}: ask for more")
    return params


def smaller_params(architecture: str, params: Mapping[str, Any], share: float) -> dict[str, Any]:
    """The architecture's options without this share of the units."""
    config = check_params(architecture, params)
    found = config.to_dict()

    def left(name: str) -> int:
        return max(1, round(found[name] * (1 - share)))

    if not isinstance(config, TransformerConfig):
        return found | {"units": left("units")}
    found["mlp_ratio"] = left("mlp_ratio")
    if config.positions != "alibi" and left("heads") < config.heads:
        found |= {"heads": left("heads"), "head_size": config.features_a_head}
    return found


def unit_groups(run: RunConfig) -> Groups:
    """The groups of a run's model by name: where the units of each lie."""
    config = check_params(run.architecture, run.params)
    if isinstance(config, TransformerConfig):
        return _transformer_groups(config)
    return _recurrent_groups(run.architecture, run.params["layers"], bool(run.params.get("attention")))


def _recurrent_groups(architecture: str, layers: int, attention: bool) -> Groups:
    gates = _GATES[architecture]
    groups: dict[str, list[Place]] = {}
    for layer in range(layers):
        inner = [f"encoder.{architecture}.{kind}_l{layer}" for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        groups[f"units {layer}"] = [*(Place(name, 0, gates) for name in inner), Place(inner[1], 1)]
        if layer + 1 < layers:
            groups[f"units {layer}"].append(Place(f"encoder.{architecture}.weight_ih_l{layer + 1}", 1))
    last = groups[f"units {layers - 1}"]
    if not attention:
        last.append(Place("head.weight", 1))
        return groups
    last += [Place("encoder.attend.query.weight", 1), Place("encoder.attend.key.weight", 1)]
    last.append(Place("encoder.attend.combine.weight", 1, blocks=2))  # the state and the context
    scores = ("encoder.attend.query.weight", "encoder.attend.query.bias", "encoder.attend.key.weight")
    groups["scores"] = [Place(name, 0) for name in scores]
    features = ("encoder.attend.combine.weight", "encoder.attend.combine.bias")
    groups["features"] = [*(Place(name, 0) for name in features), Place("head.weight", 1)]
    return groups


def _transformer_groups(config: TransformerConfig) -> Groups:
    groups: dict[str, list[Place]] = {}
    for layer in range(config.layers):
        block, size = f"encoder.blocks.{layer}", config.features_a_head
        inner = [f"{block}.query_key_value.{kind}" for kind in ("weight", "bias")]
        groups[f"heads {layer}"] = [
            *(Place(name, 0, blocks=3, span=size) for name in inner),
            Place(f"{block}.project.weight", 1, span=size),
        ]
        hidden = [Place(f"{block}.expand.{kind}", 0) for kind in ("weight", "bias")]
        groups[f"hidden {layer}"] = [*hidden, Place(f"{block}.shrink.weight", 1)]
    return groups


def place_units(weight: Tensor, place: Place) -> Tensor:
    """``(blocks, units, span, everything else...)``: the units that lie in a place, as a view of the weight."""
    return weight.movedim(place.axis, 0).unflatten(0, (place.blocks, -1, place.span))


def _taken(weight: Tensor, place: Place, kept: Tensor) -> Tensor:
    """The weight with these units only."""
    return place_units(weight, place).index_select(1, kept).flatten(0, 2).movedim(0, place.axis).contiguous()
