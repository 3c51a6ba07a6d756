"""``python -m agents.predict RUN '({【'``: the closers that a trained run writes; without a prefix, a prompt."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import tyro

from bracket_env.command import run
from bracket_env.errors import InputError

if TYPE_CHECKING:
    from supervised.solver import ModelSolver

PROG = "python -m agents.predict"


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


def main(config: Predict) -> None:
    """Predict as configured."""
    import torch

    from supervised.runs import load

    torch.set_num_threads(1)
    solver = load(config.run, root=config.runs_dir)
    prefixes = [_checked(prefix, solver) for prefix in config.prefixes]
    if prefixes:
        print("\n".join(solver.complete(prefixes)))
        return
    _prompt(solver)


def _checked(prefix: str, solver: ModelSolver) -> str:
    prefix = "".join(prefix.split())
    solver.tokenizer.language.open_stack(prefix)
    return prefix


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
