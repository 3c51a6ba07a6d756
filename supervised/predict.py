"""``python -m supervised.predict RUN '({【'``: the closers that a trained run writes; without a prefix, a prompt."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import tyro

from bracket_env.command import run
from bracket_env.errors import InputError

if TYPE_CHECKING:
    from supervised.solver import ModelSolver

PROG = "python -m supervised.predict"


@dataclass(frozen=True)
class Predict:
    """Complete prefixes with a trained run.

    With prefixes, prints one completion a line; without, asks for prefixes until the end of the input.
    """

    run: tyro.conf.Positional[str]
    """Name or folder of a run, of either family."""
    prefixes: tyro.conf.Positional[tuple[str, ...]] = ()
    """What to complete; quote it, since ( and { mean something to a shell."""
    runs_dir: str = "runs"
    """Where run folders are."""
    show_attention: bool = False
    """Draw what each written symbol looked at (models that attend)."""


def main(config: Predict) -> None:
    """Predict as configured."""
    import torch

    from supervised.runs import load

    torch.set_num_threads(1)
    solver = load(config.run, root=config.runs_dir)
    prefixes = [_checked(prefix, solver) for prefix in config.prefixes]
    if config.show_attention:
        for prefix in prefixes or sys.stdin.read().split():
            _show_attention(solver, _checked(prefix, solver))
    elif prefixes:
        print("\n".join(solver.complete(prefixes)))
    else:
        _prompt(solver)


def _checked(prefix: str, solver: ModelSolver) -> str:
    prefix = "".join(prefix.split())
    solver.tokenizer.language.open_stack(prefix)
    return prefix


def _show_attention(solver: ModelSolver, prefix: str) -> None:
    """One row for each token written, one column for each token read; darker is more.

    Raises:
        InputError: the model's architecture does not attend.
    """
    import torch
    from rich.console import Console

    from bracket_env.tokenizer import EOS, SPECIAL_NAMES
    from supervised.attention_map import attention_map

    tokenizer = solver.tokenizer
    answer = solver.complete([prefix])[0]
    try:
        ids = tokenizer.encode_case(prefix, answer)
    except InputError:
        raise InputError(f"the answer {answer!r} is not made of brackets, so there is nothing to draw") from None
    tokens = torch.tensor([ids[:-1]])
    with torch.inference_mode():
        weights = solver.model.encoder.attention(tokens, torch.tensor([len(ids) - 1]))
    if weights is None:
        raise InputError(
            "this model does not attend: train a transformer, gpt or bert, or a gru or lstm with --attention"
        )
    names = [SPECIAL_NAMES[i] if i < len(SPECIAL_NAMES) else tokenizer.spell([i]) for i in ids]
    names[-1] = "END" if ids[-1] == EOS else names[-1]
    first = len(prefix) + 1  # SEP, whose feature writes the first symbol
    Console().print(attention_map(weights[0, first:].numpy(), written=names[first + 1 :], read=names[:-1]))


def _prompt(solver: ModelSolver) -> None:
    """Complete line after line; a mistake in one line does not end the session."""
    from bracket_env.rendering import render_ansi

    language = solver.tokenizer.language
    interactive = sys.stdin.isatty()
    if interactive:
        print(f"prefixes over {' '.join(language.pairs)}, one a line; Ctrl-D ends")
    while True:
        try:
            line = input("> " if interactive else "")
        except EOFError:
            return
        except UnicodeDecodeError as error:
            raise InputError(f"standard input is not text: {error}") from None
        try:
            prefix = _checked(line, solver)
        except InputError as error:
            print(f"error: {error}", file=sys.stderr)
            continue
        answer = solver.complete([prefix])[0]
        if not interactive:
            print(answer, flush=True)  # whoever asks through a pipe is waiting
        elif set(answer) <= set(language.openers + language.closers):
            print(render_ansi(language, prefix, answer, ended=True))
        else:
            print(answer)


if __name__ == "__main__":
    sys.exit(run(Predict, main, prog=PROG))
