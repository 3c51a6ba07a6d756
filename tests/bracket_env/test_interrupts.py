"""Ctrl-C and SIGTERM, as real signals to real processes: the exit code, one line, no traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from paths import ROOT

from bracket_env import interrupts
from bracket_env.interrupts import exit_code, stopping

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
both = pytest.mark.parametrize("number", CODES, ids=lambda number: number.name)


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A command with this folder first on its path."""
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@both
@pytest.mark.parametrize("library", ["gymnasium", "tyro", "torch"])
def test_a_signal_during_the_imports(library: str, number: signal.Signals, tmp_path: Path) -> None:
    """Of the package itself, of what the command line needs, and of what the work needs."""
    (tmp_path / f"{library}.py").write_text(f"import os, time\nos.kill(os.getpid(), {int(number)})\ntime.sleep(30)\n")
    done = run(tmp_path, "-m", "supervised.train", "--steps", "1")
    assert (done.returncode, done.stdout, done.stderr) == (CODES[number], "", "interrupted\n")
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ""] == [f"{library}.py"]


SCRIPT = """
import os, sys, time
from dataclasses import dataclass
from bracket_env.command import run

@dataclass(frozen=True)
class Options:
    "Nothing."
    signals: int = 1

def main(options):
    try:
        for _ in range(options.signals):
            os.kill(os.getpid(), {number})
        time.sleep(30)
    finally:
        print("tidied")

sys.exit(run(Options, main, prog="script"))
"""


@both
def test_a_signal_at_work_lets_the_work_tidy_up(number: signal.Signals, tmp_path: Path) -> None:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT.format(number=int(number)))
    done = run(tmp_path, str(path))
    assert (done.returncode, done.stdout, done.stderr) == (CODES[number], "tidied\n", "interrupted\n")


def test_one_wish_that_arrives_twice_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with stopping():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        assert exit_code() == 143
        monkeypatch.setattr(interrupts, "_TOGETHER", 0.0)
        time.sleep(0.001)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert exit_code() == 130
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stopping():
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
