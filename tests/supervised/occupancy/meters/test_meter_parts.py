"""What one home uses is taken once: never export, never two quantities as one, never a column twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bracket_env import InputError
from supervised.occupancy.homes.resampling import Resampled
from supervised.occupancy.meters.options import MeterOptions
from supervised.occupancy.meters.read import read_meter

VALUES = {"a": (400, 500, 300, 800), "b": (100, 40, 90, 55), "c": (70, 20, 60, 30)}


def read(
    folder: Path, heads: str, options: dict[str, object] | None = None, **columns: tuple[object, ...]
) -> Resampled:
    """A file of four quarters of an hour; the columns are those of ``VALUES`` or given."""
    names = heads.split(";")
    cells = list((columns or dict(list(VALUES.items())[: len(names) - 1])).values())
    rows = [";".join([f"2024-01-01 00:{15 * i:02d}", *(str(c[i]) for c in cells)]) for i in range(4)]
    path = folder / "home.csv"
    path.write_text("\n".join([heads, *rows]) + "\n", "utf-8")
    return read_meter(path, 15, MeterOptions(**options or {}))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "heads",
    [
        "日時;買電(W);余剰(W)",
        "日時;購入電力(W);余剰電力(W)",
        "Zeit;Bezug (W);Lieferung (W)",
        "Zeit;Bezug (W);Rücklieferung (W)",
        "time;Import (W);Sent (W)",
        "time;From Grid (W);To Grid (W)",
        "time;From utility (W);To utility (W)",
        "time;Bought (W);Sold (W)",
        "time;prelevata (W);immessa (W)",
        "time;Pobór (W);Oddanie (W)",
        "time;Forbrug (W);Salg (W)",
        "time;+A (W);-A (W)",
        "time;P+ (W);P- (W)",
        "time;1.8.0 (W);2.8.0 (W)",
        "time;1.8.0 (W);1.8.1 (W)",
        "time;Your usage (W);Similar homes (W)",
    ],
)
def test_export_and_other_homes_are_left_out(heads: str, tmp_path: Path) -> None:
    np.testing.assert_array_equal(read(tmp_path, heads).record.watts, VALUES["a"])


@pytest.mark.parametrize(
    "heads",
    [
        "time;Energy Delivered (W);Energy Received (W)",
        "time;Import (W);Something (W)",
        "time;From Grid (W);Fridge (W)",
        "time;Import T1 (W);Import T2 (W);Net (W)",
        "time;House 1 (W);House 2 (W)",
        "time;Use 2023 (W);Use 2024 (W)",
        "time;L1 (W);L2 (W);Fridge (W)",
        "time;Import (W);Grid (W)",
        "time;Uptake (W);Release (W)",
        "time;fridge_W;total_Wh",
        "time;energy p (W);energy e (W)",
    ],
)
def test_columns_that_may_be_other_quantities_are_asked_for(heads: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"'{heads.split(';')[1].split(' (')[0]}.*--power-columns") as raised:
        read(tmp_path, heads)
    assert "\n" not in str(raised.value)
    named = read(tmp_path, heads, {"power_columns": tuple(heads.split(";")[1:3]), "unit": "W"})
    np.testing.assert_array_equal(named.record.watts, np.add(VALUES["a"], VALUES["b"]))


@pytest.mark.parametrize(
    "heads",
    [
        "time;fridge_W;rest_W",
        "time;Phase A (W);Phase B (W)",
        "time;L1 (W);L2 (W)",
        "time;Import T1 (W);Import T2 (W)",
        "time;Import day (W);Import night (W)",
        "time;day_W;night_W",
        "time;HP (W);HC (W)",
        "time;Total L1 (W);Total L2 (W)",
        "time;Lights (W);Plugs (W)",
        "time;sensor.phase_a_power;sensor.phase_b_power",
        "time;1.8.1 (W);1.8.2 (W)",
        "日時;リビング(W);エアコン(W)",
    ],
)
def test_parts_of_one_home_are_summed(heads: str, tmp_path: Path) -> None:
    np.testing.assert_array_equal(read(tmp_path, heads).record.watts, np.add(VALUES["a"], VALUES["b"]))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("a_W", "a_W"), "'a_W' twice"),
        (("a_W", "occupied"), "'occupied', the column of times or of labels"),
        (("a_W", "time"), "'time', the column of times or of labels"),
    ],
)
def test_a_column_is_power_once_and_nothing_else(names: tuple[str, ...], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"--power-columns names {message}"):
        read(tmp_path, "time;a_W;occupied", {"power_columns": names}, a=VALUES["a"], who=(1, 0, 1, 0))
