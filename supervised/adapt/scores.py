"""``supervised.adapt BASE --adapters A B``: several adapters on one model in memory, each scored on its own task."""

from __future__ import annotations

from pathlib import Path

import torch
from rich.console import Console

from bracket_env import BracketTokenizer, InputError, get_setting, score
from bracket_env.scores.report import score_table, write_json
from supervised.adapt.options import Adapt
from supervised.data.sources import evaluation_cases
from supervised.learning.devices import choose_device
from supervised.options.checks import check_training, custom_pairs
from supervised.runs import ModelSolver, RunFolder
from supervised.transfer.adapter_files import adapter_folder, answering, read_base, with_adapters
from supervised.transfer.lora import adapters_off


def score_adapters(config: Adapt, console: Console) -> None:
    """Print a table a task: the adapters, and the base with all of them off, on cases of the test split.

    Raises:
        InputError: no run is named, no adapter, an adapter that is none, or one that belongs to another base.
    """
    if config.base is None or not config.adapters:
        raise InputError("--adapters goes with the run that they belong to: name both")
    check_training(config)
    torch.set_num_threads(config.threads)
    base = RunFolder.open(config.base, root=config.runs_dir)
    folders = {_name(i, path): path for i, path in enumerate(_folders(config))}
    model = with_adapters(base, folders).to(choose_device(config.device))
    found, views = [], []
    for name, folder in folders.items():
        owner = read_base(folder)
        setting = get_setting(owner.setting)
        pairs = custom_pairs(owner.pairs, setting)
        cases = setting.evaluation_cases("test", config.eval_cases, pairs=pairs)
        tokenizer = answering(model, name, folder)
        found.append(score(ModelSolver(model, tokenizer), cases, tokenizer.language, name=_shown(folder)))
        views.append(score_table(found[-1:], f"{setting.called(owner.pairs)}, test split"))
    cases, setting_id = evaluation_cases(base.config, "test", config.eval_cases), base.config.setting
    with adapters_off(model):
        solver = ModelSolver(model, BracketTokenizer(base.config.language), masked=base.config.masked)
        found.append(score(solver, cases, base.config.language, name=f"{base.name} (adapters off)"))
    setting, own = get_setting(setting_id), base.config.pairs
    views.append(score_table(found[-1:], f"{setting.called(own)}, test split"))
    if config.json is not None:
        write_json(config.json, found, len(cases), setting_id, pairs=custom_pairs(own, setting))
    for view in views:
        console.print(view)


def _folders(config: Adapt) -> list[Path]:
    return [adapter_folder(name, config.runs_dir) for name in config.adapters or ()]


def _name(number: int, folder: Path) -> str:
    """A name that peft takes: names of runs may have dots."""
    return f"adapter{number}"


def _shown(folder: Path) -> str:
    return folder.parent.name if folder.name == "adapter" else folder.name
