"""The work of ``python -m supervised.occupancy``: homes in, a table out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import track

from bracket_env import BracketLanguage, InputError, quote
from bracket_env.atomic import write_text
from bracket_env.scores.tables import FittingTable, table
from ncl_reward.encoders.encoders import make_encoder
from ncl_reward.grounding.stated import state_rules
from ncl_reward.rules.power_rules import POWER_RULES, PowerRule
from ncl_reward.rules.rule import StatedRule
from supervised.learning.devices import choose_device
from supervised.occupancy.answers import MEASURES, Answer, answers, one_kind, rows
from supervised.occupancy.fitting import Fit
from supervised.occupancy.homes.predictions import write_predictions
from supervised.occupancy.homes.record import UNKNOWN, PowerRecord, check_minutes
from supervised.occupancy.homes.simulator import homes_of, simulate
from supervised.occupancy.labelled_home import LabelledHome, label_home
from supervised.occupancy.labeller import ENCODERS
from supervised.occupancy.meters.options import MeterOptions
from supervised.occupancy.meters.read import read_meter
from supervised.occupancy.options import Occupancy
from supervised.occupancy.plot import plot_week
from supervised.options.ranges import check_output, flag, refuse_idle, require_whole

_RANGES = (
    ("labels", 0, 10**7), ("homes", 1, 1000), ("days", 3, 3660), ("steps", 1, 10**6), ("threads", 1, 1024),
    ("seed", 0, 2**63 - 1),
)  # fmt: skip


def train(config: Occupancy, console: Console | None = None) -> list[dict[str, Any]]:
    """Train and score as configured; returns the rows that it prints.

    Raises:
        InputError: an option or a file that cannot be used, before any training.
    """
    console = console or Console()
    _check(config)
    torch.set_num_threads(config.threads)
    device = str(choose_device(config.device))
    stated = None
    if config.instruction:
        stated = _stated(config.instruction, config.ncl_encoder, console)
    problems = [label_home(record, config.labels, config.label_kind, config.seed) for record in _homes(config, console)]
    for warning in filter(None, map(one_kind, problems)):
        console.print(f"warning: {warning}", highlight=False, markup=False, soft_wrap=True)
    if not config.labels and not stated:
        raise InputError("--labels 0 needs an --instruction that states a rule: there is nothing to learn from")
    fit = Fit(arch=config.arch, steps=config.steps, seed=config.seed, device=device)
    shown = track(problems, "homes", console=console, transient=True, disable=not console.is_terminal)
    found = [answers(problem, fit, stated) for problem in shown]
    scored = [(p, a) for p, a in zip(problems, found, strict=True) if (p.truth != UNKNOWN).any()]
    table = rows([p for p, _ in scored], [a for _, a in scored])
    _write(config, problems, found, table)
    if table:
        console.print(_table(table, config, problems))
    else:
        console.print("no label after the days that are learned from: nothing to score", highlight=False)
    return table


def _check(config: Occupancy) -> None:
    for name, low, high in _RANGES:
        require_whole(name, getattr(config, name), low, high)
    check_minutes(config.minutes)
    if config.arch not in ENCODERS:
        raise InputError(f"--arch must be one of {', '.join(ENCODERS)}, not {quote(config.arch)}")
    for field in fields(MeterOptions):
        if getattr(config, field.name) is not None and config.csv is None:
            raise InputError(f"{flag(field.name)} goes with --csv")
    real = f"is about simulated homes, and --csv {config.csv} is a real one"
    refuse_idle(config, ("homes", "days"), unless=config.csv is None, why=real)
    refuse_idle(config, ("ncl_encoder",), unless=bool(config.instruction), why="goes with --instruction")
    for name in ("json", "plot", "predict_out"):
        check_output(name, getattr(config, name))


def _homes(config: Occupancy, console: Console) -> list[PowerRecord]:
    if config.csv is None:
        numbers = homes_of(config.seed, "test", config.homes)
        return [simulate(config.seed, number, config.days, config.minutes) for number in numbers]
    found = read_meter(config.csv, config.minutes, config)
    for line in found.lines():
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    if config.labels and not (found.record.present != UNKNOWN).any():
        raise InputError(f"{config.csv}: no labels to learn from: it has no occupancy column, or an empty one")
    return [found.record]


def _stated(instructions: Sequence[str], encoder: str, console: Console) -> list[StatedRule[PowerRule]]:
    """The rules of the sentences together; what was understood is printed, and which sentences say nothing."""
    made = make_encoder(encoder)
    stated = state_rules(instructions, made, BracketLanguage(), POWER_RULES)
    parts = [f"{r.rule.name} {r.weight:.2f}" + (f" ({r.slots.hours:g} h)" if r.slots.hours else "") for r in stated]
    lines = [f"understood: {', '.join(parts)}"] if parts else []
    for text in instructions:
        if not state_rules([text], made, BracketLanguage(), POWER_RULES):
            which = f"the sentence {quote(text)}" if len(instructions) > 1 else "the sentence"
            lines.append(f"warning: {which} states no rule about household power, so it changes nothing")
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    return stated


def _table(scored: Sequence[dict[str, Any]], config: Occupancy, problems: Sequence[LabelledHome]) -> FittingTable:
    learned = sum(p.learned for p in problems) * problems[0].record.minutes / (24 * 60 * len(problems))
    homes = problems[0].record.name if len(problems) == 1 else f"{len(problems)} homes, mean"
    title = f"{homes}: {config.labels} labelled {config.label_kind} in {learned:.0f} days, seed {config.seed}"
    caption = "percent of all hours, then of those from 06 to 22 h; bal.: balanced accuracy; F1: of absent"
    short = ("acc.", "bal.", "F1", "MCC")
    headings = ("model", *short, *(f"06-22 {name}" for name in short))
    view = table(title, headings, left=("model",), caption=caption)
    for whole, day in zip(scored[::2], scored[1::2], strict=True):
        cells = [_cell(row[measure], measure) for row in (whole, day) for measure in MEASURES]
        view.add_row(whole["model"].replace("_", " ") + (" + sentence" if whole["instruction"] else ""), *cells)
    return view


def _cell(value: float | None, measure: str) -> str:
    if value is None:
        return "–"
    return f"{value:.2f}" if measure == "mcc" else f"{100 * value:.1f}"


def _write(
    config: Occupancy,
    problems: Sequence[LabelledHome],
    found: Sequence[Sequence[Answer]],
    table: Sequence[dict[str, Any]],
) -> None:
    if config.json is not None:
        write_text(config.json, json.dumps({"rows": table}, indent=2) + "\n")
    if config.plot is not None:
        plot_week(config.plot, problems[0], found[0])
    if config.predict_out is not None:
        networks = [answer for answer in found[0] if answer.odds is not None]
        columns = {
            f"{answer.model}{'_with_sentence' if answer.instruction else ''}": 1 / (1 + np.exp(-answer.odds))
            for answer in networks
            if answer.odds is not None
        }
        write_predictions(config.predict_out, problems[0].record, columns)
