"""Where trials are kept: found again, healed, refused in one line; and the best one read straight from there."""

from __future__ import annotations

import importlib.util
import json
import random
import sqlite3
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState, create_trial
from sqlalchemy.exc import IntegrityError, OperationalError

from bracket_env import InputError
from supervised.study.best_trial import best_from_database
from supervised.study.storages.location import (
    JOURNAL,
    SQLITE,
    URL_FILE,
    Location,
    find_location,
    new_location,
    parse_location,
    remember_location,
    sqlite,
)
from supervised.study.storages.opening import open_storage
from supervised.study.storages.server import patiently

X = {"x": optuna.distributions.FloatDistribution(0, 1)}


def opened(location: Location) -> optuna.storages.BaseStorage:
    return open_storage(location, lambda study, trial: None)


def locations(folder: Path) -> list[Location]:
    return [new_location(folder, None, jobs) for jobs in (1, 2)]


def test_one_worker_gets_sqlite_and_several_a_journal(tmp_path: Path) -> None:
    assert locations(tmp_path) == [sqlite(tmp_path / SQLITE), Location(tmp_path / JOURNAL)]
    for jobs in (1, 2):
        folder = tmp_path / str(jobs)
        folder.mkdir()
        location = new_location(folder, None, jobs)
        opened(location)
        assert find_location(folder, None) == location


SECRETS = [
    "postgresql://me:hush@host:5433/studies",
    "postgresql://host/studies?password=hush",
    "postgresql://host/studies?sslpassword=hush&sslmode=require",
    "postgresql://host/studies?passfile=hush",
    "mysql://me:hush@host/studies?ssl_key_password=hush",
    "postgresql://me:hush%20@host/studies?client_secret=hush",
]


@pytest.mark.parametrize("url", SECRETS)
def test_no_secret_of_a_url_is_shown_or_kept(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    location = new_location(tmp_path, url, 1)
    assert location.on_server
    remember_location(tmp_path, location)
    kept = (tmp_path / URL_FILE).read_text()
    told = location.without_secrets("psycopg says: no hush for hush")
    for text in (str(location), repr(location), f"{location}", kept, told, repr((location,))):
        assert "hush" not in text
        assert "***" in text
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "none"))
    monkeypatch.delenv("PGPASSWORD", raising=False)
    with pytest.raises(InputError, match=f"{URL_FILE} keeps no password: give the whole URL with --storage"):
        find_location(tmp_path, None)
    assert find_location(tmp_path, url) == location


def test_a_url_without_a_secret_is_kept_whole(tmp_path: Path) -> None:
    for url in ("postgresql://me@[::1]:5433/studies?sslmode=require", "mysql://host/studies", "postgres://host/x"):
        location = new_location(tmp_path, url, 1)
        remember_location(tmp_path, location)
        assert find_location(tmp_path, None) == location
    assert str(location) == "postgresql+psycopg://host/x"


def test_the_password_may_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remember_location(tmp_path, parse_location("postgresql://me:hush@host/studies?sslmode=require"))
    monkeypatch.setenv("PGPASSWORD", "hush")
    assert find_location(tmp_path, None) == parse_location("postgresql://me@host/studies?sslmode=require")
    remember_location(tmp_path, parse_location("mysql://me:hush@host/studies"))
    with pytest.raises(InputError, match="keeps no password"):
        find_location(tmp_path, None)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("here", "--storage must be a database URL such as postgresql://HOST/DATABASE, not 'here'"),
        ("oracle://host/x", "--storage must be a URL of sqlite, postgresql or mysql, not of 'oracle'"),
        ("sqlite://", "--storage sqlite:// keeps nothing: name a file"),
        ("sqlite:///a?1", "write it as %3F"),
        ("postgresql://u:hush@localhost:port/db", "what follows postgresql:// cannot be read (is the port a number"),
        ("postgresql://u:hush@[::1/db", "what follows postgresql:// cannot be read"),
        ("postgresql://u:hush@host:/db", "what follows postgresql:// cannot be read"),
        ("postgresql:/u:hush@h/db", "what was typed is not shown here, since it may hold a password"),
        ("hush@host", "what was typed is not shown here"),
        ("host/db?password=hush", "what was typed is not shown here"),
    ],
)
def test_a_wrong_url(url: str, message: str, tmp_path: Path) -> None:
    for refuse in (new_location, lambda folder, text, jobs: find_location(folder, text)):
        with pytest.raises(InputError) as error:
            refuse(tmp_path, url, 1)
        assert message in str(error.value)
        assert "hush" not in str(error.value)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["a?1", "p%20cent", "#1", "two words", "括弧 {}", "a@b:c", "{x}", "%s", "it's"])
