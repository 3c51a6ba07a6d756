"""What is reported of trained runs: how to go on, the score table beside the yardsticks, the answers, the old task."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from rich.console import Console

from bracket_env import BracketLanguage, Case, InputError, Scores, Setting, Solver, get_setting, score, yardsticks
from bracket_env.scores.report import score_table, write_json
from supervised.data.sources import evaluation_cases
from supervised.learning.display import print_line
from supervised.learning.lesson import Outcome
from supervised.learning.stopping import Record
from supervised.models import ENCODERS
from supervised.options.checks import custom_pairs
from supervised.options.groups import Output, Resume
from supervised.runs import DEFAULT_ROOT, RunFolder, load
from supervised.runs.files.evaluation_result import write_evaluation_result

PICTURE = "training_history.png"
"""The picture in a run folder; a run that has one has ended."""
_YARDSTICK_CASES = 5000  # training cases that the n-gram yardsticks are fitted on


def evaluate_solvers(
    solvers: Mapping[str, Solver],
    cases: Sequence[Case],
    language: BracketLanguage,
    setting: Setting,
    pairs: Sequence[str] | None = None,
    targets: Sequence[str] | None = None,
) -> list[Scores]:
    """Scores of these solvers, then of the yardsticks, whose n-grams are fitted on the setting's training split.

    Args:
        targets: what counts as right, case by case, if not the completions.
    """
    fitted = setting.sampler(split="train", pairs=pairs).cases(0, _YARDSTICK_CASES)
    rows = [*solvers.items(), *yardsticks(language, fitted).items()]  # a run may be called oracle too
    return [score(solver, cases, language, name=name, targets=targets) for name, solver in rows]


def print_structure_note(folders: Sequence[RunFolder], console: Console) -> None:
    """Below a table, say which of its runs were given the structure that the others had to learn, if any were."""
    given = [folder.name for folder in folders if ENCODERS[folder.config.architecture].given_structure]
    if given:
        print_line(console, f"structure given, not learned (what opens, what closes): {', '.join(given)}")


def report_interruption(folder: RunFolder, reason: str | None, prog: str, root: str, console: Console) -> None:
    """After a time limit or Ctrl-C, say how to go on.

    Raises:
        KeyboardInterrupt: the reason was Ctrl-C; there is no table then.
    """
    if reason not in ("interrupted", "time limit"):
        return
    where = "" if root == DEFAULT_ROOT else f" --runs-dir {shlex.quote(root)}"
    print_line(console, f"go on with: {prog} --resume {shlex.quote(folder.name)}{where}")
    if reason == "interrupted":
        raise KeyboardInterrupt


def to_new_end(options: Resume) -> str:
    """What the first line of an extended run says of its new end; nothing of another one."""
    return "" if options.extend is None else f" on to {getattr(options, options.length):,}"


def report_finished(
    folder: RunFolder, record: Record, options: Resume, console: Console, *, done: int, total: int, report: bool
) -> bool:
    """Say of a run that has ended that there is nothing to go on with.

    Args:
        record: of its last checkpoint.
        options: to go on with.
        done: its steps up to there.
        total: the steps that it was to have.
        report: whether a run ends with a report. One that was killed before its report is still to have that, and
            one that is to write a file is to write it.

    Returns:
        Whether it had ended; nothing has been changed.
    """
    why = record.reason(last=done >= total, measured=False, interrupted=False)
    wanted = isinstance(options, Output) and options.json is not None
    if why is None or options.extend is not None or wanted or (report and not (folder.path / PICTURE).exists()):
        return False
    how = "" if why == "finished" else f" ({why})"
    print_line(
        console,
        f"{folder.path} is already finished after {done:,} steps{how}: add --extend STEPS to train it longer",
    )
    return True


def report_scores(
    folder: RunFolder, outcome: Outcome, *, cases: int, seed: int, console: Console, json: str | None
) -> None:
    """Score the best model on the test split, print the table beside the yardsticks and write every answer down.

    Args:
        outcome: of the training.
        cases: how many.
        seed: of the run.
        json: a file for the scores.

    Raises:
        InputError: there is no best model, or a file cannot be written.
    """
    run, setting = folder.config, get_setting(folder.config.setting)
    test, pairs = evaluation_cases(run, "test", cases), custom_pairs(run.pairs, setting)
    solver = load(folder.path, device=outcome.device)
    scores = evaluate_solvers({folder.name: solver}, test, run.language, setting, pairs)
    write_evaluation_result(folder.path / "evaluation_result.txt", test, scores[0].answers)
    if json is not None:
        write_json(json, scores, len(test), setting.id, pairs=pairs)
    blank = ["-"] * (len(scores) - 1)
    extra = {"steps": [f"{outcome.steps:,}", *blank], "seconds": [f"{outcome.seconds:.0f}", *blank]}
    console.print(score_table(scores, f"{setting.called(pairs)}, test split; trained with seed {seed}", extra=extra))
    print_structure_note([folder], console)
    print_line(console, what_next(folder))


def what_next(folder: RunFolder) -> str:
    """What can be done with a run that has been trained, a command a line."""
    family = "agents" if folder.config.kind == "ppo" else "supervised"
    name, root = shlex.quote(folder.name), str(folder.path.parent)
    where = "" if root == DEFAULT_ROOT else f" --runs-dir {shlex.quote(root)}"
    commands = (f"{family}.predict {name}", f"{family}.evaluate {name} --by depth", "supervised.runs")
    return "try " + "\n    ".join(f"python -m {command}{where}" for command in commands)


def report_old_task(folder: RunFolder, old: RunFolder, cases: int, console: Console) -> None:
    """The task of the run that this one started from, before and after: what was forgotten.

    Under a mask only if both runs write under one.

    Args:
        cases: how many.
    """
    setting = get_setting(old.config.setting)
    if len(folder.config.pairs) != len(setting.pairs) and not set(old.config.pairs) <= set(folder.config.pairs):
        raise InputError(f"{folder.path} cannot write the pairs of {old.path}")
    test = setting.evaluation_cases("test", cases, pairs=old.config.pairs)
    solvers = {f"{old.name} (before)": load(old.path), f"{folder.name} (after)": load(folder.path)}
    masked = all(solver.masked for solver in solvers.values())
    if any(solver.masked for solver in solvers.values()) and not masked:
        # Else an agent that has not learned when to stop would look as if it had been known and forgotten.
        print_line(console, f"{old.name} writes under a mask, {folder.name} does not: both are scored without one")
    rows = []
    for name, solver in solvers.items():
        solver.masked = masked
        rows.append(score(solver, test, old.config.language, name=name))
    console.print(score_table(rows, f"the task before: {setting.called(old.config.pairs)}, test split"))
