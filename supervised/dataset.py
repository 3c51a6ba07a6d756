"""``python -m supervised.dataset --n 3000 --out DIR``: generate a data set folder; ``--check FILE``: look at one."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

from bracket_env import InputError, get_setting
from bracket_env.atomic import write_json
from bracket_env.command import run
from supervised.options.groups import CaseFormat, Output, Seed, TaskOptions
from supervised.options.ranges import check_output, refuse_idle, require_whole

PROG = "python -m supervised.dataset"


@dataclass(frozen=True, kw_only=True)
class MakeDataset(CaseFormat, Output, Seed, TaskOptions):
    """Write training and test cases of a task to a new folder in three forms (original, preprocessed, tokenize).

    With --check nothing is written: the cases of a file or folder are counted by what is wrong with their targets.
    """

    out: str | None = None
    """The folder to make."""
    n: int = 3000
    """Training cases, of the train split."""
    n_test: int = 1000
    """Test cases, of the test split: no prefix is in both files."""
    check: str | None = None
    """Look at the cases of this file or folder instead: how many targets are wrong and how, and what each setting of
    --wrong-targets would do. Finding faults is no failure: the exit code is 0, and --json has the counts."""


def main(config: MakeDataset) -> None:
    """Generate or check as configured."""
    checks = config.check is not None
    refuse_idle(config, ("out", "n", "n_test", "seed"), unless=not checks, why="does not go with --check")
    refuse_idle(config, ("format", "json"), unless=checks, why="goes with --check")
    if config.check is not None:
        _check(config, config.check)
    elif config.out is not None:
        _generate(config, config.out)
    else:
        raise InputError("name a folder to make with --out, or a file to look at with --check")


def _check(config: MakeDataset, path: str) -> None:
    """Show what is wrong with a case file."""
    from rich.console import Console

    from supervised.data.case_check import CaseCheck

    check_output("json", config.json)
    found = CaseCheck(path, get_setting(config.setting).language(config.pairs), config.format)
    if config.json is not None:
        write_json(config.json, found.to_json())
    Console().print(found.table())
    outcomes = found.outcomes()
    if len(set(outcomes.values())) == 1:
        print(f"whatever --wrong-targets is: {outcomes['keep']}")
        return
    for setting, outcome in outcomes.items():
        print(f"--wrong-targets {setting + ':':<9}{outcome}")


def _generate(config: MakeDataset, out: str) -> None:
    """Write a data set folder."""
    from rich.console import Console
    from rich.progress import Progress

    from supervised.data.dataset_folder import MOST_CASES, generate_dataset

    require_whole("n", config.n, 1, MOST_CASES)
    require_whole("n_test", config.n_test, 1, MOST_CASES)
    began = time.perf_counter()
    setting = get_setting(config.setting)
    console = Console()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("writing cases", total=config.n + config.n_test)
        generate_dataset(
            out,
            setting,
            config.n,
            config.n_test,
            seed=config.seed,
            pairs=config.pairs,
            progress=lambda cases: bar.advance(task, cases),
        )
    rate = (config.n + config.n_test) / (time.perf_counter() - began)
    made = f"{config.n} training and {config.n_test} test cases of {setting.called(config.pairs)}"
    print(f"{out}: {made} ({rate:,.0f} cases/s)")


if __name__ == "__main__":
    sys.exit(run(MakeDataset, main, prog=PROG))
