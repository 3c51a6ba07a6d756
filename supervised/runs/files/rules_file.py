"""The rules that the sentences of a run state: its file ``instructions.json``, and the table of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from bracket_env import BracketLanguage, InputError
from bracket_env.atomic import write_json
from bracket_env.scores.tables import FittingTable, table
from ncl_reward.book import explained
from ncl_reward.rules.bracket_rules import BRACKET_RULES, BracketRule
from ncl_reward.rules.rule import Slots, StatedRule

INSTRUCTIONS_FILE = "instructions.json"

Rules = Sequence[StatedRule[BracketRule]]


def write_rules(folder: Path, rules: Rules, language: BracketLanguage) -> None:
    """Keep them in a run's folder."""
    entries = [
        {
            "sentence": stated.sentence,
            "rule": stated.rule.name,
            "prior": stated.prior,
            "tuned_prior": stated.tuned_prior,
            "weight": stated.weight,
            "pairs": _pairs(stated, language),
            "noise": stated.slots.noise,
        }
        for stated in rules
    ]
    write_json(folder / INSTRUCTIONS_FILE, entries)


def read_rules(folder: Path, language: BracketLanguage) -> list[StatedRule[BracketRule]]:
    """What :func:`write_rules` kept.

    Raises:
        InputError: the file is missing or damaged.
    """
    path = folder / INSTRUCTIONS_FILE
    try:
        found = []
        for entry in json.loads(path.read_text(encoding="utf-8")):
            rule, pairs, noise = (entry.pop(name) for name in ("rule", "pairs", "noise"))
            numbers = pairs and tuple(language.pairs.index(pair) for pair in pairs)
            found.append(StatedRule(BRACKET_RULES[rule], Slots(pairs=numbers, noise=noise), **entry))
        return found
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is missing or damaged: {error}") from None


def rule_weights(rules: Rules) -> dict[str, float]:
    """The weights by the names under which a run's log shows them."""
    return {f"ncl/weight/{stated.rule.name}": stated.weight for stated in rules}


def rules_table(rules: Rules, language: BracketLanguage) -> FittingTable:
    """One line a rule, and below them what the rules mean."""
    tuned = any(r.tuned_prior != r.prior for r in rules)
    headings = ("rule", "pairs", "noise", "prior", *(["tuned"] if tuned else []), "weight", "sentence")
    meant = explained(r.rule.name for r in rules)
    view = table("what the sentences state", headings, left=("rule", "pairs", "sentence"), caption=meant)
    for r in rules:
        priors = (r.prior, r.tuned_prior) if tuned else (r.prior,)
        pairs = " ".join(_pairs(r, language) or ["all"])
        view.add_row(r.rule.name, pairs, f"{r.slots.noise:g}", *(f"{x:.3f}" for x in (*priors, r.weight)), r.sentence)
    return view


def _pairs(stated: StatedRule[BracketRule], language: BracketLanguage) -> list[str] | None:
    """The pairs that a rule is narrowed to; None: all."""
    return None if stated.slots.pairs is None else [language.pairs[i] for i in stated.slots.pairs]
