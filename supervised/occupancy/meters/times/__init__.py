"""Text that says when -> seconds since 1970."""
