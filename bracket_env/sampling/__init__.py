"""Prefixes from keys: shapes, types and splits."""
