"""The benchmark runner loses nothing that was measured and never mixes what should be apart."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from paths import ROOT
from rich.console import Console

from benchmarks.common import grid
from benchmarks.common.grid import GridOptions, code_version, config_hash, load_results, run_grid
from bracket_env import InputError


@dataclass(frozen=True)
class Square:
    """A job that takes no time."""

    number: int
    folder: str = ""


def square(job: Square) -> dict[str, Any]:
    """Also leaves a trace of every run; number 13 is unlucky."""
    if job.number == 13:
        raise RuntimeError("unlucky")
    with open(Path(job.folder) / "trace", "a", encoding="utf-8") as file:
        file.write(f"{job.number}\n")
    return {"square": job.number**2, "threads": os.environ["OMP_NUM_THREADS"]}


def silent() -> Console:
    return Console(file=io.StringIO())


def traces(folder: Path) -> list[str]:
    return (folder / "trace").read_text().split()


@pytest.fixture
def options(tmp_path: Path) -> GridOptions:
    return GridOptions(workers=2, results_dir=str(tmp_path / "results"))


def test_results_come_in_order_and_each_job_runs_once(tmp_path: Path, options: GridOptions) -> None:
    jobs = [Square(n, str(tmp_path)) for n in (3, 1, 2)]
    found = run_grid("squares", jobs, square, options, silent())
    assert [(job.number, result["square"]) for job, result in found] == [(3, 9), (1, 1), (2, 4)]
    assert {result["threads"] for _, result in found} == {"1"}
    again = run_grid("squares", [*jobs, Square(4, str(tmp_path))], square, options, silent())
    assert [result["square"] for _, result in again] == [9, 1, 4, 16]
    assert sorted(traces(tmp_path)) == ["1", "2", "3", "4"]


def test_a_failure_is_said_and_not_kept(tmp_path: Path, options: GridOptions) -> None:
    console = silent()
    jobs = [Square(13, str(tmp_path)), Square(2, str(tmp_path))]
    found = run_grid("squares", jobs, square, options, console)
    assert [job.number for job, _ in found] == [2]
    assert "unlucky" in console.file.getvalue()  # type: ignore[attr-defined]


def test_results_of_another_commit_count_only_on_request(
    tmp_path: Path, options: GridOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [Square(5, str(tmp_path))]
    run_grid("squares", jobs, square, options, silent())
    monkeypatch.setattr(grid, "code_version", lambda: "another")
    assert run_grid("squares", jobs, square, replace(options, show=True), silent()) == []
    assert len(run_grid("squares", jobs, square, replace(options, show=True, any_commit=True), silent())) == 1
    run_grid("squares", jobs, square, options, silent())
    assert traces(tmp_path) == ["5", "5"]


def test_a_line_cut_by_a_kill_is_forgotten_and_a_damaged_one_is_named(tmp_path: Path, options: GridOptions) -> None:
    jobs = [Square(6, str(tmp_path))]
    run_grid("squares", jobs, square, options, silent())
    path = Path(options.results_dir) / "squares.jsonl"
    with open(path, "a", encoding="utf-8") as file:
        file.write('{"hash": "half')
    assert len(load_results(path)) == 1
    run_grid("squares", [*jobs, Square(7, str(tmp_path))], square, options, silent())
    assert [entry["config"]["number"] for entry in load_results(path)] == [6, 7]
    path.write_text("nonsense\n" + path.read_text())
    with pytest.raises(InputError, match=r"squares\.jsonl:1: damaged"):
        load_results(path)


def test_the_hash_follows_every_field_and_the_kind_of_job() -> None:
    @dataclass(frozen=True)
    class Cube:
        number: int
        folder: str = ""

    hashes = {config_hash(job) for job in (Square(1), Square(2), Square(1, "x"), Cube(1))}
    assert len(hashes) == 4
    assert config_hash(Square(1)) == config_hash(Square(1, ""))


def test_no_workers_is_refused(options: GridOptions) -> None:
    with pytest.raises(InputError, match="--workers must be at least 1, not 0"):
        run_grid("squares", [Square(1)], square, replace(options, workers=0), silent())


def test_the_version_changes_with_uncommitted_code(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)

    assert code_version(tmp_path) == "unversioned"
    git("init", "-q")
    for package in grid.CODE:
        (tmp_path / package).mkdir()
        (tmp_path / package / "a.py").write_text("1\n")
    git("add", "-A")
    git("commit", "-qm", "first")
    first = code_version(tmp_path)
    (tmp_path / "notes.md").write_text("no code\n")
    git("add", "-A")
    git("commit", "-qm", "second")
    assert code_version(tmp_path) == first
    (tmp_path / "agents" / "a.py").write_text("2\n")
    assert code_version(tmp_path).startswith(first + "+")


TOY = '''
"""A whole benchmark: how much a longer nap rests."""

import time
from benchmarks.common import GridOptions, by_seed, command, median_worst, publish, run_grid, table
from dataclasses import dataclass

@dataclass(frozen=True)
class Nap:
    length: int
    seed: int

def work(job):
    time.sleep(0.2)
    return {"rest": (job.length + job.seed) / 10}

def main(options):
    """Run what is missing and print the table."""
    jobs = [Nap(length, seed) for length in range(6) for seed in options.default_seeds()]
    rows = by_seed(run_grid("naps", jobs, work, options), ("length",))
    view = table("rest %, median (worst) seed", ("length", "rest"))
    for row in rows:
        view.add_row(str(row["length"]), median_worst(row["rest"]))
    publish(options, {"rows": rows}, view)

if __name__ == "__main__":
    command(GridOptions, main, "naps")
'''


def left_behind(folder: Path) -> list[str]:
    """Processes that still work in a folder, after giving them time to notice that their parent is gone."""
    for _ in range(50):
        found = [link.parent.name for link in Path("/proc").glob("[0-9]*/cwd") if _leads_to(link, folder)]
        if not found:
            break
        time.sleep(0.1)
    return found


def _leads_to(link: Path, folder: Path) -> bool:
    try:
        return os.readlink(link) == str(folder)
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks for left-over processes in /proc")
@pytest.mark.parametrize(
    "number", [signal.SIGKILL, signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_a_benchmark_is_one_file_and_goes_on_when_it_was_stopped(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "naps.py").write_text(TOY)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    path = tmp_path / "results" / "naps.jsonl"
    process = subprocess.Popen(
        [sys.executable, "naps.py", "--full"],
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
        start_new_session=True,  # a terminal sends Ctrl-C to the workers too
        # A shell that starts the tests in the background has them and their children ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while not path.exists() or len(load_results(path)) < 3:
        time.sleep(0.05)
        assert process.poll() is None
    if number == signal.SIGKILL:
        process.send_signal(number)
    else:
        os.killpg(process.pid, number)
    _, errors = process.communicate(timeout=20)
    if number != signal.SIGKILL:
        assert process.returncode == 128 + number, errors.decode()
        assert errors.decode().splitlines()[-1] == "interrupted"
        assert "Traceback" not in errors.decode()
    kept = load_results(path)
    assert 3 <= len(kept) < 30
    assert left_behind(tmp_path) == []
    again = [sys.executable, "naps.py", "--full", "--json", "naps.json"]
    done = subprocess.run(again, cwd=tmp_path, env=environment, check=True, capture_output=True, encoding="utf-8")
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    asked_for = [(length, seed) for length in range(6) for seed in range(5)]
    assert sorted((entry["config"]["length"], entry["config"]["seed"]) for entry in entries) == asked_for
    assert entries[: len(kept)] == kept
    rows = json.loads((tmp_path / "naps.json").read_text())["rows"]
    assert rows[5] == {"length": 5, "seeds": [0, 1, 2, 3, 4], "rest": [0.5, 0.6, 0.7, 0.8, 0.9]}
    assert "70.0 (50.0)" in done.stdout
