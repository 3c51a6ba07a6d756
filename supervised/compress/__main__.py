"""``python -m supervised.compress RUN``: a smaller run from a trained one, and a table of what it cost and saved."""

from __future__ import annotations

import sys

from bracket_env.command import run
from supervised.compress.options import PROG, Compress


def main(config: Compress) -> None:
    """Compress as configured."""
    from supervised.compress.run import compress

    compress(config, [*PROG.split(), *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(run(Compress, main, prog=PROG))
