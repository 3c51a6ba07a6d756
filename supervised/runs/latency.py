"""How long a trained model takes to answer one prefix."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

from bracket_env import get_setting
from supervised.runs.folder import RunFolder
from supervised.runs.loading import load

_WARM_UP, _MEASURED = 5, 50


def milliseconds_an_answer(run: Path) -> float:
    """Median time of a run's best model over single prefixes of the validation split, on the CPU.

    Raises:
        InputError: no run folder, or one without a model.
    """
    config = RunFolder.open(run).config
    cases = get_setting(config.setting).evaluation_cases("validation", _MEASURED, pairs=config.pairs)
    solver = load(run)
    prefixes = [[case.prefix] for case in cases]
    for prefix in prefixes[:_WARM_UP]:
        solver.complete(prefix)
    seconds = []
    for prefix in prefixes:
        began = time.perf_counter()
        solver.complete(prefix)
        seconds.append(time.perf_counter() - began)
    return 1000 * median(seconds)
