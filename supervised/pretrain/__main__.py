"""``python -m supervised.pretrain``: read balanced words without labels, for ``supervised.train --init-from``."""

from __future__ import annotations

import sys

from bracket_env.command import run
from supervised.pretrain.options import PROG, Pretrain


def main(config: Pretrain) -> None:
    """Pre-train as configured."""
    from supervised.pretrain.run import pretrain

    pretrain(config, [*PROG.split(), *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(run(Pretrain, main, prog=PROG))
