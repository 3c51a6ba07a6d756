"""A new run's configuration from a command's options, and those of a run that is gone on with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any, TypeVar

from bracket_env.command import current_names, is_given
from bracket_env.errors import InputError
from bracket_env.language import BracketLanguage
from bracket_env.settings import Setting
from supervised.options.architecture import architecture_params, longest_input
from supervised.options.groups import InitFrom, Resume
from supervised.options.ranges import flag
from supervised.runs.config import RunConfig, how_to_resume
from supervised.runs.folder import RunFolder

Command = TypeVar("Command", bound=Resume)

FREE_ON_RESUME = {"runs_dir", "resume", "target", "time_limit", "json"}
"""Options that do not change what is computed, so a resumed run may be given new ones."""


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

    Args:
        kind: of the runs that the command makes.

    Raises:
        InputError: no such run, one of another kind, or options that would make it another run.
    """
    if options.resume is None:
        return None, options
    folder = RunFolder.open(options.resume, root=options.runs_dir)
    if folder.config.kind != kind:
        raise InputError(f"{folder.path} is a {folder.config.kind} run: {how_to_resume(folder.config.kind)}")
    # Wherever the command is typed: the runs that this one knows lie beside it.
    return folder, replace(resumed(options, folder.config.options), runs_dir=str(folder.path.parent))


def resumed(options: Command, saved: Mapping[str, Any]) -> Command:
    """The options of a run to go on with, taken from its folder.

    Args:
        options: what the command says; only options that were typed count, or that differ from the defaults.
        saved: as the run's folder keeps them.

    Raises:
        InputError: the command names an option that would make it another run.
    """
    kind = type(options)
    saved = current_names(kind, saved)
    odd = sorted({field.name for field in fields(kind)} ^ set(saved))
    if odd:
        raise InputError(f"the run was made by another version: option {odd[0]} is not in both")
    kept = {name: tuple(value) if isinstance(value, list) else value for name, value in saved.items()}
    # A target or limit of the first command ended that command; it does not end this one.
    changed: dict[str, Any] = {"target": None, "time_limit": None, "json": None}
    for field in fields(kind):
        if not is_given(options, field.name):
            continue
        value = getattr(options, field.name)
        if field.name in FREE_ON_RESUME:
            changed[field.name] = value
        elif value != kept[field.name]:
            raise InputError(
                f"{flag(field.name)} {value} would make it another run (it has {kept[field.name]}): leave it out"
            )
    return kind(**{**kept, **changed})
