"""A study: what is tuned, on what, and its trials, whoever runs them.

    studies/<name>/  optuna.db | journal.log | storage_url.txt    the trials, the single truth
                     dataset/            the cases that all trials learn from (not for agents)
                     trials/<n>/         run folders of trials that run, and of those worth keeping
                     best_params.json    best_model/    best_model_metadata.json    plots

What makes a study itself (family, task, data, objectives, search space) is an attribute of the study in the storage,
so a worker on another machine needs its name and the URL only. Optuna forgets a sampler and takes another direction
without a word when a study is loaded; here it is compared and refused by name.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import DuplicatedStudyError
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from bracket_env import InputError, get_setting, quote
from bracket_env.random_streams import key
from supervised.options.durations import parse_duration
from supervised.options.ranges import refuse_idle, require_whole
from supervised.runs.resuming import merged
from supervised.study.locks import alive
from supervised.study.options import FREE_ON_RESUME, StudyOptions
from supervised.study.problem import Options, Problem
from supervised.study.storages.location import Location
from supervised.study.storages.opening import one_line, open_storage

FORMAT = 1
MOST_RETRIES = 2
STUDY = "bracketgym"  # attribute of a study
# Attributes of a trial.
DEFAULT, TRIES, WORKER, SURPLUS, ERROR, OPTIONS = "usual", "tries", "worker", "surplus", "error", "options"
TOO_LARGE = "too_large"  # it has more than --max-parameters
STOPPED = "stopped"  # by Ctrl-C or a time limit, and queued again
COUNTED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
SIGNS = 3
"""How many signs of life of a worker may be missed before it counts as dead."""
_OF_WORKERS = ("n_trials", "jobs", "heartbeat", "grace", "sampler", "pruner", "time_limit")
_MOST = {"n_trials": 10**6, "jobs": 1024, "eval_cases": 10**7, "heartbeat": 10**5, "grace": 10**6}


def check_options(options: StudyOptions) -> None:
    """What every study demands of its options.

    Raises:
        InputError: the first option that is out of range or does not fit the others.
    """
    for name, most in _MOST.items():
        require_whole(name, getattr(options, name), 1, most)
    for name in ("threads", "max_parameters"):
        if getattr(options, name) is not None:
            require_whole(name, getattr(options, name), 1, 1024 if name == "threads" else 10**12)
    require_whole("seed", options.seed, 0, 2**32 - 1)
    if options.time_limit is not None:
        parse_duration(options.time_limit)
    if options.second != "none" and options.objective != "exact":
        raise InputError(f"--second {options.second} goes with --objective exact")
    one = options.second == "none" or options.pruner == "none"
    refuse_idle(
        options,
        ("pruner",),
        unless=one,
        why=f"goes with one objective: with --second {options.second} nothing is pruned",
    )
    if options.best is not None:
        refuse_idle(options, _OF_WORKERS, unless=False, why="has no meaning beside --best, which runs no trial")
    elif options.resume is None and options.jobs > options.n_trials:
        raise InputError(f"--jobs {options.jobs} is more than --n-trials {options.n_trials}: some had nothing to do")
    get_setting(options.setting).language(options.pairs)
    # Optuna would only miss it after its first random trials.
    if options.sampler == "gp" and find_spec("scipy") is None:
        raise InputError("--sampler gp needs scipy: pip install scipy")


def check_signs(typed: StudyOptions, options: StudyOptions, location: Location) -> None:
    """What the signs of life of workers must satisfy.

    Args:
        typed: by the command.
        options: that the study is run with.

    Raises:
        InputError: they were asked for where nobody gives them, or a living worker would count as dead.
    """
    why = "goes with a database server (--storage postgresql://...): elsewhere a lock on a file tells who lives"
    refuse_idle(typed, ("heartbeat", "grace"), unless=location.on_server, why=why)
    if location.on_server and options.grace < SIGNS * options.heartbeat:
        raise InputError(
            f"--grace {options.grace} must be at least {SIGNS} times --heartbeat {options.heartbeat}: "
            "a worker would count as dead between two signs of life"
        )


def create(problem: Problem[Any], name: str, location: Location) -> None:
    """A new study, with the default configuration as its first trial.

    Raises:
        InputError: the storage cannot be used, or has a study of that name.
    """
    options = problem.options
    storage = open_storage(location, retry, heartbeat=options.heartbeat, grace=options.grace)
    with one_line(location):
        try:
            study = optuna.create_study(storage=storage, study_name=name, directions=problem.directions)
        except DuplicatedStudyError:
            go_on = f"go on with --resume {shlex.quote(name)}"
            raise InputError(f"{location} has a study {quote(name)}: choose another --name, or {go_on}") from None
        study.set_user_attr(STUDY, _identity(problem))
        study.enqueue_trial(problem.defaults(), user_attrs={DEFAULT: True})


def load(
    name: str,
    location: Location,
    options: StudyOptions,
    folder: Path | None = None,
    *,
    say: Callable[[str], None] = lambda text: None,
    wait: bool = False,
) -> optuna.Study:
    """A study that exists.

    Args:
        options: say how often a worker gives a sign of life.
        folder: of the study on this machine, whose own workers are not taken for dead when they have slept.
        say: gets a line when a server does not answer.
        wait: also for a server that does not answer now.

    Raises:
        InputError: it does not, or the storage cannot be used.
    """

    def living(trial: FrozenTrial) -> bool:
        return folder is not None and trial.user_attrs.get(WORKER) in alive(folder)

    times = {"heartbeat": options.heartbeat, "grace": options.grace}
    storage = open_storage(location, retry, **times, living=living, say=say, wait=wait)
    with one_line(location):
        try:
            return optuna.load_study(storage=storage, study_name=name)
        except KeyError:
            raise InputError(f"{location} has no study {quote(name)}") from None


def resumed(options: Options, study: optuna.Study, problem: type[Problem[Any]]) -> Options:
    """The options to go on with: the study's own, and what the command may change.

    Raises:
        InputError: the study is no study of ours or of the other family, or was made by another version with another
            search space or direction, or the command names an option that would make it another study.
    """
    known = study.user_attrs.get(STUDY)
    if not isinstance(known, dict) or known.get("format") != FORMAT:
        raise InputError(f"study {quote(study.study_name)} was not made by this command: it has no {STUDY} attribute")
    if known["kind"] != problem.kind:
        raise InputError(
            f"study {quote(study.study_name)} tunes a {known['kind']} model: {problem.prog} tunes {problem.kind}"
        )
    name = quote(study.study_name)
    # Where it is kept is for the command to say; the limit and file of the first command were of that command.
    changed = {place: getattr(options, place) for place in ("name", "studies_dir", "resume", "best", "storage")}
    changed |= {"time_limit": None, "json": None}
    whole, another = f"study {name}", f"{name} another study"
    own = merged(options, known["options"], changed, free=FREE_ON_RESUME, whole=whole, another=another)
    _check_same(study, problem(own), known["space"])
    return own


def _check_same(study: optuna.Study, problem: Problem[Any], space: Mapping[str, str]) -> None:
    theirs, ours = ([d.name.lower() for d in found] for found in (study.directions, problem.directions))
    if theirs != ours:
        raise InputError(
            f"study {quote(study.study_name)} has the directions {', '.join(theirs)}, "
            f"--objective {problem.options.objective} has {', '.join(ours)}"
        )
    new = problem.space()
    for name in sorted(new.keys() | space.keys()):
        if new.get(name) != space.get(name):
            raise InputError(
                f"study {quote(study.study_name)} has another search space: {name} is "
                f"{space.get(name, 'not in it')} there and {new.get(name, 'not in it')} here"
            )


def _identity(problem: Problem[Any]) -> dict[str, Any]:
    kept = {**asdict(problem.options), "storage": None}  # its password is nobody's business
    return {"format": FORMAT, "kind": problem.kind, "options": kept, "space": problem.space()}


def make_sampler(problem: Problem[Any], worker: str, done: int) -> BaseSampler:
    """The sampler of one worker.

    Args:
        worker: who it is; two workers must not draw the same.
        done: trials that were there when it began, so that a resumed study does not begin with the same draws again.
    """
    seed = key(problem.options.seed, f"supervised/study/{worker}", done) >> 32
    kinds: dict[str, Callable[[], BaseSampler]] = {
        "tpe": lambda: TPESampler(seed=seed),
        "gp": lambda: GPSampler(seed=seed, warn_independent_sampling=False),
        "random": lambda: RandomSampler(seed=seed),
    }
    return kinds[problem.options.sampler]()


def make_pruner(problem: Problem[Any]) -> BasePruner:
    """The pruner; with two objectives nothing is pruned, since Optuna has no order of half-trained trials then."""
    kind = problem.options.pruner if len(problem.directions) == 1 else "none"
    steps, every = problem.budget()
    if kind == "median":
        # The first fifth of a training says little: the learning rate is still rising.
        return MedianPruner(n_startup_trials=5, n_warmup_steps=math.ceil(steps / 5))
    if kind == "hyperband":
        return HyperbandPruner(min_resource=every, max_resource=max(steps, every), reduction_factor=3)
    return NopPruner()


def counted(study: optuna.Study, states: Sequence[TrialState] = COUNTED) -> int:
    """Trials that count towards ``--n-trials``: a draw that is too large to be tried is no trial.

    Args:
        states: only these of them.
    """
    return sum(is_counted(trial) for trial in study.get_trials(deepcopy=False, states=tuple(states)))


def is_counted(trial: FrozenTrial) -> bool:
    """Whether it is one of ``--n-trials``, unless it failed."""
    return not trial.user_attrs.get(SURPLUS) and not trial.user_attrs.get(TOO_LARGE)


def retry(study: optuna.Study, trial: FrozenTrial, *, blamed: bool = True) -> None:
    """Put a failed trial's parameters back into the queue, at most :data:`MOST_RETRIES` times.

    Args:
        blamed: the trial may be the reason; it is not when somebody stopped the worker.
    """
    surplus = trial.user_attrs.get(SURPLUS)
    if surplus and not trial.params and "fixed_params" not in trial.system_attrs:
        return  # it had not come out of the queue
    tries = trial.user_attrs.get(TRIES, 0) + (blamed and not surplus)
    if tries > MOST_RETRIES:
        return
    attributes = {TRIES: tries} | ({DEFAULT: True} if trial.user_attrs.get(DEFAULT) else {})
    queued = create_trial(
        state=TrialState.WAITING,
        params=trial.params,
        distributions=trial.distributions,
        user_attrs=attributes,
        # Parameters that it had not come to yet are still those it was queued with.
        system_attrs={name: value for name, value in trial.system_attrs.items() if name == "fixed_params"},
    )
    study.add_trial(queued)
