"""``python -m agents``: which commands there are."""

import sys

from bracket_env.words.commands import print_commands

if __name__ == "__main__":
    sys.exit(print_commands(__file__))
