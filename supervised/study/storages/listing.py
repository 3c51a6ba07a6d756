"""The studies of a folder in one table: what their storages hold, damaged ones among them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from bracket_env import InputError
from bracket_env.atomic import write_json
from bracket_env.scores.tables import FittingTable, table
from supervised.options.ranges import check_output
from supervised.runs.files.on_disk import folders_in, size_and_age
from supervised.study.storages.location import JOURNAL, SQLITE, URL_FILE, Location, find_location

STATES = ("COMPLETE", "RUNNING", "PRUNED", "FAIL", "WAITING")
_ATTRIBUTE = "bracketgym"  # what a study's command notes about it
_ORDERS: dict[str, Callable[[StudyRow], Any]] = {
    "name": lambda row: row.name,
    "family": lambda row: (row.family, row.name),
    "best": lambda row: (row.objective or "", row.best is None, row.rank, row.name),
    "age": lambda row: (row.age_s, row.name),
    "size": lambda row: (-row.bytes, row.name),
}


@dataclass(frozen=True)
class StudyRow:
    """One folder."""

    name: str
    family: str
    """``supervised`` or ``ppo``."""
    trials: dict[str, int]
    """How many are in each state; empty where the storage was not asked."""
    objective: str | None
    best: float | None
    """The best value of the first objective."""
    rank: float
    """Orders studies of one objective, the best one first."""
    storage: str
    """What kind of storage it is and where, without a secret."""
    age_s: float
    bytes: int
    problem: str | None


def show_studies(root: str, *, sort: str, connect: bool, json: str | None) -> None:
    """Print the studies below a folder.

    Args:
        sort: ``name``, ``family``, ``best``, ``age`` or ``size``.
        connect: also ask servers.
        json: a file for the rows.

    Raises:
        InputError: no such folder, a file that cannot be written.
    """
    check_output("json", json)
    folders = folders_in(root, "studies", "--studies-dir names another")
    rows = sorted((read_study(folder, connect=connect) for folder in folders), key=_ORDERS[sort])
    if json is not None:
        write_json(json, {"studies": [asdict(row) for row in rows]})
    console = Console()
    if rows:
        console.print(studies_table(rows, f"studies in {root}"))
    else:
        console.print(f"there are no studies in {root}", highlight=False, markup=False)


def read_study(folder: Path, *, connect: bool = False) -> StudyRow:
    """A folder's row, whatever is in it.

    Args:
        connect: also ask a server.
    """
    found: dict[str, Any] = {"family": "", "trials": {}, "objective": None, "best": None, "rank": 0.0}
    problem, storage = None, ""
    try:
        location = find_location(folder, None)
        storage = _kind(location)
        if connect or not location.on_server:
            found |= _asked(location, folder.name)
    except InputError as error:
        problem = str(error).replace(f"{folder.absolute()}/", "").replace(f"{folder}/", "")
        if (folder / URL_FILE).exists() and not storage:
            with suppress(OSError, UnicodeDecodeError):
                storage = (folder / URL_FILE).read_text(encoding="utf-8").partition("://")[0]
    size, age = size_and_age(folder)
    return StudyRow(name=folder.name, storage=storage, age_s=age, bytes=size, problem=problem, **found)


def studies_table(rows: list[StudyRow], title: str) -> FittingTable:
    """One line a study."""
    problems = "\n".join(f"{row.name}: {row.problem}" for row in rows if row.problem)
    states = ("done", "running", "pruned", "failed", "waiting")
    headings = ("name", "family", *states, "best", "storage", "MB")
    view = table(title, headings, left=("name", "family", "storage"), keys=1, caption=problems or None)
    for row in rows:
        counts = [str(row.trials[state]) if row.trials else "–" for state in STATES]
        best = "–" if row.best is None else f"{row.objective} {row.best:.4f}"
        size = f"{row.bytes / 1e6:.1f}"
        view.add_row(row.name, row.family, *counts, best, row.storage, size)
    return view


def _kind(location: Location) -> str:
    if location.file is None:
        return str(location)
    name = {SQLITE: "SQLite", JOURNAL: "journal"}.get(location.file.name)
    return name or f"SQLite, {location.file}"


def _asked(location: Location, name: str) -> dict[str, Any]:
    """What a storage says of a study.

    Raises:
        InputError: it cannot be used, or has no such study.
    """
    import optuna

    from supervised.study.storages.opening import one_line, open_storage

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = open_storage(location, lambda *_: None)
    with one_line(location):
        names = optuna.get_all_study_names(storage)
        if name not in names and len(names) != 1:
            raise InputError(f"{location} has no study {name!r}")
        study = optuna.load_study(storage=storage, study_name=name if name in names else names[0])
        trials = study.get_trials(deepcopy=False)
        noted = study.user_attrs.get(_ATTRIBUTE)
        largest = study.directions[0].name == "MAXIMIZE"
    noted = noted if isinstance(noted, dict) else {}
    values = [trial.values[0] for trial in trials if trial.state.name == "COMPLETE" and trial.values]
    best = (max if largest else min)(values, default=None)
    objective = str(noted.get("options", {}).get("objective", "value"))
    return {
        "family": str(noted.get("kind", "")),
        "trials": {state: sum(trial.state.name == state for trial in trials) for state in STATES},
        "objective": objective,
        "best": best,
        "rank": 0.0 if best is None else -best if largest else best,
    }
