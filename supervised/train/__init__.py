"""``python -m supervised.train``."""
