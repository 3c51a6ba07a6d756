"""``python -m supervised.pretrain``."""
