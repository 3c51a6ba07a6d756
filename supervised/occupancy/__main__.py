"""``python -m supervised.occupancy``: is somebody at home, told from household power, with and without a sentence."""

from __future__ import annotations

import sys

from bracket_env.command import run
from supervised.occupancy.options import PROG, Occupancy


def main(config: Occupancy) -> None:
    """Train as configured."""
    from supervised.occupancy.run import train

    train(config)


if __name__ == "__main__":
    sys.exit(run(Occupancy, main, prog=PROG))
