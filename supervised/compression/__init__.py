"""Smaller models: pruning, quantisation, distillation, export. The command is :mod:`supervised.compress`."""
