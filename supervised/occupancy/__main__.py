"""``python -m supervised.occupancy``: is somebody at home, told from household power, with and without a sentence.

``python -m supervised.occupancy predict my-home home.csv`` labels a file with a run that ``--name`` saved.
"""

from __future__ import annotations

import sys

from bracket_env.command import run
from supervised.occupancy.options import PROG, Occupancy
from supervised.occupancy.predict_options import PROG as PREDICT_PROG
from supervised.occupancy.predict_options import PredictOccupancy


def main(config: Occupancy) -> None:
    """Train as configured."""
    from supervised.occupancy.run import train

    train(config, [*PROG.split(), *sys.argv[1:]])


def main_predict(config: PredictOccupancy) -> None:
    """Label as configured."""
    from supervised.occupancy.predict import predict

    predict(config)


if __name__ == "__main__":
    if sys.argv[1:2] == ["predict"]:
        sys.exit(run(PredictOccupancy, main_predict, prog=PREDICT_PROG, argv=sys.argv[2:]))
    sys.exit(run(Occupancy, main, prog=PROG))
