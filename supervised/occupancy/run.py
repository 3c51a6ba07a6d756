"""The work of ``python -m supervised.occupancy``: homes in, a table out."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import track

from bracket_env import BracketLanguage, InputError, quote
from bracket_env.atomic import write_text
from ncl_reward.encoders.encoders import make_encoder
from ncl_reward.grounding.stated import state_rules
from ncl_reward.rules.power_rules import POWER_RULES, PowerRule
from ncl_reward.rules.rule import StatedRule
from supervised.learning.devices import choose_device
from supervised.learning.display import print_line
from supervised.occupancy.answers import Answer, answers, one_kind, rows
from supervised.occupancy.homes.predictions import write_predictions
from supervised.occupancy.homes.record import UNKNOWN, PowerRecord, check_minutes
from supervised.occupancy.homes.simulator import homes_of, simulate
from supervised.occupancy.labelled_home import LabelledHome, label_home
from supervised.occupancy.meters.options import MeterOptions
from supervised.occupancy.meters.read import read_meter
from supervised.occupancy.network.fitting import Fit
from supervised.occupancy.network.labeller import ENCODERS
from supervised.occupancy.options import PROG, Occupancy
from supervised.occupancy.plot import plot_week
from supervised.occupancy.saved import Taught, save
from supervised.occupancy.scores import model_name, score_table
from supervised.options.ranges import check_output, flag, refuse_idle, require_whole
from supervised.runs import DEFAULT_ROOT, checked_path

_RANGES = (
    ("labels", 0, 10**7), ("homes", 1, 1000), ("days", 3, 3660), ("steps", 1, 10**6), ("threads", 1, 1024),
    ("seed", 0, 2**63 - 1),
)  # fmt: skip


def train(config: Occupancy, command: Sequence[str], console: Console | None = None) -> list[dict[str, Any]]:
    """Train and score as configured; returns the rows that it prints.

    Args:
        command: what was typed, for the record of a run.

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
    if config.name is not None:
        network = [answer for answer in found[0] if answer.fitted is not None][-1]  # with the sentence, if there is one
        taught = Taught(problems[0], network, table, stated)
        folder = save(config.name, config.runs_dir, asdict(config), command, taught)
        where = "" if config.runs_dir == DEFAULT_ROOT else f" --runs-dir {shlex.quote(config.runs_dir)}"
        saved = model_name(network.model, network.instruction)
        print_line(console, f"run {folder.path}: {saved}; ask it with: {PROG} predict {folder.name} FILE{where}")
    if table:
        console.print(score_table(table, _title(config, problems)))
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
    refuse_idle(config, ("runs_dir",), unless=config.name is not None, why="goes with --name")
    if config.name is not None:
        if config.csv is None and config.homes > 1:
            raise InputError(f"--name {config.name} saves the network of one home: add --csv FILE, or --homes 1")
        if checked_path(config.name, config.runs_dir).exists():
            raise InputError(f"run {Path(config.runs_dir) / config.name} exists: choose another --name")


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


def _title(config: Occupancy, problems: Sequence[LabelledHome]) -> str:
    learned = sum(p.learned for p in problems) * problems[0].record.minutes / (24 * 60 * len(problems))
    homes = problems[0].record.name if len(problems) == 1 else f"{len(problems)} homes, mean"
    return f"{homes}: {config.labels} labelled {config.label_kind} in {learned:.0f} days, seed {config.seed}"


def _write(
    config: Occupancy,
    problems: Sequence[LabelledHome],
    found: Sequence[Sequence[Answer]],
    table: Sequence[dict[str, Any]],
) -> None:
    if config.json is not None:
        write_text(config.json, json.dumps({"rows": table}, indent=2) + "\n")
    if config.plot is not None:
        record, begin = problems[0].record, problems[0].learned
        plot_week(config.plot, record, begin, found[0], title=f"{record.name}: the first week of the test days")
    if config.predict_out is not None:
        networks = [answer for answer in found[0] if answer.odds is not None]
        columns = {
            f"{answer.model}{'_with_sentence' if answer.instruction else ''}": 1 / (1 + np.exp(-answer.odds))
            for answer in networks
            if answer.odds is not None
        }
        write_predictions(config.predict_out, problems[0].record, columns)
