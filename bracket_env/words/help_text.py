"""What ``--help`` prints: the options of a command in groups, each with its docstring.

A group is a dataclass that the command inherits from; what it is called is its ``section``, so that groups that extend
each other stand together. The command's own options come first.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, Field, fields
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import tyro

OWN = "options of this command"
_NAMES = 26  # longer names of options stand on a line of their own
_WIDEST = 110
_POSITIONAL = get_args(tyro.conf.Positional[int])[1]
_APPEND = get_args(tyro.conf.UseAppendAction[tuple[int, ...]])[1]


def help_text(config_class: type[Any], prog: str, width: int) -> str:
    """The whole help of a command.

    Args:
        config_class: its dataclass.
        prog: how it is written.
        width: of the terminal.
    """
    width = max(40, min(width, _WIDEST))
    hints = get_type_hints(config_class, include_extras=True)
    positional, grouped = [], dict[str, list[str]]({OWN: []})
    for field in fields(config_class):
        home, said = _documented(config_class, field.name)
        section = OWN if home is config_class else getattr(home, "section", OWN)
        entry = _entry(field, hints[field.name], said, width)
        if _POSITIONAL in _notes(hints[field.name]):
            positional.append((_metavar(hints[field.name]), field, entry))
        else:
            grouped.setdefault(section, []).extend(entry)
    words = [f"[{field.name.upper()} ...]" if "..." in name else field.name.upper() for name, field, _ in positional]
    lines = _filled(" ".join(["usage:", prog, *words, "[OPTIONS]"]), width)
    for paragraph in inspect.cleandoc(config_class.__doc__ or "").split("\n\n"):
        lines += ["", *_filled(" ".join(paragraph.split()), width)]
    sections = {"what it is about": [line for *_, entry in positional for line in entry], **grouped}
    for title, entries in sections.items():
        if entries:
            lines += ["", f"── {title} ".ljust(width, "─"), *entries]
    return "\n".join([*lines, ""])


def _documented(config_class: type[Any], name: str) -> tuple[type[Any], str]:
    """The class that an option is declared in with its help, and the help."""
    for home in config_class.__mro__:
        said = dict(_docstrings(home)).get(name)
        if said is not None:
            return home, said
    return config_class, ""


def _docstrings(home: type[Any]) -> Iterator[tuple[str, str]]:
    """The fields that a class writes itself, each with the string below it."""
    if "__annotations__" not in vars(home):
        return
    try:
        (made,) = ast.parse(textwrap.dedent(inspect.getsource(home))).body
    except (OSError, TypeError):  # written where no file is
        return
    assert isinstance(made, ast.ClassDef)
    for statement, below in zip(made.body, made.body[1:], strict=False):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            text = below.value.value if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) else None
            if isinstance(text, str):
                yield statement.target.id, " ".join(text.split())


def _entry(field: Field[Any], hint: Any, said: str, width: int) -> list[str]:
    """The lines of an option."""
    flag, default = "--" + field.name.replace("_", "-"), field.default
    kind, notes = _bare(hint), _notes(hint)
    if _POSITIONAL in notes:
        names = field.name.upper() + (" ..." if get_origin(kind) is tuple else "")
        default = None
    elif kind is bool:
        names = f"--no-{flag[2:]}" if default is True else flag
        said = f"Switch this off: {said}" if default is True else said
        default = None
    else:
        aliases = [alias for note in notes for alias in getattr(note, "aliases", None) or ()]
        names = f"{', '.join([flag, *aliases])} {_metavar(hint)}"
    if _APPEND in notes:
        said += " (may be given several times)"
    elif default not in (None, (), "", MISSING):
        shown = " ".join(map(str, default)) if isinstance(default, tuple) else default
        said += f" (default: {shown})"
    room = width - _NAMES - 3
    told = _filled(said, room)
    names_lines = _filled(names, width - 2)
    if len(names_lines) == 1 and len(names) <= _NAMES:
        return [f"  {names.ljust(_NAMES)} {told[0]}", *(" " * (_NAMES + 3) + line for line in told[1:])]
    return [*(f"  {line}" for line in names_lines), *(" " * (_NAMES + 3) + line for line in told)]


def _notes(hint: Any) -> Sequence[Any]:
    return hint.__metadata__ if get_origin(hint) is Annotated else ()


def _bare(hint: Any) -> Any:
    """A type without notes and without ``None``."""
    while True:
        if get_origin(hint) is Annotated:
            hint = get_args(hint)[0]
        elif get_origin(hint) in (Union, UnionType):
            hint = next(part for part in get_args(hint) if part is not NoneType)
        else:
            return hint


def _metavar(hint: Any) -> str:
    """What stands for the value: ``INT``, ``{a,b}``, ``TEXT ...``."""
    kind = _bare(hint)
    if get_origin(kind) is Literal:
        return "{" + ",".join(map(str, get_args(kind))) + "}"
    if get_origin(kind) is tuple:
        one = _metavar(get_args(kind)[0])
        return one if _APPEND in _notes(hint) else f"{one} ..."
    return {int: "INT", float: "NUMBER", str: "TEXT"}.get(kind, "VALUE")


def _filled(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_on_hyphens=False) or [""]
