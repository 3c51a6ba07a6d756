"""What every command line has in common: terminals that cannot show everything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_runs import small_run
from typed_commands import typed

THREE = ("()", "【】", "{}")


def test_a_table_is_shown_where_the_encoding_lacks_its_dashes(tmp_path: Path) -> None:
    small_run(tmp_path / "runs", "gru", pairs=THREE, setting="bracket/Close-v0")
    scores = ["gru", "--n", "30", "--json", "e.json", "--csv", "e.csv", "--by", "closers", "--heat-map"]
    table = typed("supervised.evaluate", scores, tmp_path, encoding="cp932").ok()
    assert "oracle" in table
    assert " 0.0-" in table  # an interval
    assert json.loads((tmp_path / "e.json").read_text("utf-8"))["cases"] == 30
    assert (tmp_path / "e.csv").exists()


def test_brackets_that_an_encoding_lacks_are_shown_as_their_code(tmp_path: Path) -> None:
    small_run(tmp_path / "runs", "gru", pairs=THREE, setting="bracket/Close-v0")
    answers = typed("supervised.predict", ["gru", "({【", "--json", "p.json"], tmp_path, encoding="cp1252").ok()
    (row,) = json.loads((tmp_path / "p.json").read_text("utf-8"))
    assert answers == row["completion"].encode("cp1252", "backslashreplace").decode("cp1252") + "\n"


@pytest.mark.parametrize("encoding", ["ascii", "cp932"])
def test_help_is_shown_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    assert "--runs-dir" in typed("supervised.train", ["--help"], tmp_path, encoding=encoding).ok()
