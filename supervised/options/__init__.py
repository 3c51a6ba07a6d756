"""Command-line options: groups, ranges and checks. Nothing here imports torch."""
