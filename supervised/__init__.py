"""Supervised models of bracket closing, and what they share with the agents: encoders, solvers and run folders."""
