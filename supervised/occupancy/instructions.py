"""A sentence about household power -> the rules it states, with their prior weights."""

from __future__ import annotations

from bracket_env.language import BracketLanguage
from ncl_reward.encoders.encoders import make_encoder
from ncl_reward.grounding.grounding import ground
from ncl_reward.reading.instruction import parse_instruction
from ncl_reward.rules.power_rules import POWER_RULES, StatedRule
from ncl_reward.rules.rule import Slots


def stated_rules(sentence: str, encoder: str) -> list[StatedRule]:
    """The rules of household power that a sentence states; empty for a sentence about anything else.

    Args:
        sentence: Japanese or English, of one sentence or several.
        encoder: ``default``, ``bert`` or ``hf:FOLDER``.

    Raises:
        InputError: a sentence or an encoder that cannot be used.
    """
    language = BracketLanguage()
    [grounded] = ground([parse_instruction(sentence, language)], make_encoder(encoder), language)
    return [
        StatedRule(POWER_RULES[entry.rule], Slots(hours=entry.instruction.hours, noise=entry.instruction.noise), weight)
        for entry in grounded
        if entry.rule in POWER_RULES and (weight := entry.weight) > 0
    ]
