"""What a ``Compress`` configuration must satisfy, checked before any work, and what follows from it."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, replace

from bracket_env import InputError, Setting, get_setting
from supervised.compress.onnx.export import check_exportable, check_packages
from supervised.compress.options import Compress
from supervised.compress.quantization import check_int8
from supervised.compress.structured import fewer_units
from supervised.data.reading import read_dataset
from supervised.models.params import architecture_params, given_sizes, longest_input
from supervised.options.checks import custom_pairs, refuse_never_reached
from supervised.options.ranges import check_output, flag, refuse_idle, require, require_whole
from supervised.runs import WEIGHTS, RunConfig, RunFolder, checked_path, free_name
from supervised.runs.sentences import refuse_conditioned
from supervised.train.further import cases_seen, data_options

_MOST = {"distill_steps": 10**9, "batch_size": 10**6, "eval_every": 10**9, "eval_cases": 10**6, "threads": 1024}


@dataclass(frozen=True)
class Plan:
    """What is to be done."""

    source: RunFolder
    setting: Setting
    run: RunConfig
    """Of the result; with ``--structured`` its params are still those before units are removed."""
    name: str | None
    """Of the new run folder; None when there is only a file to be exported."""

    @property
    def pairs(self) -> tuple[str, ...] | None:
        """The pairs to pass on: None for the setting's own."""
        return custom_pairs(self.run.pairs, self.setting)


def check(config: Compress) -> Plan:
    """The plan.

    Raises:
        InputError: the first option that is out of range or does not fit the others or the run, a missing package, or
            something that is in the way of what would be written.
    """
    _check_ranges(config)
    _check_combinations(config)
    source = RunFolder.open(config.run, root=config.runs_dir)
    refuse_conditioned(source.path, source.config.options)
    if source.config.kind == "pretrain":
        raise InputError(f"{source.path} is a pretrain run, which answers nothing yet: train it first (--init-from)")
    if not (source.path / WEIGHTS).is_file():
        raise InputError(f"{source.path} holds no trained model yet: no {WEIGHTS}")
    setting = get_setting(source.config.setting)
    run = _result(config, source.config, setting)
    if config.structured and config.prune is not None:
        fewer_units(run, config.prune)
    data = run.options["training"]
    if data.get("dataset") is not None and config.prune is not None and config.fine_tune_steps:
        reading = {name: data[name] for name in ("format", "wrong_targets") if name in data}
        read_dataset(data["dataset"], run.language, **reading)  # which may have gone since the run was trained
    if config.quantize == "int8-dynamic":
        check_int8(run.architecture)
    if config.onnx is not None:
        check_exportable(run.architecture)
        check_packages()
    _check_outputs(config, source)
    return Plan(source, setting, run, _name(config, source))


def _check_ranges(config: Compress) -> None:
    for name, most in _MOST.items():
        require_whole(name, getattr(config, name), 1, most)
    require_whole("fine_tune_steps", config.fine_tune_steps, 0, 10**9)
    require_whole("seed", config.seed, 0, 2**63 - 1)
    require("distill_temperature", config.distill_temperature, "above 0 and at most 1000", lambda v: 0 < v <= 1000)
    if config.learning_rate is not None:
        require("learning_rate", config.learning_rate, "above 0 and at most 100", lambda v: 0 < v <= 100)
    if config.prune is not None:
        require("prune", config.prune, "above 0 and below 1", lambda v: 0 < v < 1)


def _check_combinations(config: Compress) -> None:
    if (config.distill_to, config.prune, config.quantize, config.onnx) == (None,) * 4:
        raise InputError("nothing to do: add --prune, --quantize, --distill-to or --onnx")
    if config.distill_to is None:
        for name in given_sizes(config):
            raise InputError(f"{flag(name)} goes with --distill-to: it describes the student")
    if config.prune is None:
        for name in ("structured", "prune_scope", "prune_schedule"):
            if getattr(config, name):
                raise InputError(f"{flag(name)} goes with --prune")
    distils, prunes = config.distill_to is not None, config.prune is not None
    refuse_idle(config, ("distill_steps", "distill_temperature"), unless=distils, why="goes with --distill-to")
    refuse_idle(config, ("fine_tune_steps",), unless=prunes, why="goes with --prune")
    refuse_idle(
        config,
        ("batch_size", "learning_rate", "eval_every"),
        unless=distils or (prunes and config.fine_tune_steps > 0),
        why="goes with --distill-to, or --prune with --fine-tune-steps",
    )
    _check_interval(config)
    if config.structured:
        for name in ("prune_scope", "prune_schedule"):
            if getattr(config, name) is not None:
                raise InputError(f"{flag(name)} is about single weights: leave it out with --structured")
    if config.onnx is not None and config.quantize == "int8-dynamic":
        raise InputError("--onnx holds floats, not torch's int8 layers: use --quantize int8-weights with it")


def _check_interval(config: Compress) -> None:
    steps = "distill_steps" if config.distill_to is not None else "fine_tune_steps"
    refuse_never_reached(config, "eval_every", getattr(config, steps), f"{flag(steps)} {getattr(config, steps)}")


def _result(config: Compress, source: RunConfig, setting: Setting) -> RunConfig:
    """The configuration of what is made; a student answers under the same mask as its teacher."""
    loss = source.options.get("loss", "answer") if config.distill_to is None else "answer"
    further = 0 if config.prune is None else config.fine_tune_steps * config.batch_size
    seen = {"cases_seen": cases_seen(source) + further}
    options = {**asdict(config), "loss": loss, "training": data_options(source), **seen}
    run = replace(source, kind="compress", options=options)
    if config.distill_to is None:
        return run
    params = architecture_params(config, config.distill_to, longest_input(setting))
    return replace(run, architecture=config.distill_to, params=params)


def _name(config: Compress, source: RunFolder) -> str | None:
    if config.distill_to is None and config.prune is None and config.quantize is None:
        return None
    return config.name or free_name(f"{source.name}-small", config.runs_dir)


def _check_outputs(config: Compress, source: RunFolder) -> None:
    """What would only be missed when everything is done."""
    if _name(config, source) is None and config.name is not None:
        raise InputError(f"--name {config.name} goes with --prune, --quantize or --distill-to: --onnx makes no run")
    if _name(config, source) is None and config.json is not None:
        raise InputError(f"--json {config.json} goes with --prune, --quantize or --distill-to: --onnx prints no table")
    if config.name is not None:
        path = checked_path(config.name, config.runs_dir)
        if path.resolve() == source.path.resolve():
            raise InputError(f"--name {config.name} is the run to make smaller, which is never touched")
        if os.path.lexists(path) and not config.force:
            raise InputError(f"run {path} exists: choose another --name, or replace it with --force")
    for name in ("onnx", "json"):
        check_output(name, getattr(config, name))
    if config.onnx is not None and os.path.lexists(config.onnx) and not config.force:
        raise InputError(f"--onnx {config.onnx} exists: choose another file, or replace it with --force")
