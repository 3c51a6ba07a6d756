"""No message shows a secret of a URL, whoever wrote it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typed_commands import quickly

from bracket_env.words.secrets import without_secrets


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("at postgresql://me:hush@host/db now", "at postgresql://me:***@host/db now"),
        ("'mysql://me:hu@sh@host/db'", "'mysql://me:***@host/db'"),
        ("postgresql://:hush@host", "postgresql://:***@host"),
        ("x://h/d?a=1&password=hush&sslPassword=hush", "x://h/d?a=1&password=***&sslPassword=***"),
        ("x://h/d?passfile=hush y", "x://h/d?passfile=*** y"),
        ("postgresql://me:***@host/db", "postgresql://me:***@host/db"),
        ("cannot use x://h/d?password=***: refused", "cannot use x://h/d?password=***: refused"),
        ("postgresql://me@host:5432/db?sslmode=require", "postgresql://me@host:5432/db?sslmode=require"),
        ("--steps 3: at 10:30 a@b", "--steps 3: at 10:30 a@b"),
    ],
)
def test_secrets_of_urls(text: str, shown: str) -> None:
    assert without_secrets(text) == shown


URL = "postgresql://u:hush@nowhere.invalid:port/db?sslpassword=hush"


@pytest.mark.parametrize(
    "words",
    [
        ["--storage", URL],
        ["--storage", URL, "--storage", "x"],
        ["--storage=", URL],
        [f"--storag={URL}"],
        ["--name", "x", URL],
        ["--resume", "x", "--storage", URL],
        ["--best", "x", "--storage", URL],
        ["--json", URL],
    ],
)
def test_no_command_line_gives_a_secret_away(words: list[str], tmp_path: Path) -> None:
    done = quickly("supervised.tune", words, tmp_path)
    assert done.refused()
    assert "hush" not in done.out + done.err
