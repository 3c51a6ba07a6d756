"""Commands as they are typed: in an interpreter of their own, or quickly, in a process that has torch already."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paths import ROOT

WIDE = {"COLUMNS": "200", "PYTHONIOENCODING": "utf-8"}
STREAMS = ("stdin", "stdout", "stderr")


@dataclass(frozen=True)
class Result:
    """What a command left."""

    code: int
    out: str
    err: str

    def ok(self) -> str:
        """The output of a command that went well and had nothing to say on standard error."""
        assert (self.code, self.err) == (0, ""), self.out + self.err
        return self.out

    def refused(self) -> str:
        """The one line of a command that did not."""
        assert self.code == 2, self
        (line,) = self.err.splitlines()
        assert line.startswith("error: ")
        return line.removeprefix("error: ")


def typed(
    module: str, arguments: Sequence[str], folder: Path, stdin: bytes = b"", *, encoding: str = "utf-8"
) -> Result:
    """``python -W error -m MODULE ARGUMENTS`` in ``folder``, through pipes of this encoding."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", module, *arguments],
        cwd=folder,
        env={**os.environ, **WIDE, "PYTHONIOENCODING": encoding, "PYTHONPATH": str(ROOT)},
        input=stdin,
        capture_output=True,
        timeout=300,
        check=False,
    )
    return Result(done.returncode, done.stdout.decode(encoding), done.stderr.decode(encoding))


CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    ["agents.train_ppo.run", "torch._dynamo", "matplotlib.backends.backend_agg", "pytest", "typed_commands"]
)


def quickly(module: str, arguments: Sequence[str], folder: Path, stdin: bytes = b"") -> Result:
    """As :func:`typed`, in a fork of a process that has imported torch: seconds of processor time less."""
    return _forked(_run_module, (module, list(arguments)), folder, stdin)


def quickly_script(path: Path, arguments: Sequence[str], folder: Path) -> Result:
    """``python -W error PATH ARGUMENTS`` in ``folder``, as :func:`quickly`."""
    return _forked(_run_script, (str(path), list(arguments)), folder)


def _forked(work: Callable[..., None], arguments: tuple[Any, ...], folder: Path, stdin: bytes = b"") -> Result:
    with tempfile.TemporaryDirectory() as scratch:
        files = [Path(scratch, name) for name in STREAMS]
        files[0].write_bytes(stdin)
        process = CONTEXT.Process(target=_begin, args=(list(map(str, files)), str(folder), work, arguments))
        process.start()
        process.join(300)
        assert process.exitcode is not None
        return Result(process.exitcode, *(path.read_text("utf-8") for path in files[1:]))


def _begin(files: list[str], folder: str, work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    for descriptor, name in enumerate(files):
        os.dup2(os.open(name, os.O_RDWR | os.O_CREAT), descriptor)
    sys.stdin = open(0, encoding="utf-8")  # noqa: SIM115  multiprocessing has closed it
    os.chdir(folder)
    os.environ |= WIDE
    warnings.simplefilter("error")
    work(*arguments)


def _run_module(module: str, arguments: list[str]) -> None:
    sys.argv = [module, *arguments]
    sys.modules.pop(module, None)
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _run_script(path: str, arguments: list[str]) -> None:
    sys.argv = [path, *arguments]
    runpy.run_path(path, run_name="__main__")
