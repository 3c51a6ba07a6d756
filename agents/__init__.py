"""PPO agents for the bracket environments, on Stable-Baselines3."""
