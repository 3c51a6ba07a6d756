"""The one runner of all benchmarks: a list of frozen configurations in, one JSON line a result out.

A result is keyed by its configuration's hash and the commit of the code it measured, so a benchmark that was stopped
goes on where it was, a changed configuration is measured anew, and figures of two commits never mix. Configurations
run in single-threaded worker processes. Ctrl-C, SIGTERM or a kill loses only what was running.

    jobs = [Job(seed=s) for s in options.default_seeds()]
    for job, result in run_grid("my_benchmark", jobs, work, options): ...
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console

from benchmarks.common.report import JsonOption
from bracket_env import InputError

Job = TypeVar("Job")
CODE = ("bracket_env", "ncl_reward", "supervised", "agents")
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class GridOptions(JsonOption):
    """Options that every benchmark on the grid has."""

    workers: int = 2
    """Worker processes, each with one thread."""
    full: bool = False
    """Everything; by default a part that takes under half an hour on two cores."""
    results_dir: str = "results"
    """Where the JSON Lines with the results are kept."""
    any_commit: bool = False
    """Also use results of other commits."""
    show: bool = False
    """Only show what is there; run nothing."""

    def default_seeds(self, few: int = 1) -> range:
        """Seeds 0 to 4 with --full, else the first few of them."""
        return range(5 if self.full else few)


@dataclass(frozen=True)
class SeededGridOptions(GridOptions):
    """And which seeds."""

    seeds: tuple[int, ...] | None = None
    """Which seeds; by default 0, with --full 0 to 4."""

    def chosen_seeds(self) -> Sequence[int]:
        """Those that are asked for."""
        return self.default_seeds() if self.seeds is None else self.seeds


def config_hash(job: object) -> str:
    """A short digest of a frozen dataclass: its class name and every field."""
    assert is_dataclass(job)
    assert not isinstance(job, type)
    text = json.dumps([type(job).__name__, asdict(job)], sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def code_version(root: Path = _ROOT) -> str:
    """The last commit that touched the packages, with a digest of uncommitted changes to them."""

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments, "--", *CODE], cwd=root, capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        commit = git("log", "-1", "--format=%h")
        changes = git("diff", "HEAD")
    except (OSError, subprocess.CalledProcessError):
        return "unversioned"
    return f"{commit}+{hashlib.blake2b(changes.encode(), digest_size=4).hexdigest()}" if changes else commit


def load_results(path: Path) -> list[dict[str, Any]]:
    """The lines of a result file; a last line cut short by a kill is left out.

    Raises:
        InputError: a damaged line before the last.
    """
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")
    entries = []
    for number, line in enumerate(lines[:-1], 1):
        try:
            entries.append(json.loads(line))
        except json.JSONDecodeError:
            raise InputError(f"{path}:{number}: damaged result line") from None
    return entries


def run_grid(
    name: str,
    jobs: Sequence[Job],
    work: Callable[[Job], dict[str, Any]],
    options: GridOptions,
    console: Console | None = None,
) -> list[tuple[Job, dict[str, Any]]]:
    """Run what is not there yet.

    Args:
        name: the benchmark; results go to ``RESULTS_DIR/NAME.jsonl``.
        jobs: frozen dataclasses with JSON fields.
        work: a module-level function; its result is a JSON object.
        options: workers, folder, and which old results count.

    Returns:
        Jobs that have a result, in order, each with the newest one.

    Raises:
        InputError: fewer than one worker, or a damaged result file.
    """
    if options.workers < 1:
        raise InputError(f"--workers must be at least 1, not {options.workers}")
    console = console or Console(stderr=True)
    path = Path(options.results_dir) / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    version = code_version()
    keys = [config_hash(job) for job in jobs]
    done = _usable(path, version, options.any_commit)
    todo = [] if options.show else [(key, job) for key, job in zip(keys, jobs, strict=True) if key not in done]
    if todo:
        console.print(
            f"{name}: {len(jobs) - len(todo)} of {len(jobs)} done at {version}, {len(todo)} to run", highlight=False
        )
        _run(path, version, todo, work, options.workers, console)
        done = _usable(path, version, options.any_commit)
    return [(job, done[key]) for key, job in zip(keys, jobs, strict=True) if key in done]


def _usable(path: Path, version: str, any_commit: bool) -> dict[str, dict[str, Any]]:
    entries = load_results(path)
    return {entry["hash"]: entry["result"] for entry in entries if any_commit or entry["commit"] == version}


def _run(
    path: Path,
    version: str,
    todo: Sequence[tuple[str, Any]],
    work: Callable[[Any], dict[str, Any]],
    workers: int,
    console: Console,
) -> None:
    _drop_cut_line(path)
    began = time.monotonic()
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_worker, initargs=(os.getpid(),))
    pending: dict[Future[tuple[dict[str, Any], float]], tuple[str, Any]] = {}
    try:
        with _deaf_to_ctrl_c():  # it reaches the workers too, which inherit this and are ended from here
            pending = {pool.submit(_timed, work, job): (key, job) for key, job in todo}
        while pending:
            ready, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in ready:
                key, job = pending.pop(future)
                try:
                    result, seconds = future.result()
                except BrokenProcessPool:
                    raise InputError(
                        f"a worker died while running {_short(job)}; run the command again to go on"
                    ) from None
                except Exception as error:
                    console.print(f"failed: {_short(job)}: {error}", markup=False, highlight=False)
                    continue
                line = {"hash": key, "commit": version, "config": asdict(job), "seconds": round(seconds, 3)}
                with open(path, "a", encoding="utf-8") as file:
                    file.write(json.dumps({**line, "result": result}, ensure_ascii=False) + "\n")
                left = f"{len(pending)} left, {time.monotonic() - began:.0f} s so far"
                console.print(f"done: {_short(job)} in {seconds:.0f} s ({left})", markup=False, highlight=False)
    except BaseException:
        workers_now = list((getattr(pool, "_processes", None) or {}).values())  # shutdown forgets them
        pool.shutdown(wait=False, cancel_futures=True)
        for process in workers_now:
            process.kill()  # a training would take SIGTERM for a wish to be saved
        raise
    pool.shutdown()


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _drop_cut_line(path: Path) -> None:
    """A kill may have left half a line; the next append must not be glued to it."""
    if path.exists() and not (text := path.read_bytes()).endswith(b"\n"):
        with open(path, "r+b") as file:
            file.truncate(text.rfind(b"\n") + 1)


def _worker(parent: int) -> None:
    """One thread for the work, and another that ends the worker when its parent was killed."""

    def follow() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
    os.environ["OMP_NUM_THREADS"] = "1"
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)


def _timed(work: Callable[[Any], dict[str, Any]], job: Any) -> tuple[dict[str, Any], float]:
    began = time.perf_counter()
    return work(job), time.perf_counter() - began


def _short(job: Any) -> str:
    return ", ".join(
        f"{field.name} {getattr(job, field.name)}" for field in fields(job) if getattr(job, field.name) != field.default
    )
