"""What is tuned of the agents: PPO's own options and the network that reads the tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from optuna.trial import BaseTrial
from rich.console import Console

from agents.sb3.learner import DivergedError
from agents.train_ppo.trial import DEFAULTS, run_trial, trial_config, trial_options
from agents.tune.options import PROG, TunePPO
from bracket_env import InputError, quote
from ncl_reward.reading.sentence import check_sentences
from supervised.learning.stopping import Observer
from supervised.models import ENCODERS
from supervised.options.ranges import require_whole
from supervised.study.problem import Problem, Watch
from supervised.study.run import run_study
from supervised.tune.search_spaces import sample_sentence_weight

EVALUATIONS = 10
_TUNED = (
    "n_envs",
    "n_steps",
    "n_epochs",
    "learning_rate",
    "gamma",
    "gae_lambda",
    "clip_range",
    "ent_coef",
    "ncl_weight",
)


def sample_ppo_params(trial: BaseTrial, archs: tuple[str, ...] = ("gru",)) -> dict[str, Any]:
    """Options of ``agents.train_ppo``.

    The batch is the rollout divided by a drawn number of minibatches, all of them powers of two, so it always divides
    ``n_envs * n_steps``.

    Args:
        archs: the networks to choose from; each one's shape is drawn under names of its own, since the units of a
            GRU and of an LSTM are different questions.
    """
    arch = trial.suggest_categorical("encoder", list(archs))
    n_envs = trial.suggest_categorical("n_envs", [128, 256, 512])
    n_steps = trial.suggest_categorical("n_steps", [4, 8, 16, 32])
    minibatches = trial.suggest_categorical("minibatches", [1, 2, 4, 8])
    return {
        "arch": arch,
        **ENCODERS[arch].config_class.suggest(trial, f"{arch}_"),
        "n_envs": n_envs,
        "n_steps": n_steps,
        "batch_size": n_envs * n_steps // minibatches,
        "n_epochs": trial.suggest_int("n_epochs", 1, 8),
        "learning_rate": trial.suggest_float("learning_rate", 3e-4, 2e-2, log=True),
        "gamma": trial.suggest_float("gamma", 0.5, 1.0),
        "gae_lambda": trial.suggest_float("gae_lambda", 0.5, 1.0),
        "clip_range": trial.suggest_float("clip_range", 0.1, 0.4),
        "ent_coef": trial.suggest_float("ent_coef", 1e-3, 0.2, log=True),
    }


def default_params(archs: tuple[str, ...]) -> dict[str, Any]:
    """The parameters with which :func:`sample_ppo_params` gives the defaults of ``agents.train_ppo``.

    The default network if it is among ``archs``, else the first one.
    """
    arch = DEFAULTS["arch"] if DEFAULTS["arch"] in archs else archs[0]
    minibatches = DEFAULTS["n_envs"] * DEFAULTS["n_steps"] // DEFAULTS["batch_size"]
    shape = {f"{arch}_{name}": value for name, value in ENCODERS[arch].config_class.suggested_defaults().items()}
    return {"encoder": arch, **shape, **{name: DEFAULTS[name] for name in _TUNED}, "minibatches": minibatches}


@dataclass(frozen=True)
class PPOProblem(Problem[TunePPO]):
    """A PPO agent on a task."""

    kind: ClassVar[str] = "ppo"
    prog: ClassVar[str] = PROG
    diverged: ClassVar[tuple[type[Exception], ...]] = (DivergedError,)

    def check(self) -> None:
        options = self.options
        require_whole("total_timesteps", options.total_timesteps, 1, 10**15)
        if not options.archs or len(set(options.archs)) < len(options.archs):
            raise InputError(f"--archs names at least one network, and none twice, not {quote(options.archs)}")
        for arch in options.archs:
            run = trial_config(self.training_options({"arch": arch}, Path()))
        check_sentences(options.instruction, run.language)

    def sample(self, trial: BaseTrial) -> dict[str, Any]:
        drawn = sample_ppo_params(trial, self.options.archs)
        return {**drawn, **sample_sentence_weight(trial)} if self.options.instruction else drawn

    def defaults(self) -> dict[str, Any]:
        return default_params(self.options.archs)

    def stem(self) -> str:
        return "ppo"

    def prepare(self, folder: Path) -> None:
        """An agent's cases come from its environments."""

    def budget(self) -> tuple[int, int]:
        return self.options.total_timesteps, max(1, self.options.total_timesteps // EVALUATIONS)

    def train(self, drawn: Mapping[str, Any], study: Path, name: str, threads: int, watch: Watch) -> Path:
        command = [*PROG.split(), "--resume", study.name]
        options = self.training_options(drawn, study, name, threads)
        return run_trial(options, command, Observer(self.rank, watch)).path

    def parameters(self, drawn: Mapping[str, Any]) -> int:
        model = trial_config(self.training_options(drawn, Path())).build()
        return sum(p.numel() for p in model.parameters())

    def command_options(self, drawn: Mapping[str, Any]) -> dict[str, Any]:
        options = self.options
        fixed = {"setting": options.setting, "total_timesteps": options.total_timesteps, "mask": options.mask}
        return self.file_options(fixed, trial_options(drawn))

    def training_options(
        self, drawn: Mapping[str, Any], study: Path, name: str | None = None, threads: int = 1
    ) -> dict[str, Any]:
        """Options of ``agents.train_ppo`` for a configuration; arguments as for :meth:`train`."""
        fixed = {"mask": self.options.mask, "total_timesteps": self.options.total_timesteps}
        return {**self.shared_options(study, name, threads), **fixed, **trial_options(drawn)}


def tune(config: TunePPO, console: Console | None = None) -> Path:
    """Run, continue or look at a study; see :func:`supervised.tune.run.tune`."""
    return run_study(PPOProblem, config, console or Console())
