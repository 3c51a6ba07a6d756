"""Going on with the training cases of a run, where it stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from supervised.data.batches import EncodedCases, TrainingBatches
from supervised.learning.objective import Objective
from supervised.options.groups import Training
from supervised.runs import RunConfig
from supervised.train.examples import train_examples
from supervised.train.options import Train

# What says which cases a run was trained on.
_DATA = (
    "dataset", "format", "wrong_targets", "dataset_size", "augment", "labelled_pairs", "instruction", "ncl_weight",
    "ncl_encoder", "unlabelled", "unlabelled_batch", "replay", "replay_share", "loss", "label_smoothing", "seed",
    "steps", "batch_size", "learning_rate", "weight_decay",
)  # fmt: skip


class LaterBatches:
    """Batches from some number on."""

    def __init__(self, batches: TrainingBatches, first: int) -> None:
        self._batches, self._first = batches, first

    def __getitem__(self, step: int) -> EncodedCases:
        return self._batches[self._first + step]


def data_options(run: RunConfig) -> dict[str, Any]:
    """What a run's options say about its training cases, for the record of what is made from it.

    An agent's cases come from its environment: it goes on with fresh ones of the train split.
    """
    options = run.options.get("training", run.options)
    known = {field.name for field in fields(Train)}
    wanted = ("seed",) if run.kind == "ppo" else _DATA
    return {name: options[name] for name in wanted if name in options and name in known}


def cases_seen(run: RunConfig) -> int:
    """How many training cases a run has had; what comes after them is new to it."""
    data = data_options(run)
    return run.options.get("cases_seen", data.get("steps", 0) * data.get("batch_size", 0))


def further_examples(
    run: RunConfig, seen: int, changes: Mapping[str, Any]
) -> tuple[Training, TrainingBatches, Objective[Any]]:
    """What a run is trained on further.

    Args:
        run: with the record of :func:`data_options` as its option ``training``.
        seen: how many cases it has had.
        changes: options that are to be other ones than those that it was trained with.

    Returns:
        The options of the training, its batches, and what is made smaller on them. Raises as :func:`train_examples`.
    """
    data = {name: tuple(value) if isinstance(value, list) else value for name, value in data_options(run).items()}
    options = Train(**{"setting": run.setting, "pairs": run.pairs, **data, **changes})
    batches, objective = train_examples(options, run)
    return options, LaterBatches(batches, -(-seen // options.batch_size)), objective
