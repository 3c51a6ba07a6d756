"""Print every measure of the house beside its limit; with ``--draw`` write the drawn part of docs/code_map.md."""

import sys
from pathlib import Path

from house.drawing import redraw
from house.measures import table

if __name__ == "__main__":
    if sys.argv[1:] == ["--draw"]:
        redraw(Path.cwd())
    else:
        print(table(Path(*sys.argv[1:]).resolve()))
