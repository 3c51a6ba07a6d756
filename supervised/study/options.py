"""The options that ``supervised.tune`` and ``agents.tune`` share. No heavy import, so that ``--help`` is quick."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import tyro

from supervised.options.groups import Device, EvaluationCases, Output, Seed, TaskOptions, TimeLimit


@dataclass(frozen=True)
class StudyOptions(Output, Device, Seed, EvaluationCases, TimeLimit, TaskOptions):
    """How a study is run, whatever it tunes."""

    section: ClassVar[str] = "study"

    name: str | None = None
    """Name of the study, the folder STUDIES_DIR/NAME; by default the first free one."""
    studies_dir: str = "studies"
    """Where study folders are."""
    resume: str | None = None
    """Go on with this study, or join its workers: first lists what is there; its own options are used."""
    best: str | None = None
    """Only print the best trial of this study, read from the storage, and refresh best_params.json and best_model."""
    storage: str | None = None
    """Database URL (postgresql://USER@HOST/DATABASE, mysql://...) for workers on several machines; by default SQLite in
    the study's folder, a journal file when there are several --jobs."""

    instruction: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """A sentence in Japanese or English about the answers, for every trial; how much it weighs is tuned too."""
    objective: Literal["loss", "exact"] = "loss"
    """What decides, on the validation split: loss (smallest) or exact match (largest)."""
    second: Literal["none", "parameters", "latency"] = "none"
    """With --objective exact, also small: the parameters, or the milliseconds of one answer."""
    max_parameters: int | None = None
    """Larger models are drawn anew and not counted; only the default one is still trained, to be compared with."""

    n_trials: int = 50
    """Trials of the study, counted over all its workers: finished, pruned and running ones."""
    jobs: int = 1
    """Worker processes on this machine."""
    heartbeat: int = 60
    """With a database server: seconds between two signs of life of a worker."""
    grace: int = 300
    """With a database server: seconds without one after which a worker counts as dead and its trial is retried."""
    sampler: Literal["tpe", "gp", "random"] = "tpe"
    """Who proposes: tree-structured Parzen estimators, a Gaussian process, chance."""
    pruner: Literal["median", "hyperband", "none"] = "median"
    """Which trials are given up early: those below the median, by successive halving, none."""
    threads: int | None = None
    """Torch threads of each worker; by default the cores divided by the jobs."""


# Options that do not change what a study is, so a resumed one may be given new ones.
FREE_ON_RESUME = frozenset(
    {
        "name", "studies_dir", "resume", "best", "storage", "n_trials", "time_limit", "jobs", "heartbeat", "grace",
        "sampler", "pruner", "threads", "device", "json",
    }
)  # fmt: skip
