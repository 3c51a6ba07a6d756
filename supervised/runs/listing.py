"""The runs of a folder in one table, of both families, damaged ones among them; read without torch."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from rich.console import Console

from bracket_env import SETTINGS, Estimate, quote
from bracket_env.atomic import write_json
from bracket_env.scores.report import percent
from bracket_env.scores.tables import FittingTable, table
from supervised.options.ranges import check_output, require
from supervised.runs.files.on_disk import folders_in, size_and_age

CONFIG, METRICS, BEST = "config.json", "metrics.jsonl", "best_model_metadata.json"
HEADINGS = ("name", "kind", "arch", "task", "steps", "exact", "age", "size")
_ORDERS: dict[str, Callable[[RunRow], Any]] = {
    "name": lambda row: row.name,
    "kind": lambda row: (row.kind, row.name),
    "arch": lambda row: (row.arch, row.name),
    "task": lambda row: (row.task, row.name),
    "steps": lambda row: (-(row.steps or -1), row.name),
    "exact": lambda row: (-(-1.0 if row.exact is None else row.exact), row.name),
    "age": lambda row: (row.age_s, row.name),
    "size": lambda row: (-row.bytes, row.name),
}


@dataclass(frozen=True)
class RunRow:
    """One folder."""

    name: str
    kind: str
    arch: str
    task: str
    """The setting's id."""
    pairs: list[str]
    """The run's brackets."""
    own_pairs: bool
    """Whether they are others than the setting's."""
    steps: int | None
    """Optimiser steps; of agents, environment steps."""
    exact: float | None
    """Share of the validation cases that the best model closes."""
    age_s: float
    """Seconds since it was written to."""
    bytes: int
    """On the disk."""
    problem: str | None
    """What is wrong with the folder."""
    planned: int | None = None
    """How many steps the run was to have."""


def show_runs(
    root: str, *, sort: str, name: str | None, wanted: Mapping[str, str | None], least: float | None, json: str | None
) -> None:
    """Print the runs below a folder.

    Args:
        sort: a heading.
        name: a pattern of names.
        wanted: ``kind``, ``arch`` and ``task``, as far as only some are asked for.
        least: the smallest share of exact answers.
        json: a file for the rows.

    Raises:
        InputError: no such folder, a filter that nothing could pass, a file that cannot be written.
    """
    check_output("json", json)
    if least is not None:
        require("min_exact", least, "from 0 to 1", lambda value: 0 <= value <= 1)
    every = runs_in(root)
    found = [row for row in every if _passes(row, name, wanted, least)]
    found.sort(key=_ORDERS[sort])
    if json is not None:
        write_json(json, {"runs": [asdict(row) for row in found]})
    console = Console()
    if found:
        console.print(runs_table(found, f"runs in {root}"))
    else:
        tasks = ", ".join(sorted({_short(row.task) for row in every if row.task}))
        there = f"{root} has {len(every)} runs, and none passes the filters (tasks there: {tasks})"
        console.print(there, highlight=False, markup=False)


def runs_in(root: str) -> list[RunRow]:
    """Every folder below this one that is or was a run; hidden ones are left out.

    Raises:
        InputError: there is no such folder.
    """
    return [read_run(folder) for folder in folders_in(root, "runs", "--runs-dir names another folder")]


def read_run(folder: Path) -> RunRow:
    """A folder's row, whatever is in it."""
    problems: list[str] = []

    def read(file: str) -> dict[str, Any]:
        try:
            content = json.loads((folder / file).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            problems.append(f"{file}: {getattr(error, 'strerror', None) or 'damaged'}")
            return {}
        if not isinstance(content, dict):
            problems.append(f"{file}: not a JSON object")
            return {}
        return content

    config, best = read(CONFIG), read(BEST)
    if not config and not problems:
        problems.append(f"no {CONFIG}: not a run")
    last, figures = _last_entry(folder / METRICS, problems)
    noted = config.get("pairs")
    pairs = [str(pair) for pair in noted] if isinstance(noted, list) else []
    task = str(config.get("setting", ""))
    if config and task not in SETTINGS and config.get("kind") not in ("instruct", "occupancy"):
        problems.append(f"{CONFIG}: no setting {quote(task)}")
    exact = best.get("exact", figures.get("exact"))
    steps = last.get("step", last.get("timesteps"))
    size, age = size_and_age(folder)
    options = config.get("options")
    planned = (options.get("steps") or options.get("total_timesteps")) if isinstance(options, dict) else None
    return RunRow(
        folder.name,
        str(config.get("kind", "")),
        str(config.get("architecture", "")),
        task,
        pairs,
        task in SETTINGS and list(SETTINGS[task].pairs) != pairs,
        steps if isinstance(steps, int) else None,
        float(exact) if isinstance(exact, int | float) else None,
        age,
        size,
        "; ".join(problems) or None,
        planned if isinstance(planned, int) else None,
    )


def runs_table(rows: list[RunRow], title: str) -> FittingTable:
    """One line a run."""
    caption = ["exact: percent of the validation cases, best model; steps: at the last evaluation"]
    caption += [f"{row.name}: {row.problem}" for row in rows if row.problem]
    view = table(title, HEADINGS, left=("name", "kind", "arch", "task"), caption="\n".join(caption), keys=1)
    for row in rows:
        task = _short(row.task)
        task += f" with {' '.join(row.pairs)}" if row.own_pairs else ""
        exact = "–" if row.exact is None else percent(Estimate(row.exact, 0.0, 1.0, 1))
        steps = "–" if row.steps is None else f"{row.steps:,}"
        if row.steps is not None and row.planned is not None and row.steps < row.planned:
            steps += f" of {row.planned:,}"
        figures = (steps, exact, short_time(row.age_s), short_size(row.bytes))
        view.add_row(row.name, row.kind or "damaged", row.arch, task, *figures)
    return view


def short_time(seconds: float) -> str:
    """``5 min``, ``3 h``, ``12 d``."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"


def short_size(count: int) -> str:
    """``1.2 MB``."""
    for unit, size in (("GB", 10**9), ("MB", 10**6)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 1000:.0f} kB"


def _passes(row: RunRow, name: str | None, wanted: Mapping[str, str | None], least: float | None) -> bool:
    if name is not None and not fnmatchcase(row.name, name):
        return False
    if least is not None and (row.exact is None or row.exact < least):
        return False
    return all(value is None or value in (getattr(row, at), _short(getattr(row, at))) for at, value in wanted.items())


def _short(setting: str) -> str:
    return setting.removeprefix("bracket/").removesuffix("-v0")


def _last_entry(path: Path, problems: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The last entry of a log, and the one with the highest exact match; a last line cut short is no fault."""
    entries: list[dict[str, Any]] = []
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except FileNotFoundError:
        return {}, {}
    except OSError as error:
        problems.append(f"{path.name}: {error.strerror}")
        return {}, {}
    for number, line in enumerate(lines[:-1], 1):
        try:
            entry = json.loads(line)
        except ValueError:
            entry = None
        if not isinstance(entry, dict):
            problems.append(f"{path.name}:{number}: damaged")
            break
        entries.append(entry)
    scored = [entry for entry in entries if isinstance(entry.get("exact"), int | float)]
    best = max(scored, key=lambda entry: float(entry["exact"]), default={})
    return (entries[-1] if entries else {}), best
