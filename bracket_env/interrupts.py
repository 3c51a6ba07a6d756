"""Ctrl-C and SIGTERM (``kill``, Slurm, ``docker stop``): both ask a command to stop, and end it without a traceback.

Work that can save catches KeyboardInterrupt, or puts handlers of its own in the place of these for a while.
A command that is still importing has nothing to save, and what an exception does in the middle of an extension module's
import is anybody's guess: it leaves at once. That begins with the first import, the one of this package: see the end.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

STOPS = (signal.SIGINT, signal.SIGTERM)
"""The signals that ask for an end."""
COMMANDS = frozenset({"bracket_env", "ncl_reward", "supervised", "agents", "benchmarks"})
"""The packages whose modules are commands."""
_TOGETHER = 1.0  # seconds


class _Latest:
    """The latest signal, and when it came."""

    number: int = signal.SIGINT
    at: float = 0.0


def heard(number: int) -> bool:
    """Note a signal.

    Returns:
        Whether it is a new wish. ``timeout`` and ``srun`` send SIGTERM to the process and then to its whole group: such
        a second one is none, where that of a person would end the work at once.
    """
    again = number == _Latest.number == signal.SIGTERM and time.monotonic() - _Latest.at < _TOGETHER
    _Latest.number, _Latest.at = number, time.monotonic()
    return not again


def exit_code() -> int:
    """What a shell calls the end by the latest signal: 130 after Ctrl-C, 143 after SIGTERM."""
    return 128 + _Latest.number


def stop(number: int, frame: FrameType | None) -> None:
    """A signal handler: leave if the command is still importing.

    Raises:
        KeyboardInterrupt: it is at work.
    """
    if heard(number):
        interrupt(frame)


def interrupt(frame: FrameType | None) -> NoReturn:
    """What :func:`stop` does."""
    if _importing(frame):
        os.write(2, b"interrupted\n")
        os._exit(exit_code())
    raise KeyboardInterrupt


@contextmanager
def stopping() -> Iterator[None]:
    """Both signals raise KeyboardInterrupt in this context, unless somebody has said otherwise or they are ignored."""
    _Latest.number = signal.SIGINT
    before = _install()
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _install() -> dict[signal.Signals, Any]:
    """Put :func:`stop` in the place of the handlers that Python and the system have: those."""
    if threading.current_thread() is not threading.main_thread():
        return {}  # no other one may
    plain = {number: signal.getsignal(number) for number in STOPS}
    replaced = {n: h for n, h in plain.items() if h in (signal.SIG_DFL, signal.default_int_handler)}
    for number in replaced:
        signal.signal(number, stop)
    return dict(replaced)


def _importing(frame: FrameType | None) -> bool:
    """Whether the main module, or Python on its way to it, is in the middle of an import."""
    importer = None
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            importer = frame.f_back
        frame = frame.f_back
    return importer is not None and importer.f_globals.get("__name__") in ("__main__", "runpy")


def _is_command() -> bool:
    """Whether Python was asked for a module of ours (``python -m``), which it runs or still looks for."""
    words = sys.orig_argv
    if sys.argv[:1] == ["-m"]:  # it looks for it, and imports the packages that it is in
        name = words[words.index("-m") + 1] if "-m" in words[:-1] else ""
    else:
        spec = getattr(sys.modules.get("__main__"), "__spec__", None)
        name = "" if spec is None else spec.name
    return name.partition(".")[0] in COMMANDS


if _is_command():
    _install()
