"""``python -m supervised.adapt``: another task for a trained model, or brackets for a model of transformers."""

from __future__ import annotations

import sys

from bracket_env.command import run
from supervised.adapt.options import PROG, Adapt


def main(config: Adapt) -> None:
    """Adapt, export or score as configured."""
    from supervised.adapt.run import adapt

    adapt(config, [*PROG.split(), *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(run(Adapt, main, prog=PROG))
