"""A study on a real PostgreSQL server: three workers, one of them killed in the middle of a trial."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from optuna.trial import FrozenTrial, TrialState
from test_study_processes import after_trials, begin, check_whole, kill_in, run, stress
from toy_problem import SlowToy, Toy

from bracket_env import InputError
from supervised.study.best_files import PARAMS, refresh
from supervised.study.best_trial import best_from_database
from supervised.study.locks import own_lock
from supervised.study.pool import Pool
from supervised.study.run import run_study
from supervised.study.storages.location import URL_FILE as URL
from supervised.study.study import SURPLUS, TRIES, WORKER, load
from supervised.study.workers import recover
from supervised.tune.options import Tune

PROGRAMS = [*map(str, Path("/usr/lib/postgresql").glob("*/bin")), *os.environ["PATH"].split(os.pathsep)]


@dataclass(frozen=True)
class Server:
    """A running one."""

    url: str
    start: Callable[[], None]
    stop: Callable[[], None]
    """Without waiting for anybody's work."""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server of its own on a free port of this machine."""
    pytest.importorskip("psycopg")
    programs = {name: shutil.which(name, path=os.pathsep.join(PROGRAMS)) for name in ("initdb", "pg_ctl")}
    if None in programs.values():
        pytest.skip("no PostgreSQL server is installed")
    # It refuses to run as root.
    user = "postgres" if os.getuid() == 0 else None
    folder = Path(tempfile.mkdtemp())
    if user is not None:
        shutil.chown(folder, user)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def call(name: str, *arguments: str) -> None:
        command = [str(programs[name]), "-D", str(folder / "data"), *arguments]
        subprocess.run(command, user=user, cwd=folder, check=True, stdout=subprocess.DEVNULL, timeout=120)

    try:
        call("initdb", "-U", "tuner", "--auth=trust")
        options = ("-w", "-l", str(folder / "log"), "-o", f"-h 127.0.0.1 -p {port} -k {folder}")
        found = Server(
            f"postgresql://tuner@127.0.0.1:{port}/postgres",
            start=lambda: call("pg_ctl", *options, "start"),
            stop=lambda: call("pg_ctl", "-w", "-m", "immediate", "stop"),
        )
        found.start()
        try:
            yield found
        finally:
            found.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
def test_three_workers_and_one_of_them_killed(server: Server, tmp_path: Path) -> None:
    task = begin(tmp_path / "killed", SlowToy, 3, server.url, n_trials=9, heartbeat=1, grace=3)
    eye = load(task.name, task.location, task.problem.options)
    thread = after_trials(eye, 2, kill_in(eye))
    reason, said, study = run(task, 3)
    thread.join()
    assert reason == "finished"
    assert len(said) == 1
    assert "ended by SIGKILL" in said[0]
    check_whole(task, study)
    lost = [t for t in study.get_trials() if t.state == TrialState.FAIL and not t.user_attrs.get(SURPLUS)]
    assert len(lost) == 1
    again = [t for t in study.get_trials() if t.user_attrs.get(TRIES) == 1]
    assert [(t.params, t.state) for t in again] == [(lost[0].params, TrialState.COMPLETE)]
    best = refresh(task, lambda text: None)
    assert best is not None
    assert best == best_from_database(server.url, task.name)
    assert (task.folder / PARAMS).read_text() == f'{{\n  "x": {best.params["x"]!r}\n}}\n'


@pytest.mark.slow
def test_another_machine_joins_with_the_name_and_the_url(server: Server, tmp_path: Path) -> None:
    task = begin(tmp_path / "shared", Toy, 1, server.url, n_trials=4)
    run(task, 1)
    elsewhere = tmp_path / "elsewhere"
    from rich.console import Console

    options = Tune(resume="shared", storage=server.url, studies_dir=str(elsewhere), n_trials=6)
    with pytest.raises(InputError, match="there is no study"):
        run_study(Toy, Tune(resume="shared", studies_dir=str(elsewhere)), Console(quiet=True))
    folder = run_study(Toy, options, Console(quiet=True))
    assert (folder / URL).read_text() == server.url.replace("postgresql://", "postgresql+psycopg://") + "\n"
    study = load("shared", task.location, options)
    assert [trial.state for trial in study.get_trials()] == [TrialState.COMPLETE] * 6
    assert (folder / "best_model" / "best_model.safetensors").is_file()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_twenty_kills(server: Server, tmp_path: Path) -> None:
    stress(begin(tmp_path / "stress", Toy, 1, server.url, n_trials=1000, heartbeat=1, grace=3))


@pytest.mark.slow
def test_a_server_that_is_restarted_ends_nothing(server: Server, tmp_path: Path) -> None:
    task = begin(tmp_path / "restarted", SlowToy, 2, server.url, n_trials=6, heartbeat=1, grace=30)
    study = load(task.name, task.location, task.problem.options)

    def restart(running: list[FrozenTrial]) -> bool:
        server.stop()
        time.sleep(3)
        server.start()
        return True

    thread = after_trials(study, 2, restart)
    reason, said, study = run(task, 2)
    thread.join()
    assert (reason, said) == ("finished", [])
    check_whole(task, study)


@pytest.mark.slow
def test_a_server_that_stays_away_ends_in_one_line(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("supervised.study.storages.server.PATIENCE_SECONDS", 2.0)
    task = begin(tmp_path / "away", Toy, 1, server.url, n_trials=2)
    said: list[str] = []
    study = load(task.name, task.location, task.problem.options, task.folder, say=said.append)
    server.stop()
    try:
        began = time.monotonic()
        with pytest.raises(InputError, match=r"cannot use postgresql\+psycopg://tuner@127.*(refused|closed)"):
            Pool(task, 1, study).run(lambda: None, said.append)
        assert 2 <= time.monotonic() - began < 10
        assert said == [f"{task.location} does not answer: trying again for 0:02"]
    finally:
        server.start()


@pytest.mark.slow
def test_a_machine_that_slept_keeps_its_own_trials(server: Server, tmp_path: Path) -> None:
    task = begin(tmp_path / "slept", Toy, 1, server.url, heartbeat=1, grace=3)
    here = load(task.name, task.location, task.problem.options, task.folder)
    elsewhere = load(task.name, task.location, task.problem.options, tmp_path)
    with pytest.warns(UserWarning, match="Heartbeat"):
        trial = here.ask()
    with own_lock(task.folder) as token:
        trial.set_user_attr(WORKER, token)
        here._storage.record_heartbeat(trial._trial_id)  # type: ignore[attr-defined]
        time.sleep(4.5)
        recover(here, task.folder, task.location, 3)
        assert here.get_trials()[0].state == TrialState.RUNNING
        recover(elsewhere, tmp_path, task.location, 3)
        assert here.get_trials()[0].state == TrialState.FAIL
