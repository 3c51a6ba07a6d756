"""How well a model does what it is told."""
