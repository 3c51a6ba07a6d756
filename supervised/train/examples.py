"""What a run of ``supervised.train`` learns from: labelled cases, those of an old task, prefixes without a label."""

from __future__ import annotations

from typing import Any

from bracket_env import BracketLanguage, BracketTokenizer, InputError, get_setting
from bracket_env.random_streams import key
from ncl_reward.grounding.evidence import MOST_EVIDENCE
from supervised.data.batches import (
    Batches,
    EncodedCases,
    FixedSource,
    MixedSource,
    Source,
    StreamSource,
    TrainingBatches,
    encode_cases,
)
from supervised.data.sources import fixed_cases, training_source
from supervised.learning.objective import NextToken, Objective
from supervised.options.checks import fixed_size
from supervised.runs import RunConfig
from supervised.train.instructed import instructed_batches
from supervised.train.options import Train


def train_examples(config: Train, run: RunConfig) -> tuple[TrainingBatches, Objective[Any]]:
    """The run's training batches, and what is made smaller on them.

    Sentences that state no rule leave everything as it is without them.

    Raises:
        InputError: as :func:`~supervised.data.sources.training_source`, a sentence that cannot be read, or no labels
            and no rule either.
    """
    objective = NextToken(everywhere=config.loss == "all", label_smoothing=config.label_smoothing)
    labelled = None
    if config.dataset_size != "0":
        labelled = Batches(labelled_source(config, run), config.batch_size, config.seed)
    if config.instruction:
        known = None if labelled is None else evidence(config, run)
        instructed = instructed_batches(
            config, run.language, labelled, known, unlabelled_source(config, run), objective
        )
        if instructed is not None:
            return instructed, instructed.objective
        if labelled is None:
            raise InputError("the sentences state nothing about brackets, and there are no labels to learn from")
    assert labelled is not None
    return labelled, objective


def unlabelled_source(config: Train, run: RunConfig) -> Source:
    """Where the prefixes without a label come from."""
    sampler = get_setting(run.setting).sampler(split="train", pairs=run.pairs)
    seed = key(config.seed, "supervised/unlabelled")
    size = fixed_size(config.unlabelled, "unlabelled")
    if size is None:
        return StreamSource(sampler, seed)
    return FixedSource(encode_cases(sampler.cases(seed, size), BracketTokenizer(run.language)), seed)


def _labelled_language(config: Train) -> BracketLanguage:
    return get_setting(config.setting).language(config.labelled_pairs or config.pairs)


def labelled_source(config: Train, run: RunConfig) -> Source:
    """The labelled cases, mixed with those of the old task that ``--replay`` names."""
    source = training_source(config, run, _labelled_language(config), config.seed)
    if config.replay is None:
        return source
    sampler = get_setting(config.replay).sampler(split="train", pairs=run.pairs)
    old = StreamSource(sampler, key(config.seed, "supervised/replay"))
    return MixedSource(source, old, config.replay_share, config.seed)


def evidence(config: Train, run: RunConfig) -> EncodedCases:
    """The labelled cases that speak for or against a rule; of a stream the first ones."""
    cases = fixed_cases(config, run, _labelled_language(config), config.seed)
    if cases is None:
        return labelled_source(config, run).items(0, MOST_EVIDENCE)
    return encode_cases(cases[:MOST_EVIDENCE], BracketTokenizer(run.language))
