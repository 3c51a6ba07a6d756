"""``python -m agents.train_instruct``: train a PPO agent that does what a sentence asks for."""

from __future__ import annotations

import sys

from agents.train_instruct.options import PROG, TrainInstruct
from bracket_env.command import run


def main(config: TrainInstruct) -> None:
    """Train as configured."""
    from agents.train_instruct.run import train

    train(config, [*PROG.split(), *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(run(TrainInstruct, main, prog=PROG))
