"""``python -m agents.predict RUN '({【'``: the closers that a trained run writes; without a prefix, a prompt.

The same command as ``python -m supervised.predict``: either takes runs of both families.
"""

from __future__ import annotations

import sys

from bracket_env.command import run
from supervised.predict import Predict, main

PROG = "python -m agents.predict"

if __name__ == "__main__":
    sys.exit(run(Predict, main, prog=PROG))
