"""``python -m supervised.dataset --n 3000 --out DIR``: generate a data set folder."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

from bracket_env import get_setting
from bracket_env.command import run
from supervised.options.groups import Seed, TaskOptions

PROG = "python -m supervised.dataset"


@dataclass(frozen=True, kw_only=True)
class MakeDataset(Seed, TaskOptions):
    """Write training and test cases of a task to a new folder in three forms (original, preprocessed, tokenize)."""

    out: str
    """The folder to make."""
    n: int = 3000
    """Training cases, of the train split."""
    n_test: int = 1000
    """Test cases, of the test split: no prefix is in both files."""


def main(config: MakeDataset) -> None:
    """Generate as configured."""
    from rich.console import Console
    from rich.progress import Progress

    from supervised.data.dataset_folder import generate_dataset

    began = time.perf_counter()
    setting = get_setting(config.setting)
    console = Console()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("writing cases", total=config.n + config.n_test)
        generate_dataset(
            config.out,
            setting,
            config.n,
            config.n_test,
            seed=config.seed,
            pairs=config.pairs,
            progress=lambda cases: bar.advance(task, cases),
        )
    rate = (config.n + config.n_test) / (time.perf_counter() - began)
    print(f"{config.out}: {config.n} training and {config.n_test} test cases of {setting.id} ({rate:,.0f} cases/s)")


if __name__ == "__main__":
    sys.exit(run(MakeDataset, main, prog=PROG))
