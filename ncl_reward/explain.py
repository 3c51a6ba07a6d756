"""``python -m ncl_reward.explain "sentence"``: what a sentence was understood to mean."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tyro

from bracket_env import DEFAULT_SETTING, get_setting
from bracket_env.atomic import write_json
from bracket_env.command import run
from bracket_env.scores.tables import table
from bracket_env.tasks.setting_name import SettingName
from ncl_reward.book import NO_RULE, explained
from ncl_reward.encoders.encoders import SentenceEncoder, make_encoder
from ncl_reward.encoders.options import DEFAULT_ENCODER, EncoderName, EncoderOptions
from ncl_reward.grounding.stated import Grounded, contradictions, ground, understands
from ncl_reward.reading.sentence import Sentence, parse_sentence

PROG = "python -m ncl_reward.explain"


@dataclass(frozen=True, kw_only=True)
class Explain(EncoderOptions):
    """Show which rules sentences state, how surely, and what narrows them.

    Rules of brackets and of household power are known. A sentence that states none of them changes no training run.
    """

    sentences: tyro.conf.Positional[tuple[str, ...]]
    """One or several sentences, in Japanese or English; quote each."""
    ncl_encoder: EncoderName = DEFAULT_ENCODER
    setting: SettingName = DEFAULT_SETTING
    """Whose brackets exist; a pair outside them is one that the sentence introduces."""
    json: str | None = None
    """Also write what is shown, and every rule's similarity, to this file."""


def main(config: Explain) -> None:
    """Explain as configured.

    Raises:
        InputError: no sentence, one that cannot be read, an encoder that is missing, a file that cannot be written.
    """
    from rich.console import Console

    language = get_setting(config.setting).language()
    sentences = [parse_sentence(text, language) for text in config.sentences or ("",)]
    encoder = make_encoder(config.ncl_encoder)
    grounded = ground(sentences, encoder, language)
    if config.json is not None:
        found = [_as_json(s, entries, encoder) for s, entries in zip(sentences, grounded, strict=True)]
        whole = found[0] if len(found) == 1 else {"sentences": found}
        write_json(config.json, whole)
    console = Console()
    for sentence, entries in zip(sentences, grounded, strict=True):
        _show(console, sentence, entries, encoder)
    for first, second in contradictions(grounded):
        console.print(
            f"contradiction: {first.rule} ({first.sentence.text}) against {second.rule} ({second.sentence.text})",
            style="bold red",
            markup=False,
            highlight=False,
        )


def _show(console: Any, sentence: Sentence, entries: Sequence[Grounded], encoder: SentenceEncoder) -> None:
    console.print(sentence.text, style="bold", markup=False, highlight=False)
    stated = [entry for entry in entries if entry.weight > 0]
    if not stated:
        why = "" if understands(encoder, sentence) else f": the encoder {encoder.name} does not know its language"
        console.print(f"{NO_RULE}{why}\n", markup=False, highlight=False)
        return
    headings = ("rule", "similarity", "weight", "certainty", "slots")
    meant = explained(entry.rule for entry in stated)
    view = table("", headings, left=("rule", "certainty", "slots"), caption=meant)
    for entry in stated:
        numbers = (f"{entry.similarity:.2f}", f"{entry.weight:.2f}")
        view.add_row(entry.rule, *numbers, entry.sentence.certainty or "–", _slots_text(entry.sentence))
    console.print(view)
    console.print()


def _slots(sentence: Sentence) -> dict[str, Any]:
    """What the sentence names; only what it does name."""
    named = {"pairs": list(sentence.pairs), "introduces": sentence.introduces, "hours": sentence.hours}
    return {name: value for name, value in named.items() if value}


def _slots_text(sentence: Sentence) -> str:
    named = _slots(sentence).items()
    return ", ".join(f"{n} {' '.join(v) if isinstance(v, list) else v}" for n, v in named) or "–"


def _as_json(sentence: Sentence, entries: Sequence[Grounded], encoder: SentenceEncoder) -> dict[str, Any]:
    return {
        "sentence": sentence.text,
        "encoder": encoder.name,
        "certainty": sentence.certainty,
        "slots": _slots(sentence),
        "rules": [{"name": e.rule, "similarity": e.similarity, "weight": e.weight} for e in entries],
    }


if __name__ == "__main__":
    sys.exit(run(Explain, main, prog=PROG))
