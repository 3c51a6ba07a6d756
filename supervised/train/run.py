"""Builds a supervised run from its options, trains it and prints its score table."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from supervised.learning.lesson import Lesson
from supervised.learning.session import run_session
from supervised.learning.stopping import Observer
from supervised.options.params_file import options_of
from supervised.options.ranges import refuse_idle
from supervised.runs import RunConfig, RunFolder, to_resume
from supervised.train.check import check
from supervised.train.conditioned import ConditionedLesson
from supervised.train.instructed import with_introduced_pairs
from supervised.train.lesson import CompletionLesson
from supervised.train.options import Train
from supervised.transfer.transplant import with_architecture


def train(
    config: Train,
    command: Sequence[str],
    console: Console | None = None,
    observer: Observer | None = None,
    *,
    report: bool = True,
) -> RunFolder | None:
    """Train, or go on training, and report; see :func:`supervised.learning.session.run_session`.

    Args:
        command: what was typed, for the record.
        console: where progress and tables go, standard output by default.
        observer: who watches instead of a report.
        report: whether to plot and score at the end.
    """
    folder, config = to_resume(config, "supervised")
    if folder is None:
        told, about_sentences = bool(config.instruction), ("ncl_weight", "ncl_encoder", "unlabelled")
        refuse_idle(config, about_sentences, unless=told or config.conditioned, why="goes with --instruction")
        refuse_idle(config, ("replay_share",), unless=config.replay is not None, why="goes with --replay")
        config = with_architecture(config)
    if config.instruction and folder is None:
        config = with_introduced_pairs(config)
    with options_of(config.params):
        run = check(config)
    return run_session(lesson_of(config, run), config, run, folder, command, console, observer, report=report)


def lesson_of(config: Train, run: RunConfig) -> Lesson:
    """What these options train."""
    return ConditionedLesson(config, run) if config.conditioned else CompletionLesson(config, run)
