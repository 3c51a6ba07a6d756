"""Columns of units, factors, numbers of homes, labels of absence, decimal commas: read right or asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bracket_env import InputError
from supervised.occupancy.homes.resampling import Resampled
from supervised.occupancy.meters.options import MeterOptions
from supervised.occupancy.meters.read import read_meter

WATTS = (780, 520, 640, 900)


def read(folder: Path, head: str, *rows: str, **options: object) -> Resampled:
    """A file of rows of a quarter of an hour, whose times are put before them."""
    path = folder / "home.csv"
    lines = [f"2024-01-01 00:{15 * i:02d},{row}" for i, row in enumerate(rows)]
    path.write_text("\n".join([f"time,{head}", *lines]) + "\n", "utf-8")
    return read_meter(path, 15, MeterOptions(**options))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["unit", "unit_of_measurement", "単位"])
def test_a_column_of_units_counts_in_each_row(name: str, tmp_path: Path) -> None:
    mixed = read(tmp_path, f"power,{name}", "0.78,kW", "520,W", "640,W", "0.9,kW")
    np.testing.assert_allclose(mixed.record.watts, WATTS)
    one = read(tmp_path, f"power,{name}", "0.78,kW", "0.52,kW", "0.64,kW", "0.9,kW")
    np.testing.assert_allclose(one.record.watts, WATTS)


@pytest.mark.parametrize("units", [("kW", "kWh"), ("W", ""), ("kVA", "kVA")])
def test_units_that_are_not_of_one_kind_are_refused(units: tuple[str, str], tmp_path: Path) -> None:
    rows = [f"{watts},{units[i % 2]}" for i, watts in enumerate(WATTS)]
    with pytest.raises(InputError, match=f"column 'unit' says '{units[0]}'.*'power'.*--unit"):
        read(tmp_path, "power,unit", *rows)
    np.testing.assert_array_equal(read(tmp_path, "power,unit", *rows, unit="W").record.watts, WATTS)


def test_the_number_of_a_flat_is_no_unit(tmp_path: Path) -> None:
    rows = [f"{watts},A-17" for watts in WATTS]
    np.testing.assert_array_equal(read(tmp_path, "power,unit", *rows).record.watts, WATTS)


def test_units_of_entities_count(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    rows = [f"sensor.house_power,{w / 1000},2024-01-01T00:{15 * i:02d}:00+01:00,kW" for i, w in enumerate(WATTS)]
    path.write_text("\n".join(["entity_id,state,last_changed,unit_of_measurement", *rows]) + "\n")
    np.testing.assert_allclose(read_meter(path, 15).record.watts, WATTS)


def test_cells_with_and_without_a_unit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'0.78 kW' in column 'power' is no number"):
        read(tmp_path, "power", "0.78 kW", "520", "640", "0.9 kW")


@pytest.mark.parametrize(
    ("name", "factor"),
    [("power (0.1kW)", 100), ("power [×10 W]", 10), ("電力量(×0.1kWh)", 400), ("energy 0.01 kWh", 40)],
)
def test_a_factor_before_the_unit_is_applied(name: str, factor: float, tmp_path: Path) -> None:
    found = read(tmp_path, name, *(f"{watts / factor:g}" for watts in WATTS))
    np.testing.assert_allclose(found.record.watts, WATTS)


def test_a_factor_counts_beside_the_unit_that_is_said(tmp_path: Path) -> None:
    found = read(tmp_path, "電力量(×0.1kWh)", *(f"{watts / 400:g}" for watts in WATTS), unit="kWh")
    np.testing.assert_allclose(found.record.watts, WATTS)


@pytest.mark.parametrize(
    ("name", "shown"), [("heat pump (10 kW)", "10"), ("power kW×10", "kW×10"), ("1/10kW", "1/10kW")]
)
def test_a_factor_that_may_be_something_else_is_asked_for(name: str, shown: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"is '{shown}' in column .* a factor or something else.*--unit"):
        read(tmp_path, name, *map(str, WATTS))
    np.testing.assert_array_equal(read(tmp_path, name, *map(str, WATTS), unit="W").record.watts, WATTS)


@pytest.mark.parametrize("number", ["1", "3"])
def test_the_number_of_a_home_is_no_label(number: str, tmp_path: Path) -> None:
    found = read(tmp_path, "home,power_W", *(f"{number},{watts}" for watts in WATTS))
    assert (found.record.present == -1).all()
    assert any(f"'home' is {number} in every row" in line and "--occupancy-column" in line for line in found.lines())


def test_labels_that_never_change_are_said(tmp_path: Path) -> None:
    found = read(tmp_path, "power_W,occupied", *(f"{watts},1" for watts in WATTS))
    assert (found.record.present == 1).all()
    assert any("'occupied' says the same in every row" in line for line in found.lines())


@pytest.mark.parametrize("name", ["不在", "absent", "is_away", "vacant"])
def test_a_column_of_absence_is_turned_round(name: str, tmp_path: Path) -> None:
    rows = [f"{watts},{label}" for watts, label in zip(WATTS, ("1", "0", "no", "yes"), strict=True)]
    found = read(tmp_path, f"power_W,{name}", *rows, occupancy_column=name)
    np.testing.assert_array_equal(found.record.present, [0, 1, 1, 0])
    assert any(f"labels '{name}', where yes is nobody" in line for line in found.lines())
    words = [f"{watts},{label}" for watts, label in zip(WATTS, ("away", "home", "在宅", "不在"), strict=True)]
    found = read(tmp_path, f"power_W,{name}", *words, occupancy_column=name)
    np.testing.assert_array_equal(found.record.present, [0, 1, 1, 0])


def test_a_home_that_is_named_as_power_is_power(tmp_path: Path) -> None:
    found = read(tmp_path, "home", *map(str, WATTS), power_columns=("home",), unit="W")
    np.testing.assert_array_equal(found.record.watts, WATTS)


def test_a_decimal_comma_beside_a_spare_column_is_asked_for(tmp_path: Path) -> None:
    rows = ["1,780,", "0,520,", "2,640,", "1,900,"]
    with pytest.raises(InputError, match=r":2: 4 cells where the header has 3: is the comma of 1,780 a decimal sign\?"):
        read(tmp_path, "power_kW,note", *rows)
    np.testing.assert_array_equal(read(tmp_path, "power_kW,note,", *rows).record.watts, [1000, 0, 2000, 1000])
    labelled = read(tmp_path, "power_W,occupied", *(f"{watts},1," for watts in WATTS))
    np.testing.assert_array_equal(labelled.record.watts, WATTS)
