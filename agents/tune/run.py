"""What is tuned of the agents: PPO's own options and the network that reads the tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

from optuna.trial import BaseTrial
from rich.console import Console

from agents.train_ppo.check import check
from agents.train_ppo.monitor import DivergedError
from agents.train_ppo.options import TrainPPO
from agents.train_ppo.run import train
from agents.tune.options import PROG, TunePPO
from bracket_env.command import current_names
from bracket_env.errors import InputError, quote
from ncl_reward.reading.sentence import check_sentences
from supervised.learning.stopping import Observer
from supervised.options.ranges import require_whole
from supervised.study.problem import Problem, Watch
from supervised.study.run import run_study
from supervised.tune.search_spaces import SIZES, sample_sentence_weight, usual_size

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
        **SIZES[arch](trial, f"{arch}_"),
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
    command: Mapping[str, Any] = {field.name: field.default for field in fields(TrainPPO)}
    arch = command["arch"] if command["arch"] in archs else archs[0]
    minibatches = command["n_envs"] * command["n_steps"] // command["batch_size"]
    shape = {f"{arch}_{name}": value for name, value in usual_size(arch).items()}
    return {"encoder": arch, **shape, **{name: command[name] for name in _TUNED}, "minibatches": minibatches}


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
            run, _ = check(self._command({"arch": arch}, Path(), None, 1))
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
        config = self._command(drawn, study, name, threads)
        command = [*PROG.split(), "--resume", study.name]
        return train(config, command, Console(quiet=True), observer=Observer(self.rank, watch)).path

    def parameters(self, drawn: Mapping[str, Any]) -> int:
        model = check(self._command(drawn, Path(), None, 1))[0].build()
        return sum(p.numel() for p in model.parameters())

    def command_options(self, drawn: Mapping[str, Any]) -> dict[str, Any]:
        options = self.options
        fixed = {"setting": options.setting, "total_timesteps": options.total_timesteps, "mask": options.mask}
        return self.file_options(fixed, current_names(TrainPPO, drawn))

    def _command(self, drawn: Mapping[str, Any], study: Path, name: str | None, threads: int) -> TrainPPO:
        """The training command of a configuration."""
        options = self.options
        shared = self.shared_options(study, name, threads)
        own = {"mask": options.mask, "total_timesteps": options.total_timesteps, **current_names(TrainPPO, drawn)}
        return TrainPPO(**shared, **own)


def tune(config: TunePPO, console: Console | None = None) -> Path:
    """Run, continue or look at a study; see :func:`supervised.tune.run.tune`."""
    return run_study(PPOProblem, config, console or Console())
