"""From sentences to weighted rules: what they state, and what the labels make of it; once, for rules of every domain.

A sentence gives each rule of the book a prior weight: the probability of the head on its vector
(:mod:`ncl_reward.grounding.head`) where that reaches THRESHOLD, else exactly 0; so a sentence that the head takes for
none of the rules changes nothing. A text of several sentences is grounded sentence by sentence, and so is a sentence of
which each clause clearly states a rule of its own ("last opened first closed, and stop when all are closed"); brackets,
durations and certainty are then read from that part. If no part states a rule, the text as a whole is tried.

An adapter may tune the vectors (:mod:`ncl_reward.grounding.adapter`). The labelled cases, and nothing else, turn the
prior into the weight that training uses (:mod:`ncl_reward.grounding.evidence`), by w = prior B / (prior B + 1 - prior).
Neither labels nor rules change later, so weights are settled before the first step.

    sentences --parse--> Sentence --ground--> Grounded --state_rules--> StatedRule
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

import numpy as np

from bracket_env import BracketLanguage, BracketTokenizer, InputError
from ncl_reward.encoders.encoders import SentenceEncoder
from ncl_reward.grounding.evidence import Answered, Labels, answer_labels, bayes_factor
from ncl_reward.grounding.head import RULE_NAMES, Readings, fitted_head, readings
from ncl_reward.reading.sentence import Sentence, clauses, parse_sentence, sentences
from ncl_reward.reading.words import order_counts, word_counts
from ncl_reward.rules.rule import Rule, Slots, StatedRule

THRESHOLD = 0.5
CLAUSE_THRESHOLD = 0.8  # a clause is short and easily misread
OPPOSITES = ("low_constant_absent", "low_constant_present")
"""The rule that says nobody is at home and the rule that says somebody is, at the same hours."""
CONTRADICTIONS = (("nesting", "queue"), OPPOSITES)
MOST_TRUSTED = 0.95
"""The largest prior that labels are weighed against. That of the grounding says what is stated, not that it is true."""
_LEAST_TRUSTED = 1e-6
NEGLIGIBLE = 1e-3
"""A rule of less weight is worth nothing."""

R = TypeVar("R", bound=Rule[Any])


@dataclass(frozen=True)
class Grounded:
    """How far a sentence states a rule."""

    rule: str
    similarity: float
    """Cosine to the nearest sentence of the book that states the rule."""
    weight: float
    """In [0, 1]; exactly 0 when the sentence does not state it."""
    sentence: Sentence
    """The sentence or the clause that states it, with what it names."""


def state_rules(
    texts: Sequence[str],
    encoder: SentenceEncoder,
    language: BracketLanguage,
    rules: Mapping[str, R],
    *,
    labelled: Answered | None = None,
    adapter: Literal["none", "linear", "mlp"] = "none",
    seed: int = 0,
) -> list[StatedRule[R]]:
    """What sentences state, each rule once for what narrows it: where it gets most weight.

    Args:
        texts: in Japanese or English.
        encoder: turns sentences into vectors.
        language: the brackets that exist.
        rules: those of one domain by name: :data:`ncl_reward.rules.bracket_rules.BRACKET_RULES` or
            :data:`ncl_reward.rules.power_rules.POWER_RULES`; what is stated about others is left out.
        labelled: bracket cases that speak for or against a rule; without any the weight is the prior.
        adapter: tunes the sentences' vectors by the labels.
        seed: of the adapter.

    Raises:
        InputError: a sentence that cannot be read or that names a bracket outside the language, an encoder's own.
    """
    best: dict[tuple[object, ...], tuple[Grounded, Slots]] = {}
    for entries in ground([parse_sentence(text, language) for text in texts], encoder, language):
        for entry in entries:
            if entry.weight > 0 and entry.rule in rules:
                slots = entry.sentence.slots(language, rules[entry.rule].domain)
                name = (entry.rule, slots.pairs, slots.hours)
                if name not in best or best[name][0].weight < entry.weight:
                    best[name] = entry, slots
    chosen = list(best.values())
    factors = [1.0] * len(chosen)
    if labelled is not None and chosen:
        labels = answer_labels(labelled, BracketTokenizer(language).vocab_size)
        factors = [_factor(rules[entry.rule], slots, labels) for entry, slots in chosen]
    tuned = [entry.weight for entry, _ in chosen]
    if adapter != "none":
        from ncl_reward.grounding.adapter import tuned_priors  # needs torch

        seen = _seen([entry.sentence for entry, _ in chosen], encoder)
        names = [entry.rule for entry, _ in chosen]
        tuned = tuned_priors(adapter, fitted_head(encoder), seen, names, factors, seed=seed)
    return [
        StatedRule(rules[entry.rule], slots, posterior(prior, factor), entry.sentence.text, entry.weight, prior)
        for (entry, slots), prior, factor in zip(chosen, tuned, factors, strict=True)
    ]


def effective(rules: Sequence[StatedRule[R]]) -> list[StatedRule[R]]:
    """The rules that are worth something."""
    return [rule for rule in rules if rule.weight >= NEGLIGIBLE]


def posterior(prior: float, factor: float) -> float:
    """w from the prior and the Bayes factor; a prior of 0 stays 0, and labels that say nothing leave any as it is."""
    if prior == 0 or factor == 1:
        return prior
    bounded = min(max(prior, _LEAST_TRUSTED), MOST_TRUSTED)
    return bounded * factor / (bounded * factor + 1 - bounded)


def _factor(rule: Rule[Any], slots: Slots, labels: Labels) -> float:
    """What the labels say of a rule."""
    target = rule.target(labels.inputs, slots)
    right = target.allowed[np.arange(len(labels.answers)), labels.answers]
    return bayes_factor(right[target.applies], labels.situations[target.applies], slots.noise)


def ground(sentences: Iterable[Sentence], encoder: SentenceEncoder, language: BracketLanguage) -> list[list[Grounded]]:
    """For each sentence every rule, highest weight first, ties by probability.

    A sentence in a language that the encoder does not know states nothing.

    Args:
        sentences: as :func:`ncl_reward.reading.sentence.parse_sentence` read them.
        encoder: turns sentences into vectors.
        language: the brackets that exist.
    """
    return [_ground(sentence, encoder, language) for sentence in sentences]


def understands(encoder: SentenceEncoder, sentence: Sentence) -> bool:
    """Whether the encoder knows the language of the sentence."""
    return encoder.languages is None or sentence.language in encoder.languages


def contradictions(grounded: Sequence[Sequence[Grounded]]) -> list[tuple[Grounded, Grounded]]:
    """Pairs of grounded rules that cannot both hold, of one sentence or of two."""
    stated = [entry for entries in grounded for entry in entries if entry.weight > 0]
    return [
        (first, second)
        for names in CONTRADICTIONS
        for first in stated
        for second in stated
        if (first.rule, second.rule) == names
    ]


def _ground(whole: Sentence, encoder: SentenceEncoder, language: BracketLanguage) -> list[Grounded]:
    weighed = _weigh(whole, encoder)
    best: dict[tuple[object, ...], Grounded] = {}  # of each rule and what it is about
    stated: list[Grounded] = []
    for text in sentences(whole.text):
        part = whole if text == whole.text else _part(text, whole, language)
        if part is not None:
            entries = _clauses_of(part, encoder, language) or (weighed if part is whole else _weigh(part, encoder))
            stated += [entry for entry in entries if entry.weight > 0]
    for entry in sorted(stated, key=lambda e: -e.weight):
        about = entry.sentence
        best.setdefault((entry.rule, about.pairs, about.introduces, about.hours), entry)
    if not best:
        return weighed
    found = {entry.rule for entry in best.values()}
    return [*best.values(), *(replace(e, weight=0.0) for e in weighed if e.rule not in found)]


def _clauses_of(sentence: Sentence, encoder: SentenceEncoder, language: BracketLanguage) -> list[Grounded]:
    """The rules of a sentence's clauses if each clause states one, and not all the same; else nothing."""
    stated = []
    for clause in clauses(sentence.text):
        part = _part(clause, sentence, language)
        first = _weigh(part, encoder)[0] if part else None
        if first is None or first.weight < CLAUSE_THRESHOLD:
            return []
        stated.append(first)
    return stated if len({entry.rule for entry in stated}) > 1 else []


