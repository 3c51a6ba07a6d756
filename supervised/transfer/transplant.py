"""Starting a model from another run's weights, also when the new language has more pairs.

A row of an embedding or of the head belongs to a symbol. Symbols that both languages have keep their rows, wherever
they stand in either vocabulary; new symbols keep their fresh initialisation, or start from the nearest known ones.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

import torch

from bracket_env import BracketTokenizer, InputError, quote
from bracket_env.command import is_given
from supervised.models import SequenceModel
from supervised.options.groups import InitFrom
from supervised.runs import RunConfig, RunFolder, load_best
from supervised.runs.sentences import refuse_conditioned
from supervised.transfer.symbols import nearest_pairs

Config = TypeVar("Config", bound=InitFrom)
_IMPROBABLE = -10.0  # logit


def with_architecture(config: Config) -> Config:
    """A command's configuration with the architecture of the run that ``--init-from`` names.

    A typed ``--arch`` stays.

    Raises:
        InputError: there is no such run.
    """
    if config.init_from is None or is_given(config, "arch"):
        return config
    changes: dict[str, Any] = {"arch": RunFolder.open(config.init_from, root=config.runs_dir).config.architecture}
    return replace(config, **changes)


def fresh_model(run: RunConfig, options: InitFrom, *, begun: bool) -> SequenceModel:
    """The model of a run at its first step, with the weights of the run that ``--init-from`` names.

    Args:
        begun: a checkpoint will overwrite the weights.

    Raises:
        InputError: as :func:`initialise_from`.
    """
    model = run.build()
    if options.init_from is not None and not begun:
        initialise_from(model, run, RunFolder.open(options.init_from, root=options.runs_dir))
    return model


def initialise_from(model: SequenceModel, run: RunConfig, source: RunFolder, *, nearest: bool = False) -> None:
    """Overwrite a fresh model with the best weights of a run, of either family.

    Args:
        nearest: the symbols of a new pair start from the rows of the known pair that is nearest to it; otherwise they
            stay fresh.

    Raises:
        InputError: the run has no weights, is of another architecture or other sizes, or has a pair that the new
            language lacks.
    """
    old = source.config
    refuse_conditioned(source.path, old.options)
    if old.architecture != run.architecture:
        raise InputError(f"{source.path} is of architecture {old.architecture}, not {run.architecture}")
    for name, value in run.params.items():
        if name not in ("dropout", "max_length") and old.params.get(name) != value:
            raise InputError(f"{source.path} has {name} {old.params.get(name)}, not {value}")
    missing = [pair for pair in old.pairs if pair not in run.pairs]
    if missing:
        raise InputError(f"{source.path} knows the pair {quote(missing[0])}, which the new language lacks: see --pairs")
    weights = load_best(source, floats=True).state_dict()
    # An agent's head makes every token that is no action all but impossible; as a target of the loss such a token
    # would look like an explosion, so it only stays improbable.
    weights["head.bias"].clamp_(min=_IMPROBABLE)
    old_tokenizer, tokenizer = BracketTokenizer(old.language), BracketTokenizer(run.language)
    ids = {tokenizer.spell([i]): i for i in range(tokenizer.vocab_size)}
    rows = torch.tensor([ids[old_tokenizer.spell([i])] for i in range(old_tokenizer.vocab_size)])
    starts = nearest_pairs([pair for pair in run.pairs if pair not in old.pairs], old.pairs) if nearest else {}
    added = torch.tensor(tokenizer.encode("".join(starts)), dtype=torch.long)
    models = torch.tensor(old_tokenizer.encode("".join(starts.values())), dtype=torch.long)
    symbolic = _symbol_tables(model)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            saved = weights[name]
            if name in symbolic:
                tensor[rows] = saved
                tensor[added] = saved[models]
            elif saved.shape == tensor.shape:
                tensor.copy_(saved)
            else:  # learned positions: the first ones keep their place
                shared = min(len(saved), len(tensor))
                tensor[:shared] = saved[:shared]


def _symbol_tables(model: SequenceModel) -> set[str]:
    """The names of the weights that have a row for each symbol: the head's and the token embedding's."""
    embeddings = [name for name, module in model.named_modules() if isinstance(module, torch.nn.Embedding)]
    tokens = [name for name in embeddings if not any(word in name for word in ("position", "wpe", "token_type"))]
    return {"head.weight", "head.bias", *(f"{name}.weight" for name in tokens)}
