"""Homes: measured ones from files and simulated ones."""
