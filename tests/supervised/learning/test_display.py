"""What a training shows in a pipe and on a terminal, and what its title says."""

from __future__ import annotations

import io
import time

import pytest
from rich.console import Console

from bracket_env import get_setting
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


@pytest.mark.parametrize(("width", "parts"), [(60, ()), (80, ("exact",)), (120, ("exact", "steps/s"))])
def test_the_bar_and_the_times_stay_where_the_terminal_is_narrow(width: int, parts: tuple[str, ...]) -> None:
    file = io.StringIO()
    console = Console(file=file, width=width, force_terminal=True, color_system=None)
    with Display(1_500_000, console=console) as display:
        display.update(400_000, 0.5)
        display.update(800_000, 0.987)
    shown = file.getvalue().replace("\r", "\n").splitlines()
    last = [line for line in shown if "800,000 / 1,500,000 steps" in line][-1]
    assert "━" in last
    assert "0:00 passed" in last
    for part in ("exact", "steps/s"):
        assert (part in last.replace("1,500,000 steps", "")) == (part in parts)


def test_a_title_names_pairs_that_are_not_the_settings_own() -> None:
    setting = get_setting("bracket/CloseTiny-v0")
    assert setting.called() == setting.called(setting.pairs) == "bracket/CloseTiny-v0"
    assert setting.called(("()", "<>")) == "bracket/CloseTiny-v0 with () <>"
