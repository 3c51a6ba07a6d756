"""``python -m supervised.compress``: pruning, quantisation, distillation, export."""
