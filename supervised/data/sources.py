"""Which cases a run learns from and is measured on, from its options."""

from __future__ import annotations

from bracket_env import BracketLanguage, BracketTokenizer, Case, InputError, get_setting, quote
from bracket_env.random_streams import key
from bracket_env.sampling.splits import Split, split_of
from supervised.data.augmentation import AugmentedSource
from supervised.data.batches import FixedSource, Source, StreamSource, TranslatedSource, encode_cases
from supervised.data.reading import read_dataset
from supervised.options.checks import chosen_augmentations, custom_pairs, fixed_size
from supervised.options.groups import TrainingCases
from supervised.runs import RunConfig


def evaluation_cases(run: RunConfig, split: Split, n: int) -> list[Case]:
    """The n cases of a split that every run of this task and these pairs is measured on."""
    setting = get_setting(run.setting)
    return setting.evaluation_cases(split, n, pairs=custom_pairs(run.pairs, setting))


def training_source(options: TrainingCases, run: RunConfig, language: BracketLanguage, seed: int) -> Source:
    """Where the run's labelled cases come from.

    Args:
        language: brackets that a labelled case may have; no augmentation renames into others.

    Raises:
        InputError: as :func:`fixed_cases`.
    """
    setting, tokenizer = get_setting(run.setting), BracketTokenizer(language)
    cases = fixed_cases(options, run, language, seed)
    source: Source
    if cases is None:
        source = StreamSource(setting.sampler(split="train", pairs=custom_pairs(language.pairs, setting)), seed)
    else:
        labelled = encode_cases(cases, tokenizer)
        source = FixedSource(labelled, seed)
        if names := chosen_augmentations(options.augment):
            source = AugmentedSource(source, labelled, names, setting=setting, tokenizer=tokenizer, seed=seed)
    return source if language == run.language else TranslatedSource(source, tokenizer, BracketTokenizer(run.language))


def fixed_cases(options: TrainingCases, run: RunConfig, language: BracketLanguage, seed: int) -> list[Case] | None:
    """The labelled cases of a fixed set; ``None`` for a stream.

    Args:
        language: brackets that a labelled case may have.

    Raises:
        InputError: the data set is missing, damaged, empty or of another language, it holds no case that may be trained
            on, or one that is longer than the model can read.
    """
    if options.dataset is not None:
        return _file_cases(options, run, language)
    size = fixed_size(options.dataset_size)
    if size is None:
        return None
    setting = get_setting(run.setting)
    sampler = setting.sampler(split="train", pairs=custom_pairs(language.pairs, setting))
    return sampler.cases(key(seed, f"supervised/dataset/{setting.id}/train"), size)


def _file_cases(options: TrainingCases, run: RunConfig, language: BracketLanguage) -> list[Case]:
    """The cases of a file or folder that a model may be trained on: one made elsewhere knows nothing of splits."""
    name, kept = options.dataset, options.wrong_targets == "keep"
    assert name is not None
    found = read_dataset(name, run.language, format=options.format, wrong_targets=options.wrong_targets)
    cases = [case for case in found if split_of(case.prefix) == "train"]
    if not cases:
        raise InputError(
            f"{name}: every prefix belongs to the validation or test split, so there is nothing to train on"
        )
    symbols = set("".join(language.pairs))
    cases = [case for case in cases if symbols.issuperset(case.prefix + (case.completion if kept else ""))]
    if not cases:
        raise InputError(f"{name}: no case of the train split keeps to the labelled pairs {' '.join(language.pairs)}")
    longest = max(cases, key=lambda case: len(case.prefix) + len(case.completion))
    tokens, room = len(longest.prefix) + len(longest.completion) + 2, run.params.get("max_length")
    if room is not None and tokens > room:
        raise InputError(
            f"{name}: {quote(longest.prefix)} takes {tokens} tokens with its answer: --max-length is {room}"
        )
    return cases
