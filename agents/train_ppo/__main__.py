"""``python -m agents.train_ppo``: train a PPO agent on a bracket-closing task and print its score table."""

from __future__ import annotations

import sys

from agents.train_ppo.options import PROG, TrainPPO
from bracket_env.command import run


def main(config: TrainPPO) -> None:
    """Train as configured."""
    from agents.train_ppo.run import train

    train(config, [*PROG.split(), *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(run(TrainPPO, main, prog=PROG))
