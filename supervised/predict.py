"""``python -m supervised.predict RUN '({【'``: the closers that a trained run writes; without a prefix, a prompt."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import tyro

from bracket_env import InputError
from bracket_env.atomic import write_json
from bracket_env.cases import judge_cases
from bracket_env.command import run
from supervised.options.groups import CaseFormat, ConditionedOptions, Machine, RunsDir
from supervised.options.ranges import check_output, refuse_idle, require, require_whole

if TYPE_CHECKING:
    import numpy as np

    from supervised.runs import ModelSolver

PROG = "python -m supervised.predict"


@dataclass(frozen=True, kw_only=True)
class Predict(CaseFormat, Machine, ConditionedOptions, RunsDir):
    """Complete prefixes with a trained run.

    With prefixes or a file of them, prints one completion a line; without, asks for prefixes until the input ends.
    """

    run: tyro.conf.Positional[str]
    """Name or folder of a run, of either family."""
    prefixes: tyro.conf.Positional[tuple[str, ...]] = ()
    """What to complete; quote it, since ( and { mean something to a shell."""
    cases: str | None = None
    """Complete the prefixes of this file (docs/case_files.md has the forms); its targets are not looked at."""
    temperature: float = 0.0
    """0: the likeliest symbol at every step; above 0: a drawn one, the likelier the lower the temperature."""
    samples: int = 1
    """Answers for each prefix, one a line; with --temperature they differ."""
    show_attention: bool = False
    """Show what each written symbol looked at (models that attend); with --json also as numbers."""
    attention_plot: str | None = None
    """Draw the same into this PNG, one panel a prefix."""


def main(config: Predict) -> None:
    """Predict as configured."""
    from supervised.learning.devices import prepare_machine
    from supervised.runs import load

    require("temperature", config.temperature, "from 0 to 1000", lambda v: 0 <= v <= 1000)
    require_whole("samples", config.samples, 1, 10**6)
    if config.cases is not None and config.prefixes:
        raise InputError(f"--cases {config.cases} and prefixes on the command line exclude each other")
    refuse_idle(config, ("format",), unless=config.cases is not None, why="goes with --cases")
    for name in ("json", "attention_plot"):
        check_output(name, getattr(config, name))
        if getattr(config, name) is not None and not config.prefixes and config.cases is None:
            option = f"--{name.replace('_', '-')} {getattr(config, name)}"
            raise InputError(f"{option} needs prefixes on the command line, or --cases")
    device = prepare_machine(config)
    solver = load(
        config.run,
        root=config.runs_dir,
        device=device,
        temperature=config.temperature,
        seed=config.seed,
        instruction=config.instruction,
    )
    prefixes = [prefix for prefix in _given(config, solver) for _ in range(config.samples)]
    if config.attention_plot is not None or (config.show_attention and prefixes):
        _attend(config, solver, prefixes)
    elif config.show_attention:
        for prefix in _typed_in(solver):
            _show(_attention(solver, prefix))
    elif prefixes:
        answers = solver.complete(prefixes)
        if config.json is not None:
            rows = [{"prefix": prefix, "completion": answer} for prefix, answer in zip(prefixes, answers, strict=True)]
            write_json(config.json, rows)
        print("\n".join(answers))
    else:
        _prompt(solver, config.samples)


def _given(config: Predict, solver: ModelSolver) -> list[str]:
    """The prefixes of the command line or of a file."""
    if config.cases is None:
        return [_checked(prefix, solver) for prefix in config.prefixes]
    language = solver.tokenizer.language
    return [row.prefix for row in judge_cases(config.cases, language, format=config.format, require_target=False).rows]


def _checked(prefix: str, solver: ModelSolver) -> str:
    prefix = solver.tokenizer.language.reading(prefix)
    solver.tokenizer.language.open_stack(prefix)
    return prefix


@dataclass(frozen=True)
class _Attended:
    """An answer and what each of its symbols looked at: ``weights`` is (written, read)."""

    prefix: str
    completion: str
    weights: np.ndarray
    tokens: dict[str, list[str]]
    """``written`` and ``read``."""


def _attend(config: Predict, solver: ModelSolver, prefixes: Sequence[str]) -> None:
    """Answer these prefixes with attention: into files first, then on the screen."""
    from supervised.models.attention_map import attention_json, draw_attention

    found = [_attention(solver, prefix) for prefix in prefixes]
    if config.json is not None:
        rows = [
            {"prefix": a.prefix, "completion": a.completion, "attention": attention_json(a.weights, **a.tokens)}
            for a in found
        ]
        write_json(config.json, rows)
    if config.attention_plot is not None:
        from supervised.runs.files.history import new_figure, save_figure

        longest, lines = max(a.weights.shape[1] for a in found), sum(2 + len(a.weights) for a in found)
        figure = new_figure(max(4, 2 + 0.22 * longest), max(2.5, 1 + 0.25 * lines))
        shapes = {"height_ratios": [2 + len(a.weights) for a in found]}
        for axis, a in zip(figure.subplots(len(found), squeeze=False, gridspec_kw=shapes)[:, 0], found, strict=True):
            draw_attention(axis, a.weights, title=f"{a.prefix} → {a.completion}", **a.tokens)
        save_figure(config.attention_plot, figure)
    for attended in found:
        if config.show_attention:
            _show(attended)
        else:
            print(attended.completion)


def _show(attended: _Attended) -> None:
    from rich.console import Console

    from supervised.models.attention_map import attention_map

    Console().print(attention_map(attended.weights, **attended.tokens))


def _attention(solver: ModelSolver, prefix: str) -> _Attended:
    """The answer to a prefix, and the weights of the symbols written on those read.

    Raises:
        InputError: the model's architecture does not attend.
    """
    import torch

    from bracket_env import EOS, SPECIAL_NAMES

    tokenizer = solver.tokenizer
    answer = solver.complete([prefix])[0]
    try:
        ids = tokenizer.encode_case(prefix, answer)
    except InputError:
        raise InputError(f"the answer {answer!r} is not made of brackets, so there is nothing to draw") from None
    tokens = torch.tensor([ids[:-1]], device=solver.device)
    with torch.inference_mode():
        weights = solver.model.encoder.attention(tokens, torch.tensor([len(ids) - 1], device=solver.device))
    if weights is None:
        raise InputError(
            "this model does not attend: train a transformer, gpt or bert, or a gru or lstm with --attention"
        )
    names = [SPECIAL_NAMES[i] if i < len(SPECIAL_NAMES) else tokenizer.spell([i]) for i in ids]
    names[-1] = "END" if ids[-1] == EOS else names[-1]
    first = len(prefix) + 1  # SEP, whose feature writes the first symbol
    shown = {"written": names[first + 1 :], "read": names[:-1]}
    return _Attended(prefix, answer, weights[0, first:].cpu().numpy(), shown)


def _typed_in(solver: ModelSolver) -> Iterator[str]:
    """The prefixes of standard input, one a line; a mistake in one line does not end the session."""
    interactive = sys.stdin.isatty()
    if interactive:
        print(f"prefixes over {' '.join(solver.tokenizer.language.pairs)}, one a line; Ctrl-D ends")
    while True:
        try:
            line = input("> " if interactive else "")
        except EOFError:
            return
        except UnicodeDecodeError as error:
            raise InputError(f"standard input is not text: {error}") from None
        try:
            yield _checked(line, solver)
        except InputError as error:
            print(f"error: {error}", file=sys.stderr)


def _prompt(solver: ModelSolver, samples: int) -> None:
    """Complete line after line."""
    from bracket_env.rendering.frames import render_ansi

    language = solver.tokenizer.language
    interactive = sys.stdin.isatty()
    for prefix in _typed_in(solver):
        for answer in solver.complete([prefix] * samples):
            if not interactive:
                print(answer, flush=True)  # whoever asks through a pipe is waiting
            elif set(answer) <= set(language.openers + language.closers):
                print(render_ansi(language, prefix, answer, ended=True))
            else:
                print(answer)


if __name__ == "__main__":
    sys.exit(run(Predict, main, prog=PROG))
