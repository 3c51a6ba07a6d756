"""Print every measure of the house beside its limit."""

import sys
from pathlib import Path

from house.measures import table

if __name__ == "__main__":
    print(table(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else Path.cwd()))
