"""Episodes as terminal text and pictures."""
