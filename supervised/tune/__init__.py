"""``python -m supervised.tune``."""
