"""A new run's configuration from a command's options, and those of a run that is gone on with."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import MISSING, asdict, fields, replace
from typing import Any, TypeVar

from bracket_env import BracketLanguage, InputError, Setting
from bracket_env.command import current_names, is_given
from supervised.models.params import architecture_params, longest_input
from supervised.options.groups import InitFrom, Resume, Sizes
from supervised.options.ranges import flag, refuse_idle, require_whole
from supervised.runs.config import Extension, RunConfig, how_to_resume
from supervised.runs.folder import RunFolder

Command = TypeVar("Command", bound=Resume)

FREE_ON_RESUME = {"runs_dir", "resume", "extend", "extend_schedule", "target", "patience", "time_limit", "json"}
"""Options that do not change what has been computed, so a resumed run may be given new ones."""


def new_run(
    kind: str,
    options: InitFrom,
    architecture: str,
    setting: Setting,
    language: BracketLanguage,
    *,
    longest: int = 0,
    masked: bool = False,
) -> RunConfig:
    """The configuration of a run that a command is about to make.

    Args:
        options: of the command, the sizes of a network among them.
        longest: tokens that the model must be able to read, if more than the setting's longest prefix and answer take.

    Raises:
        InputError: sizes that do not fit the architecture, or no run of the name to start from.
    """
    assert isinstance(options, Sizes)
    inherited = inherited_params(options, architecture)
    longest = max(longest, longest_input(setting))
    params = architecture_params(options, architecture, longest, inherited)
    return RunConfig(kind, setting.id, language.pairs, architecture, params, masked, asdict(options))


def inherited_params(options: InitFrom, architecture: str) -> dict[str, Any] | None:
    """The sizes of the run that is gone on with, or of the one that it starts from; ``None`` for fresh ones.

    What a run started from may be gone when it is resumed, or be another one by now.

    Args:
        architecture: of the run; another one's sizes are not its sizes.

    Raises:
        InputError: there is no such run.
    """
    name = options.resume or options.init_from
    if name is None:
        return None
    source = RunFolder.open(name, root=options.runs_dir).config
    return source.params if source.architecture == architecture else None


def to_resume(options: Command, kind: str) -> tuple[RunFolder | None, Command]:
    """The run that ``--resume`` names, if any, and the options to go on with.

    With ``--extend`` both are those of the longer run, but nothing is written yet: that does
    :meth:`supervised.runs.folder.RunFolder.go_on`.

    Args:
        kind: of the runs that the command makes.

    Raises:
        InputError: no such run, one of another kind, or options that would make it another run.
    """
    refuse_idle(options, ("extend_schedule",), unless=options.extend is not None, why="goes with --extend")
    if options.resume is None:
        if options.extend is not None:
            raise InputError(f"--extend {options.extend} goes with --resume RUN: it makes a run longer that is there")
        return None, options
    folder = RunFolder.open(options.resume, root=options.runs_dir)
    if folder.config.kind != kind:
        raise InputError(f"{folder.path} is a {folder.config.kind} run: {how_to_resume(folder.config.kind)}")
    # Wherever the command is typed: the runs that this one knows lie beside it.
    own = replace(resumed(options, folder.config.options), runs_dir=str(folder.path.parent))
    return (folder, own) if options.extend is None else _extended(folder, own, typed=options)


def _extended(folder: RunFolder, own: Command, *, typed: Command) -> tuple[RunFolder, Command]:
    """The run and its options with the steps that ``--extend`` adds to its end.

    Raises:
        InputError: not a number of steps, or a schedule that a constant rate does not have.
    """
    require_whole("extend", own.extend, 1, 10**9)
    assert own.extend is not None
    schedule: str = own.extend_schedule
    if getattr(own, "lr_schedule", None) == "constant":
        why = "goes with a learning rate that falls: this run's is constant, and stays so"
        refuse_idle(typed, ("extend_schedule",), unless=False, why=why)
        schedule = "constant"
    extension = Extension(getattr(own, own.length), own.extend, schedule)
    longer: dict[str, Any] = {own.length: extension.end}
    config = folder.config
    options = {**current_names(type(own), config.options), **longer}
    config = replace(config, options=options, extensions=(*config.extensions, extension))
    return RunFolder(folder.path, config), replace(own, **longer)


def resumed(options: Command, saved: Mapping[str, Any]) -> Command:
    """The options of a run to go on with, taken from its folder.

    Args:
        options: what the command says; only options that were typed count, or that differ from the defaults.
        saved: as the run's folder keeps them.

    Raises:
        InputError: the command names an option that would make it another run.
    """
    # A target or limit of the first command ended that command; it does not end this one.
    changed = {"target": None, "time_limit": None, "json": None, "extend": None}
    before, wanted = saved.get(options.length), getattr(options, options.length)
    if is_given(options, options.length) and isinstance(before, int) and wanted > before:
        raise InputError(
            f"{flag(options.length)} {wanted} would make it another run (it has {before}): leave it out, and add "
            f"--extend {wanted - before} to train it longer"
        )
    return merged(options, saved, changed, free=FREE_ON_RESUME, whole="the run", another="it another run")


def merged(
    options: Any,
    saved: Mapping[str, Any],
    changed: Mapping[str, Any],
    *,
    free: Collection[str],
    whole: str,
    another: str,
) -> Any:
    """The options of what is gone on with: those it was begun with, but for what may change and was typed.

    Args:
        options: a command's; only those that were typed count, or that differ from the defaults.
        saved: what it was begun with, as JSON keeps it.
        changed: what is not kept, and its value unless another one is typed.
        free: options that may change.
        whole, another: what the errors call it, and what it must not become.

    Raises:
        InputError: it was begun with an option that the command does not have, or one was typed that may not change.
    """
    names = [field.name for field in fields(options)]
    # An option that came later was at its default before it came.
    defaults = {field.name: field.default for field in fields(options) if field.default is not MISSING}
    saved = {**defaults, **current_names(type(options), saved)}
    odd = sorted(set(names) ^ set(saved))
    if odd:
        raise InputError(f"{whole} was made by another version: it has the option {odd[0]}, which is unknown here")
    kept = {name: tuple(value) if isinstance(value, list) else value for name, value in saved.items()}
    typed = {name: getattr(options, name) for name in names if is_given(options, name)}
    for name, value in typed.items():
        if name not in free and value != kept[name]:
            raise InputError(f"{flag(name)} {value} would make {another} (it has {kept[name]}): leave it out")
    return type(options)(**{**kept, **changed, **{name: value for name, value in typed.items() if name in free}})