@pytest.mark.parametrize("jobs", [1, 2])
def test_the_database_lies_where_the_study_is_whatever_its_name(name: str, jobs: int, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    study = optuna.create_study(storage=opened(new_location(folder, None, jobs)), study_name=name)
    study.add_trial(create_trial(value=1.0, params={"x": 0.5}, distributions=X))
    assert {path.name for path in tmp_path.iterdir()} == {name}
    assert (folder / (SQLITE if jobs == 1 else JOURNAL)).is_file()
    again = optuna.load_study(storage=opened(find_location(folder, None)), study_name=name)
    assert [trial.value for trial in again.trials] == [1.0]
    found = [best_from_database(where) for where in (folder, find_location(folder, None))]
    assert [best and best.value for best in found] == [1.0, 1.0]


def test_a_database_of_ones_own_is_found_again_by_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "study").mkdir()
    monkeypatch.chdir(tmp_path)
    location = new_location(tmp_path / "study", "sqlite:///mine.db", 1)
    assert location == sqlite(tmp_path / "mine.db")
    opened(location)
    remember_location(tmp_path / "study", location)
    monkeypatch.chdir(tmp_path / "study")
    assert find_location(tmp_path / "study", None) == location
    (tmp_path / "mine.db").unlink()
    for typed in (None, "sqlite:////nowhere/x.db"):
        with pytest.raises(InputError, match=r"there is no database .*, where the study lies as"):
            find_location(tmp_path / "study", typed)
    assert not (tmp_path / "mine.db").exists()


def test_no_study(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=f"there is no study {tmp_path}/gone: no {SQLITE}, {JOURNAL} or {URL_FILE} in it"
    ):
        find_location(tmp_path / "gone", None)


@pytest.mark.skipif(importlib.util.find_spec("pymysql") is not None, reason="the driver is installed")
def test_a_missing_driver_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"mysql.*needs a driver: pip install 'pymysql'"):
        opened(new_location(tmp_path, "mysql://host/x", 1))


def test_an_unreachable_server(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(InputError, match=r"cannot use postgresql\+psycopg://me:\*\*\*@127.0.0.1:1/x: ") as error:
        opened(new_location(tmp_path, "postgresql://me:secret@127.0.0.1:1/x", 1))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "content",
    [b"no database, but long enough to look like one" * 100, b'[1]\n"x"\n', b'{"a": 1}\n', b'{"op_code": 99}\n'],
)
@pytest.mark.parametrize("name", [SQLITE, JOURNAL])
def test_a_damaged_file_is_left_as_it_is(name: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content + b"\n")
    with pytest.raises(InputError, match=str(path)) as error:
        opened(find_location(tmp_path, None))
    assert "\n" not in str(error.value)
    assert path.read_bytes() == content + b"\n"


def test_a_server_that_is_away_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    away = OperationalError("SELECT 1", {}, Exception("terminating connection"))
    said: list[str] = []

    def answers(*results: Any) -> Any:
        left = list(results)

        def call() -> Any:
            result = left.pop(0)
            if isinstance(result, Exception):
                raise result
            return result

        return call

    assert patiently(answers(away, away, 3), say=said.append) == 3
    assert said == ["trying again for 2:00"]
    for error in (ValueError("no"), IntegrityError("INSERT", {}, Exception("twice"))):
        with pytest.raises(type(error)):
            patiently(answers(error, 3))
    with pytest.raises(OperationalError):
        patiently(answers(away, away, 3), patience=0.0)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for location in locations(tmp_path / "file"):
        with pytest.raises(InputError, match="cannot use ") as error:
            opened(location)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("cut", [1, 7, 30])
