"""Optuna studies, shared by both families."""
