"""What is tuned of the supervised models: the search space of an architecture, trained on the study's data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from optuna.trial import BaseTrial
from rich.console import Console

from bracket_env import get_setting
from ncl_reward.reading.sentence import check_sentences
from supervised.data.dataset_folder import MOST_CASES, generate_dataset
from supervised.learning.stopping import Observer
from supervised.learning.trainer import DivergedError
from supervised.options.checks import custom_pairs
from supervised.options.ranges import require_whole
from supervised.study.problem import Problem, Watch
from supervised.study.run import run_study
from supervised.train.trial import run_trial, trial_config
from supervised.tune.options import PROG, Tune
from supervised.tune.search_spaces import default_params, sample_params, sample_sentence_weight

EVALUATIONS = 10


@dataclass(frozen=True)
class SupervisedProblem(Problem[Tune]):
    """A supervised architecture on a fixed data set."""

    kind: ClassVar[str] = "supervised"
    prog: ClassVar[str] = PROG
    diverged: ClassVar[tuple[type[Exception], ...]] = (DivergedError,)

    def check(self) -> None:
        options = self.options
        require_whole("dataset_size", options.dataset_size, 1, MOST_CASES)
        require_whole("steps", options.steps, 1, 10**9)
        check_sentences(options.instruction, trial_config(self.training_options({}, Path("dataset"))).language)

    def sample(self, trial: BaseTrial) -> dict[str, Any]:
        drawn = sample_params(trial, self.options.arch)
        return {**drawn, **sample_sentence_weight(trial)} if self.options.instruction else drawn

    def defaults(self) -> dict[str, Any]:
        return default_params(self.options.arch)

    def stem(self) -> str:
        return self.options.arch

    def prepare(self, folder: Path) -> None:
        if (folder / "dataset").exists():
            return
        options, setting = self.options, get_setting(self.options.setting)
        generate_dataset(
            folder / "dataset",
            setting,
            options.dataset_size,
            options.eval_cases,
            seed=options.seed,
            pairs=custom_pairs(options.pairs, setting),
        )

    def budget(self) -> tuple[int, int]:
        return self.options.steps, max(1, self.options.steps // EVALUATIONS)

    def train(self, drawn: Mapping[str, Any], study: Path, name: str, threads: int, watch: Watch) -> Path:
        command = [*PROG.split(), "--resume", study.name]
        options = self.training_options(drawn, study, name, threads)
        return run_trial(options, command, Observer(self.rank, watch)).path

    def parameters(self, drawn: Mapping[str, Any]) -> int:
        model = trial_config(self.training_options(drawn, Path("dataset"))).build()
        return sum(p.numel() for p in model.parameters())

    def command_options(self, drawn: Mapping[str, Any]) -> dict[str, Any]:
        options = self.options
        fixed = {"arch": options.arch, "setting": options.setting, "steps": options.steps, "loss": options.loss}
        # The same cases as in the data set folder: both come from the stream of this seed.
        return self.file_options(fixed, {**drawn, "dataset_size": str(options.dataset_size)})

    def training_options(
        self, drawn: Mapping[str, Any], study: Path, name: str | None = None, threads: int = 1
    ) -> dict[str, Any]:
        """Options of ``supervised.train`` for a configuration; arguments as for :meth:`train`."""
        options = self.options
        fixed = {"arch": options.arch, "dataset": str(study / "dataset"), "loss": options.loss, "steps": options.steps}
        augment = tuple(drawn.get("augment", ("none",)))
        return {**self.shared_options(study, name, threads), **fixed, **drawn, "augment": augment}


def tune(config: Tune, console: Console | None = None) -> Path:
    """Run, continue or look at a study.

    Args:
        console: where the tables go, standard output by default.

    Returns:
        The study's folder.

    Raises:
        InputError: bad options, a storage that cannot be used, a study that is in the way or is another one.
        KeyboardInterrupt: Ctrl-C, after saving.
    """
    return run_study(SupervisedProblem, config, console or Console())
