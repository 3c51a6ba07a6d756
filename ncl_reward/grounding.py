"""Vector -> weight per rule: which rules of the book a sentence states.

The head is kernel ridge classification on the vectors of the book's own sentences, a null class of unrelated
sentences among them. With k(x, z) = exp(-γ(1 - x·z)) on unit vectors (plus 1, the bias), Y the one-hot classes and λ
the ridge,

    scores(x) = k(x)ᵀ (K + λI)⁻¹ Y,    p(x) = softmax(scores(x) / τ)

in closed form, hence deterministic, and so are its predictions for sentences left out (Rifkin & Klautau 2004, "In
Defense of One-Vs-All Classification", section 5). γ, λ, τ and the threshold were chosen by leaving out one family of
sentences at a time (``tests/ncl_reward/test_grounding.py`` repeats it). The weight of a rule is its p where p reaches
the threshold, else exactly 0.

A text of several sentences is grounded sentence by sentence, and so is a sentence of which each clause clearly states a
rule of its own; brackets, durations and certainty are then read from that clause.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from bracket_env.errors import InputError
from bracket_env.language import BracketLanguage
from ncl_reward import book
from ncl_reward.encoders import SentenceEncoder
from ncl_reward.instruction import Instruction, clauses, masked, parse_instruction, sentences

GAMMA = 2.0
RIDGE = 0.1
TEMPERATURE = 0.12
THRESHOLD = 0.5
CLAUSE_THRESHOLD = 0.8  # a clause is short and easily misread

RULE_NAMES = tuple(book.meanings())
CLASSES = (*RULE_NAMES, book.UNRELATED)
CONTRADICTIONS = (("nesting", "queue"),)


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


@dataclass(frozen=True)
class Head:
    """The fitted head.

    Attributes:
        vectors: ``(m, dim)``, the book.
        classes: ``(m,)`` numbers into CLASSES.
        dual: ``(m, len(CLASSES))``.
    """

    vectors: np.ndarray
    classes: np.ndarray
    dual: np.ndarray

    def probabilities(self, vectors: np.ndarray) -> np.ndarray:
        """``(n, len(CLASSES))``, rows that add up to one."""
        return softmax(kernel(vectors, self.vectors) @ self.dual / TEMPERATURE)

    def similarities(self, vectors: np.ndarray) -> np.ndarray:
        """``(n, len(RULE_NAMES))``: cosine to the nearest sentence of each rule."""
        cosine = vectors @ self.vectors.T
        return np.stack([cosine[:, self.classes == i].max(axis=1) for i in range(len(RULE_NAMES))], axis=1)


def ground(
    instructions: Iterable[Instruction], encoder: SentenceEncoder, language: BracketLanguage
) -> list[list[Grounded]]:
    """For each instruction every rule, highest weight first, ties by probability.

    A sentence in a language that the encoder does not know states nothing.

    Args:
        instructions: as :func:`ncl_reward.instruction.parse_instruction` read them.
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


@lru_cache(maxsize=8)
def fitted_head(encoder: SentenceEncoder) -> Head:
    """The head of an encoder, fitted once a process (a fraction of a second) on the book's sentences."""
    language = BracketLanguage()
    spoken = [e for e in book.entries() if encoder.languages is None or e.language in encoder.languages]
    vectors = encoder.encode([masked(entry.text, language) for entry in spoken]).astype(np.float64)
    classes = np.array([CLASSES.index(entry.rule) for entry in spoken])
    return Head(vectors, classes, np.linalg.solve(*normal_equations(vectors, classes)))


def normal_equations(vectors: np.ndarray, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``K + λI`` ``(m, m)`` and the one-hot classes ``(m, len(CLASSES))``."""
    return kernel(vectors, vectors) + RIDGE * np.eye(len(vectors)), np.eye(len(CLASSES))[classes]


def kernel(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """``1 + exp(-γ(1 - x·z))`` for all pairs of unit rows."""
    similarity: np.ndarray = 1 + np.exp(-GAMMA * (1 - left @ right.T))
    return similarity


def softmax(scores: np.ndarray) -> np.ndarray:
    """Row-wise."""
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: np.ndarray = raised / raised.sum(axis=1, keepdims=True)
    return shares


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
    best: dict[str, Grounded] = {}
    for entry in sorted(stated, key=lambda e: -e.weight):
        best.setdefault(entry.rule, entry)
    return [*best.values(), *(replace(e, weight=0.0) for e in whole if e.rule not in best)]


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
    vector = encoder.encode([masked(instruction.text, language)]).astype(np.float64)
    similarity = head.similarities(vector)[0]
    probability = head.probabilities(vector)[0, : len(RULE_NAMES)]
    return [
        Grounded(
            RULE_NAMES[i],
            float(similarity[i]),
            float(probability[i]) if probability[i] >= THRESHOLD else 0.0,
            instruction,
        )
        for i in np.argsort(-probability, kind="stable")
    ]
