"""What a model looked at: on the screen, as numbers and as a picture."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console
from small_runs import small_run
from typed_commands import quickly

from supervised.models.attention_map import attention_json, attention_map, draw_attention, drawable
from supervised.runs.files.history import new_figure

READ = ["<bos>", *"({【" * 12, "<sep>", "】"]
WRITTEN = ["】", "END"]
WEIGHTS = np.eye(2, len(READ)) * 0.75


def test_a_long_prefix_takes_several_blocks_that_each_say_what_was_written() -> None:
    file = io.StringIO()
    Console(width=60, file=file).print(attention_map(WEIGHTS, written=WRITTEN, read=READ))
    lines = file.getvalue().splitlines()
    assert max(map(len, lines)) <= 60
    heads = [line.split() for line in lines if line.startswith(" wrote")]
    assert len(heads) > 1
    assert [token for head in heads for token in head[2:]] == ["bos", *READ[1:-2], "sep", "】"]
    assert sum(line.startswith(" END") for line in lines) == len(heads)
    assert sum("75%" in line for line in lines) == 2 * len(heads)


def test_the_numbers_of_an_attention() -> None:
    found = attention_json(WEIGHTS, written=WRITTEN, read=READ)
    assert (found["written"], found["read"]) == (WRITTEN, READ)
    assert np.allclose(found["weights"], WEIGHTS)


def test_a_picture_has_a_tick_for_every_token_that_its_font_can_draw() -> None:
    figure = new_figure(6, 3)
    axis = figure.add_subplot()
    draw_attention(axis, WEIGHTS, title="({【 → 】", written=WRITTEN, read=READ)
    figure.canvas.draw()  # a glyph that is missing is a warning, and warnings are errors
    assert [label.get_text() for label in axis.get_xticklabels()][:4] == ["bos", "(", "{", drawable("【")]
    assert drawable("(a)") == "(a)"
    assert drawable("\u3041") == "3041"


def test_predict_shows_writes_and_draws_it(tmp_path: Path) -> None:
    small_run(tmp_path / "runs", "tf", architecture="transformer", masked=True)
    asked = ["tf", "([" * 10, "(", "--show-attention", "--json", "a.json", "--attention-plot", "a.png"]
    shown = quickly("supervised.predict", asked, tmp_path).ok()
    assert shown.count("attention") == 2
    rows = json.loads((tmp_path / "a.json").read_text("utf-8"))
    assert [row["prefix"] for row in rows] == ["([" * 10, "("]
    for row in rows:
        attention = row["attention"]
        assert attention["read"][: len(row["prefix"]) + 2] == ["<bos>", *row["prefix"], "<sep>"]
        assert np.allclose(np.sum(attention["weights"], axis=1), 1, atol=1e-4)
    with Image.open(tmp_path / "a.png") as image:
        assert image.size[0] > 300
    idle = quickly("supervised.predict", ["tf", "--attention-plot", "b.png"], tmp_path).refused()
    assert idle == "--attention-plot b.png needs prefixes on the command line, or --cases"
