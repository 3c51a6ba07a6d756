"""``--tokenizer lm:FOLDER``: the embedding of symbols starts from that of a language model.

The language model's tokenizer is asked for one symbol at a time. A symbol that it writes as one token starts from that
token's embedding. One that it lacks starts from the mean of its nearest known brackets: those that open as it opens,
or close as it closes, and of them the NEAREST first in the order of :func:`supervised.transfer.symbols.likeness`.

    (   (          known
    【   [ 「 『     the mean of these

A language model's embedding has some hundreds of numbers, and ours 32. Principal components (Pearson 1901) keep all
distances between n symbols where n - 1 of them are kept; they are centred, since what all brackets have in common tells
none of them from another, and scaled to the length that fresh rows have in the mean. BOS, SEP and the other special
tokens mean something else here than in a text, and stay fresh.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from bracket_env import FIRST_SYMBOL, BracketLanguage, InputError, quote
from bracket_env.atomic import write_json
from ncl_reward.encoders.transformer import minilm_folder, model_folder
from supervised.models import SequenceModel
from supervised.transfer.pretrained import PACKAGED, UNREADABLE, load_folder, one_line, single_characters
from supervised.transfer.symbols import likeness

PREFIX = "lm:"
NEAREST = 3
SYMBOLS_FILE = "symbols.json"


@dataclass(frozen=True)
class SymbolStart:
    """What the embedding of one symbol started from."""

    symbol: str
    known: bool
    """Whether the language model has it."""
    sources: tuple[str, ...]
    """The symbols whose embeddings were averaged: itself, or its nearest known ones."""


class LMSymbols(NamedTuple):
    """Symbols with their vectors in a language model."""

    starts: tuple[SymbolStart, ...]
    vectors: np.ndarray  # (n, d)


def lm_folder(tokenizer: str) -> Path:
    """The folder that ``--tokenizer`` names.

    Args:
        tokenizer: ``lm:FOLDER_OR_NAME``, or ``lm:bert`` for the packaged English BERT.

    Raises:
        InputError: another form, or no such model.
    """
    name = tokenizer.removeprefix(PREFIX).strip()
    if not tokenizer.startswith(PREFIX) or not name:
        raise InputError(f"--tokenizer must be lm:FOLDER, lm:NAME or lm:bert, not {quote(tokenizer)}")
    return minilm_folder() if name == PACKAGED else model_folder(name)


@lru_cache(maxsize=1)
def lm_symbols(tokenizer: str, language: BracketLanguage) -> LMSymbols:
    """The symbols of a language as a language model has them.

    Args:
        tokenizer: see :func:`lm_folder`.
        language: of the run, in the order of its vocabulary.

    Raises:
        InputError: no such model, files that do not load, or no bracket in its vocabulary.
    """
    known, table = _read(lm_folder(tokenizer), tokenizer)
    starts = symbol_starts("".join(language.pairs), known)
    vectors = [table[[known[source] for source in start.sources]].mean(axis=0) for start in starts]
    return LMSymbols(tuple(starts), np.stack(vectors))


def start_embedding(model: SequenceModel, symbols: LMSymbols) -> None:
    """Overwrite the rows of the symbols in a fresh model's embedding.

    Args:
        model: of any architecture whose encoder has a plain embedding.
        symbols: those of its vocabulary.

    Raises:
        InputError: an architecture without a plain embedding.
    """
    embedding = getattr(model.encoder, "embedding", None)
    if not isinstance(embedding, torch.nn.Embedding):
        raise InputError("--tokenizer needs an architecture with a plain embedding of symbols, such as gru")
    fresh = embedding.weight.detach()[FIRST_SYMBOL:]
    length = float(fresh.norm(dim=1).mean())
    with torch.no_grad():
        embedding.weight[FIRST_SYMBOL:] = torch.from_numpy(projected(symbols.vectors, fresh.shape[1], length))


def symbol_starts(symbols: Sequence[str], known: Mapping[str, int]) -> list[SymbolStart]:
    """Which known symbols each one starts from.

    Args:
        symbols: openers and closers, single characters.
        known: the single characters of a tokenizer.

    Raises:
        InputError: a symbol is not known, and no known one opens or closes as it does.
    """
    found = []
    for symbol in symbols:
        if symbol in known:
            found.append(SymbolStart(symbol, True, (symbol,)))
            continue
        kind = unicodedata.category(symbol)
        alike = [other for other in known if unicodedata.category(other) == kind]
        if not alike:
            raise InputError(f"the language model's tokenizer has neither {symbol} nor any symbol of its kind ({kind})")
        nearest = sorted(alike, key=lambda other: (likeness(symbol, other), other), reverse=True)[:NEAREST]
        found.append(SymbolStart(symbol, False, tuple(nearest)))
    return found


def projected(vectors: np.ndarray, size: int, length: float) -> np.ndarray:
    """Principal components, scaled.

    Args:
        vectors: ``(n, d)``.
        size: how many components; those that n vectors do not have are 0.
        length: mean length of the rows; rows that are all alike stay 0.

    Returns:
        ``(n, size)`` float32.
    """
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    left, singular, right = np.linalg.svd(centred, full_matrices=False)
    kept = min(size, len(singular))
    largest = np.abs(right).argmax(axis=1)
    signs = np.where(right[np.arange(len(right)), largest] < 0, -1.0, 1.0)  # a component's sign is arbitrary
    rows = np.zeros((len(vectors), size))
    rows[:, :kept] = (left * singular * signs)[:, :kept]
    mean = np.linalg.norm(rows, axis=1).mean()
    scaled: np.ndarray = (rows * (length / mean) if mean > 1e-9 else rows * 0).astype(np.float32)
    return scaled


def describe(starts: Sequence[SymbolStart], tokenizer: str) -> str:
    """One line: which symbols the language model knows, and what the others started from."""
    known = " ".join(start.symbol for start in starts if start.known) or "none"
    lacking = [f"{start.symbol} (mean of {' '.join(start.sources)})" for start in starts if not start.known]
    return f"symbols that {tokenizer} knows: {known}; lacks: {', '.join(lacking) or 'none'}"


def write_starts(folder: Path, tokenizer: str, starts: Sequence[SymbolStart]) -> None:
    """Keep them in a run's folder."""
    entries = {"tokenizer": tokenizer, "symbols": [asdict(start) for start in starts]}
    write_json(folder / SYMBOLS_FILE, entries)


def _read(folder: Path, name: str) -> tuple[dict[str, int], np.ndarray]:
    """The single characters of a tokenizer, and the embedding of every token ``(V, d)``.

    Raises:
        InputError: files that are missing or not those of a language model.
    """
    try:
        tokenizer, model = load_folder(folder)
        table = model.get_input_embeddings().weight.detach().numpy()
        known = single_characters(tokenizer)
    except UNREADABLE as error:
        raise InputError(f"--tokenizer {name} holds no language model: {one_line(error)}") from None
    return {symbol: i for symbol, i in known.items() if i < len(table)}, table
