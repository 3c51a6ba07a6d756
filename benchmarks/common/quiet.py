"""Trainings without a word, in a folder that is thrown away: the one place where benchmarks call the commands.

    with quiet_runs("benchmarks.small_data") as runs:
        runs.pretrain("words", steps=500)
        run = runs.train(init_from="words", dataset_size="30")
        figures = {**runs.test_figures(), "seconds": run.metrics()[-1]["seconds"]}

Options are those of the command; what a run is called and where it lies is given.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

if TYPE_CHECKING:
    from supervised.runs import RunFolder


@contextmanager
def quiet_runs(command: str, folder: Path | None = None, *, report: bool = True) -> Iterator[QuietRuns]:
    """Runs in a temporary folder.

    Args:
        command: for the runs' record.
        folder: where the temporary one is made, by default where the system has them.
        report: whether trainings end with a plot and the scores on the test split.
    """
    with tempfile.TemporaryDirectory(dir=folder) as path, open(os.devnull, "w", encoding="utf-8") as silence:
        yield QuietRuns(Path(path), [command], Console(file=silence), report)


@dataclass(frozen=True)
class QuietRuns:
    """The commands, silent, with their runs in one folder."""

    folder: Path
    command: list[str]
    console: Console
    report: bool = True

    @property
    def json(self) -> Path:
        """Where ``--json`` writes."""
        return self.folder / "told.json"

    def train(self, name: str = "run", **options: Any) -> RunFolder:
        """``supervised.train``."""
        from supervised.train.options import Train
        from supervised.train.run import train

        return self._made(train, Train(**self._with_places(options, name=name)))

    def train_lesson(self, lesson: Callable[[Any, Any], Any], **options: Any) -> RunFolder:
        """``supervised.train`` with another lesson.

        Args:
            lesson: from the options and the run's configuration.
        """
        from supervised.learning.session import run_session
        from supervised.train.check import check
        from supervised.train.options import Train

        config = Train(**self._with_places(options, name="run"))
        run = check(config)
        found = run_session(lesson(config, run), config, run, None, self.command, self.console)
        assert found is not None
        return found

    def pretrain(self, name: str, **options: Any) -> RunFolder:
        """``supervised.pretrain``."""
        from supervised.pretrain.options import Pretrain
        from supervised.pretrain.run import pretrain

        return self._made(pretrain, Pretrain(**self._with_places(options, name=name)))

    def adapt(self, **options: Any) -> RunFolder:
        """``supervised.adapt``."""
        from supervised.adapt.options import Adapt
        from supervised.adapt.run import adapt

        return self._made(adapt, Adapt(**self._with_places(options, name="run")))

    def export_transformers(self, base: str, target: Path) -> None:
        """``supervised.adapt --export-transformers``: a run of this folder in the form of transformers.

        Raises:
            InputError: something lies there already.
        """
        from supervised.adapt.options import Adapt
        from supervised.adapt.run import adapt

        config = Adapt(base=base, runs_dir=str(self.folder), export_transformers=str(target))
        adapt(config, self.command, self.console)

    def compress(self, name: str, **options: Any) -> RunFolder:
        """``supervised.compress``."""
        from supervised.compress.options import Compress
        from supervised.compress.run import compress

        return self._made(compress, Compress(**self._with_places(options, name=name)))

    def train_instruct(self, **options: Any) -> RunFolder:
        """``agents.train_instruct``."""
        from agents.train_instruct.options import TrainInstruct
        from agents.train_instruct.run import train

        return self._made(train, TrainInstruct(**self._with_places(options, name="run")))

    def train_ppo(self, shape: Callable[..., Any] | None = None, **options: Any) -> RunFolder:
        """``agents.train_ppo``.

        Args:
            shape: puts another reward around the environment than the sentences do.
        """
        from agents.train_ppo.options import TrainPPO
        from agents.train_ppo.run import train

        return self._made(train, TrainPPO(**self._with_places(options, name="run")), shape=shape)

    def extend(self, run: RunFolder, steps: int, schedule: Any) -> RunFolder:
        """``--resume RUN --extend STEPS`` with the command that made the run."""
        from agents.train_instruct.options import TrainInstruct
        from agents.train_instruct.run import train as train_instruct
        from agents.train_ppo.options import TrainPPO
        from agents.train_ppo.run import train as train_ppo
        from supervised.adapt.options import Adapt
        from supervised.adapt.run import adapt
        from supervised.pretrain.options import Pretrain
        from supervised.pretrain.run import pretrain
        from supervised.train.options import Train
        from supervised.train.run import train

        commands: dict[str, tuple[Any, type[Any]]] = {
            "supervised": (train, Train),
            "pretrain": (pretrain, Pretrain),
            "adapt": (adapt, Adapt),
            "ppo": (train_ppo, TrainPPO),
            "instruct": (train_instruct, TrainInstruct),
        }
        work, options = commands[run.config.kind]
        places = self._with_places({}, resume=run.name)
        return self._made(work, options(**places, extend=steps, extend_schedule=schedule))

    def scores_written(self) -> Any:
        """What ``--json`` said of the last run."""
        return json.loads(self.json.read_text(encoding="utf-8"))

    def test_figures(self) -> dict[str, float | None]:
        """:func:`figures` of the last run's best model on the test split."""
        return figures(self.scores_written()["solvers"][0])

    def _with_places(self, options: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {"runs_dir": str(self.folder), "json": str(self.json), **more, **options}

    def _made(self, work: Callable[..., RunFolder | None], config: Any, **more: Any) -> RunFolder:
        if not self.report:
            more["report"] = False
        found = work(config, self.command, self.console, **more)
        assert found is not None  # only processes beside the first one get nothing
        return found


def figures(scores: dict[str, Any]) -> dict[str, float | None]:
    """Exact match, also on the cases that need a stack (None where there are none), from a solver's scores."""
    return {name: scores[name] and scores[name]["value"] for name in ("exact", "needs_stack")}


def curve(run: RunFolder, *names: str) -> list[list[Any]]:
    """The evaluations of a run as points of these figures."""
    return [[entry[name] for name in names] for entry in run.metrics()]
