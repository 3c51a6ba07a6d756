"""Options from a JSON file: ``--params studies/NAME/best_params.json``. What is typed beside it wins."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import tyro

from bracket_env import InputError, quote
from bracket_env.command import current_names, parse

Config = TypeVar("Config")
# Which run it is, and where its things go, is for the command line to say.
_NOT_FROM_A_FILE = ("name", "runs_dir", "resume", "params", "json")


def read_params(path: str, config_class: type[Config], prog: str) -> Config:
    """The configuration of a command with the options of a file, an object ``{"units": 64, "learning_rate": 0.002}``.

    Args:
        config_class: the command's frozen dataclass, with a field ``params``.
        prog: how the command is written.

    Raises:
        InputError: no such file, no JSON object, an option that the command does not have or that is not for a file, a
            value of the wrong type; the message names the file and the option.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"), object_pairs_hook=_each_once)
    except KeyError as error:
        raise InputError(f"{path}: option {error.args[0]} stands there twice: leave one out") from None
    except OSError as error:
        raise InputError(f"cannot read --params {path}: {error.strerror}") from None
    except ValueError as error:
        raise InputError(f"{path} is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} is not a JSON object of options")
    defaults: dict[str, Any] = {field.name: field.default for field in fields(config_class)}  # type: ignore[arg-type]
    argv: list[str] = []
    hints = get_type_hints(config_class, include_extras=True)
    today = current_names(config_class, content)
    if len(today) < len(content):
        old = next(name for name in content if name not in today)
        raise InputError(f"{path}: option {old} stands there under its new name too: leave one out")
    for name, value in today.items():
        if name not in defaults:
            raise InputError(f"{path}: {quote(name)} is no option of {prog}")
        if name in _NOT_FROM_A_FILE:
            raise InputError(f"{path}: option {name} cannot come from a file")
        if isinstance(value, dict) or isinstance(value, bool) != isinstance(defaults[name], bool):
            raise InputError(f"{path}: option {name} cannot be {quote(value)}")
        several = tyro.conf.UseAppendAction in getattr(hints[name], "__metadata__", ())
        argv += _typed(name, value, defaults[name], several=several)
    try:
        config = parse(config_class, argv, prog)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return replace(config, params=path)  # type: ignore[type-var]


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object. Raises KeyError with a name that stands there twice, of which Python would take the last."""
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        raise KeyError(next(name for name in content if names.count(name) > 1))
    return content


@contextmanager
def options_of(params: str | None) -> Iterator[None]:
    """Names the file in what is said about options that do not fit each other."""
    try:
        yield
    except InputError as error:
        if params is None:
            raise
        raise InputError(f"with the options of {params}: {error}") from None


def _typed(name: str, value: Any, default: Any, *, several: bool) -> list[str]:
    """An option as it would be typed; nothing where it is the default.

    Args:
        several: a list is typed as the option again and again.
    """
    option = name.replace("_", "-")
    if value is None or value == default:
        return []
    if isinstance(value, bool):
        return [f"--{option}" if value else f"--no-{option}"]
    values = [str(one) for one in value] if isinstance(value, list) else [str(value)]
    return [word for one in values for word in (f"--{option}", one)] if several else [f"--{option}", *values]
