"""Stable-Baselines3 around our environments and encoders."""
