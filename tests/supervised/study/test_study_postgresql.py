"""A study on a real PostgreSQL server: three workers, one of them killed in the middle of a trial."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from optuna.trial import TrialState
from test_study_processes import after_trials, begin, check_whole, kill_in, run, stress
from toy_problem import SlowToy, Toy

from bracket_env import InputError
from supervised.study.best_files import PARAMS, refresh
from supervised.study.best_trial import best_from_database
from supervised.study.run import run_study
from supervised.study.storages import URL
from supervised.study.study import SURPLUS, TRIES, load
from supervised.tune.options import Tune

PROGRAMS = [*map(str, Path("/usr/lib/postgresql").glob("*/bin")), *os.environ["PATH"].split(os.pathsep)]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of a server of its own on a free port of this machine."""
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
        call("pg_ctl", "-w", "-l", str(folder / "log"), "-o", f"-h 127.0.0.1 -p {port} -k {folder}", "start")
        try:
            yield f"postgresql://tuner@127.0.0.1:{port}/postgres"
        finally:
            call("pg_ctl", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
def test_three_workers_and_one_of_them_killed(server: str, tmp_path: Path) -> None:
    task = begin(tmp_path / "killed", SlowToy, 3, server, n_trials=9, heartbeat=1, grace=3)
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
    assert best == best_from_database(server, task.name)
    assert (task.folder / PARAMS).read_text() == f'{{\n  "x": {best.params["x"]!r}\n}}\n'


@pytest.mark.slow
def test_another_machine_joins_with_the_name_and_the_url(server: str, tmp_path: Path) -> None:
    task = begin(tmp_path / "shared", Toy, 1, server, n_trials=4)
    run(task, 1)
    elsewhere = tmp_path / "elsewhere"
    from rich.console import Console

    options = Tune(resume="shared", storage=server, studies_dir=str(elsewhere), n_trials=6)
    with pytest.raises(InputError, match="there is no study"):
        run_study(Toy, Tune(resume="shared", studies_dir=str(elsewhere)), Console(quiet=True))
    folder = run_study(Toy, options, Console(quiet=True))
    assert (folder / URL).read_text() == server.replace("postgresql://", "postgresql+psycopg://") + "\n"
    study = load("shared", task.location, options)
    assert [trial.state for trial in study.get_trials()] == [TrialState.COMPLETE] * 6
    assert (folder / "best_model" / "best_model.safetensors").is_file()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_twenty_kills(server: str, tmp_path: Path) -> None:
    stress(begin(tmp_path / "stress", Toy, 1, server, n_trials=1000, heartbeat=1, grace=3))
