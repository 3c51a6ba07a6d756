"""``python -m agents.train_instruct``."""
