"""How every command line of the project behaves: one frozen dataclass in, one exit code out.

    0    done
    2    bad input: one line on standard error that names the value, nothing half-written
    130  Ctrl-C (long work saves first and says how to resume)
    143  SIGTERM, which is taken for Ctrl-C

The dataclass is the configuration, the help text (its docstrings) and the record that a run keeps. Modules with a
command import the heavy libraries inside ``main`` so that ``--help`` answers at once.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from itertools import dropwhile, takewhile
from typing import Any, TypeVar, get_type_hints

import tyro

from bracket_env.errors import InputError, quote
from bracket_env.interrupts import exit_code, stopping
from bracket_env.repeated import option_names, refuse_repeated
from bracket_env.words.help_text import help_text
from bracket_env.words.secrets import without_secrets
from bracket_env.words.suggestions import unknown_options
from bracket_env.words.values import VALUES, choices_as_meant, with_suggestion

Config = TypeVar("Config")

_TYPED = "_typed"
_HELP = {"-h", "--help", "-H", "--help-verbose"}
_MARKERS = (tyro.conf.FlagCreatePairsOff,)
_LEGIBLE = "bracketgym.legible"
_ASCII = dict(zip("–—−…×·•█▓▒░╭╮╰╯│─━╸", "---.x.*##=-++++|---", strict=True))


def run(
    config_class: type[Config], main: Callable[[Config], object], *, prog: str, argv: Sequence[str] | None = None
) -> int:
    """Parse the command line, call ``main`` and return the exit code.

    Args:
        config_class: a frozen dataclass; its docstring is the description.
        main: does the work; an :class:`InputError` it raises becomes one line and exit code 2.
        prog: how the command is written, such as ``python -m agents.train_ppo``.
        argv: arguments, default ``sys.argv[1:]``.
    """
    return _run(lambda: main(configuration(config_class, sys.argv[1:] if argv is None else argv, prog)))


def run_script(main: Callable[..., object]) -> int:
    """A short script's ``main(option: int = 3)`` on the command line: :func:`run` for what needs no configuration."""

    def work() -> None:
        refuse_repeated(main, sys.argv[1:])
        tyro.cli(main, registry=VALUES)

    return _run(work)


def _run(work: Callable[[], object]) -> int:
    """The exit code of a command's work."""
    never_fail_to_print()
    try:
        with stopping():
            work()
    except InputError as error:
        print(f"error: {without_secrets(str(error))}", file=sys.stderr)
        return 2
    except SystemExit as exit_:  # --help, or a message already printed
        return exit_.code if isinstance(exit_.code, int) else 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return exit_code()
    except BrokenPipeError:  # the reader of our output (head, less) went away: nobody is left to tell
        sys.stderr.close()
        return 0
    return 0


def never_fail_to_print() -> None:
    """From here on, what the encoding of standard output or error does not have is printed in other characters.

    Windows in Japan gives pipes cp932, which has no en dash. A table that took hours is shown all the same:
    dashes and lines as those of ASCII, brackets that are missing as their code, such as ``\\u3010``.
    """
    codecs.register_error(_LEGIBLE, _legible)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_LEGIBLE)


def _legible(error: UnicodeError) -> tuple[str | bytes, int]:
    assert isinstance(error, UnicodeEncodeError)
    missing = error.object[error.start : error.end]
    return "".join(_ASCII.get(c) or c.encode("ascii", "backslashreplace").decode() for c in missing), error.end


def parse(config_class: type[Config], argv: Sequence[str], prog: str, **options: Any) -> Config:
    """The configuration that ``argv`` asks for.

    Args:
        options: of ``tyro.cli``, such as ``default``, a configuration whose values stand in for what is not typed.

    Raises:
        InputError: an unknown option, a value of the wrong type, or an option that is given twice, in one line.
        SystemExit: ``--help`` was asked for and printed.
    """
    if _HELP & set(argv):
        print(help_text(config_class, prog, shutil.get_terminal_size().columns), end="")
        raise SystemExit(0)
    refuse_repeated(config_class, argv)
    shown = io.StringIO()
    hints = get_type_hints(config_class, include_extras=True)
    hints |= {old: hints[name] for old, name in option_names(config_class).items()}
    try:
        with contextlib.redirect_stderr(shown):
            return tyro.cli(
                config_class, args=choices_as_meant(hints, argv), prog=prog, config=_MARKERS, registry=VALUES, **options
            )
    except SystemExit as exit_:
        if exit_.code in (0, None):
            raise
        problem = unknown_options(argv, [name.replace("_", "-") for name in (*hints, "help")])
        if problem is None:
            problem = with_suggestion(_first_paragraph(shown.getvalue()))
        raise InputError(f"{problem} (see {prog} --help)") from None


