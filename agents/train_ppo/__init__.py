"""``python -m agents.train_ppo``."""