def _part(text: str, whole: Sentence, language: BracketLanguage) -> Sentence | None:
    """A clause as a sentence of its own, as certain as the whole unless it says; None if it cannot stand alone."""
    try:
        part = parse_sentence(text, language)
    except InputError:  # a bracket that only the rest of the sentence explains
        return None
    return replace(part, language=whole.language, certainty=part.certainty or whole.certainty)


def _weigh(sentence: Sentence, encoder: SentenceEncoder) -> list[Grounded]:
    if not understands(encoder, sentence):
        return [Grounded(name, 0.0, 0.0, sentence) for name in RULE_NAMES]
    head, seen = fitted_head(encoder), _seen([sentence], encoder)
    similarity = head.similarities(seen.vectors)[0]
    probability = settled(sentence.presence, head.probabilities(seen)[0, : len(RULE_NAMES)])
    return [
        Grounded(
            RULE_NAMES[i],
            float(similarity[i]),
            float(probability[i]) if probability[i] >= THRESHOLD else 0.0,
            sentence,
        )
        for i in np.argsort(-probability, kind="stable")
    ]


def _seen(sentences: Sequence[Sentence], encoder: SentenceEncoder) -> Readings:
    """What a head sees of sentences."""
    texts = [sentence.masked for sentence in sentences]
    return readings(encoder.encode(texts), order_counts(texts), word_counts(texts))


def settled(presence: int, probability: np.ndarray) -> np.ndarray:
    """The probabilities of all rules with what two opposite ones share given to the one that the sentence states.

    What either of them is against any third rule stays with the vector.

    Args:
        presence: see :class:`~ncl_reward.reading.sentence.Sentence`.
        probability: ``(len(RULE_NAMES),)``.
    """
    if not presence:
        return probability
    absent, present = (RULE_NAMES.index(name) for name in OPPOSITES)
    found = probability.copy()
    found[[absent, present]] = 0.0
    found[present if presence > 0 else absent] = probability[absent] + probability[present]
    return found
