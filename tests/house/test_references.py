"""What documents and docstrings name is there: modules, what is in them, files."""

from __future__ import annotations

from pathlib import Path

import pytest
from house.reading import PACKAGES, read
from house.references import dead_files, dead_names
from paths import ROOT

HOUSE = read(ROOT, (*PACKAGES, "benchmarks"))
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
FOLDERS = (*PACKAGES, "benchmarks", "examples", "docs", "tests")
SOURCES = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
MADE_BY_A_RECIPE = {"CONTRIBUTING.md: ncl_reward/book/stop_at_once.json"}
MADE_UP = ROOT / "tests/house"  # houses that break a law


def test_the_documents_name_what_is_there() -> None:
    assert set(dead_in(DOCUMENTS)) == MADE_BY_A_RECIPE


def test_the_docstrings_and_comments_name_what_is_there() -> None:
    assert not dead_in([path for path in SOURCES if not path.is_relative_to(MADE_UP)])


def dead_in(paths: list[Path]) -> list[str]:
    texts = ((path.relative_to(ROOT), path.read_text("utf-8")) for path in sorted(paths))
    return [f"{path}: {name}" for path, text in texts for name in [*dead_names(text, HOUSE), *dead_files(text, ROOT)]]


@pytest.mark.parametrize(
    "text",
    [
        "see :mod:`bracket_env.gone`",
        "`bracket_env.language.Gone`",
        ":meth:`bracket_env.language.BracketLanguage.gone`",
        "from bracket_env.language import BracketLanguage, Gone",
        "python -m benchmarks.gone --full",
    ],
)
def test_a_name_that_is_gone_is_found(text: str) -> None:
    assert list(dead_names(text, HOUSE))


@pytest.mark.parametrize(
    "text",
    [
        "see :mod:`bracket_env.language` and `supervised.train`.",
        "python -m supervised.train --name gone",
        ":meth:`~bracket_env.language.BracketLanguage.completion`",
        "from bracket_env.language import DEFAULT_PAIRS, BracketLanguage",
        "the stream supervised/train, the file supervised.safetensors",
    ],
)
def test_a_name_that_is_there_is_none(text: str) -> None:
    assert not list(dead_names(text, HOUSE))


def test_a_file_that_is_gone_is_found() -> None:
    assert list(dead_files("see docs/gone.md, docs/scores.md and tests/gone/test_it.py", ROOT)) == [
        "docs/gone.md",
        "tests/gone/test_it.py",
    ]