def configuration(config_class: type[Config], argv: Sequence[str], prog: str) -> Config:
    """:func:`parse`, with other defaults if what was typed asks for them; :func:`typed_options` knows what was.

    A configuration may have a method ``defaults``: what it returns, unless it is ``None``, gives the options that were
    not typed.

    Raises:
        InputError: as :func:`parse` and the method do, an option that is typed without a value, or two that name
            one file.
        SystemExit: as :func:`parse`.
    """
    config: Any = parse(config_class, argv, prog)
    find_defaults: Callable[[], Any] | None = getattr(config, "defaults", None)
    defaults = None if find_defaults is None else find_defaults()
    known = fields(config)
    words = [word.partition("=")[0].removeprefix("--").replace("-", "_") for word in argv if word.startswith("--")]
    named = current_names(config_class, {name: None for word in words for name in (word, word.removeprefix("no_"))})
    typed = frozenset(f.name for f in known if f.name in named)
    for name in sorted(typed):
        _refuse_empty(f"--{name.replace('_', '-')}", getattr(config, name))
    if defaults is not None:
        # What may be given several times would otherwise be added to the default.
        own = replace(defaults, **{f.name: f.default for f in known if f.name in typed})
        config = parse(config_class, argv, prog, default=own)
    _refuse_same_file(config)
    object.__setattr__(config, _TYPED, typed)  # beside the fields: no part of the configuration's value
    return config


def _refuse_empty(flag: str, value: Any) -> None:
    """An option that is typed with nothing behind it is not the same as one that is left out: a variable was empty."""
    if value == () or any(isinstance(v, str) and not v.strip() for v in (value if type(value) is tuple else (value,))):
        raise InputError(f"{flag} is empty: give it a value or leave it out")


def _refuse_same_file(config: Any) -> None:
    """Two options that name one file: what is read would be overwritten by what is written."""
    seen: dict[str, str] = {}
    for field in fields(config):
        value = getattr(config, field.name)
        for path in value if type(value) is tuple else (value,):
            if (
                not isinstance(path, str)
                or not (os.path.splitext(path)[1] or os.sep in path)
                or not os.path.isfile(path)
            ):
                continue
            before = seen.setdefault(os.path.realpath(path), field.name)
            if before != field.name:
                first, second = (f"--{name.replace('_', '-')}" for name in (before, field.name))
                raise InputError(f"{first} and {second} are the same file, {quote(path)}: name another one to write to")


def current_names(config_class: type[Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Options under the names that they have today.

    An option that was renamed keeps its old name as an alias, ``Annotated[T, tyro.conf.arg(aliases=["--old-name"])]``,
    on the command line and in what older versions wrote.
    """
    today = option_names(config_class)
    return {today.get(name, name): value for name, value in options.items()}


def typed_options(config: object) -> frozenset[str] | None:
    """The fields that a command line named, in whatever value; ``None`` if no command line made the configuration.

    A copy (``dataclasses.replace``) is made by no command line.
    """
    return getattr(config, _TYPED, None)


def is_given(config: Any, name: str) -> bool:
    """Whether an option was typed; of a configuration that no command line made, whether it is not the default."""
    typed = typed_options(config)
    if typed is not None:
        return name in typed
    default = next(field.default for field in fields(config) if field.name == name)
    return bool(getattr(config, name) != default)


def _first_paragraph(box: str) -> str:
    """The message inside tyro's error box, on one line; the box is of lines, or of dashes where those cannot be shown.

    Args:
        box: a title, perhaps a rule, the message, a rule, and what else there is to say.
    """
    rows = [line.strip(" │╭╮╰╯─") for line in re.sub(r"\x1b\[[0-9;]*m", "", box).splitlines()]
    rows = ["" if set(row) == {"-"} else row for row in rows]
    body = list(dropwhile(lambda row: not row, rows[1:]))
    return " ".join(takewhile(bool, body)) or " ".join(box.split())
