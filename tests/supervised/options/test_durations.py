"""Durations as they are typed and as they are shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bracket_env import InputError
from supervised.options.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("90sec", 90),
        ("10m", 600),
        ("10min", 600),
        ("2h", 7200),
        ("1d", 86400),
        ("1.5h", 5400),
        ("1h30min", 5400),
        (" 1h 30min ", 5400),
        ("1 h 5 sec", 3605),
        ("0.5s", 0.5),
        ("1hour", 3600),
        ("6hours", 21600),
        ("2days", 172800),
        ("90 min", 5400),
        ("1h30m", 5400),
        ("1 hour, 30 minutes", 5400),
        ("1 hour and 30 minutes", 5400),
        ("10 Mins", 600),
        ("2H", 7200),
        ("1w", 604800),
        ("1:30:00", 5400),
        ("1時間30分", 5400),
        ("９０分", 5400),
        ("45秒", 45),
    ],
)
def test_parses(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


UNITS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


@given(st.lists(st.tuples(st.integers(1, 999), st.sampled_from(sorted(UNITS))), min_size=1, max_size=4))
def test_parts_add_up(parts: list[tuple[int, str]]) -> None:
    text = "".join(f"{number}{unit}" for number, unit in parts)
    assert parse_duration(text) == sum(number * UNITS[unit] for number, unit in parts)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "10",
        "s",
        "1h30",
        "1 hourly",
        "-5s",
        "0s",
        "0h0min",
        "10 parsecs",
        "1:30",
        "1e3s",
        "infs",
        "nans",
        "9" * 400 + "s",
    ],
)
def test_refuses(text: str) -> None:
    with pytest.raises(InputError, match="not a duration: ") as caught:
        parse_duration(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 150


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0:00"), (9.9, "0:09"), (95, "1:35"), (3599, "59:59"), (3600, "1:00:00"), (90061, "25:01:01")],
)
def test_formats(seconds: float, shown: str) -> None:
    assert format_duration(seconds) == shown


@given(st.integers(0, 10**6))
def test_what_is_shown_reads_back(seconds: int) -> None:
    parts = [int(part) for part in format_duration(seconds).split(":")]
    assert all(part < 60 for part in parts[1:])
    assert sum(part * 60**power for power, part in enumerate(reversed(parts))) == seconds


@pytest.mark.parametrize(
    ("text", "meant"),
    [("600", "600s or 600min"), ("1:30", "1h30min or 1min30s"), ("1h30", "1h30min")],
)
def test_what_can_mean_two_things_is_asked_for(text: str, meant: str) -> None:
    with pytest.raises(InputError, match=f"did you mean {meant}"):
        parse_duration(text)
