"""Learning to complete prefixes: measured by answers that are decoded freely."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

from rich.console import Console

from bracket_env import BracketTokenizer, InputError
from ncl_reward.book import NO_RULE
from supervised.data.batches import TrainingBatches
from supervised.data.reading import reading_notes
from supervised.data.sources import evaluation_cases
from supervised.learning.display import print_line
from supervised.learning.figures import completion_figures
from supervised.learning.lesson import Lesson, Outcome
from supervised.learning.objective import Objective
from supervised.learning.report import report_old_task, report_scores
from supervised.models import SequenceModel
from supervised.runs import ModelSolver, RunConfig, RunFolder
from supervised.runs.files.rules_file import Rules, rule_weights, rules_table, write_rules
from supervised.train.examples import train_examples
from supervised.train.instructed import InstructedBatches
from supervised.train.options import PROG, Train
from supervised.transfer.lm_embeddings import SYMBOLS_FILE, describe, lm_symbols, start_embedding, write_starts
from supervised.transfer.transplant import fresh_model

MakeExamples = Callable[[Train, RunConfig], tuple[TrainingBatches, Objective[Any]]]


@final
class CompletionLesson(Lesson):
    """What ``supervised.train`` trains without ``--conditioned``.

    Args:
        config: the command's options.
        run: what they make.
        examples: makes the training batches and what is made smaller on them.
    """

    prog = PROG

    def __init__(self, config: Train, run: RunConfig, examples: MakeExamples = train_examples) -> None:
        self.config, self.run, self._examples = config, run, examples
        self.stem, self.goal = config.arch, config.loss
        self._rules: Rules | None = None

    def examples(self) -> tuple[TrainingBatches, Objective[Any]]:
        batches, objective = self._examples(self.config, self.run)
        if isinstance(batches, InstructedBatches):
            self._rules = batches.rules
        return batches, objective

    def model(self, *, begun: bool) -> SequenceModel:
        model = fresh_model(self.run, self.config, begun=begun)
        if self.config.tokenizer is not None and not begun:
            start_embedding(model, lm_symbols(self.config.tokenizer, self.run.language))
        return model

    def begin(self, model: SequenceModel, folder: RunFolder | None, console: Console) -> dict[str, float]:
        self._cases = evaluation_cases(self.run, "validation", self.config.eval_cases) if folder else []
        for line in reading_notes(self.config, self.run.language):
            print_line(console, line)
        tokenizer = self.config.tokenizer
        if tokenizer is not None and folder is not None and not (folder.path / SYMBOLS_FILE).exists():
            symbols = lm_symbols(tokenizer, self.run.language)
            print_line(console, describe(symbols.starts, tokenizer))
            write_starts(folder.path, tokenizer, symbols.starts)
        if self._rules is not None:
            console.print(rules_table(self._rules, self.run.language))
            if folder is not None:
                write_rules(folder.path, self._rules, self.run.language)
            return rule_weights(self._rules)
        if self.config.instruction:
            print_line(console, f"{NO_RULE}, or none about brackets that the labels allow: it changes nothing")
        return {}

    def figures(self, model: SequenceModel) -> dict[str, float]:
        return completion_figures(ModelSolver(model, BracketTokenizer(self.run.language)), self._cases)

    def finish(self, folder: RunFolder, outcome: Outcome, console: Console) -> None:
        config = self.config
        report_scores(folder, outcome, cases=config.eval_cases, seed=config.seed, console=console, json=config.json)
        if config.init_from is None:
            return
        try:
            old = RunFolder.open(config.init_from, root=config.runs_dir)
        except InputError as error:  # it was there when this run began
            print_line(console, f"no table of the task before: {error}")
            return
        if old.config.kind != "pretrain":  # nothing was asked for before that could be forgotten
            report_old_task(folder, old, config.eval_cases, console)
