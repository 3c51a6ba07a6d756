"""What a training shows in a pipe."""

from __future__ import annotations

import io
import time

import pytest
from rich.console import Console

from supervised.learning.display import Display


def test_a_pipe_hears_something_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two evaluations that are minutes apart; a terminal has its bar."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    for terminal, expected in ((False, ["step       400 of 1,000       10 steps/s   1:00 left"]), (True, [])):
        shown, now[0] = io.StringIO(), 0.0
        display = Display(1000, console=Console(file=shown, force_terminal=terminal, width=100))
        for steps in (100, 200, 300, 400, 500):
            now[0] += 10.0
            display.update(steps, 0.5)
        assert shown.getvalue().splitlines() == expected
