"""``python -m supervised.tune``: let Optuna find the options with which a supervised model learns best."""

from __future__ import annotations

import sys

from bracket_env.command import run
from supervised.tune.options import PROG, Tune


def main(config: Tune) -> None:
    """Tune as configured."""
    from supervised.tune.run import tune

    tune(config)


if __name__ == "__main__":
    sys.exit(run(Tune, main, prog=PROG))
