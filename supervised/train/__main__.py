"""``python -m supervised.train``: train a model on bracket closing and print its score table."""

from __future__ import annotations

import sys

from bracket_env.command import run
from supervised.train.options import PROG, Train


def main(config: Train) -> None:
    """Train as configured."""
    from supervised.train.run import train

    train(config, [*PROG.split(), *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(run(Train, main, prog=PROG))
