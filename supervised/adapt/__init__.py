"""``python -m supervised.adapt``."""
