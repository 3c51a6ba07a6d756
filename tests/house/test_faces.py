"""What a user imports: four packages with public names, one version, types, and nothing heavy until it is asked for."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from house.reading import HEAVY, PACKAGES, read
from paths import ROOT


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_there_and_says_what_it_is(package: str) -> None:
    module = importlib.import_module(package)
    for name in module.__all__:
        found = getattr(module, name)
        assert found is not None
        if callable(found):
            assert found.__module__.split(".")[0] in PACKAGES
            assert found.__doc__, name
    with pytest.raises(AttributeError, match="nothing"):
        getattr(module, "nothing")  # noqa: B009


@pytest.mark.parametrize("package", PACKAGES)
def test_type_checkers_see_every_public_name(package: str) -> None:
    """A name that is found lazily is also imported for the type checker, from the same place."""
    module = importlib.import_module(package)
    imported = read().modules[package].names
    for name in module.__all__:
        if name in imported:
            home, there = imported[name]
            assert getattr(module, name) is getattr(importlib.import_module(home), there)
        else:
            assert name in vars(module)


def test_importing_the_packages_loads_nothing_heavy() -> None:
    code = f"import sys, {', '.join(PACKAGES)}\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stdout.strip() == "[]", done.stderr


def test_the_four_packages_have_one_version() -> None:
    assert len({importlib.import_module(package).__version__ for package in PACKAGES}) == 1


def test_the_wheel_has_every_file_that_the_packages_need(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for package in PACKAGES:
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    build = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", build, str(tmp_path)], cwd=source, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    [wheel] = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = {path.relative_to(source).as_posix() for package in PACKAGES for path in (source / package).rglob("*.*")}
    assert {f"{package}/py.typed" for package in PACKAGES} <= wanted
    assert wanted - names == set()
    assert wheel.name.startswith(f"bracketgym-{importlib.import_module(PACKAGES[0]).__version__}-")
