"""A labeller as a run folder: what answers new meter data as the training would have.

    config.json  command.txt        what was asked for
    best_model.safetensors          the network: the one with the sentences, if there were any
    best_model_metadata.json        how it does on the test days
    home.json                       what the home was like, and the rules of the sentences
    evaluation_result.txt           the test days one by one

Nothing is unpickled. What is standardised is told apart by where it comes from: the mean and spread of each feature
are the network's own, since its weights stand on them; the base load is a home's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from bracket_env import InputError
from bracket_env.atomic import write_json, write_text
from bracket_env.scores.report import share_percent
from ncl_reward.rules.power_rules import PowerRule
from ncl_reward.rules.rule import StatedRule
from supervised.occupancy.answers import Answer
from supervised.occupancy.homes.record import PRESENT, UNKNOWN, PowerRecord, check_minutes
from supervised.occupancy.labelled_home import LabelledHome
from supervised.occupancy.network.features import COLUMNS, features
from supervised.occupancy.network.labeller import Labeller, network_params
from supervised.occupancy.scores import MEASURES, model_name, shown
from supervised.runs import WEIGHTS, RunConfig, RunFolder
from supervised.runs.config import OCCUPANCY
from supervised.runs.files.weights import unpack

TASK = "household power"
HOME = "home.json"


@dataclass(frozen=True)
class Home:
    """What a labeller was told of the home that it learned from, and what it was taught."""

    name: str
    minutes: int
    base: float
    """Watts that the home draws when hardly anything runs."""
    mean: tuple[float, ...]
    spread: tuple[float, ...]
    """Of each feature, over the days that were learned from."""
    context: int
    """Slots that are read before those that are answered."""
    rules: tuple[Mapping[str, Any], ...] = ()
    """What the sentences state: sentence, rule, weight and hours."""

    def inputs(self, record: PowerRecord, base: float) -> np.ndarray:
        """Standardised features ``(n, F)`` float32 of a record with slots as long as these.

        Args:
            base: load of the record's home in watts.

        Raises:
            InputError: nothing was measured.
        """
        x = features(record, base)
        return ((x - np.array(self.mean, np.float32)) / np.array(self.spread, np.float32)).astype(np.float32)


@dataclass(frozen=True)
class Taught:
    """What a training leaves to be saved."""

    problem: LabelledHome
    answer: Answer
    """Of the network."""
    rows: Sequence[Mapping[str, Any]]
    """All scores on the test days, none without labels there."""
    stated: Sequence[StatedRule[PowerRule]] | None

    def home(self) -> Home:
        """What the network was told of its home."""
        problem, fitted = self.problem, self.answer.fitted
        assert fitted is not None
        rules = [
            {"sentence": r.sentence, "rule": r.rule.name, "weight": r.weight, "hours": r.slots.hours}
            for r in self.stated or ()
        ]
        mean, spread = (tuple(map(float, numbers)) for numbers in (problem.mean, problem.spread))
        record = problem.record
        return Home(record.name, record.minutes, problem.base, mean, spread, fitted.context, tuple(rules))

    def figures(self) -> dict[str, Any]:
        """How the network does on all hours of the test days."""
        own = (self.answer.model, self.answer.instruction, "all")
        found = [row for row in self.rows if (row["model"], row["instruction"], row["hours"]) == own]
        return {measure: found[0][measure] for measure in MEASURES} if found else {}


def save(name: str, root: str, options: Mapping[str, Any], command: Sequence[str], taught: Taught) -> RunFolder:
    """Make the run folder, whole or not at all.

    Args:
        root: where runs are.
        options: of the command.
        command: what was typed.

    Raises:
        InputError: the run exists, or cannot be written.
    """
    arch, fitted = taught.answer.model, taught.answer.fitted
    assert fitted is not None
    model = fitted.model
    config = RunConfig(OCCUPANCY, TASK, (), arch, network_params(arch), masked=False, options=dict(options))

    def fill(folder: RunFolder) -> None:
        folder.save_best(model, {**taught.figures(), "split": "test days"})
        write_json(folder.path / HOME, asdict(taught.home()))
        write_text(folder.path / "evaluation_result.txt", "\n".join(_result(taught)) + "\n")

    return RunFolder.create(name, config, command, root=root, fill=fill)


def _result(taught: Taught) -> list[str]:
    """The scores, and each test day: how much of it somebody was at home, and how much of it the network got right."""
    problem, begin = taught.problem, taught.problem.learned
    lines = [f"{problem.record.name}: {len(problem.labelled)} labelled slots"]
    lines += [f"Sentence: {sentence}" for sentence in dict.fromkeys(r.sentence for r in taught.stated or ())]
    for row in taught.rows:
        measures = "  ".join(f"{measure} {shown(row[measure], measure)}" for measure in MEASURES)
        lines.append(f"{model_name(row['model'], row['instruction'])}, hours {row['hours']}: {measures}")
    said, days = taught.answer.present[begin:], problem.record.days[begin:]
    for day in np.unique(days):
        known = (days == day) & (problem.truth != UNKNOWN)
        if known.any():
            home, right = (values[known].mean() for values in (problem.truth == PRESENT, said == problem.truth))
            shares = f"at home {share_percent(home)}% of the labelled slots, {share_percent(right)}% right"
            lines.append(f"{np.datetime64(int(day), 'D')}: {shares}")
    return lines


def load_labeller(folder: RunFolder, device: str | torch.device = "cpu") -> tuple[Labeller, Home]:
    """The network of a run, ready to answer, and its home.

    Raises:
        InputError: a run of another kind, or files that are missing, damaged or do not fit.
    """
    if folder.config.kind != OCCUPANCY:
        raise InputError(
            f"{folder.path} is a {folder.config.kind} run about brackets: "
            "python -m supervised.occupancy --csv FILE --name NAME makes one that labels a home"
        )
    folder.best_metadata()  # the weights are those that it was written with
    path = folder.path / HOME
    try:
        home = _home(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise InputError(f"{folder.path} holds no {HOME}") from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path} is damaged: {error}") from None
    weights = folder.path / WEIGHTS
    model = Labeller(folder.config.architecture, COLUMNS)
    try:
        found = unpack(weights.read_bytes()).weights
        if not all(bool(torch.isfinite(weight).all()) for weight in found.values()):
            raise InputError(f"{weights} holds weights that are no numbers")
        model.load_state_dict(found)
    except (OSError, RuntimeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{weights} does not fit {folder.path}: {str(error).splitlines()[0]}") from None
    return model.to(device).eval(), home


def _home(content: Mapping[str, Any]) -> Home:
    home = Home(**{**content, **{name: tuple(content[name]) for name in ("mean", "spread", "rules")}})
    check_minutes(home.minutes)
    for numbers in (home.mean, home.spread):
        _check_numbers(numbers, COLUMNS)
    _check_numbers((home.base, *home.spread), COLUMNS + 1, above=0.0)
    if type(home.context) is not int or not 0 < home.context <= 10**5:
        raise ValueError(f"context is {home.context}")
    return home


def _check_numbers(values: Sequence[float], count: int, above: float = -np.inf) -> None:
    numbers = np.array(values, dtype=np.float64)
    if numbers.shape != (count,) or not np.isfinite(numbers).all() or (numbers <= above).any():
        raise ValueError(f"{list(values)} are not {count} numbers" + (f" above {above:g}" if above > -np.inf else ""))