def test_a_journal_that_was_cut_short_heals(cut: int, tmp_path: Path) -> None:
    path = tmp_path / JOURNAL
    study = optuna.create_study(storage=opened(Location(path)), study_name="s")
    study.add_trial(create_trial(value=1.0, params={"x": 0.5}, distributions=X))
    whole = path.read_bytes()
    study.add_trial(create_trial(value=2.0, params={"x": 0.6}, distributions=X))
    path.write_bytes(path.read_bytes()[:-cut])
    assert len(path.read_bytes()) > len(whole)
    again = optuna.load_study(storage=opened(Location(path)), study_name="s")
    assert [trial.value for trial in again.trials] == [1.0]
    again.add_trial(create_trial(value=3.0, params={"x": 0.7}, distributions=X))
    lines = path.read_bytes().splitlines()
    assert path.read_bytes().startswith(whole)
    assert all(json.loads(line) for line in lines)
    for storage in (opened(Location(path)), again._storage):
        assert [trial.value for trial in optuna.load_study(storage=storage, study_name="s").trials] == [1.0, 3.0]


def filled(location: Location, seed: int, directions: list[str], name: str = "s") -> optuna.Study:
    draw = random.Random(seed)
    study = optuna.create_study(storage=opened(location), study_name=name, directions=directions)
    for number in range(12):
        state = TrialState.COMPLETE if number < 3 else draw.choice(list(TrialState))
        values = [round(draw.uniform(-1, 1), 1) for _ in directions] if state == TrialState.COMPLETE else None
        parts: dict[str, Any] = {"params": {"x": draw.random()}, "distributions": X, "user_attrs": {"n": number}}
        study.add_trial(create_trial(state=state, values=values, **parts))
    return study


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("kind", [0, 1])
def test_the_best_value_is_that_of_optuna(kind: int, direction: str, tmp_path: Path) -> None:
    location = locations(tmp_path)[kind]
    study = filled(location, 3 + kind, [direction])
    file = location.file
    assert file is not None
    texts = [str(location)] * (kind == 0)
    for where in (location, file, str(file), tmp_path, *texts):
        best = best_from_database(where)
        assert best is not None
        assert best.value == study.best_value
        twin = study.trials[best.number]
        assert (twin.value, best.params, best.attributes) == (best.value, twin.params, twin.user_attrs)
    bare = {"minimize": min, "maximize": max}[direction]
    assert bare(t.value for t in study.trials if t.state == TrialState.COMPLETE and t.value is not None) == best.value


@pytest.mark.parametrize("kind", [0, 1])
def test_of_two_objectives_the_first_one_decides(kind: int, tmp_path: Path) -> None:
    location = locations(tmp_path)[kind]
    study = optuna.create_study(storage=opened(location), study_name="s", directions=["maximize", "minimize"])
    for values in ([0.5, 1.0], [1.0, 9.0], [1.0, 7.0], [1.0, 7.0], [0.9, 0.0]):
        study.add_trial(create_trial(values=values, params={"x": 0.5}, distributions=X))
    best = best_from_database(location)
    assert best is not None
    assert (best.number, best.value) == (2, 1.0)


def test_sqlite_needs_no_optuna_to_be_read(tmp_path: Path) -> None:
    """The join of the documentation, typed by hand, gives the same."""
    study = filled(locations(tmp_path)[0], 11, ["minimize"])
    with sqlite3.connect(tmp_path / SQLITE) as connection:
        found = connection.execute(
            "SELECT MIN(v.value) FROM trial_values v JOIN trials t USING (trial_id) JOIN studies s USING (study_id) "
            "WHERE s.study_name = 's' AND t.state = 'COMPLETE' AND v.value_type = 'FINITE' AND v.objective = 0"
        ).fetchone()
    connection.close()
    assert found == (study.best_value,)


@pytest.mark.parametrize("kind", [0, 1])
def test_which_study(kind: int, tmp_path: Path) -> None:
    location = locations(tmp_path)[kind]
    optuna.create_study(storage=opened(location), study_name="empty")
    assert best_from_database(location) is None
    study = filled(location, 5, ["minimize"], "other")
    best = best_from_database(location, "other")
    assert best is not None
    assert (best.study, best.value) == ("other", study.best_value)
    with pytest.raises(InputError, match="several studies or none: name one"):
        best_from_database(location)
    with pytest.raises(InputError, match="no study 'third'"):
        best_from_database(location, "third")
    with pytest.raises(InputError, match=r"cannot read .*gone.db"):
        best_from_database(tmp_path / "gone.db")
    assert not (tmp_path / "gone.db").exists()
