"""How answers are scored, yardsticks, and the tables."""
