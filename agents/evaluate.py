"""``python -m agents.evaluate RUN...``: one table of runs and yardsticks on cases they have never seen.

The same command as ``python -m supervised.evaluate``: either takes runs of both families.
"""

from __future__ import annotations

import sys

from bracket_env.command import run
from supervised.evaluate import Evaluate, main

PROG = "python -m agents.evaluate"

if __name__ == "__main__":
    sys.exit(run(Evaluate, main, prog=PROG))
