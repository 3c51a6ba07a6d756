"""``python -m agents.tune``."""
