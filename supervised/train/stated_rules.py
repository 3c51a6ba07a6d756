"""From the sentences of ``--instruction`` to weighted rules: what they state, and what the labels make of it.

A sentence gives each rule of the book a prior weight (:mod:`ncl_reward.grounding.grounding`); the labelled cases, and
nothing else, turn it into the weight that training uses (:mod:`ncl_reward.grounding.evidence`). Weights are settled
before the first step, since neither the labels nor the rules change later.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from bracket_env.atomic import write_text
from bracket_env.language import BracketLanguage
from bracket_env.settings import get_setting
from bracket_env.tokenizer import BracketTokenizer
from ncl_reward.encoders.encoders import make_encoder
from ncl_reward.grounding.adapter import tuned_priors
from ncl_reward.grounding.evidence import bayes_factor, posterior
from ncl_reward.grounding.grounding import Grounded, ground
from ncl_reward.grounding.head import fitted_head, read_sentences
from ncl_reward.grounding.modified import WeightedRule
from ncl_reward.reading.instruction import masked, parse_instruction
from ncl_reward.rules.bracket_rules import BRACKET_RULES
from ncl_reward.rules.bracket_state import BracketInputs
from supervised.data.batches import EncodedCases
from supervised.train.options import Train

INSTRUCTIONS_FILE = "instructions.json"
MOST_EVIDENCE = 3000  # labelled cases that are weighed; more would only add digits
NEGLIGIBLE = 1e-3  # a rule of less weight is left out


@dataclass(frozen=True)
class StatedRule:
    """A rule that a sentence states."""

    sentence: str
    rule: str
    prior: float
    """What the sentence's vector gives it."""
    tuned_prior: float
    """The same after ``--ncl-adapter`` has tuned the vector; without one, the prior."""
    weight: float
    """What the labels leave of it."""
    pairs: tuple[str, ...] | None
    """The pairs it is narrowed to; ``None``: all."""
    noise: float


def with_introduced_pairs(config: Train) -> Train:
    """The options with the pairs that sentences introduce; labelled cases keep to the others.

    Raises:
        InputError: a sentence that cannot be read, or a pair that the language cannot take.
    """
    language = get_setting(config.setting).language(config.pairs)
    pairs = list(language.pairs)
    for sentence in config.instruction:
        introduced = parse_instruction(sentence, BracketLanguage(pairs)).introduces
        if introduced is not None:
            pairs.append(introduced)
    if pairs == list(language.pairs):
        return config
    BracketLanguage(pairs)
    return replace(config, pairs=tuple(pairs), labelled_pairs=config.labelled_pairs or language.pairs)


def check_sentences(sentences: Sequence[str], language: BracketLanguage) -> None:
    """Before work begins where no sentence may introduce a pair.

    Raises:
        InputError: a sentence that cannot be read, or one about a pair that the language lacks.
    """
    for sentence in sentences:
        parse_instruction(sentence, language).slots(language)


def stated_rules(config: Train, language: BracketLanguage, labelled: EncodedCases | None) -> list[StatedRule]:
    """What the sentences state about brackets, each rule once: where it gets most weight.

    Args:
        config: the options.
        language: of the run.
        labelled: the cases to learn from; ``None`` when there are none.

    Raises:
        InputError: a sentence or an encoder that cannot be used.
    """
    encoder = make_encoder(config.ncl_encoder)
    instructions = [parse_instruction(sentence, language) for sentence in config.instruction]
    best: dict[tuple[str, tuple[int, ...] | None], Grounded] = {}
    for entries in ground(instructions, encoder, language):
        for entry in entries:
            if entry.weight > 0 and entry.rule in BRACKET_RULES:
                name = (entry.rule, entry.instruction.slots(language).pairs)
                if name not in best or best[name].weight < entry.weight:
                    best[name] = entry
    chosen = list(best.values())
    factors = _bayes_factors(chosen, language, labelled)
    priors = [entry.weight for entry in chosen]
    tuned = priors
    if config.ncl_adapter != "none":
        read = read_sentences([masked(entry.instruction.text, language) for entry in chosen], encoder)
        rules = [entry.rule for entry in chosen]
        tuned = tuned_priors(config.ncl_adapter, fitted_head(encoder), read, rules, factors, seed=config.seed)
    return [
        StatedRule(
            entry.instruction.text,
            entry.rule,
            entry.weight,
            prior,
            posterior(prior, factor),
            _named(entry, language),
            entry.instruction.noise,
        )
        for entry, prior, factor in zip(chosen, tuned, factors, strict=True)
    ]


def weighted(rules: Sequence[StatedRule], language: BracketLanguage) -> list[WeightedRule]:
    """The rules that are worth something, ready for :mod:`ncl_reward.grounding.modified`."""
    found = []
    for stated in rules:
        if stated.weight >= NEGLIGIBLE:
            slots = parse_instruction(stated.sentence, language).slots(language)
            found.append(WeightedRule(BRACKET_RULES[stated.rule], replace(slots, noise=stated.noise), stated.weight))
    return found


def rules_table(rules: Sequence[StatedRule]) -> Table:
    """One line a rule."""
    table = Table(title="what the sentences state", title_justify="left")
    tuned = any(r.tuned_prior != r.prior for r in rules)
    for heading in ("rule", "pairs", "noise", "prior", *(["tuned"] if tuned else []), "weight", "sentence"):
        numeric = heading in ("noise", "prior", "tuned", "weight")
        table.add_column(heading, justify="right" if numeric else "left", overflow="fold")
    for r in rules:
        pairs = "all" if r.pairs is None else " ".join(r.pairs)
        priors = (r.prior, r.tuned_prior) if tuned else (r.prior,)
        table.add_row(r.rule, pairs, f"{r.noise:g}", *(f"{x:.3f}" for x in (*priors, r.weight)), r.sentence)
    return table


def write_rules(folder: Path, rules: Sequence[StatedRule]) -> None:
    """Keep them in a run's folder."""
    entries: list[Mapping[str, Any]] = [asdict(rule) for rule in rules]
    write_text(folder / INSTRUCTIONS_FILE, json.dumps(entries, ensure_ascii=False, indent=2) + "\n")


def _named(entry: Grounded, language: BracketLanguage) -> tuple[str, ...] | None:
    numbers = entry.instruction.slots(language).pairs
    return None if numbers is None else tuple(language.pairs[i] for i in numbers)


def _bayes_factors(chosen: Sequence[Grounded], language: BracketLanguage, labelled: EncodedCases | None) -> list[float]:
    """What the labels say of each rule; 1 when there are none."""
    if labelled is None:
        return [1.0] * len(chosen)
    cases = labelled.take(np.arange(min(len(labelled.length), MOST_EVIDENCE)))
    columns = np.arange(cases.ids.shape[1] - 1)
    rows, positions = np.nonzero((columns >= cases.prompt_length[:, None] - 1) & (columns < cases.length[:, None] - 1))
    inputs = BracketInputs(cases.ids, rows, positions, BracketTokenizer(language).vocab_size)
    labels = cases.ids[rows, positions + 1].astype(np.int64)
    factors = []
    for entry in chosen:
        slots = entry.instruction.slots(language)
        target = BRACKET_RULES[entry.rule].target(inputs, slots)
        factors.append(bayes_factor(target, labels, inputs.state.types_open, slots.noise))
    return factors
