"""NCL: a sentence becomes a vector, the vector weighs rules, and the rules shape loss and reward."""

from bracket_env import __version__

__all__ = ["__version__"]
