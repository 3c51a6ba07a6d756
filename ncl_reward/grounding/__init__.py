"""From sentence vectors to weighted rules."""
