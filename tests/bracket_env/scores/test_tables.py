"""Tables fit the terminal: words and columns give way, numbers never do."""

from __future__ import annotations

import ast
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paths import ROOT
from rich.console import Console
from rich.text import Text

from bracket_env.scores.tables import FittingTable, table


def lines(view: FittingTable, width: int, encoding: str = "utf-8") -> list[str]:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    Console(width=width, file=file).print(view)
    file.seek(0)
    return file.read().splitlines()


def numbered(columns: int, cell: str = "1,234,567") -> FittingTable:
    view = table("a title", ("name", *(f"column {i}" for i in range(columns))), left=("name",), caption="a caption")
    view.add_row("gru-1", *(cell for _ in range(columns)))
    view.add_row("a much longer name of a run", *("-" for _ in range(columns)))
    return view


def test_a_table_that_fits_has_wide_gaps_and_one_line_a_row() -> None:
    shown = [line.rstrip() for line in lines(numbered(2), 80)]
    assert shown[0] == "a title"
    assert " name                          column 0   column 1" in shown
    assert " gru-1                        1,234,567  1,234,567" in shown
    assert shown[-1] == "a caption"


def test_names_are_repeated_in_every_block() -> None:
    shown = lines(numbered(12), 80)
    assert sum(line.startswith(" gru-1 ") for line in shown) == 3
    assert sum(line.count("1,234,567") for line in shown) == 12
    assert [line.count("column") for line in shown if "column" in line] == [4, 4, 4]


def test_several_columns_can_be_the_key() -> None:
    view = table("", ("labels", "arm", *map(str, range(20))), left=("arm",), keys=2)
    view.add_row("3000", "sentence", *("100.0 (99.9)" for _ in range(20)))
    found = [line.split() for line in lines(view, 60) if "sentence" in line]
    assert len(found) > 3
    assert all(words[:2] == ["3000", "sentence"] for words in found)


def test_brackets_are_no_markup_and_styles_are_kept() -> None:
    view = table("[bold]", ("[/x]",), left=("[/x]",))
    view.add_row("[red]")
    view.add_row(Text("deep", style="on blue"))
    assert [line.strip() for line in lines(view, 60) if line.strip(" ─")] == ["[bold]", "[/x]", "[red]", "deep"]


def test_an_encoding_without_lines_gets_those_of_ascii() -> None:
    assert " -----" in "\n".join(lines(numbered(1), 80, "ascii"))


def test_a_row_has_at_most_a_cell_for_every_column() -> None:
    view = table("", ("a", "b"))
    view.add_row("1")
    with pytest.raises(ValueError, match="3 cells for 2 columns"):
        view.add_row("1", "2", "3")


WORDS = st.text("abcdefgh -", min_size=0, max_size=70)
NUMBERS = st.integers(0, 10**10 - 1).map("{:,}".format)
TABLES = st.integers(1, 12).flatmap(
    lambda n: st.tuples(
        st.lists(WORDS.filter(str.strip), min_size=n, max_size=n),
        st.lists(st.booleans(), min_size=n, max_size=n),
        st.lists(st.lists(st.tuples(WORDS, NUMBERS), min_size=n, max_size=n), min_size=1, max_size=4),
    )
)


@given(TABLES, st.sampled_from([60, 80, 120]))
def test_no_number_is_cut_and_no_line_is_too_long(
    content: tuple[list[str], list[bool], list[list[tuple[str, str]]]], width: int
) -> None:
    texts, words, rows = content
    headings = [f"h{i} {' '.join(text.split())[:40]}" for i, text in enumerate(texts)]
    view = table("title", headings, left=[h for h, word in zip(headings, words, strict=True) if word])
    for row in rows:
        view.add_row(*(text if word else number for (text, number), word in zip(row, words, strict=True)))
    shown = lines(view, width)
    assert max(map(len, shown)) <= width
    assert "…" not in "".join(shown)
    for row in rows:
        for (_, number), word in zip(row, words, strict=True):
            assert word or any(number in line.split() for line in shown)


def test_every_table_of_the_project_is_made_in_one_place() -> None:
    makers = []
    for folder in ("bracket_env", "ncl_reward", "supervised", "agents", "benchmarks", "examples"):
        for path in Path(ROOT, folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.ImportFrom) and node.module in ("rich.table", "rich.box"):
                    makers.append(path.relative_to(ROOT).as_posix())
    assert makers == ["bracket_env/scores/tables.py"]
