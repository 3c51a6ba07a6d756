"""The training loop, whatever is learned."""
