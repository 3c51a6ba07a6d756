"""The work of ``supervised.occupancy predict``: a saved run and a meter's file in, labels out."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import torch
from rich.console import Console

from bracket_env.atomic import write_text
from bracket_env.scores.report import share_percent
from supervised.learning.devices import choose_device
from supervised.learning.display import print_line
from supervised.occupancy.answers import Answer, measured
from supervised.occupancy.homes.predictions import write_predictions
from supervised.occupancy.homes.record import DAY, PRESENT, UNKNOWN, PowerRecord
from supervised.occupancy.meters.read import read_meter
from supervised.occupancy.network.features import base_watts
from supervised.occupancy.network.fitting import Fitted
from supervised.occupancy.plot import plot_week
from supervised.occupancy.predict_options import PredictOccupancy
from supervised.occupancy.saved import Home, load_labeller
from supervised.occupancy.scores import known_labels, score_table
from supervised.occupancy.yardsticks import always_home, decide
from supervised.options.ranges import check_output
from supervised.runs import RunFolder

_WEEK = 7 * DAY  # minutes, after which a home's own base load is known well enough
_UNLIKE = 1.5  # times the base load that the run learned from, or a part of it, is another home's


def predict(config: PredictOccupancy, console: Console | None = None) -> dict[str, Any]:
    """Label a file; returns what ``--json`` writes.

    Raises:
        InputError: no such run, one of another kind, or a file that cannot be read.
    """
    console = console or Console()
    for name in ("json", "out", "plot"):
        check_output(name, getattr(config, name))
    torch.set_num_threads(1)
    device = choose_device(config.device)
    folder = RunFolder.open(config.run, root=config.runs_dir, any_task=True)
    model, home = load_labeller(folder, device)
    read = read_meter(config.file, home.minutes, config)
    for line in read.lines():
        print_line(console, line)
    record = read.record
    own, week = base_watts(record.watts), float(np.isfinite(record.watts).sum()) * record.minutes >= _WEEK
    base = own if config.base_load == "file" or (config.base_load == "auto" and week) else home.base
    x = home.inputs(record, base)
    odds = Fitted(model, record.slots_per_hour, home.context).odds(x)
    answer = Answer(folder.config.architecture, bool(home.rules), decide(odds), odds)
    scored = [Answer("always_home", False, always_home(len(record))), answer]
    truth = known_labels(record)
    rows = measured(record.hours, truth, scored) if (truth != UNKNOWN).any() else []
    found = {"run": folder.name, "file": config.file, **_summary(record, answer), "base_watts": base, "rows": rows}
    _write(config, record, answer, found)
    for line in _lines(folder, home, own, found):
        print_line(console, line)
    if rows:
        console.print(score_table(rows, f"{config.file}: the slots that have a label"))
    return found


def _summary(record: PowerRecord, answer: Answer) -> dict[str, Any]:
    known = np.isfinite(record.watts)
    share = float((answer.present[known] == PRESENT).mean())
    return {"minutes": record.minutes, "slots": len(record), "measured": int(known.sum()), "present": share}


def _lines(folder: RunFolder, home: Home, own: float, found: dict[str, Any]) -> list[str]:
    """What was done and what came of it."""
    base = found["base_watts"]
    lines = [
        f"base load: {own:.0f} W in this file, {home.base:.0f} W in {home.name}, which {folder.name} learned from; "
        f"used: {base:.0f} W"
    ]
    if base != own and not 1 / _UNLIKE < own / base < _UNLIKE:
        lines.append("warning: the base loads are unlike: if this is another home, say --base-load file")
    missing = found["slots"] - found["measured"]
    gaps = f" ({missing:,} more were not measured)" if missing else ""
    lines.append(f"somebody is at home in {share_percent(found['present'])}% of {found['measured']:,} slots{gaps}")
    return lines


def _write(config: PredictOccupancy, record: PowerRecord, answer: Answer, found: dict[str, Any]) -> None:
    assert answer.odds is not None
    if config.out is not None:
        write_predictions(config.out, record, {"at_home": 1 / (1 + np.exp(-answer.odds))})
    if config.plot is not None:
        plot_week(config.plot, record, 0, [answer], title=f"{record.name}: the first week")
    if config.json is not None:
        write_text(config.json, json.dumps(found, indent=2) + "\n")
