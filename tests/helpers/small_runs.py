"""Run folders for tests, made in milliseconds: networks as they are initialised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from supervised.runs import RunConfig, RunFolder

SMALL: dict[str, dict[str, Any]] = {
    "gru": {"embedding_size": 4, "layers": 1, "units": 6, "dropout": 0.0},
    "transformer": {"width": 8, "layers": 1, "heads": 2, "mlp_ratio": 2, "positions": "rope", "dropout": 0.0},
}
"""An architecture's options, as small as they go."""


def small_run(
    root: Path,
    name: str,
    *,
    kind: str = "supervised",
    setting: str = "bracket/CloseTiny-v0",
    pairs: Sequence[str] = ("()", "[]"),
    architecture: str = "gru",
    masked: bool = False,
    metrics: Sequence[Mapping[str, Any]] = (),
    **best: Any,
) -> RunFolder:
    """A run with weights.

    Args:
        masked: it writes brackets only, as a network that has learned nothing does not by itself.
        metrics: the lines of its log.
        best: the figures of its best model.
    """
    config = RunConfig(kind, setting, tuple(pairs), architecture, SMALL[architecture], masked, {"seed": 0})
    folder = RunFolder.create(name, config, ["python", "-m", "supervised.train"], root=root)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        folder.save_best(config.build(), {"best_loss": 1.0, **best})
    for entry in metrics:
        folder.log(entry)
    return folder
