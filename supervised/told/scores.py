"""How often a model does what a sentence asks for, on whole answers that it writes freely.

    told                                   what is scored
    seen sentences                         sentences and meanings of the training
    unseen sentences                       other sentences, the same meanings
    unseen combinations, ... patterns      meanings that the training left out
    another meaning's sentence             a control: told one thing, scored on another
    no sentence                            a control: told zeros

An answer counts when it is the only right one, the stop included. Prefixes and sentences are those of the first
episodes of ``bracket/Instruct-v0`` under keyed seeds, so every model is asked the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from bracket_env import Case, Estimate, InstructVectorEnv
from bracket_env.instructions.catalogue import Instruction, choose_instructions
from bracket_env.instructions.meanings import MEANINGS, Meaning, Part
from bracket_env.instructions.sentence_vectors import NO_SENTENCE
from bracket_env.random_streams import below, bits, key, keyed_seeds
from bracket_env.sampling.splits import Split
from bracket_env.scores.report import interval, percent
from bracket_env.scores.tables import FittingTable, table

Answer = Callable[[Sequence[str], np.ndarray], list[str]]
"""Prefixes, and the vector ``(n, dim)`` of what is asked of each -> answers."""
VectorsOf = Callable[[Sequence[str]], np.ndarray]
"""Sentences -> their vectors ``(n, dim)`` float32."""
VectorSeen = Literal["own", "shuffled", "nothing"]

TESTS: dict[str, tuple[Part, Part]] = {  # name: sentences, meanings
    "seen sentences": ("train", "train"),
    "unseen sentences": ("unseen", "train"),
    "unseen combinations, seen patterns": ("train", "unseen"),
    "unseen combinations, unseen patterns": ("unseen", "unseen"),
}
CONTROLS: dict[str, VectorSeen] = {"another meaning's sentence": "shuffled", "no sentence": "nothing"}


@dataclass(frozen=True)
class Asked:
    """Prefixes, and the sentence that each is to be answered under."""

    instructions: Sequence[Instruction]
    prefixes: Sequence[str]
    among: Sequence[Instruction]
    """What the sentences were drawn from."""

    def cases(self) -> list[Case]:
        """Each prefix with the answer that its sentence asks for."""
        rows = zip(self.prefixes, self.instructions, strict=True)
        return [Case(prefix, instruction.meaning.answer(prefix)) for prefix, instruction in rows]

    def told(self, seen: VectorSeen = "own", seed: int = 0) -> list[str] | None:
        """What a model is told of each: its own sentence, one of another meaning, or nothing at all."""
        if seen == "nothing":
            return None
        if seen == "own":
            return [instruction.text for instruction in self.instructions]
        return [_other(self.among, own, seed, n).text for n, own in enumerate(self.instructions)]

    def vectors(self, vectors_of: VectorsOf, seen: VectorSeen = "own", seed: int = 0) -> np.ndarray:
        """The vectors of :meth:`told`, ``(n, dim)``; zeros for nothing."""
        texts = self.told(seen, seed)
        if texts is None:
            return np.zeros_like(self.vectors(vectors_of))
        different = list(dict.fromkeys(texts))
        row_of = {text: row for row, text in enumerate(different)}
        return vectors_of(different)[[row_of[text] for text in texts]]

    def chance(self) -> float:
        """How often the best model is right that knows all but which of the meanings is meant."""
        meanings = {instruction.meaning for instruction in self.among}
        return best_without_sentence(self.prefixes, [meaning for meaning in MEANINGS if meaning in meanings])

    def scores(self, answers: Sequence[str]) -> dict[str, Any]:
        """Share of perfect answers, in total, by language and by kind of meaning; with n and a 95 % interval each."""
        right = np.array([answer == case.completion for answer, case in zip(answers, self.cases(), strict=True)])
        languages = np.array([instruction.language for instruction in self.instructions])
        kinds = np.array([instruction.meaning.kind for instruction in self.instructions])
        return {
            "exact": _share(right),
            "by_language": {str(name): _share(right[languages == name]) for name in np.unique(languages)},
            "by_kind": {str(name): _share(right[kinds == name]) for name in np.unique(kinds)},
        }


def _share(right: np.ndarray) -> dict[str, Any]:
    return asdict(Estimate.of(float(right.sum()), len(right)))


def ask(n: int, split: Split, sentences: Part = "train", meanings: Part = "train", *, seed: int = 0) -> Asked:
    """n prefixes of a split, each with a sentence.

    Args:
        sentences, meanings: as for ``bracket/Instruct-v0``.
        seed: of the evaluation.
    """
    env = InstructVectorEnv(n, split=split, sentences=sentences, meanings=meanings, encoder=NO_SENTENCE)
    _, infos = env.reset(seed=keyed_seeds(seed, "agents/instruct_scores", n))
    prefixes = [case.prefix for case in infos["case"]]
    return Asked(list(infos["instruction"]), prefixes, choose_instructions(sentences, meanings))


def evaluate_told(
    answer: Answer, vectors_of: VectorsOf, cases: int, split: Split = "test", seed: int = 0
) -> dict[str, Any]:
    """Scores under the sentences and meanings of :data:`TESTS`, and of :data:`CONTROLS` on those of the training.

    Args:
        cases: of each.
        seed: of prefixes and sentences.

    Returns:
        Name -> the scores of :meth:`Asked.scores`, and beside each the chance of its meanings.
    """
    found = {}
    for name, parts in TESTS.items():
        asked = ask(cases, split, *parts, seed=seed)
        found[name] = {**asked.scores(answer(asked.prefixes, asked.vectors(vectors_of))), "chance": asked.chance()}
    asked = ask(cases, split, seed=seed)
    for name, seen in CONTROLS.items():
        answers = answer(asked.prefixes, asked.vectors(vectors_of, seen, seed))
        found[name] = {**asked.scores(answers), "chance": asked.chance()}
    return found


def told_table(scores: dict[str, Any], title: str) -> FittingTable:
    """Exact answers in per cent, in total and by language."""
    caption = "en, ja: by language; chance: the best answer without the sentence; n: questions"
    headings = ("sentences", "exact %", "en", "ja", "chance", "n")
    view = table(title, headings, left=("sentences",), caption=caption)
    for name, row in scores.items():
        shares = [row["exact"], row["by_language"].get("en"), row["by_language"].get("ja")]
        cells = ["-" if share is None else percent(Estimate(**share)) for share in shares]
        chance = percent(Estimate(row["chance"], 0.0, 1.0, row["exact"]["n"]))
        view.add_row(name, *cells, chance, f"{row['exact']['n']:,}")
    return view


def exact_table(what: str, scores: dict[str, Estimate], title: str) -> FittingTable:
    """One line an estimate of exact answers; ``what`` is the heading of their names."""
    view = table(title, (what, "exact %", "95 % interval", "n"), left=(what,))
    for name, exact in scores.items():
        view.add_row(name, percent(exact), interval(exact), f"{exact.n:,}")
    return view


def best_without_sentence(prefixes: Sequence[str], meanings: Sequence[Meaning]) -> float:
    """The chance of the meanings: how often the best agent is right that knows all but which meaning is meant.

    For each prefix it gives the answer that most of the equally likely meanings share.
    """
    shares = []
    for prefix in prefixes:
        answers = [meaning.answer(prefix) for meaning in meanings]
        shares.append(max(map(answers.count, answers)) / len(answers))
    return float(np.mean(shares))


def _other(among: Sequence[Instruction], own: Instruction, seed: int, number: int) -> Instruction:
    """A sentence of another meaning."""
    others = [instruction for instruction in among if instruction.meaning != own.meaning]
    return others[below(bits(key(seed, "agents/instruct_scores/shuffled"), number), len(others))]
