"""Builds a supervised run from its options, trains it and prints its score table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console

from bracket_env.cases import Case
from bracket_env.errors import InputError, quote
from bracket_env.language import BracketLanguage
from bracket_env.random_streams import key
from bracket_env.sampling.sampler import PrefixSampler
from bracket_env.sampling.splits import split_of
from bracket_env.scores.scoring import share_answered
from bracket_env.settings import Setting, get_setting
from bracket_env.tokenizer import BracketTokenizer
from ncl_reward.encoders.encoders import make_encoder
from ncl_reward.grounding.evidence import MOST_EVIDENCE
from ncl_reward.grounding.stated import effective, state_rules
from ncl_reward.rules.bracket_rules import BRACKET_RULES
from supervised.adapt.options import Adapt
from supervised.data.augmentation import AugmentedSource
from supervised.data.batches import (
    Batches,
    EncodedCases,
    FixedSource,
    MixedSource,
    Source,
    StreamSource,
    TranslatedSource,
    encode_cases,
)
from supervised.data.dataset_folder import read_dataset
from supervised.learning.objective import NextToken
from supervised.learning.report import report_old_task, report_scores
from supervised.learning.session import Session, run_session
from supervised.models import SequenceModel
from supervised.options.checks import check, chosen_augmentations, custom_pairs, fixed_size, to_resume
from supervised.options.params_file import options_of
from supervised.options.ranges import refuse_idle
from supervised.runs.config import RunConfig
from supervised.runs.folder import RunFolder
from supervised.runs.rules_file import rules_table, write_rules
from supervised.runs.solver import ModelSolver, answer_loss
from supervised.train.instructed import InstructedBatches, with_introduced_pairs
from supervised.train.options import PROG, Train
from supervised.transfer.lm_embeddings import SYMBOLS_FILE, describe, lm_symbols, start_embedding, write_starts
from supervised.transfer.transplant import with_architecture


def train(config: Train, command: Sequence[str], console: Console | None = None) -> RunFolder | None:
    """Train, or go on training, and report.

    Under ``accelerate launch`` every process calls this; the first one writes and prints.

    Args:
        command: what was typed, for the record.
        console: where progress and tables go, standard output by default.

    Returns:
        The finished run; ``None`` in the processes that do not write.

    Raises:
        InputError: bad options or data, a folder that is in the way or cannot be written, nothing to resume,
            divergence after every rollback (the best model stays in the run folder).
        KeyboardInterrupt: Ctrl-C, after saving.
    """
    folder, config = to_resume(config, "supervised")
    if folder is None:
        said, about_sentences = bool(config.instruction), ("ncl_weight", "ncl_encoder", "unlabelled")
        refuse_idle(config, about_sentences, unless=said or config.conditioned, why="goes with --instruction")
        refuse_idle(config, ("replay_share",), unless=config.replay is not None, why="goes with --replay")
        config = with_architecture(config, "arch")
    if config.instruction and folder is None:
        config = with_introduced_pairs(config)
    with options_of(config.params):
        run = check(config)
    if config.conditioned:
        # It stands on this module.
        from supervised.train.conditioned import ConditionedSession, conditioned_batches

        return run_session(
            ConditionedSession, config, run, folder, lambda: conditioned_batches(config), command, console
        )
    return run_session(TrainingSession, config, run, folder, lambda: train_batches(config, run), command, console)


def train_batches(config: Train, run: RunConfig) -> Batches | InstructedBatches:
    """The run's training batches.

    Sentences that state no rule leave everything as it is without them.

    Raises:
        InputError: as :func:`training_source`, a sentence that cannot be read, or no labels and no rule either.
    """
    setting = get_setting(config.setting)
    labelled = None
    if config.dataset_size != "0":
        labelled = Batches(training_source(config, run, setting), config.batch_size, config.seed)
    if not config.instruction:
        assert labelled is not None
        return labelled
    rules = state_rules(
        config.instruction,
        make_encoder(config.ncl_encoder),
        run.language,
        BRACKET_RULES,
        labelled=None if labelled is None else labels_of(config, run, setting),
        adapter=config.ncl_adapter,
        seed=config.seed,
    )
    if not effective(rules) or config.ncl_weight == 0:
        if labelled is None:
            raise InputError("the sentences state nothing about brackets, and there are no labels to learn from")
        return labelled
    return InstructedBatches(
        labelled,
        unlabelled_source(config, run, setting),
        rules,
        language=run.language,
        batch_size=unlabelled_batch(config),
        weight=config.ncl_weight,
        labels=NextToken(everywhere=config.loss == "all", label_smoothing=config.label_smoothing),
        seed=config.seed,
    )


def unlabelled_batch(config: Train) -> int:
    """How many prefixes without a label a step has."""
    return config.unlabelled_batch or max(config.batch_size // 3, 1)


def labels_of(config: Train, run: RunConfig, setting: Setting) -> EncodedCases:
    """The labelled cases that speak for or against a rule; of a stream the first ones."""
    cases = _fixed_cases(config, run, setting)
    if cases is None:
        return training_source(config, run, setting).items(0, MOST_EVIDENCE)
    return encode_cases(cases[:MOST_EVIDENCE], BracketTokenizer(run.language))


def unlabelled_source(config: Train, run: RunConfig, setting: Setting) -> Source:
    """Where the prefixes without a label come from."""
    sampler = setting.sampler(split="train", pairs=run.pairs)
    seed = key(config.seed, "supervised/unlabelled")
    size = fixed_size(config.unlabelled, "unlabelled")
    if size is None:
        return StreamSource(sampler, seed)
    return FixedSource(encode_cases(sampler.cases(seed, size), BracketTokenizer(run.language)), seed)


def _fixed_cases(config: Train | Adapt, run: RunConfig, setting: Setting) -> list[Case] | None:
    """The labelled cases of a fixed set; ``None`` for a stream."""
    if config.dataset is not None:
        return _train_cases(config.dataset, run, _labelled_language(config, setting))
    size = fixed_size(config.dataset_size)
    if size is None:
        return None
    return _labelled_sampler(config, setting).cases(key(config.seed, f"supervised/dataset/{setting.id}/train"), size)


def _labelled_language(config: Train | Adapt, setting: Setting) -> BracketLanguage:
    """The brackets that labelled cases have."""
    return setting.language(config.labelled_pairs or config.pairs)


def _labelled_sampler(config: Train | Adapt, setting: Setting) -> PrefixSampler:
    return setting.sampler(split="train", pairs=custom_pairs(_labelled_language(config, setting).pairs, setting))


def training_source(config: Train | Adapt, run: RunConfig, setting: Setting) -> Source:
    """Where the run's training cases come from.

    Raises:
        InputError: the data set is missing, damaged, empty or of another language.
    """
    # Made in their own language, so that no augmentation renames into pairs that are to have no labels.
    tokenizer = BracketTokenizer(_labelled_language(config, setting))
    cases = _fixed_cases(config, run, setting)
    source: Source = StreamSource(_labelled_sampler(config, setting), config.seed)
    if cases is not None:
        labelled = encode_cases(cases, tokenizer)
        source = FixedSource(labelled, config.seed)
        if names := chosen_augmentations(config.augment):
            source = AugmentedSource(source, labelled, names, setting=setting, tokenizer=tokenizer, seed=config.seed)
    if tokenizer.language != run.language:
        source = TranslatedSource(source, tokenizer, BracketTokenizer(run.language))
    if config.replay is None:
        return source
    old = get_setting(config.replay).sampler(split="train", pairs=run.pairs)
    return MixedSource(
        source, StreamSource(old, key(config.seed, "supervised/replay")), config.replay_share, config.seed
    )


def _train_cases(folder: str, run: RunConfig, labelled: BracketLanguage) -> list[Case]:
    """The cases of a dataset folder that a model may be trained on: a folder made elsewhere knows nothing of splits.

    Args:
        labelled: brackets that a labelled case may have; cases with others are left out.

    Raises:
        InputError: as :func:`read_dataset`, no case that is left, or one that is longer than the model can read.
    """
    cases = [case for case in read_dataset(folder, run.language) if split_of(case.prefix) == "train"]
    if not cases:
        raise InputError(
            f"{folder}: every prefix belongs to the validation or test split, so there is nothing to train on"
        )
    symbols = set("".join(labelled.pairs))
    cases = [case for case in cases if symbols.issuperset(case.prefix)]
    if not cases:
        raise InputError(f"{folder}: no case of the train split keeps to the labelled pairs {' '.join(labelled.pairs)}")
    longest = max(cases, key=lambda case: len(case.prefix) + len(case.completion))
    tokens, room = len(longest.prefix) + len(longest.completion) + 2, run.params.get("max_length")
    if room is not None and tokens > room:
        raise InputError(
            f"{folder}: {quote(longest.prefix)} takes {tokens} tokens with its answer: --max-length is {room}"
        )
    return cases


def completion_figures(model: SequenceModel, tokenizer: BracketTokenizer, cases: Sequence[Case]) -> dict[str, float]:
    """How well a model completes cases, decoding freely: ``exact``, ``share`` and the ``loss`` in nats a token."""
    answers = ModelSolver(model, tokenizer).complete([case.prefix for case in cases])
    shares = [share_answered(a, case.completion) for a, case in zip(answers, cases, strict=True)]
    return {
        "exact": sum(share == 1 for share in shares) / len(shares),
        "share": sum(shares) / len(shares),
        "loss": answer_loss(model, tokenizer, cases),
    }


class TrainingSession(Session[Train]):
    """Learns to complete prefixes: measured by answers that are decoded freely."""

    prog = PROG
    unit = "cases"
    shares = ("exact", "share")

    @classmethod
    def model(cls, config: Train, run: RunConfig, *, begun: bool) -> SequenceModel:
        model = super().model(config, run, begun=begun)
        if config.tokenizer is not None and not begun:
            start_embedding(model, lm_symbols(config.tokenizer, run.language))
        return model

    def begin(self) -> None:
        self._tell_symbols()
        batches = self.trainer.batches
        if isinstance(batches, InstructedBatches):
            self.console.print(rules_table(batches.rules, self.tokenizer.language))
            if self.folder is not None and self._writer is not None:
                write_rules(self.folder.path, batches.rules, self.tokenizer.language)
                for rule in batches.rules:
                    self._writer.add_scalar(f"ncl/weight/{rule.rule.name}", rule.weight, self.trainer.step)
        elif self.config.instruction:
            self._say("nothing grounded: the sentences state no rule about brackets that the labels allow")

    def _tell_symbols(self) -> None:
        tokenizer = self.config.tokenizer
        if tokenizer is None or self.folder is None or (self.folder.path / SYMBOLS_FILE).exists():
            return
        symbols = lm_symbols(tokenizer, self.tokenizer.language)
        self._say(describe(symbols.starts, tokenizer))
        write_starts(self.folder.path, tokenizer, symbols.starts)

    @classmethod
    def stem(cls, config: Train) -> str:
        return config.arch

    @property
    def objective(self) -> str:
        return self.config.loss

    def figures(self) -> dict[str, float]:
        return completion_figures(self.trainer.model, self.tokenizer, self.cases)

    def rank(self, figures: Mapping[str, float]) -> tuple[float, float]:
        return figures["exact"], -figures["loss"]

    def finish(self, folder: RunFolder) -> None:
        config = self.config
        report_scores(
            folder,
            self.setting,
            self.pairs,
            cases=config.eval_cases,
            seed=config.seed,
            steps=self.trainer.step,
            seconds=self.seconds,
            device=self.trainer.accelerator.device,
            console=self.console,
            json=config.json,
        )
        if config.init_from is None:
            return
        try:
            old = RunFolder.open(config.init_from, root=config.runs_dir)
        except InputError as error:  # it was there when this run began
            self._say(f"no table of the task before: {error}")
            return
        if old.config.kind != "pretrain":  # nothing was asked for before that could be forgotten
            report_old_task(folder, old, config.eval_cases, self.console)
