"""Starting a model from another run's weights, also when the new language has more pairs.

A row of an embedding or of the head belongs to a symbol. Symbols that both languages have keep their rows, wherever
they stand in either vocabulary; new symbols keep their fresh initialisation.
"""

from __future__ import annotations

import torch

from bracket_env.errors import InputError, quote
from bracket_env.tokenizer import BracketTokenizer
from supervised.models import SequenceModel
from supervised.runs import RunConfig, RunFolder


def initialise_from(model: SequenceModel, run: RunConfig, source: RunFolder) -> None:
    """Overwrite a fresh model with the best weights of a run, of either family.

    Raises:
        InputError: the run has no weights, is of another architecture or other sizes, or has a pair that the new
            language lacks.
    """
    old = source.config
    if old.architecture != run.architecture:
        raise InputError(f"{source.path} is of architecture {old.architecture}, not {run.architecture}: add --arch")
    for name, value in run.params.items():
        if name not in ("dropout", "max_length") and old.params.get(name) != value:
            raise InputError(f"{source.path} has {name} {old.params.get(name)}, not {value}")
    missing = [pair for pair in old.pairs if pair not in run.pairs]
    if missing:
        raise InputError(f"{source.path} knows the pair {quote(missing[0])}, which the new language lacks: see --pairs")
    weights = source.load_best().state_dict()
    old_tokenizer, tokenizer = BracketTokenizer(old.language), BracketTokenizer(run.language)
    ids = {tokenizer.spell([i]): i for i in range(tokenizer.vocab_size)}
    rows = torch.tensor([ids[old_tokenizer.spell([i])] for i in range(old_tokenizer.vocab_size)])
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            saved = weights[name]
            if saved.shape == tensor.shape and not _by_symbol(name, saved, old_tokenizer.vocab_size):
                tensor.copy_(saved)
            elif saved.shape[1:] == tensor.shape[1:] and len(saved) == old_tokenizer.vocab_size:
                tensor[rows] = saved
            elif saved.shape[1:] == tensor.shape[1:]:  # learned positions: the first ones keep their place
                shared = min(len(saved), len(tensor))
                tensor[:shared] = saved[:shared]
            else:
                raise InputError(f"{source.path}: {name} is {tuple(saved.shape)}, not {tuple(tensor.shape)}")


def _by_symbol(name: str, saved: torch.Tensor, vocab_size: int) -> bool:
    symbolic = name.startswith("head.") or "embedding" in name or "wte" in name
    return symbolic and len(saved) == vocab_size
