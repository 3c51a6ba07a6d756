"""Instructions: a sentence in Japanese or English, and the meaning that an answer is checked by.

The form is that of Minigrid and BabyAI (Chevalier-Boisvert et al. 2019): an instruction is an object with its text,
:meth:`Instruction.surface`, and its check, :meth:`Instruction.verify`. The text is made from the meaning and never read
back: whatever a sentence says, an answer is right if it is the one that the meaning gives.

    >>> instruction = INSTRUCTIONS[0]
    >>> instruction.surface()
    'Close the bracket that was opened last before any other.'
    >>> instruction.verify("({", "})"), instruction.verify("({", ")}")
    (True, False)

``sentences.json`` holds, for each kind of meaning and each language, 20 sentences to train on and 5 that are held out.
A sentence about pairs is a pattern: ``{a}`` is the name of its first pair, ``{ao}`` and ``{ac}`` are that pair's
symbols, and ``b`` stands for the other pair. The n-th pattern takes the n-th name of a pair, in turn, and where two
pairs exchange their closers every other pattern names them the other way round.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import product
from typing import Any, Literal, get_args

from bracket_env.errors import InputError, check_choice, quote
from bracket_env.instructions.meanings import MEANINGS, UNSEEN_MEANINGS, Meaning, Part, check_part, in_part

Spoken = Literal["en", "ja"]


@dataclass(frozen=True)
class Instruction:
    """A sentence and what it means."""

    text: str
    meaning: Meaning
    language: Spoken
    held_out: bool
    """Whether the sentence is for testing only."""

    def surface(self) -> str:
        """The sentence."""
        return self.text

    def verify(self, prefix: str, answer: str) -> bool:
        """Whether ``answer`` is the right one for ``prefix``; the sentence is not looked at.

        Raises:
            InputError: ``prefix`` cannot be completed.
        """
        return answer == self.meaning.answer(prefix)


@cache
def _data() -> dict[str, Any]:
    return json.loads(files("bracket_env.instructions").joinpath("sentences.json").read_text(encoding="utf-8"))


def _instructions(meaning: Meaning) -> list[Instruction]:
    patterns = _data()[meaning.kind]
    return [
        Instruction(_fill(pattern, n, meaning, language), meaning, language, part == "unseen")
        for part, language in product(("train", "unseen"), get_args(Spoken))
        for n, pattern in enumerate(patterns[part][language])
    ]


def _fill(pattern: str, n: int, meaning: Meaning, language: str) -> str:
    pairs = meaning.swapped or tuple(filter(None, [meaning.only]))
    if meaning.only is None and n % 2:
        pairs = pairs[::-1]
    slots: dict[str, str] = {}
    for slot, pair in zip("ab", pairs, strict=False):
        names = _data()["names"][pair][language]
        slots |= {slot: names[n % len(names)], f"{slot}o": pair[0], f"{slot}c": pair[1]}
    return pattern.format(**slots)


INSTRUCTIONS: tuple[Instruction, ...] = tuple(i for meaning in MEANINGS for i in _instructions(meaning))
"""Every sentence once, meaning by meaning, with as many for each meaning and language."""


def choose_instructions(
    sentences: Part = "train", meanings: Part = "train", language: Spoken | Literal["all"] = "all"
) -> tuple[Instruction, ...]:
    """The instructions of some sentences and meanings.

    Args:
        sentences: those to train on, the held-out ones, or all.
        meanings: without the held-out combinations, those alone, or all.
        language: ``en``, ``ja`` or both.

    Raises:
        InputError: an unknown value.
    """
    check_part("sentences", sentences)
    check_part("meanings", meanings)
    check_choice("language", language, (*get_args(Spoken), "all"))
    return tuple(
        i
        for i in INSTRUCTIONS
        if in_part(sentences, unseen=i.held_out)
        and in_part(meanings, unseen=i.meaning in UNSEEN_MEANINGS)
        and language in (i.language, "all")
    )


def find_instruction(text: object) -> Instruction:
    """The instruction with this sentence.

    Raises:
        InputError: there is none.
    """
    for instruction in INSTRUCTIONS:
        if instruction.text == text:
            return instruction
    raise InputError(
        f"no instruction has the sentence {quote(text)}: see bracket_env.instructions.catalogue.INSTRUCTIONS"
    )
