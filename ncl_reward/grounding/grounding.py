"""Vector -> weight per rule: which rules of the book a sentence states.

The weight of a rule is the head's probability (:mod:`ncl_reward.grounding.head`) where it reaches THRESHOLD, else
exactly 0; so a sentence that the head takes for none of the rules changes nothing.

A text of several sentences is grounded sentence by sentence, and so is a sentence of which each clause clearly states
a rule of its own ("last opened first closed, and stop when all are closed"); brackets, durations and certainty are
then read from that part. If no part states a rule, the text as a whole is tried.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bracket_env.errors import InputError
from bracket_env.language import BracketLanguage
from ncl_reward.encoders.encoders import SentenceEncoder
from ncl_reward.grounding.head import RULE_NAMES, fitted_head, read_sentences
from ncl_reward.reading.instruction import Instruction, clauses, masked, parse_instruction, sentences
from ncl_reward.reading.polarity import OPPOSITES, settled

THRESHOLD = 0.5
CLAUSE_THRESHOLD = 0.8  # a clause is short and easily misread
CONTRADICTIONS = (("nesting", "queue"), OPPOSITES)


@dataclass(frozen=True)
class Grounded:
    """How far a sentence states a rule."""

    rule: str
    similarity: float
    """Cosine to the nearest sentence of the book that states the rule."""
    weight: float
    """In [0, 1]; exactly 0 when the sentence does not state it."""
    instruction: Instruction
    """The sentence or the clause that states it, with what it names."""


def ground(
    instructions: Iterable[Instruction], encoder: SentenceEncoder, language: BracketLanguage
) -> list[list[Grounded]]:
    """For each instruction every rule, highest weight first, ties by probability.

    A sentence in a language that the encoder does not know states nothing.

    Args:
        instructions: as :func:`ncl_reward.reading.instruction.parse_instruction` read them.
        encoder: turns sentences into vectors.
        language: the brackets that exist.
    """
    return [_ground(instruction, encoder, language) for instruction in instructions]


def understands(encoder: SentenceEncoder, instruction: Instruction) -> bool:
    """Whether the encoder knows the language of the sentence."""
    return encoder.languages is None or instruction.language in encoder.languages


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


def _ground(instruction: Instruction, encoder: SentenceEncoder, language: BracketLanguage) -> list[Grounded]:
    whole = _weigh(instruction, encoder, language)
    found = []
    for sentence in sentences(instruction.text):
        part = instruction if sentence == instruction.text else _part(sentence, instruction, language)
        if part is not None:
            found.append(_clauses_of(part, encoder, language) or _weigh(part, encoder, language))
    stated = [entry for entries in found for entry in entries if entry.weight > 0]
    if not stated:
        return whole
    best: dict[tuple[object, ...], Grounded] = {}  # of each rule and what it is about
    for entry in sorted(stated, key=lambda e: -e.weight):
        about = entry.instruction
        best.setdefault((entry.rule, about.pairs, about.introduces, about.hours), entry)
    found_rules = {entry.rule for entry in best.values()}
    return [*best.values(), *(replace(e, weight=0.0) for e in whole if e.rule not in found_rules)]


def _clauses_of(instruction: Instruction, encoder: SentenceEncoder, language: BracketLanguage) -> list[Grounded]:
    """The rules of a sentence's clauses if each clause states one, and not all the same; else nothing."""
    stated = []
    for clause in clauses(instruction.text):
        part = _part(clause, instruction, language)
        first = _weigh(part, encoder, language)[0] if part else None
        if first is None or first.weight < CLAUSE_THRESHOLD:
            return []
        stated.append(first)
    return stated if len({entry.rule for entry in stated}) > 1 else []


def _part(text: str, whole: Instruction, language: BracketLanguage) -> Instruction | None:
    """A clause as an instruction of its own, as certain as the whole unless it says; None if it cannot stand alone."""
    try:
        part = parse_instruction(text, language)
    except InputError:  # a bracket that only the rest of the sentence explains
        return None
    return replace(part, language=whole.language, certainty=part.certainty or whole.certainty)


def _weigh(instruction: Instruction, encoder: SentenceEncoder, language: BracketLanguage) -> list[Grounded]:
    if not understands(encoder, instruction):
        return [Grounded(name, 0.0, 0.0, instruction) for name in RULE_NAMES]
    head = fitted_head(encoder)
    sentence = read_sentences([masked(instruction.text, language)], encoder)
    similarity = head.similarities(sentence.vectors)[0]
    probability = settled(instruction.text, RULE_NAMES, head.probabilities(sentence)[0, : len(RULE_NAMES)])
    return [
        Grounded(
            RULE_NAMES[i],
            float(similarity[i]),
            float(probability[i]) if probability[i] >= THRESHOLD else 0.0,
            instruction,
        )
        for i in np.argsort(-probability, kind="stable")
    ]
