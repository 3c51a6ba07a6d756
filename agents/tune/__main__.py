"""``python -m agents.tune``: let Optuna find the options with which a PPO agent learns best."""

from __future__ import annotations

import sys

from agents.tune.options import PROG, TunePPO
from bracket_env.command import run


def main(config: TunePPO) -> None:
    """Tune as configured."""
    from agents.tune.run import tune

    tune(config)


if __name__ == "__main__":
    sys.exit(run(TunePPO, main, prog=PROG))
