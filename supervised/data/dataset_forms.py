"""The three forms in which a dataset folder holds its cases, as text that can be written piece by piece.

The prefix ``({`` and its completion ``})`` of the default task, form by form:

    original       "input:({,output:}),"
    preprocessed   {"input":"( {","target":"} )"}
    tokenize       [1,5,9,2,10,6,3]

The rows are JSON already: whole chunks of cases are turned into them by string operations, many times as fast as the
json module would.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bracket_env import BOS, EOS, SEP, BracketTokenizer, Case
from bracket_env.case_formats import WRITERS

SEPARATOR = ",\n"


@dataclass(frozen=True)
class Form:
    """``opening``, rows with :data:`SEPARATOR` between them, ``closing``: together one JSON text."""

    opening: str
    rows: Callable[[Sequence[Case]], str]
    """The rows of some cases, at least one, with the separators between them."""
    closing: str


def dataset_forms(tokenizer: BracketTokenizer) -> dict[str, Form]:
    """Folder name -> form, for cases of this tokenizer's language."""
    pairs = {"pairs": list(tokenizer.language.pairs)}
    vocabulary = {tokenizer.spell([i]): i for i in range(tokenizer.vocab_size)}
    return {
        "original": Form("[\n", _original_rows, "\n]\n"),
        "preprocessed": _cases_after(pairs, _preprocessed_rows(tokenizer)),
        "tokenize": _cases_after({**pairs, "vocabulary": vocabulary}, _token_rows(vocabulary)),
    }


def _cases_after(head: Mapping[str, object], rows: Callable[[Sequence[Case]], str]) -> Form:
    """An object with the keys of ``head`` and one more, ``cases``."""
    opened = json.dumps(head, ensure_ascii=False).removesuffix("}")
    return Form(f'{opened}, "cases": [\n', rows, "\n]}\n")


def _original_rows(cases: Sequence[Case]) -> str:
    return WRITERS["array"](cases).removeprefix("[\n").removesuffix("\n]\n")


def _preprocessed_rows(tokenizer: BracketTokenizer) -> Callable[[Sequence[Case]], str]:
    symbols = "".join(tokenizer.language.pairs)
    escaped = {symbol: json.dumps(symbol, ensure_ascii=False)[1:-1] for symbol in symbols}.__getitem__

    def rows(cases: Sequence[Case]) -> str:
        return SEPARATOR.join(
            f'{{"input":"{" ".join(map(escaped, prefix))}","target":"{" ".join(map(escaped, completion))}"}}'
            for prefix, completion in cases
        )

    return rows


def _token_rows(vocabulary: Mapping[str, int]) -> Callable[[Sequence[Case]], str]:
    # Tab and newline are no symbols of any language, so they can stand for what separates the parts.
    symbols = {symbol: f",{i}" for symbol, i in vocabulary.items() if len(symbol) == 1}
    written = str.maketrans({**symbols, "\t": f",{SEP}", "\n": f",{EOS}]{SEPARATOR}[{BOS}"})

    def rows(cases: Sequence[Case]) -> str:
        text = "\n".join(f"{prefix}\t{completion}" for prefix, completion in cases)
        return f"[{BOS}{text.translate(written)},{EOS}]"

    return rows
