"""What several architectures are built from."""
