"""The best trial of a study, read straight from where its trials are kept.

From a database by one SQL query, without loading the study: also while workers run, and by whoever has the file or the
URL and no Optuna. A journal is no database; its operations are replayed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy
from optuna.distributions import json_to_distribution
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from bracket_env import InputError, quote
from supervised.study.storages.location import Location, find_location, parse_location, sqlite
from supervised.study.storages.opening import one_line, open_storage

# Of several objectives the first one decides, then the second. Values that are not finite have no value in the column.
_BEST = """
    SELECT trials.trial_id, trials.number, first.value
    FROM studies
    JOIN study_directions AS towards ON towards.study_id = studies.study_id AND towards.objective = 0
    JOIN trials ON trials.study_id = studies.study_id AND trials.state = 'COMPLETE'
    JOIN trial_values AS first
        ON first.trial_id = trials.trial_id AND first.objective = 0 AND first.value_type = 'FINITE'
    LEFT JOIN study_directions AS towards_2 ON towards_2.study_id = studies.study_id AND towards_2.objective = 1
    LEFT JOIN trial_values AS second ON second.trial_id = trials.trial_id AND second.objective = 1
    WHERE studies.study_name = :study
    ORDER BY
        CASE WHEN towards.direction = 'MAXIMIZE' THEN -first.value ELSE first.value END,
        CASE WHEN towards_2.direction = 'MAXIMIZE' THEN -second.value ELSE second.value END,
        trials.number
    LIMIT 1
"""
_PARAMS = (
    "SELECT param_name, param_value, distribution_json FROM trial_params WHERE trial_id = :trial ORDER BY param_id"
)
_ATTRIBUTES = "SELECT key, value_json FROM trial_user_attributes WHERE trial_id = :trial"
_MYSQL_ATTRIBUTES = "SELECT `key`, value_json FROM trial_user_attributes WHERE trial_id = :trial"


@dataclass(frozen=True)
class BestTrial:
    """The finished trial with the best value."""

    study: str
    number: int
    value: float
    """Of the (first) objective."""
    params: dict[str, Any]
    """As they were drawn."""
    attributes: dict[str, Any]
    """What was noted about the trial."""


def best_from_database(path_or_url: str | Path | Location, study: str | None = None) -> BestTrial | None:
    """The best trial.

    Args:
        path_or_url: an SQLite file, a journal file, a study's folder or a database URL.
        study: its name; not needed where there is one only.

    Returns:
        ``None`` when no trial has finished yet.

    Raises:
        InputError: no such file or study, several studies and no name, or a storage that cannot be read.
    """
    location = _existing(path_or_url)
    if isinstance(location.address, Path):
        return _from_journal(open_storage(location, lambda *_: None), location, study)
    with one_line(location, opening=True):
        engine = sqlalchemy.create_engine(location.address)
        try:
            with engine.connect() as connection:
                return _from_sql(connection, location, study)
        finally:
            engine.dispose()


def rank(values: Sequence[float], directions: Sequence[StudyDirection]) -> tuple[float, ...]:
    """Orders trials, the best one first."""
    return tuple(-v if d == StudyDirection.MAXIMIZE else v for v, d in zip(values, directions, strict=True))


def best_trials(trials: Sequence[FrozenTrial], directions: Sequence[StudyDirection]) -> list[FrozenTrial]:
    """The complete ones, the best first."""
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    return sorted(complete, key=lambda trial: (*rank(trial.values, directions), trial.number))


def _existing(path_or_url: str | Path | Location) -> Location:
    if isinstance(path_or_url, str) and "://" in path_or_url:
        path_or_url = parse_location(path_or_url)
    if isinstance(path_or_url, Location):
        if path_or_url.file is None:
            return path_or_url
        path_or_url = path_or_url.file
    path = Path(path_or_url)
    if path.is_dir():
        return find_location(path, None)
    try:
        with open(path, "rb") as file:
            head = file.read(16)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    return Location(path.absolute()) if head[:1] == b"{" else sqlite(path)


def _from_sql(connection: sqlalchemy.Connection, location: Location, study: str | None) -> BestTrial | None:
    def rows(query: str, **values: Any) -> Sequence[Any]:
        return connection.execute(sqlalchemy.text(query), values).all()

    name = _one_of([row[0] for row in rows("SELECT study_name FROM studies ORDER BY study_id")], location, study)
    best = rows(_BEST, study=name)
    if not best:
        return None
    trial, number, value = best[0]
    params = {n: json_to_distribution(d).to_external_repr(v) for n, v, d in rows(_PARAMS, trial=trial)}
    attributes = rows(_MYSQL_ATTRIBUTES if connection.dialect.name == "mysql" else _ATTRIBUTES, trial=trial)
    return BestTrial(name, number, value, params, {key: json.loads(text) for key, text in attributes})


def _from_journal(storage: BaseStorage, location: Location, study: str | None) -> BestTrial | None:
    known = {frozen.study_name: frozen for frozen in storage.get_all_studies()}
    found = known[_one_of(list(known), location, study)]
    for best in best_trials(storage.get_all_trials(found._study_id, deepcopy=False), found.directions):
        return BestTrial(found.study_name, best.number, best.values[0], dict(best.params), dict(best.user_attrs))
    return None


def _one_of(names: Sequence[str], location: Location, study: str | None) -> str:
    if study is None and len(names) == 1:
        return names[0]
    if study is None or study not in names:
        held = ", ".join(map(quote, names)) or "none"
        wanted = "several studies or none: name one" if study is None else f"no study {quote(study)}"
        raise InputError(f"{location} has {wanted} (it holds {held})")
    return study
