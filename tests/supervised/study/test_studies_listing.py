"""``python -m supervised.runs studies``: what the storages of a folder's studies hold."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import optuna
import pytest
from optuna.exceptions import ExperimentalWarning

from supervised.runs.__main__ import main
from supervised.study.storages.listing import read_study

OPTIONS = {"kind": "ppo", "options": {"objective": "exact"}}


def made(folder: Path, name: str, *, journal: bool = False) -> None:
    (folder / name).mkdir(parents=True)
    storage: optuna.storages.BaseStorage
    if journal:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            file = optuna.storages.journal.JournalFileBackend(str(folder / name / "journal.log"))
            storage = optuna.storages.JournalStorage(file)
    else:
        storage = optuna.storages.RDBStorage(f"sqlite:///{folder / name / 'optuna.db'}")
    study = optuna.create_study(storage=storage, study_name=name, direction="maximize")
    study.set_user_attr("bracketgym", OPTIONS)
    for value in (0.25, 0.75, 0.5):
        study.tell(study.ask(), value)
    study.tell(study.ask(), state=optuna.trial.TrialState.FAIL)
    study.ask()
    if isinstance(storage, optuna.storages.RDBStorage):
        storage.engine.dispose()


@pytest.fixture
def studies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    root = tmp_path / "studies"
    made(root, "one")
    made(root, "two", journal=True)
    (root / "broken").mkdir()
    (root / "broken" / "optuna.db").write_bytes(b"nonsense" * 100)
    (root / "server").mkdir()
    (root / "server" / "storage_url.txt").write_text("postgresql+psycopg://me@nowhere.invalid/db\n")
    (root / "empty").mkdir()
    return root


def test_studies_are_listed_whatever_their_storage_is(studies: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["studies", "--sort", "name", "--json", "studies.json"]) == 0
    text = capsys.readouterr().out
    rows = {row["name"]: row for row in json.loads(Path("studies.json").read_text())["studies"]}
    assert list(rows) == ["broken", "empty", "one", "server", "two"]
    for name, storage in (("one", "SQLite"), ("two", "journal")):
        row = rows[name]
        assert (row["family"], row["objective"], row["best"], row["storage"]) == ("ppo", "exact", 0.75, storage)
        assert row["trials"] == {"COMPLETE": 3, "RUNNING": 1, "PRUNED": 0, "FAIL": 1, "WAITING": 0}
    assert "broken: cannot use sqlite:///optuna.db" in text
    assert rows["server"]["problem"] is None  # a server is not asked without --connect
    assert rows["server"]["storage"] == "postgresql+psycopg://me@nowhere.invalid/db"
    assert "there is no study" in rows["empty"]["problem"]


def test_a_secret_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "storage_url.txt").write_text("postgresql+psycopg://me:hush@host/db\n")
    assert "hush" not in str(read_study(tmp_path / "s"))


def test_a_study_goes_to_the_trash(studies: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["studies", "rm", "one", "--yes"]) == 0
    assert "back with: mv studies/.trash/one studies/one" in capsys.readouterr().out
    assert (studies / ".trash" / "one" / "optuna.db").exists()
    assert main(["studies", "rm", "empty", "--yes"]) == 2
