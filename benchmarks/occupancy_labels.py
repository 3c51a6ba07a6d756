"""``python -m benchmarks.occupancy_labels``: what a sentence is worth in labels when telling who is at home.

A run is one number of labels, one way of teaching the GRU, one seed: homes of the test split, simulated from that seed,
each learned from and tested by itself as ``python -m supervised.occupancy`` does. Figures are balanced accuracy in
percent from 06 to 22 h (and over all hours), the mean over a run's homes, then median (worst) of the seeds; "over
none" is the median (worst) of the seeds' differences from the run of the same seed and labels without a sentence.

    none              labels alone
    sentence          the sentence below
    night             that sentence and another one: at night low and constant power tells nothing
    contradicting     the same rule with the opposite answer, as weighty: what a sentence that is wrong would teach
    unrelated         a sentence about something else: no bit may differ from none
    random_rule       the sentence's rule read at a random other time of the record
    self_training     the answers of none on the unlabelled hours in place of the rule's
    without_language  the rule given by hand, without a duration or "probably"
    all_labels        the truth on the unlabelled hours in place of the rule's: what the network can learn at most
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

from benchmarks.common import GridOptions, command, median_worst, publish, run_grid, table
from bracket_env import BracketLanguage
from bracket_env.random_streams import key
from ncl_reward.encoders.encoders import make_encoder
from ncl_reward.grounding.stated import state_rules
from ncl_reward.rules.power_rules import POWER_RULES, LowConstantAbsent, LowConstantPresent, PowerInputs, PowerRule
from ncl_reward.rules.rule import Slots, StatedRule
from supervised.occupancy.homes.simulator import homes_of, simulate
from supervised.occupancy.labelled_home import LabelledHome, label_home

PowerRules = Sequence[StatedRule[PowerRule]]

SENTENCE = "4時間以上、電力が少ないまま一定だったら不在の可能性が高い"
TEXTS = {"unrelated": "The museum is open on Tuesdays.", "night": f"{SENTENCE}。夜は電力が低く一定でも何も分からない。"}
Arm = Literal[
    "none",
    "sentence",
    "night",
    "contradicting",
    "unrelated",
    "random_rule",
    "self_training",
    "without_language",
    "all_labels",
]
ARMS: tuple[Arm, ...] = get_args(Arm)
YARDSTICKS = ("bare_rule", "logistic_regression", "random_forest", "rules_alone")


@dataclass(frozen=True)
class OccupancyJob:
    """One run."""

    labels: int
    arm: str
    seed: int
    homes: int = 3
    days: int = 365
    arch: str = "gru"


@dataclass(frozen=True)
class OccupancyBenchmark(GridOptions):
    """Balanced accuracy of the GRU by number of labels, with the right sentence, without one, and with controls."""

    labels: tuple[int, ...] = (0, 10, 20, 50, 100, 200)
    """Numbers of labelled slots a home."""
    arms: tuple[Arm, ...] = ARMS
    """Ways of teaching."""
    homes: int = 3
    """Homes a run."""


class _Moved(LowConstantAbsent):
    """low_constant_absent, read ``shift`` slots away."""

    def __init__(self, shift: int) -> None:
        self.shift = shift

    def holds(self, inputs: PowerInputs, slots: Slots) -> np.ndarray:
        return np.roll(super().holds(inputs, slots), self.shift)


def jobs(config: OccupancyBenchmark) -> list[OccupancyJob]:
    """Seeds 0-4; without --full most controls only at 20 and 50 labels. Without labels only a rule can teach."""
    found = []
    for labels in config.labels:
        for arm in config.arms:
            if labels == 0 and arm in ("none", "unrelated", "self_training"):
                continue
            few = labels == 50 or (labels == 20 and arm != "all_labels")
            if few or config.full or arm in ("none", "sentence", "contradicting"):
                found += [OccupancyJob(labels, arm, seed, config.homes) for seed in range(5)]
    return found


def work(job: OccupancyJob) -> dict[str, Any]:
    """Train on each home; balanced accuracy of the network and, beside ``none`` and ``sentence``, of the yardsticks."""
    from supervised.occupancy.answers import Answer, network, rows, rules_alone, yardsticks
    from supervised.occupancy.network.fitting import Fit

    config = Fit(arch=job.arch, seed=job.seed)
    problems, found = [], []
    stated = state_rules([TEXTS.get(job.arm, SENTENCE)], make_encoder(), BracketLanguage(), POWER_RULES)
    for home in homes_of(job.seed, "test", job.homes):
        problem = label_home(simulate(job.seed, home, job.days), job.labels, "slots", job.seed)
        beside: list[Answer] = []
        if job.arm == "none":
            beside = yardsticks(problem, job.seed)
            answer = network(problem, config, None)
        elif job.arm == "self_training":
            answer = _self_trained(problem, config)
        elif job.arm == "all_labels":
            truth = problem.record.present[: problem.learned]
            answer = _distilled(problem, config, np.eye(2)[truth])
        else:
            answer = network(problem, config, _rules(job, stated, problem))
            beside = [rules_alone(problem, stated)] if job.arm == "sentence" else []
        problems.append(problem)
        found.append([answer, *beside])
    result: dict[str, Any] = {"all": {}, "06-22": {}}
    for row in rows(problems, found):
        name = "network" if row["model"] == job.arch else row["model"]
        result[row["hours"]][name] = row["balanced_accuracy"]
    return result


def _rules(job: OccupancyJob, stated: PowerRules, problem: LabelledHome) -> PowerRules:
    if job.arm == "contradicting":
        return [replace(rule, rule=LowConstantPresent()) for rule in stated]
    if job.arm == "random_rule":
        shift = key(job.seed, "benchmarks.occupancy_labels/shift") % problem.learned
        return [replace(rule, rule=_Moved(shift)) for rule in stated]
    if job.arm == "without_language":
        return [StatedRule(LowConstantAbsent(), Slots(), 1.0)]
    return stated


def _self_trained(problem: LabelledHome, config: Any) -> Any:
    from supervised.occupancy.network.fitting import fit

    odds = fit(config, problem.x, problem.labels, None, problem.record.slots_per_hour).odds(problem.x)
    present = 1 / (1 + np.exp(-odds[: problem.learned]))
    return _distilled(problem, config, np.stack([1 - present, present], axis=1))


def _distilled(problem: LabelledHome, config: Any, q: np.ndarray) -> Any:
    """The network trained on the labels and, elsewhere, on the probabilities ``q`` at full weight."""
    from ncl_reward.grounding.hour_targets import Targets
    from supervised.occupancy.answers import Answer
    from supervised.occupancy.network.fitting import fit
    from supervised.occupancy.yardsticks import decide

    target = Targets(q, np.ones(problem.learned))
    odds = fit(config, problem.x, problem.labels, target, problem.record.slots_per_hour).odds(problem.x)
    return Answer(config.arch, False, decide(odds), odds)


def table_rows(results: Sequence[tuple[OccupancyJob, dict[str, Any]]]) -> list[dict[str, Any]]:
    """One row a number of labels and way: balanced accuracy of each seed, and what it is over ``none``.

    Yardsticks come as ways of their own.
    """
    groups: dict[tuple[int, str], dict[str, Any]] = {}
    for job, result in results:
        for name in ("network", *YARDSTICKS):
            if name not in result["all"]:
                continue
            way = job.arm if name == "network" else name
            row = groups.setdefault((job.labels, way), {"seeds": [], "all": [], "06-22": []})
            row["seeds"].append(job.seed)
            for hours in ("all", "06-22"):
                row[hours].append(result[hours][name])
    for (labels, _), row in groups.items():
        none = groups.get((labels, "none"), {"seeds": [], "06-22": []})
        without = dict(zip(none["seeds"], none["06-22"], strict=True))
        row["over_none"] = [
            value - without[seed] for seed, value in zip(row["seeds"], row["06-22"], strict=True) if seed in without
        ]
    order = {way: i for i, way in enumerate((*YARDSTICKS, *ARMS))}
    return [
        {"labels": labels, "way": way, **row}
        for (labels, way), row in sorted(groups.items(), key=lambda item: (item[0][0], order[item[0][1]]))
    ]


def main(config: OccupancyBenchmark) -> None:
    """Run what is missing and print the table."""
    rows = table_rows(run_grid("occupancy_labels", jobs(config), work, config))
    view = table(
        "balanced accuracy, %: median (worst) seed",
        ("labels", "taught by", "seeds", "06-22 h", "over none", "all hours"),
        left=("taught by",),
        keys=2,
    )
    previous = None
    for row in rows:
        if previous not in (None, row["labels"]):
            view.add_section()
        previous = row["labels"]
        cells = [
            median_worst(row[column], form, median=statistics.median, none="–")
            for column, form in (("06-22", "{:.1f}".format), ("over_none", "{:+.1f}".format), ("all", "{:.1f}".format))
        ]
        view.add_row(str(row["labels"]), row["way"].replace("_", " "), ",".join(map(str, row["seeds"])), *cells)
    publish(config, {"rows": rows}, view)


if __name__ == "__main__":
    command(OccupancyBenchmark, main, "occupancy_labels")
